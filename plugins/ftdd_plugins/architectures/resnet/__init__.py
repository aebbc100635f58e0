"""The architecture `resnet`: residual networks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain

BLOCKS_OF_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
SMALLEST = 8


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [ResNet]


class ResNet(Architecture):
    """Residual network of width k, for images of 8 pixels or more and any number of channels.

    Pre-activation blocks as in He et al. 2016 (arXiv 1603.05027), or post-activation ones as in He et al. 2015 (arXiv
    1512.03385); stages of k, 2k, 4k and 8k channels as in the family of Nakkiran et al. 2019 (arXiv 1912.02292), where
    k = 64 is the standard network, of 11.17 million parameters at depth 18 and 10 classes. The stem is one 3 × 3
    convolution up to 64 pixels, and that of ImageNet (7 × 7 with stride 2, then pooling) beyond. Layers: stem,
    blocks, and the head, which is the last normalization, the mean over the image, and the linear map to the
    classes.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"width": 2}, {"width": 1, "depth": 50, "preactivation": False})

    name: Literal["resnet"] = "resnet"
    depth: Literal[18, 34, 50] = 18
    """Convolutions and linear maps one after another: 18 and 34 have basic blocks, 50 has bottlenecks."""
    width: PositiveInt = 64
    """Channels of the first stage, k; 64 is the standard network."""
    preactivation: bool = True
    """Whether normalization and activation stand before each convolution, or after it."""

    memory_format: ClassVar[Literal["contiguous", "channels_last"]] = "channels_last"

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Stem, blocks, head."""
        if min(image.height, image.width) < SMALLEST:
            raise Unfit(f"takes images of {SMALLEST} pixels a side or more, got {image}")
        blocks = (
            f"stage{stage}_block{block}"
            for stage, count in enumerate(BLOCKS_OF_STAGE[self.depth], start=1)
            for block in range(1, count + 1)
        )
        return ("stem", *blocks, "head")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torch's default initialization."""
        from ftdd_plugins.architectures.resnet.network import residual_chain

        return residual_chain(self, image, classes)
