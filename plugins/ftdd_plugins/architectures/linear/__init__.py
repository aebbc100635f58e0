"""The architecture `linear`: a linear model whose layers are coordinates of the input."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [Linear]


class Linear(Architecture):
    """A linear model in which every coordinate of the input is a layer, so that t frozen layers are t frozen weights.

    For inputs of one row, such as those of `gaussian_linear`. Its head adds nothing: it has no weights.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"start": 0.1}, {"start": 0.1, "together": 5})

    name: Literal["linear"] = "linear"
    together: PositiveInt = 1
    """Coordinates that make one layer."""
    start: NonNegativeFloat = 0.0
    """Standard deviation of the weights before any training; 0 is the minimum-norm solution's start."""

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """`x0`, `x1`, …, or `x0-4`, `x5-9`, … where some are together; then `sum`."""
        if (image.channels, image.height) != (1, 1):
            raise Unfit(f"takes inputs of one row, 1×1×d, got {image}")
        starts = range(0, image.width, self.together)
        ends = (min(at + self.together, image.width) - 1 for at in starts)
        return (*(f"x{at}" if at == end else f"x{at}-{end}" for at, end in zip(starts, ends, strict=True)), "sum")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """A weight for each coordinate and class."""
        from ftdd.networks.chain import Chain
        from ftdd_plugins.architectures.linear.network import Coordinates, Sum

        names = self.layers(image, classes)
        starts = range(0, image.width, self.together)
        parts = [Coordinates(at, min(self.together, image.width - at), classes, self.start) for at in starts]
        return Chain([*zip(names, parts, strict=False), (names[-1], Sum())])
