"""The architecture `resnet`: pre-activation residual networks for small images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.image_shape import ImageShape

if TYPE_CHECKING:
    from ftdd.chain import Chain

BLOCKS_OF_STAGE = (2, 2, 2, 2)
SMALLEST, LARGEST = 8, 64


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [ResNet]


class ResNet(Architecture):
    """Pre-activation ResNet-18 of width k, for images of 8 × 8 to 64 × 64 pixels and any number of channels.

    Blocks as in He et al. 2016 (arXiv 1603.05027); stages of k, 2k, 4k and 8k channels as in the family of
    Nakkiran et al. 2019 (arXiv 1912.02292), where k = 64 is the standard network, of 11.17 million parameters at 10
    classes. The stem is one 3 × 3 convolution without pooling. Layers: stem, eight blocks, and the head, which
    is the last normalization, the mean over the image, and the linear map to the classes.
    """

    name: Literal["resnet"] = "resnet"
    width: PositiveInt = 64
    """Channels of the first stage, k."""

    memory_format: ClassVar[Literal["contiguous", "channels_last"]] = "channels_last"

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Stem, blocks, head."""
        smallest, largest = min(image.height, image.width), max(image.height, image.width)
        if smallest < SMALLEST or largest > LARGEST:
            raise Unfit(f"takes images of {SMALLEST} to {LARGEST} pixels a side, got {image}")
        blocks = (
            f"stage{stage}_block{block}"
            for stage, count in enumerate(BLOCKS_OF_STAGE, start=1)
            for block in range(1, count + 1)
        )
        return ("stem", *blocks, "head")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torch's default initialization."""
        from ftdd_plugins.networks.preactivation import residual_chain

        return residual_chain(self.layers(image, classes), image.channels, classes, self.width, BLOCKS_OF_STAGE)
