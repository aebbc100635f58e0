"""The architecture `mlp` for ftdd: a multilayer perceptron, each hidden layer one layer of the chain."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

import ftdd
from ftdd.components import Architecture
from ftdd.data.image_shape import ImageShape

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [MLP]


class MLP(Architecture):
    """A multilayer perceptron: hidden layers of one width with ReLU, and a linear head.

    Layers: hidden1, hidden2, …, head. The first hidden layer takes the pixels, in a row.
    """

    name: Literal["mlp"] = "mlp"
    width: PositiveInt = 64
    """Units of each hidden layer."""
    depth: PositiveInt = 3
    """Hidden layers."""

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Said without torch, so that recipes are checked quickly."""
        return (*(f"hidden{number}" for number in range(1, self.depth + 1)), "head")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torch's default initialization."""
        from torch import nn

        from ftdd.networks.chain import Chain

        inputs = [prod(image), *[self.width] * (self.depth - 1)]
        hidden = [nn.Sequential(nn.Flatten(), nn.Linear(count, self.width), nn.ReLU()) for count in inputs]
        head = nn.Linear(self.width, classes)
        return Chain(zip(self.layers(image, classes), [*hidden, head], strict=True))
