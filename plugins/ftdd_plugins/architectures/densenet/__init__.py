"""The architecture `densenet`: densely connected networks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain

DENSE_BLOCKS = 3
SMALLEST = 8


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [DenseNet]


class DenseNet(Architecture):
    """DenseNet-BC (Huang et al. 2017, arXiv 1608.06993) of three dense blocks, for images of 8 pixels or more.

    Depth 100, growth 12, width 64 is the paper's network with 0.77 million parameters at 10 classes. A dense layer
    is a bottleneck of 1 × 1 and 3 × 3 convolutions that adds `growth` channels to what it is given; a transition
    keeps the share `compression` of the channels and halves the image. The stem is one 3 × 3 convolution below 64
    pixels, and that of ImageNet (7 × 7 with stride 2, then pooling) from there on. Layers: stem, each dense layer with
    its concatenation, each transition, and the head with the last normalization.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"depth": 10, "growth": 4},)

    name: Literal["densenet"] = "densenet"
    depth: Annotated[int, Field(ge=10, le=250)] = 100
    """Convolutions and linear maps one after another: 6n + 4 with n dense layers in each block (40, 100, 190, …)."""
    growth: PositiveInt = 12
    """Channels that a dense layer adds at width 64."""
    compression: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the channels that a transition keeps."""
    width: PositiveInt = 64
    """All channel counts, in 64ths of the standard network's: a dense layer adds growth · width / 64 channels."""

    memory_format: ClassVar[Literal["contiguous", "channels_last"]] = "channels_last"

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Stem, dense layers and transitions, head."""
        if (self.depth - 4) % (2 * DENSE_BLOCKS):
            near = [4 + 2 * DENSE_BLOCKS * n for n in ((self.depth - 4) // 6, (self.depth - 4) // 6 + 1)]
            raise Unfit(f"must be 6n + 4, such as {near[0]} or {near[1]}; got {self.depth}", "depth")
        if min(image.height, image.width) < SMALLEST:
            raise Unfit(f"takes images of {SMALLEST} pixels a side or more, got {image}")
        names = ["stem"]
        for block in range(1, DENSE_BLOCKS + 1):
            names += [f"block{block}_layer{layer}" for layer in range(1, self.layers_of_block + 1)]
            names += [f"transition{block}"] if block < DENSE_BLOCKS else []
        return (*names, "head")

    @property
    def layers_of_block(self) -> int:
        """Dense layers in each dense block."""
        return (self.depth - 4) // (2 * DENSE_BLOCKS)

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torch's default initialization."""
        from ftdd_plugins.architectures.densenet.network import dense_chain

        return dense_chain(self, image, classes)
