"""The architecture `mlp`: a multilayer perceptron, frozen a hidden layer at a time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

import ftdd
from ftdd.components import Architecture
from ftdd.image_shape import ImageShape

if TYPE_CHECKING:
    from ftdd.chain import Chain


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [MLP]


class MLP(Architecture):
    """A multilayer perceptron: hidden layers of one width, each with a rectifier, and a linear head."""

    name: Literal["mlp"] = "mlp"
    width: PositiveInt = 64
    """Values of each hidden layer."""
    depth: PositiveInt = 3
    """Hidden layers."""

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """Hidden layers and the head, named without torch."""
        return (*(f"hidden{i}" for i in range(1, self.depth + 1)), "head")

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torch's default initialization."""
        from torch import nn

        from ftdd.chain import Chain

        inputs = image.channels * image.height * image.width
        layers: list[nn.Module] = []
        for depth in range(self.depth):
            start = [nn.Flatten()] if depth == 0 else []
            layers.append(nn.Sequential(*start, nn.Linear(inputs, self.width), nn.ReLU()))
            inputs = self.width
        layers.append(nn.Linear(inputs, classes))
        return Chain(zip(self.layers(image, classes), layers, strict=True))
