"""Statistics of batch normalizations, estimated anew on other images."""

from collections.abc import Collection, Iterable, Iterator

import torch
from torch import nn

from ftdd.networks.chain import Chain, Features, normalizations


@torch.no_grad()
def recalibrate(chain: Chain, layers: Collection[int], batches: Iterable[Features]) -> None:
    """Replace running means and variances in these layers by their averages over batches, in place.

    Every batch has the same weight, so make them of one size. Weights stay as they are, and so do modes.
    """
    chosen = [part for index in layers for _, part in _estimated(chain.layers[index])]
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


def statistics(layer: nn.Module) -> frozenset[str]:
    """Names of the buffers of a layer that `recalibrate` replaces."""
    return frozenset(
        f"{path}{name}" for path, part in _estimated(layer) for name, _ in part.named_buffers(recurse=False)
    )


def _estimated(layer: nn.Module) -> Iterator[tuple[str, nn.modules.batchnorm._BatchNorm]]:
    for path, part in normalizations(layer):
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
            yield path, part
