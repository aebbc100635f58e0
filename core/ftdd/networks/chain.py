"""A network as a sequence of named layers: what can be frozen by depth and gone on from anywhere."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import torch
from torch import nn

from ftdd.networks.spared import Spared

Features: TypeAlias = "torch.Tensor | tuple[torch.Tensor, ...]"
"""What passes from one layer to the next; the first axis is the batch."""


class Chain(nn.Module):
    """Named layers, run one after another. Layer 0 takes the images, the last layer is the head.

    `forward(x, start=k)` goes on from the output of layer k − 1, and `stop` ends before a layer, so
    that `chain(chain(x, stop=k), start=k)` is `chain(x)` for every k. Between layers pass tensors, or tuples of
    tensors, whose first axis is the batch.
    """

    def __init__(self, layers: Iterable[tuple[str, nn.Module]]) -> None:
        super().__init__()
        named = list(layers)
        if len(named) < 2:
            raise ValueError(f"a chain needs two layers or more, the last one its head; got {len(named)}")
        for name, layer in named:
            if _key(name) in self._modules:
                raise ValueError(f"two layers of the chain are named '{name}'")
            self.add_module(_key(name), layer)
        self._names = tuple(name for name, _ in named)
        self._frozen: frozenset[int] = frozenset()
        self._spared: frozenset[Spared] = frozenset()
        self._shares = False

    def forward(self, x: Features, start: int = 0, stop: int | None = None) -> Features:
        """Logits, shape (N, classes), of a batch; or what layer `stop` would be given.

        x: images, float, shape (N, C, H, W); or, where start > 0, what layer `start` is given.
        """
        layers = self.layers
        for index in range(*slice(start, stop).indices(len(layers))):
            if self.training and self._shares:
                self._set_mode(index, True)
            x = layers[index](x)
        return x

    @property
    def layers(self) -> list[nn.Module]:
        """The layers, input first."""
        return [layer for layer in self._modules.values() if layer is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names, input first; the last is the head's."""
        return self._names

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How the names of each layer's tensors begin in the state dict."""
        return tuple(f"{key}." for key in self._modules)

    @property
    def frozen(self) -> frozenset[int]:
        """Indices of the frozen layers."""
        return self._frozen

    def freeze(self, layers: Iterable[int], spared: Iterable[Spared] = ()) -> None:
        """Freeze exactly these layers: no gradient, evaluation mode, out of the reach of `train()`.

        spared: what may move in them all the same. Raises ValueError if a frozen and a trained layer share a weight:
        it could not be both.
        """
        frozen = frozenset(layers)
        owners: dict[int, int] = {}
        for index, layer in enumerate(self.layers):
            for name, parameter in layer.named_parameters():
                first = owners.setdefault(id(parameter), index)
                if (first in frozen) != (index in frozen):
                    raise ValueError(
                        f"layers '{self.names[first]}' and '{self.names[index]}' share the weight '{name}': "
                        "freeze both or neither"
                    )
        self._frozen, self._spared = frozen, frozenset(spared)
        at_rest = {part for index in frozen for part in self.layers[index].modules()}
        self._shares = any(
            part in at_rest for i, layer in enumerate(self.layers) if i not in frozen for part in layer.modules()
        )
        for index, layer in enumerate(self.layers):
            moving = self.moving(index)
            for name, parameter in layer.named_parameters():
                parameter.requires_grad_(index not in frozen or name in moving)
        self.train(self.training)

    def moving(self, index: int) -> frozenset[str]:
        """Names of the parameters and buffers of a frozen layer that are spared: they may change in training."""
        if index not in self._frozen:
            return frozenset()
        names = set()
        for path, part in normalizations(self.layers[index]):
            of_batch = _has_statistics(part)
            if "scales" in self._spared or ("batch_norm_scales" in self._spared and of_batch):
                names |= {f"{path}{name}" for name, _ in part.named_parameters(recurse=False)}
            if "batch_norm_statistics" in self._spared and of_batch:
                names |= {f"{path}{name}" for name, _ in part.named_buffers(recurse=False)}
        return frozenset(names)

    @property
    def fixed_prefix(self) -> int:
        """How many layers, counted from the input, are frozen and one and the same function of an image all along."""
        length = 0
        while length in self._frozen and not self.moving(length):
            length += 1
        return length

    def train(self, mode: bool = True) -> "Chain":
        """Set training mode for what is trained; frozen layers stay in evaluation mode whatever is asked.

        Where the running statistics of frozen layers are spared, their batch normalizations are in training mode.
        A module that a frozen and a trained layer share, such as a dropout, has the mode of the layer that runs.
        """
        self.training = mode
        for index in range(len(self.layers)):
            self._set_mode(index, mode)
        return self

    def _set_mode(self, index: int, mode: bool) -> None:
        layer = self.layers[index]
        layer.train(mode and index not in self._frozen)
        if mode and index in self._frozen and "batch_norm_statistics" in self._spared:
            for _, part in normalizations(layer):
                part.training = _has_statistics(part)


def _key(name: str) -> str:
    """A layer's name as torch takes it: without dots, which networks' own names have."""
    return name.replace(".", "/")


def normalizations(layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The normalizations in a layer, each with how its tensors' names begin (`norm1.`; "" for the layer itself).

    Those of torch, what is derived from them, and whatever else calls itself a norm and has a scale of its own.
    """
    for path, part in layer.named_modules():
        own = dict(part.named_parameters(recurse=False))
        named = "norm" in type(part).__name__.lower() and own and all(p.ndim == 1 for p in own.values())
        if isinstance(part, _NORMALIZATIONS) or _has_statistics(part) or named:
            yield (f"{path}." if path else "", part)


_NORMALIZATIONS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def _has_statistics(part: nn.Module) -> bool:
    """Whether it normalizes by running statistics of batches."""
    return "running_mean" in dict(part.named_buffers(recurse=False))
