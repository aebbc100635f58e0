"""Statistics of batch normalizations, estimated anew on other images."""

from collections.abc import Collection, Iterable

import torch
from torch import nn

from ftdd.chain import Chain, Features, normalizations


@torch.no_grad()
def recalibrate(chain: Chain, layers: Collection[int], batches: Iterable[Features]) -> None:
    """Replace running means and variances in these layers by their averages over batches, in place.

    Every batch counts alike, so make them of one size. Weights stay as they are, and so do modes.
    """
    chosen = [
        part
        for index in layers
        for _, part in normalizations(chain.layers[index])
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None
    ]
    if not chosen:
        return
    modes = {part: part.training for part in chain.modules()}
    momenta = [part.momentum for part in chosen]
    chain.eval()
    for part in chosen:
        part.reset_running_stats()
        part.momentum = None
        part.training = True
    try:
        for batch in batches:
            chain(batch, stop=max(layers) + 1)
    finally:
        for part, momentum in zip(chosen, momenta, strict=True):
            part.momentum = momentum
        for module, mode in modes.items():
            module.training = mode
