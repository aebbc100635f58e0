"""Architectures: networks as chains of named layers."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from typing_extensions import Self

from ftdd.components.base import Component
from ftdd.data.image_shape import ImageShape, Normalization

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain


class Architecture(Component):
    """Builds a network as a chain of named layers for an image shape and a number of classes."""

    memory_format: ClassVar[Literal["contiguous", "channels_last"]] = "contiguous"
    """How weights and batches lie in memory: `channels_last` suits convolutions. It changes speed, and last bits."""

    def untrained(self) -> Self:
        """The same network without any weights that somebody else has trained; itself where it never has any."""
        return self

    def normalization(self, image: ImageShape) -> Normalization | None:
        """What its weights were trained with; None where the pair's own will do."""
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that what it needs is on this machine: weights, mostly. Called once, before anything is trained.

        say: takes a line on what is being done. Raises DataUnavailable.
        """

    def weight_files(self) -> Sequence[Path]:
        """The files whose content decides what `build` starts from; none where it draws all weights.

        A run keeps their digests, so that one that is done is not taken for one with other weights. Files that are not
        there are passed over; what is missing is the business of `prepare`.
        """
        return ()

    @abstractmethod
    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with new weights, drawn from torch's generator, which the caller has seeded.

        The head is always new. Raises Unfit where no such network exists for these images or classes.
        """

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """The names of the layers that `build` gives, input first; the last is the head's.

        Recipes are checked with it. This one builds the network; say the names without torch where you can.
        """
        import torch

        with torch.random.fork_rng(devices=[]):
            return self.build(image, classes).names
