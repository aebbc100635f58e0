"""Put a network's state aside while it is run, and back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def buffers_put_back(network: nn.Module) -> Iterator[None]:
    """Batch statistics that move meanwhile are put back."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])


@contextmanager
def kept_as_it_is(network: nn.Module) -> Iterator[None]:
    """Leave the modes of all modules as they were, and torch's generator too."""
    modes = {module: module.training for module in network.modules()}
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode
