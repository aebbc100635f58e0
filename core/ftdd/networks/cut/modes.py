"""Put a network's state aside while it is run, and back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def buffers_put_back(network: nn.Module) -> Iterator[None]:
    """Batch statistics that move meanwhile are put back, and buffers that a network replaces, as by others in size."""
    before = [
        (module, name, buffer, buffer.clone())
        for module in network.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, values in before:
                setattr(module, name, buffer.copy_(values))


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
