"""Transfer: the source's weights become the beginning of the target's network; the head stays new."""

from collections.abc import Mapping

import torch

from ftdd.networks.chain import Chain


class TransferRefused(ValueError):
    """The source's weights do not fit the target's network."""


def transfer(chain: Chain, weights: Mapping[str, torch.Tensor], count: int | None = None) -> None:
    """Copy parameters and buffers of the first `count` layers, in place; None for all layers but the head.

    weights: the source's state dict, its own head included. Raises TransferRefused, and changes nothing, where a
    tensor is missing, left over, or of another shape.
    """
    fresh = chain.prefixes[-1 if count is None else count :]
    own = {name: tensor for name, tensor in chain.state_dict().items() if not name.startswith(fresh)}
    given = {name: tensor for name, tensor in weights.items() if not name.startswith(fresh)}
    if faults := misfits(own, given):
        raise TransferRefused(f"the source's weights do not fit: {faults}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(given[name])


def misfits(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What keeps given weights from being a network's own, the first three faults; "" where nothing does."""
    faults = [f"{name} is missing" for name in own if name not in given]
    faults += [f"{name} is not in the network" for name in given if name not in own]
    faults += [
        f"{name} has shape {tuple(given[name].shape)}, the network needs {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in given and given[name].shape != tensor.shape
    ]
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return f"{'; '.join(faults[:3])}{more}"
