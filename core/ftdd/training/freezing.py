"""Proof of freezing: hashes of every layer before and after, what is frozen, and its share of the network."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ftdd.chain import Chain, Features
from ftdd.image_shape import ImageShape


class FrozenLayerChanged(RuntimeError):
    """A frozen layer is not what it was before training: the run proves the opposite of what it says."""


@dataclass(frozen=True)
class Phase:
    """Epochs during which the same layers were frozen, and every layer's hash before and after them."""

    first_epoch: int
    """Epochs done when it began."""
    last_epoch: int
    """Epochs done when it ended."""
    frozen: tuple[int, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    moving: tuple[tuple[str, ...], ...]
    """Of every layer: the tensors that were spared although it was frozen. Its hashes leave them out."""


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a chain: its name, its tensors' names and sizes, and its work."""

    name: str
    parameters: Mapping[str, int]
    """Values of each parameter."""
    buffers: Mapping[str, int]
    flops: int
    """Of one image's forward pass: multiplications and additions of convolutions and matrix products."""

    @property
    def parameter_count(self) -> int:
        """Values of all its parameters together."""
        return sum(self.parameters.values())


def layer_hash(layer: nn.Module, without: Collection[str] = ()) -> str:
    """SHA-256 of a layer's parameters and buffers: names, types, shapes and every bit.

    without: names of tensors to leave out.
    """
    sha = hashlib.sha256()
    tensors = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    for name, tensor in sorted(tensors.items()):
        if name in without:
            continue
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()


def hashes(chain: Chain) -> tuple[str, ...]:
    """Every layer's hash, input first; of a frozen layer without what is spared in it."""
    return tuple(layer_hash(layer, chain.moving(i)) for i, layer in enumerate(chain.layers))


def check_unchanged(chain: Chain, phase: Phase) -> None:
    """Raise FrozenLayerChanged if a layer frozen in a phase has another hash after it than before."""
    changed = [chain.names[i] for i in phase.frozen if phase.before[i] != phase.after[i]]
    if changed:
        raise FrozenLayerChanged(
            f"frozen layers changed during training: {', '.join(changed)} "
            f"(epochs {phase.first_epoch} to {phase.last_epoch}); a parameter or a buffer moved although the "
            "layer was frozen and in evaluation mode"
        )


def layer_facts(chain: Chain, image: ImageShape) -> tuple[LayerFacts, ...]:
    """Sizes and forward FLOPs of every layer, for one image of this shape. Leaves chain and mode as they were."""
    facts = []
    mode = chain.training
    parameter = next(chain.parameters())
    x: Features = torch.zeros((1, *image), dtype=parameter.dtype, device=parameter.device)
    chain.eval()
    with torch.no_grad():
        for name, layer in zip(chain.names, chain.layers, strict=True):
            with FlopCounterMode(display=False) as counter:
                x = layer(x)
            facts.append(
                LayerFacts(
                    name,
                    {key: tensor.numel() for key, tensor in layer.named_parameters()},
                    {key: tensor.numel() for key, tensor in layer.named_buffers()},
                    counter.get_total_flops(),
                )
            )
    chain.train(mode)
    return tuple(facts)


def ledger(facts: tuple[LayerFacts, ...], phases: tuple[Phase, ...]) -> dict[str, object]:
    """The run's own proof of what was frozen, as JSON: the first phase in full, later ones by their hashes.

    Shares are of all parameters, and of the forward FLOPs of one image, in [0, 1]. Counts and shares of what is frozen
    or trained are those of the first phase; `freezing_changes` says how many others follow.
    """
    first = phases[0]
    parameters = sum(layer.parameter_count for layer in facts)
    flops = sum(layer.flops for layer in facts)
    frozen_parameters = sum(
        count for i in first.frozen for name, count in facts[i].parameters.items() if name not in first.moving[i]
    )
    frozen_flops = sum(facts[i].flops for i in first.frozen)
    return {
        "frozen_layers": len(first.frozen),
        "freezing_changes": len(phases) - 1,
        "layers": len(facts),
        "parameters": parameters,
        "frozen_parameters": frozen_parameters,
        "trainable_parameters": parameters - frozen_parameters,
        "frozen_share_of_parameters": frozen_parameters / parameters if parameters else 0.0,
        "forward_flops": flops,
        "frozen_share_of_forward_flops": frozen_flops / flops if flops else 0.0,
        "unchanged": all(phase.before[i] == phase.after[i] for phase in phases for i in phase.frozen),
        "phases": [
            {
                "first_epoch": phase.first_epoch,
                "last_epoch": phase.last_epoch,
                "frozen": [facts[i].name for i in phase.frozen],
                "trained": [layer.name for i, layer in enumerate(facts) if i not in phase.frozen],
                "layers": [
                    {
                        "name": layer.name,
                        "frozen": i in phase.frozen,
                        "parameters": dict(layer.parameters),
                        "buffers": dict(layer.buffers),
                        "forward_flops": layer.flops,
                        "moving": list(phase.moving[i]),
                        "hash_before": phase.before[i],
                        "hash_after": phase.after[i],
                    }
                    for i, layer in enumerate(facts)
                ],
            }
            for phase in phases
        ],
    }
