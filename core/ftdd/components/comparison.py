"""Comparison: what a scheme may look at to say how similar two tasks are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import LabelledImages, Task


Side = Literal["source", "target"]


class Network(Protocol):
    """A trained network, in evaluation mode."""

    def features(self, images: "LabelledImages") -> "npt.NDArray[np.float32]":
        """What its head is given, a row for each image: shape (N, D)."""
        ...

    def probabilities(self, images: "LabelledImages") -> "npt.NDArray[np.float32]":
        """Of each of its own classes, for each image: shape (N, classes); rows sum to 1."""
        ...

    def layers(self, images: "LabelledImages") -> "Iterator[tuple[str, npt.NDArray[np.float32]]]":
        """What every layer below the head gives, input first: its name, and shape (N, D), maps averaged over places."""
        ...


@dataclass(frozen=True)
class Comparison:
    """Two tasks, and the networks trained on them, each loaded when it is asked for."""

    classes: "Callable[[Side], tuple[str, ...]]"
    """The names of a side's classes."""
    task: "Callable[[Side], Task]"
    """A side's images, all of them, with clean labels."""
    network: "Callable[[Side], Network]"
    """The network trained on a side. Raises LookupError with a sentence where there is none."""
