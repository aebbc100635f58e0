"""Every check refuses a component broken on purpose, which passes all the other checks of its kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch
from torch import nn

from ftdd.chain import Chain
from ftdd.components import Architecture, Component, Every, Policy, Side, Unfit
from ftdd.image_shape import ImageShape, Normalization
from ftdd.images import LabelledImages, Task
from ftdd.testing import check, checks_of
from ftdd_plugins.digits import Digits


class Small(Architecture):
    """A network without a fault."""

    name: Literal["small"] = "small"

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        return ("first", "second", "head")

    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        pixels = image.channels * image.height * image.width
        first = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 16), nn.ReLU())
        return [first, nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU()), nn.Linear(16, classes)]

    def build(self, image: ImageShape, classes: int) -> Chain:
        return Chain(zip(("first", "second", "head"), self.parts(image, classes), strict=True))


class TakesNothing(Small):
    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        raise Unfit("no")


class OtherNames(Small):
    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        return ("first", "other", "head")


class OneLogitMore(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        return super().parts(image, classes + 1)


class _Shortcut(Chain):
    """Goes on from the images whatever the start: wrong in the middle."""

    def forward(self, x: Any, start: int = 0, stop: int | None = None) -> Any:
        if start == 1:
            return super().forward(x + 1e-3, start, stop)
        return super().forward(x, start, stop)


class DoesNotGoOn(Small):
    def build(self, image: ImageShape, classes: int) -> Chain:
        return _Shortcut(zip(("first", "second", "head"), self.parts(image, classes), strict=True))


class _Centred(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(dim=0) if len(x) > 1 else x


class LooksAtTheBatch(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        return [first, nn.Sequential(_Centred(), second), head]


class AlwaysTheSame(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            return super().parts(image, classes)


class _Counts(nn.Module):
    """Its output hangs on a plain attribute that training moves."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        return x * (1 + 0.001 * min(self.calls, 5))


class HidesItsState(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        return [nn.Sequential(first, _Counts()), second, head]


class HasAnIdleWeight(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        first.idle = nn.Parameter(torch.zeros(3))
        first.forward = lambda x: first[2](first[1](first[0](x)))  # type: ignore[method-assign, misc, operator]
        return [first, second, head]


class _Restless(nn.Module):
    """A buffer that moves in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return x


class NeverRests(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        return [nn.Sequential(first, _Restless()), second, head]


class CannotLearnByHeart(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        average = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(image.channels, 1))
        return [average, nn.Linear(1, 1), nn.Linear(1, classes)]


BROKEN_ARCHITECTURES = {
    "names_its_layers": OtherNames(),
    "gives_logits": OneLogitMore(),
    "goes_on_from_any_layer": DoesNotGoOn(),
    "treats_images_apart": LooksAtTheBatch(),
    "builds_the_same_from_the_same_seed": AlwaysTheSame(),
    "keeps_its_state": HidesItsState(),
    "learns_where_it_is_not_frozen": HasAnIdleWeight(),
    "keeps_frozen_layers": NeverRests(),
    "interpolates": CannotLearnByHeart(),
}


class Fine(Policy):
    """A policy without a fault."""

    policy: Literal["fine"] = "fine"

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        return frozenset({0})


class FitsNothing(Fine):
    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        raise Unfit("no")


class FreezesTheHead(Fine):
    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        return frozenset({len(layers) - 1})


ASKED: list[int] = []


class Remembers(Fine):
    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        ASKED.append(epoch)
        return frozenset({0} if ASKED[-2:] == sorted(ASKED[-2:]) else set())


class StandsForTooMuch(Fine):
    count: Annotated[int, Every(lambda layers: list(range(len(layers) + 1)))] = 0

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        if self.count >= len(layers):
            raise Unfit("too many", "count")
        return frozenset(range(self.count))


BROKEN_POLICIES = {
    "fits_some_network": FitsNothing(),
    "freezes_what_is_there": FreezesTheHead(),
    "has_no_history": Remembers(),
    "takes_what_all_stands_for": StandsForTooMuch(),
}


class Mirrored(Digits):
    """A pair without a fault."""


class WrongChannels(Digits):
    def normalization(self) -> Normalization:
        return Normalization((0.5, 0.5), (0.5, 0.5))


class OneLabelMore(Digits):
    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        return tuple(count + 1 for count in super().class_counts(side, data))


LOADS: list[str] = []


class Shuffles(Digits):
    def load(self, side: Side, data: Path) -> Task:
        LOADS.append(side)
        task = super().load(side, data)
        order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(len(LOADS)))
        return Task(task.train.at(order), task.test)


class TrainsOnItsTest(Digits):
    def load(self, side: Side, data: Path) -> Task:
        task = super().load(side, data)
        test: LabelledImages = task.train
        return Task(task.train, test)


BROKEN_PAIRS = {
    "says_what_its_images_are": WrongChannels(),
    "loads_what_it_says": OneLabelMore(),
    "loads_the_same_again": Shuffles(),
    "tests_on_other_images": TrainsOnItsTest(),
}

BROKEN = {**BROKEN_ARCHITECTURES, **BROKEN_POLICIES, **BROKEN_PAIRS}


def _refused(component: Component) -> list[str]:
    refused = []
    for one in checks_of(component):
        try:
            one(component)
        except AssertionError as error:
            refused.append(one.__name__ if str(error) else f"{one.__name__} without a sentence")
    return refused


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_refused_by_its_own_check_alone(name: str) -> None:
    ASKED.clear()
    assert _refused(BROKEN[name]) == [name]


@pytest.mark.parametrize("component", [Small(), Fine(), Mirrored()], ids=lambda one: type(one).__name__)
def test_what_has_no_fault_passes(component: Component) -> None:
    check(component)


def test_every_check_has_a_broken_component() -> None:
    """`takes_some_images` has one of its own: what takes no images can be checked for nothing else."""
    known: Sequence[Callable[..., None]] = [
        one for component in (Small(), Fine(), Digits()) for one in checks_of(component)
    ]
    assert {one.__name__ for one in known} - {"takes_some_images"} == set(BROKEN)
    with pytest.raises(AssertionError, match="takes none of"):
        check(TakesNothing())
