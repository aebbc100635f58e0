"""What every scheme must do, on small tasks with known similarity, and on tasks that have broken published scores.

Where its package is not installed, it passes unseen.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps

import torch
from torch import nn

from ftdd.components import Scheme, Score, Unfit
from ftdd.components.comparison import Comparison, Side
from ftdd.data.image_shape import Normalization
from ftdd.data.images import LabelledImages, Task
from ftdd.networks.chain import Chain
from ftdd.training.trained import TrainedNetwork

CLASSES = ("cat", "dog", "truck", "ship")
OTHERS = ("apple", "rose", "bridge", "sea")
"""Names that schemes of names know: of CIFAR-10 and of CIFAR-100."""
TOLERANCE = 1e-6


def gives_a_finite_number(scheme: Scheme) -> None:
    """For tasks of all kinds: few images, images that are all the same, wrong labels. Or Unfit, with a sentence."""
    for words, given in _cases():
        score = _scored(scheme, given)
        if score is None:
            continue
        values = (score.value, *score.details.values())
        assert all(math.isfinite(value) for value in values), f"gives {score.value} for {words}"
        if scheme.lowest is not None:
            assert score.value >= scheme.lowest - TOLERANCE, f"gives {score.value} for {words}, below {scheme.lowest}"
        if scheme.best is not None:
            assert score.value <= scheme.best + TOLERANCE, f"gives {score.value} for {words}, above {scheme.best}"


def takes_ordinary_tasks(scheme: Scheme) -> None:
    """It has a score for two tasks of four classes with a hundred images each."""
    assert _scored(scheme, _compared(_task(0), _task(1))) is not None, "raises Unfit for an ordinary pair of tasks"


def gives_the_same_again(scheme: Scheme) -> None:
    """What it draws, it draws the same each time, and torch's generator is where it was."""
    given = _compared(_task(0), _task(1))
    torch.manual_seed(3)
    first = scheme.score(given)
    moved = torch.rand(())
    torch.manual_seed(3)
    assert torch.rand(()) == moved, "moves torch's generator"
    again = scheme.score(given)
    assert first == again, f"gives {first.value} first, and {again.value} when asked again"


def likes_a_task_itself_best(scheme: Scheme) -> None:
    """A task against itself has the best score. (Published distances of a set to itself are not zero: otdd, 14.)"""
    if scheme.best is None:
        return
    for count in (100, 24):
        task = _task(0, count=count)
        found = scheme.score(_compared(task, task)).value
        assert abs(found - scheme.best) <= TOLERANCE, (
            f"gives a task of {count} images against itself {found}, not {scheme.best}, which it says is best"
        )


def is_symmetric_where_it_says_so(scheme: Scheme) -> None:
    """Source and target change places, in one and the same space."""
    if not scheme.symmetric:
        return
    a, b = _task(0), replace(_task(1, names=OTHERS))
    one, other = scheme.score(_compared(a, b)).value, scheme.score(_compared(b, a, network_of=a)).value
    assert abs(one - other) <= TOLERANCE * max(abs(one), 1), f"gives {one} one way and {other} the other way"


def keeps_the_order_as_the_sample_grows(scheme: Scheme) -> None:
    """A task with a little noise is nearer than one with much, for few images as for many."""
    if scheme.needs != "images" and not (scheme.needs == "source network" and scheme.symmetric):
        return
    for count in (40, 100, 200):
        task = _task(0, count=count)
        scores = [
            scheme.score(_compared(_noisy(task, share), task, network_of=task)).value for share in (0.0, 0.3, 0.9)
        ]
        assert scores == sorted(scores, reverse=True), f"with {count} images and growing noise its scores are {scores}"


def _where_it_can_be_had(check: Callable[[Scheme], None]) -> Callable[[Scheme], None]:
    """A scheme whose package is not installed passes unseen, if it says so in a sentence."""

    @wraps(check)
    def checked(scheme: Scheme) -> None:
        try:
            check(scheme)
        except ImportError as error:
            if "install" not in str(error):
                raise AssertionError(f"does not say in a sentence which package is missing: {error}") from error

    return checked


SCHEME_CHECKS: tuple[Callable[[Scheme], None], ...] = tuple(
    _where_it_can_be_had(check)
    for check in (
        takes_ordinary_tasks,
        gives_a_finite_number,
        gives_the_same_again,
        likes_a_task_itself_best,
        is_symmetric_where_it_says_so,
        keeps_the_order_as_the_sample_grows,
    )
)


def _cases() -> Iterator[tuple[str, Comparison]]:
    plain = _task(0)
    flat = replace(plain.train, images=torch.full_like(plain.train.images, 90))
    shuffled = plain.train.labels[torch.randperm(len(plain.train), generator=torch.Generator().manual_seed(5))]
    wrong = replace(plain.train, labels=shuffled, clean_labels=shuffled)
    single = LabelledImages(plain.train.images, torch.zeros_like(plain.train.labels), CLASSES[:1])
    yield "an ordinary pair", _compared(plain, _task(1))
    yield "a task and itself", _compared(plain, plain)
    yield "fewer images than features", _compared(plain, _task(1, count=8))
    yield "images that are all the same", _compared(plain, Task(flat, flat))
    yield "images that are all the same on both sides", _compared(Task(flat, flat), Task(flat, flat))
    yield "permuted labels", _compared(plain, Task(wrong, plain.test))
    yield "a target of one class", _compared(plain, Task(single, single))
    yield "a source of one class", _compared(Task(single, single), plain)


def _scored(scheme: Scheme, given: Comparison) -> Score | None:
    try:
        return scheme.score(given)
    except Unfit as unfit:
        if not str(unfit):
            raise AssertionError("raises Unfit without a sentence") from unfit
        return None


def _compared(source: Task, target: Task, network_of: Task | None = None) -> Comparison:
    """network_of: the task whose network gives the space, the source's where it is left out."""
    tasks: dict[Side, Task] = {"source": source, "target": target}
    networks: dict[Side, TrainedNetwork] = {
        "source": _network(network_of or source),
        "target": _network(target),
    }
    names: dict[Side, tuple[str, ...]] = {side: task.train.classes for side, task in tasks.items()}
    return Comparison(names.__getitem__, tasks.__getitem__, networks.__getitem__)


def _task(draw: int, count: int = 100, names: tuple[str, ...] = CLASSES) -> Task:
    """Coloured blobs with noise, a colour for each class; another draw has other colours."""
    generator = torch.Generator().manual_seed(draw)
    colours = torch.randint(40, 216, (len(names), 3, 1, 1), generator=generator)

    def half(images: int) -> LabelledImages:
        labels = torch.arange(images) % len(names)
        noise = torch.randint(-40, 40, (images, 3, 8, 8), generator=generator)
        return LabelledImages((colours[labels] + noise).to(torch.uint8), labels, names)

    return Task(half(count), half(max(count, 40)))


def _noisy(task: Task, share: float) -> Task:
    """Every image mixed with noise of its own."""
    generator = torch.Generator().manual_seed(11)

    def half(images: LabelledImages) -> LabelledImages:
        noise = torch.randint(0, 256, images.images.shape, generator=generator)
        return replace(images, images=((1 - share) * images.images + share * noise).to(torch.uint8))

    return Task(half(task.train), half(task.test))


def _network(task: Task) -> TrainedNetwork:
    """Small, with weights that depend on the task: its head tells the classes' mean features apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(task.train.images.sum()) % 1000)
        layers = [
            ("conv", nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())),
            ("pool", nn.Sequential(nn.AvgPool2d(4), nn.Flatten())),
            ("head", nn.Linear(32, len(task.train.classes))),
        ]
        return TrainedNetwork(Chain(layers), Normalization((0.5,) * 3, (0.25,) * 3))
