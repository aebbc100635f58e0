"""Proof of freezing: hashes of every layer before and after, what is frozen, and its share of the network."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain, Features
from ftdd.training.probe import FrozenLayerChanged, Mark, Probe, drifted, moved, undisturbed


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
    probed_images: int = 0
    """So many images were put through the frozen layers when it began; 0 where nothing was frozen."""
    marks: tuple[Mark, ...] = ()
    """Of what each layer of the fixed prefix gave for these images."""
    drifted: tuple[int, ...] = ()
    """Frozen layers that gave these images other features when it ended, although their hashes did not change."""


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


def open_phase(chain: Chain, epoch: int) -> Phase:
    """The phase that begins after so many epochs, with the layers that are frozen now."""
    before = hashes(chain)
    moving = tuple(tuple(sorted(chain.moving(i))) for i in range(len(chain.names)))
    return Phase(epoch, epoch, tuple(sorted(chain.frozen)), before, before, moving)


def close_phase(chain: Chain, phase: Phase, epoch: int, probe: Probe) -> Phase:
    """The phase as it ended after so many epochs; probe: made when it began, or when this process went on with it."""
    after = hashes(chain)
    still = tuple(i for i in drifted(chain, probe) if phase.before[i] == after[i])
    return replace(phase, last_epoch=epoch, after=after, drifted=still)


def check_unchanged(chain: Chain, phase: Phase, probe: Probe) -> None:
    """Raise FrozenLayerChanged if a layer frozen in a phase is another one after it than before.

    probe: made when it began, or when this process went on with it; tells which tensors moved.
    """
    epochs = f"(epochs {phase.first_epoch} to {phase.last_epoch})"
    changed = [_named(chain, probe, i) for i in phase.frozen if phase.before[i] != phase.after[i]]
    if changed:
        raise FrozenLayerChanged(
            f"frozen layers changed during training: {', '.join(changed)} {epochs}; a parameter or a buffer moved "
            "although the layer was frozen and in evaluation mode"
        )
    if phase.drifted:
        names = ", ".join(f"'{chain.names[i]}'" for i in phase.drifted)
        raise FrozenLayerChanged(
            f"frozen layers give the same images other features after training than before: {names} {epochs}; "
            "something that is neither a parameter nor a buffer moved in them"
        )


def check_resumed(chain: Chain, phase: Phase) -> None:
    """Raise FrozenLayerChanged if a frozen layer is not the one with which the phase that goes on began."""
    changed = [chain.names[i] for i in phase.frozen if layer_hash(chain.layers[i], phase.moving[i]) != phase.before[i]]
    if changed:
        raise FrozenLayerChanged(
            f"frozen layers are not those with which epoch {phase.first_epoch} began: {', '.join(changed)}; "
            "the weights in the checkpoint moved, or loading them changes them"
        )


def _named(chain: Chain, probe: Probe, index: int) -> str:
    tensors = moved(chain, probe, index)
    return f"{chain.names[index]} ({', '.join(tensors)})" if tensors else chain.names[index]


def layer_facts(chain: Chain, image: ImageShape) -> tuple[LayerFacts, ...]:
    """Sizes and forward FLOPs of every layer, for one image of this shape.

    Leaves the mode, the tensors and the random generators as they were; an attribute of a layer that is neither a
    parameter nor a buffer may move as the image passes.
    """
    facts = []
    parameter = next(chain.parameters())
    x: Features = torch.zeros((1, *image), dtype=parameter.dtype, device=parameter.device)
    with undisturbed(chain, chain.layers):
        for name, layer in zip(chain.names, chain.layers, strict=True):
            parameters = {key: tensor.numel() for key, tensor in layer.named_parameters()}
            buffers = {key: tensor.numel() for key, tensor in layer.named_buffers()}
            with FlopCounterMode(display=False) as counter:
                x = layer(x)
            facts.append(LayerFacts(name, parameters, buffers, counter.get_total_flops()))
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
        "unchanged": all(
            phase.before[i] == phase.after[i] and i not in phase.drifted for phase in phases for i in phase.frozen
        ),
        "phases": [
            {
                "first_epoch": phase.first_epoch,
                "last_epoch": phase.last_epoch,
                "frozen": [facts[i].name for i in phase.frozen],
                "trained": [layer.name for i, layer in enumerate(facts) if i not in phase.frozen],
                "probed_images": phase.probed_images,
                "drifted": [facts[i].name for i in phase.drifted],
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
