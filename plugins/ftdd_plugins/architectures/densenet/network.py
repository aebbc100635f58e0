"""Dense layers and transitions (Huang et al. 2017, arXiv 1608.06993), and the chain made of them."""

import torch
from torch import nn
from torch.nn.functional import relu

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd_plugins.architectures.densenet import DENSE_BLOCKS, DenseNet

STANDARD_WIDTH = 64
IMAGENET = 64
"""Pixels a side from which the stem is that of ImageNet."""
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


def dense_chain(architecture: DenseNet, image: ImageShape, classes: int) -> Chain:
    """Stem of 2 · growth channels, dense blocks with a transition between any two, and head."""
    growth = max(1, round(architecture.growth * architecture.width / STANDARD_WIDTH))
    width = 2 * growth
    layers: list[nn.Module] = [_stem(image.channels, width, small=min(image.height, image.width) < IMAGENET)]
    for block in range(DENSE_BLOCKS):
        if block > 0:
            kept = max(1, int(width * architecture.compression))
            layers.append(_transition(width, kept))
            width = kept
        for _ in range(architecture.layers_of_block):
            layers.append(DenseLayer(width, growth))
            width += growth
    head = nn.Sequential(
        nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)
    )
    return Chain(zip(architecture.layers(image, classes), [*layers, head], strict=True))


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
