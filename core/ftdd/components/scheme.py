"""Similarity schemes: scores of how similar source and target are."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ftdd.components.base import Component
from ftdd.components.comparison import Comparison
from ftdd.data.image_shape import ImageShape


@dataclass(frozen=True)
class Score:
    """How similar two tasks are, by one scheme."""

    value: float
    """Larger = more similar."""
    details: Mapping[str, float] = field(default_factory=dict)
    """What else it found, by name: the score of every layer, for one."""


class Scheme(Component):
    """A score of how similar source and target of a pair are; larger = more similar."""

    best: ClassVar[float | None] = None
    """The score of a task with itself, than which none is greater; None where there is no such number."""
    symmetric: ClassVar[bool] = False
    """Whether source and target can change places."""
    lowest: ClassVar[float | None] = None
    """Than which no score is smaller; None where there is no such number."""

    def fits(self, image: ImageShape) -> None:
        """Raises Unfit, with the field, where it can score no pair of such images. Recipes are checked with it."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that what it needs is on this machine: weights, mostly.

        Called before anything is trained, and again before each score that is not kept yet.
        say: takes a line on what is being done. Raises DataUnavailable.
        """

    @property
    def needs(self) -> Literal["classes", "images", "source network", "both networks"]:
        """What it looks at: names of classes; images and labels; the source network; or a network of the target too."""
        return "images"

    @abstractmethod
    def score(self, given: Comparison) -> Score:
        """The score of what is compared.

        Draws of its own are the same each time. Raises Unfit where it is not defined for these tasks, and ImportError
        with a sentence where a package is missing.
        """
