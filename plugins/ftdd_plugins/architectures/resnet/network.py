"""Residual blocks, pre- and post-activation (He et al., arXiv 1603.05027 and 1512.03385), and the chain of them."""

import torch
from torch import nn
from torch.nn.functional import conv2d, relu

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd_plugins.architectures.resnet import BLOCKS_OF_STAGE, ResNet

AVX2_LANES = 8
BOTTLENECKS = (50,)
"""Depths whose blocks are bottlenecks."""
EXPANSION = 4
"""What a bottleneck gives out over what it works with."""
LARGEST_SMALL = 64
"""Pixels a side up to which the stem leaves the image's size."""


class Projection(nn.Conv2d):
    """The 1 × 1 convolution of a shortcut, of every stride-th pixel in both directions."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Maps of shape (N, inputs, H, W) to (N, outputs, H / stride, W / stride), rounded up."""
        if self.in_channels >= AVX2_LANES:
            return super().forward(input)
        # Picked before the convolution: where a CPU has no AVX-512, oneDNN writes past its memory in the backward pass
        # of a strided 1 × 1 convolution of so few channels that lie channels-last (torch 2.13 and 2.14).
        every = self.stride[0]
        return conv2d(input[:, :, ::every, ::every], self.weight)


class Block(nn.Module):
    """Two 3 × 3 convolutions, or a bottleneck of 1 × 1, 3 × 3 and 1 × 1, each after normalization and activation.

    Beside them a shortcut; where shapes change it too starts after the first activation, as in the paper's code.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        self.norms, self.convs = nn.ModuleList(), nn.ModuleList()
        for channels, conv in _convolutions(inputs, outputs, stride, bottleneck):
            self.norms.append(nn.BatchNorm2d(channels))
            self.convs.append(conv)
        fits = stride == 1 and inputs == outputs
        self.shortcut = None if fits else Projection(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of shape (N, inputs, H, W) to (N, outputs, H / stride, W / stride), rounded up."""
        active = relu(self.norms[0](x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        y: torch.Tensor = self.convs[0](active)
        for norm, conv in zip(self.norms[1:], self.convs[1:], strict=True):
            y = conv(relu(norm(y)))
        return y + shortcut


class PostActivationBlock(nn.Module):
    """The same convolutions, each before its normalization; the last activation comes after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        self.norms, self.convs = nn.ModuleList(), nn.ModuleList()
        for _, conv in _convolutions(inputs, outputs, stride, bottleneck):
            self.convs.append(conv)
            self.norms.append(nn.BatchNorm2d(conv.out_channels))
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(Projection(inputs, outputs, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of shape (N, inputs, H, W) to (N, outputs, H / stride, W / stride), rounded up."""
        y = x
        last = len(self.convs) - 1
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(y))
            y = y if i == last else relu(y)
        return relu(y + (x if self.shortcut is None else self.shortcut(x)))


def _convolutions(inputs: int, outputs: int, stride: int, bottleneck: bool) -> list[tuple[int, nn.Conv2d]]:
    """Each with the channels it takes."""
    if not bottleneck:
        return [
            (inputs, nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)),
            (outputs, nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)),
        ]
    inner = outputs // EXPANSION
    return [
        (inputs, nn.Conv2d(inputs, inner, 1, bias=False)),
        (inner, nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)),
        (inner, nn.Conv2d(inner, outputs, 1, bias=False)),
    ]


def residual_chain(architecture: ResNet, image: ImageShape, classes: int) -> Chain:
    """Stem, blocks of width, 2 · width, 4 · width, … channels (four times that for bottlenecks), and head.

    Every stage but the first halves the image with its first block.
    """
    bottleneck, preactivation = architecture.depth in BOTTLENECKS, architecture.preactivation
    inputs = architecture.width
    small = max(image.height, image.width) <= LARGEST_SMALL
    layers: list[nn.Module] = [_stem(image.channels, inputs, small, preactivation)]
    for stage, count in enumerate(BLOCKS_OF_STAGE[architecture.depth]):
        outputs = architecture.width * 2**stage * (EXPANSION if bottleneck else 1)
        for block in range(count):
            kind = Block if preactivation else PostActivationBlock
            layers.append(kind(inputs, outputs, 2 if stage > 0 and block == 0 else 1, bottleneck))
            inputs = outputs
    last = [nn.BatchNorm2d(inputs), nn.ReLU()] if preactivation else []
    layers.append(nn.Sequential(*last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)))
    return Chain(zip(architecture.layers(image, classes), layers, strict=True))


def _stem(channels: int, width: int, small: bool, preactivation: bool) -> nn.Module:
    size, stride = (3, 1) if small else (7, 2)
    convolution = nn.Conv2d(channels, width, size, stride=stride, padding=size // 2, bias=False)
    parts: list[nn.Module] = [] if preactivation else [nn.BatchNorm2d(width), nn.ReLU()]
    if not small:
        parts.append(nn.MaxPool2d(3, stride=2, padding=1))
    return nn.Sequential(convolution, *parts) if parts else convolution
