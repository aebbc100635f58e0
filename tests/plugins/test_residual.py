"""The projection of a shortcut is torch's own strided convolution, and narrow ones harm no memory."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from ftdd_plugins.architectures.resnet.network import Projection


@pytest.mark.parametrize("inputs", [1, 2, 5, 7, 8, 16])
@pytest.mark.parametrize("size", [7, 8])
def test_a_projection_is_the_convolution_of_every_second_pixel(inputs: int, size: int) -> None:
    """Against torch's strided convolution, channel by channel in memory: values and both gradients."""
    torch.manual_seed(0)
    own, plain = Projection(inputs, 2 * inputs, 2), nn.Conv2d(inputs, 2 * inputs, 1, stride=2, bias=False)
    plain.load_state_dict(own.state_dict())
    images = torch.randn(4, inputs, size, size)
    found = []
    for network in (own, plain):
        given = images.clone().requires_grad_(True)
        made = network(given)
        made.square().sum().backward()
        found.append((made, given.grad, network.weight.grad))
    for of_own, of_plain in zip(*found, strict=True):
        torch.testing.assert_close(of_own, of_plain)


def test_narrow_channels_last_networks_survive_training() -> None:
    """In a process of its own: where a CPU has no AVX-512, a strided one of few channels wrote past its memory."""
    code = """
import torch
from ftdd.data.image_shape import ImageShape
from ftdd_plugins.architectures.resnet import ResNet
torch.set_num_threads(1)
for width in (2, 4, 6):
    network = ResNet(width=width).build(ImageShape(1, 8, 8), 5).to(memory_format=torch.channels_last)
    for _ in range(20):
        images = torch.randn(64, 1, 8, 8).contiguous(memory_format=torch.channels_last)
        network(images).square().sum().backward()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
