"""Parts of the linear model: some coordinates of the input with their weights, and the sum."""

import torch
from torch import nn

from ftdd.networks.chain import Features


class Coordinates(nn.Module):
    """Adds what some coordinates contribute; passes on the input, shape (N, d), and the sum so far, (N, classes)."""

    def __init__(self, first: int, count: int, classes: int, deviation: float) -> None:
        super().__init__()
        self._first, self._last = first, first + count
        self.weight = nn.Parameter(torch.randn(count, classes) * deviation)

    def forward(self, x: Features) -> Features:
        """x: images, or what the layer before gives."""
        if isinstance(x, torch.Tensor):
            inputs = x.flatten(1)
            return inputs, inputs[:, self._first : self._last] @ self.weight
        inputs, so_far = x
        return inputs, so_far + inputs[:, self._first : self._last] @ self.weight


class Sum(nn.Module):
    """The head: the sum is the output."""

    def forward(self, x: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """The second of the two."""
        return x[1]
