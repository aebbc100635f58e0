"""Dense layers and transitions (Huang et al. 2017, arXiv 1608.06993), and the chain made of them."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import relu

from ftdd.networks.chain import Chain

BOTTLENECK = 4
"""Channels of the 1 × 1 convolution over the growth."""


class DenseLayer(nn.Module):
    """Adds `growth` channels to what it is given."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        inner = BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of shape (N, inputs, H, W) to (N, inputs + growth, H, W)."""
        added = self.conv2(relu(self.norm2(self.conv1(relu(self.norm1(x))))))
        return torch.cat([x, added], dim=1)


def dense_chain(
    names: Sequence[str],
    channels: int,
    classes: int,
    growth: int,
    layers_of_block: Sequence[int],
    compression: float,
    small: bool,
) -> Chain:
    """Stem of 2 · growth channels, dense blocks with a transition between any two, and head, under these names."""
    width = 2 * growth
    layers: list[nn.Module] = [_stem(channels, width, small)]
    for block, count in enumerate(layers_of_block):
        if block > 0:
            kept = max(1, int(width * compression))
            layers.append(_transition(width, kept))
            width = kept
        for _ in range(count):
            layers.append(DenseLayer(width, growth))
            width += growth
    head = nn.Sequential(
        nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)
    )
    return Chain(zip(names, [*layers, head], strict=True))


def _stem(channels: int, width: int, small: bool) -> nn.Module:
    if small:
        return nn.Conv2d(channels, width, 3, padding=1, bias=False)
    return nn.Sequential(
        nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


def _transition(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.AvgPool2d(2))
