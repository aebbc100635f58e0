"""A network as a sequence of named layers: what can be frozen by depth and gone on from anywhere."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn


class Chain(nn.Module):
    """Named layers, run one after another. Layer 0 takes the images, the last layer is the head.

    `forward(x, start=k)` goes on from the output of layer k − 1, and `stop` ends before a layer, so
    that `chain(chain(x, stop=k), start=k)` is `chain(x)` for every k.
    """

    def __init__(self, layers: Iterable[tuple[str, nn.Module]]) -> None:
        super().__init__()
        named = list(layers)
        if len(named) < 2:
            raise ValueError(f"a chain needs two layers or more, the last one its head; got {len(named)}")
        for name, layer in named:
            if name in self._modules:
                raise ValueError(f"two layers of the chain are named '{name}'")
            self.add_module(name, layer)
        self._frozen: frozenset[int] = frozenset()

    def forward(self, x: torch.Tensor, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Logits, shape (N, classes), of a batch; or what layer `stop` would be given.

        x: images, float, shape (N, C, H, W); or, where start > 0, what layer `start` is given.
        """
        for layer in self.layers[start:stop]:
            x = layer(x)
        return x

    @property
    def layers(self) -> list[nn.Module]:
        """The layers, input first."""
        return [layer for layer in self._modules.values() if layer is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """The layers' names, input first; the last is the head's."""
        return tuple(self._modules)

    @property
    def frozen(self) -> frozenset[int]:
        """Indices of the frozen layers."""
        return self._frozen

    def freeze(self, layers: Iterable[int]) -> None:
        """Freeze exactly these layers: no gradient, evaluation mode, out of the reach of `train()`.

        Raises ValueError if a frozen and a trained layer share a weight: it could not be both.
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
        self._frozen = frozen
        for index, layer in enumerate(self.layers):
            layer.requires_grad_(index not in frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Chain":
        """Set training mode for what is trained; frozen layers stay in evaluation mode whatever is asked."""
        self.training = mode
        for index, layer in enumerate(self.layers):
            layer.train(mode and index not in self._frozen)
        return self


def prefix_length(frozen: Sequence[int] | frozenset[int]) -> int:
    """How many layers, counted from the input, are frozen without a gap: 3 for {0, 1, 2, 5}."""
    length = 0
    while length in frozen:
        length += 1
    return length
