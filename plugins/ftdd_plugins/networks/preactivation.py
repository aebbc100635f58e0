"""Pre-activation residual blocks (He et al. 2016, arXiv 1603.05027) and the chain made of them."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import relu

from ftdd.chain import Chain


class Block(nn.Module):
    """Two 3 × 3 convolutions, each after normalization and activation, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        fits = stride == 1 and inputs == outputs
        self.shortcut = None if fits else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of shape (N, inputs, H, W) to (N, outputs, H / stride, W / stride), rounded up."""
        active = relu(self.norm1(x))
        # Where shapes change, the shortcut too starts after the first activation, as in the paper's code.
        shortcut = x if self.shortcut is None else self.shortcut(active)
        y: torch.Tensor = self.conv2(relu(self.norm2(self.conv1(active))))
        return y + shortcut


class Head(nn.Sequential):
    """The last normalization and activation, the mean over the image, and a linear map to the classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, classes),
        )


def residual_chain(
    names: Sequence[str], channels: int, classes: int, width: int, blocks_of_stage: Sequence[int]
) -> Chain:
    """Stem, blocks of width, 2 · width, 4 · width, … channels, and head, under these names.

    Every stage but the first halves the image with its first block.
    """
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False)]
    inputs = width
    for stage, count in enumerate(blocks_of_stage):
        outputs = width * 2**stage
        for block in range(count):
            layers.append(Block(inputs, outputs, stride=2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    layers.append(Head(inputs, classes))
    return Chain(zip(names, layers, strict=True))
