"""The architecture `vit`: vision transformers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain

VALUES_PER_WIDTH = 3
"""Values of a token over the width: 192 at the standard width, as in ViT-Tiny."""


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [ViT]


class ViT(Architecture):
    """Vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) with normalization before each part of a block.

    Width 64, depth 12, 3 heads is ViT-Tiny: 5.7 million parameters with patches of 16 × 16 on 224 × 224 pixels and
    1,000 classes. Layers: patch embedding with positions, each block, and the head with the last normalization.
    Positions are learned.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"width": 8, "depth": 2},
        {"width": 8, "depth": 2, "pooling": "mean", "registers": 1},
    )

    name: Literal["vit"] = "vit"
    patch: PositiveInt = 4
    """Pixels a side of a patch; it divides the image."""
    depth: PositiveInt = 12
    """Blocks."""
    heads: PositiveInt = 3
    """Attention heads of a block; they divide the values of a token."""
    width: PositiveInt = 64
    """All sizes, in 64ths of the standard network's: a token has 3 · width values, and the inner layer of a block's
    perceptron 12 · width."""
    pooling: Literal["class_token", "mean"] = "class_token"
    """What the head is given: a token of its own, or the mean over the patches."""
    registers: NonNegativeInt = 0
    """Further tokens without a patch (Darcet et al. 2024, arXiv 2309.16588)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of what each part of a block adds."""

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Patches, blocks, head."""
        if image.height % self.patch or image.width % self.patch:
            raise Unfit(f"must divide the image's sides, {image.height} and {image.width}; got {self.patch}", "patch")
        if VALUES_PER_WIDTH * self.width % self.heads:
            raise Unfit(
                f"must divide the values of a token, 3 · width = {VALUES_PER_WIDTH * self.width}; got {self.heads}",
                "heads",
            )
        return ("patches", *(f"block{block}" for block in range(1, self.depth + 1)), "head")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with the initialization of the paper's code: normal of deviation 0.02, biases zero."""
        from ftdd_plugins.architectures.vit.network import transformer_chain

        return transformer_chain(self, image, classes)
