"""Layers that are no fixed functions of one image, each in a way of its own; in evaluation mode all of them."""

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ftdd.networks.chain import Chain
from tests.core.training.test_freezing import small_chain


class _Liar(nn.Module):
    """Gives its input back, but for what it does wrong."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.training else self.lie(x)

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class MovesABuffer(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ema", torch.zeros(()))

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.ema.mul_(0.9).add_(0.1 * x.detach().mean())
        return x - self.ema


class MovesABufferItNeverUses(MovesABuffer):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        super().lie(x)
        return x


class MovesItsParameter(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.scale.data.mul_(1.001)
        return x * self.scale


class MovesWithoutGradients(MovesABuffer):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x if torch.is_grad_enabled() else super().lie(x)


class MovesWithGradients(MovesABuffer):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return super().lie(x) if torch.is_grad_enabled() else x


class RegistersABuffer(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.register_buffer("seen", x.detach().mean())
        return x


class DrawsFromTorch(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.01 * torch.randn_like(x)


class DrawsSeldom(_Liar):
    """Once in a thousand calls it does something: only that it draws shows."""

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return -x if torch.rand(()) < 0.001 else x


class DrawsFromNumpy(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 + 0.01 * np.random.rand())


class DrawsFromPython(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 + 0.01 * random.random())


class DrawsFromItsOwnGenerator(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(0)

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.01 * torch.randn(x.shape, generator=self.generator)


class DrawsIntoWhatItGivesAgain(DrawsFromItsOwnGenerator):
    """All it ever gives is one tensor, so that what it gave before changes too."""

    def __init__(self) -> None:
        super().__init__()
        self._given: dict[int, torch.Tensor] = {}

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return self._given.setdefault(len(x), torch.empty_like(x)).copy_(super().lie(x).detach())


class AssignsABuffer(MovesABuffer):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.ema = 0.9 * self.ema + 0.1 * x.detach().mean()
        return x


class DrawsTheSameForEachPlace(_Liar):
    """The same numbers each time: an image's features hang on its place in the batch."""

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


class CountsItsCalls(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * (1 + 0.001 * self.calls)


class DriftsAfterMany(CountsItsCalls):
    """Long after the first images have passed."""

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x if self.calls < 1000 else 2 * x


class DriftsUnseen(_Liar):
    """The same, counted where nobody looks, and sooner."""

    def __init__(self) -> None:
        super().__init__()
        calls = iter(range(10**9))
        self._late = lambda: next(calls) >= 20

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x if self._late() else x


class SubtractsTheMean(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(dim=0)


class SubtractsTheFirst(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x - x[:1]


class SubtractsOneInTheMiddle(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x - x[len(x) // 2 :][:1]


class AddsItsNeighbour(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * x.roll(1, dims=0)


class MixesHalves(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * x.roll(len(x) // 2, dims=0)


class ScalesByTheBatchSize(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x * len(x)


class DoublesLargeBatches(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x if len(x) > 16 else x


class NormalizesByItsBatch(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class StaysInTrainingMode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class DropsInEvaluation(_Liar):
    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, 0.5, training=True)


class MovesAPlainTensor(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(())

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean()
        return x - self.mean


class RemembersTheLastBatch(_Liar):
    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(())

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        before, self.last = self.last, x.detach().mean()
        return x + 0.1 * before


class MovesWhenResumed(MovesABuffer):
    """Only once weights were loaded into it, as a checkpoint's are."""

    def __init__(self) -> None:
        super().__init__()
        self._loaded = False
        self.register_load_state_dict_post_hook(lambda module, keys: setattr(module, "_loaded", True))

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return super().lie(x) if self._loaded else x


class IsAnotherWhenResumed(MovesWhenResumed):
    """A fixed function before and after, but not the same one."""

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return 1.1 * x if self._loaded else x


class ChangesAsItIsLoaded(MovesWhenResumed):
    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_post_hook(lambda module, keys: setattr(module, "ema", module.ema + 1))

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x


LIARS: dict[Callable[[], nn.Module], str] = {
    MovesABuffer: "moves its buffer '4.ema' when images pass through it",
    MovesABufferItNeverUses: "moves its buffer '4.ema'",
    AssignsABuffer: "moves its buffer '4.ema'",
    MovesItsParameter: "moves its parameter '4.scale'",
    MovesWithoutGradients: "moves its buffer '4.ema'",
    RegistersABuffer: "moves its buffer '4.seen'",
    DrawsFromTorch: "draws from torch's generator, in evaluation mode",
    DrawsSeldom: "draws from torch's generator",
    DrawsFromNumpy: "draws from numpy's generator",
    DrawsFromPython: "draws from Python's generator",
    DrawsFromItsOwnGenerator: "gives the same images other features the second time",
    DrawsIntoWhatItGivesAgain: "gives the same images other features the second time",
    DrawsTheSameForEachPlace: "at another place or in a batch of another size: it looks at its batch",
    CountsItsCalls: "gives the same images other features the second time",
    DriftsAfterMany: "moves its attribute '4.calls' when images pass through it: it counts",
    SubtractsTheMean: "gives an image other features beside other images: it looks at its batch",
    SubtractsTheFirst: "beside other images",
    SubtractsOneInTheMiddle: "beside other images",
    AddsItsNeighbour: "beside other images",
    MixesHalves: "beside other images",
    ScalesByTheBatchSize: "at another place or in a batch of another size",
    DoublesLargeBatches: "in a batch of another size",
    NormalizesByItsBatch: "beside other images",
    StaysInTrainingMode: "",
    DropsInEvaluation: "draws from torch's generator",
    MovesAPlainTensor: "gives the same images other features the second time",
    RemembersTheLastBatch: "gives the same images other features the second time",
}
"""Those that are found as soon as they are frozen, each with what is said of it."""


class KeepsATensor(nn.Module):
    """Moves it in training mode only, as is right, but not in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.zeros(())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean()
        return x - self.mean


class KeepsABufferToItself(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(()), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.noise


class RegistersABufferLate(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not hasattr(self, "table"):
            self.register_buffer("table", torch.ones(()))
        return x + self.table


KEEPERS: dict[Callable[[], nn.Module], str] = {
    KeepsATensor: "layer 'stem' gives other features when its weights are loaded into a new network",
    KeepsABufferToItself: "layer 'stem' gives other features when its weights are loaded into a new network",
    RegistersABufferLate: "stem.1.table is not in the network once it was trained",
}
"""Those that hold what no state dict has, each with what is said of a source that ends in it."""


class LooksAtAnother(nn.Module):
    """Drops out when another module is in training mode."""

    def __init__(self, other: nn.Module) -> None:
        super().__init__()
        self.others = [other]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, 0.5, training=self.others[0].training)


class GivesATable(_Liar):
    """Beside its features, a tensor that is the same for all images."""

    def lie(self, x: torch.Tensor) -> torch.Tensor:
        return x, torch.zeros(1, *x.shape[1:])  # type: ignore[return-value]


def chain_with(liar: Callable[[], nn.Module], at: int = 0) -> Chain:
    """The small chain of three layers and a head, whose layer `at` lies."""
    chain = small_chain()
    chain.layers[at].append(liar())  # type: ignore[operator]
    return chain
