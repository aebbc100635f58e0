"""Every check refuses a component broken on purpose, which passes all the other checks of its kind."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
import torch
from torch import nn

from ftdd.analysis.finding import Finding, Proposal
from ftdd.analysis.study_data import StudyData
from ftdd.components import Analysis, Architecture, Component, Every, Policy, Scheme, Score, Side, Unfit
from ftdd.components.comparison import Comparison
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.images import LabelledImages, Task
from ftdd.data.repeats import Repeats
from ftdd.networks.chain import Chain
from ftdd.testing import architectures, check, check_analysis, checks_of
from ftdd.testing.architectures import (
    gives_the_same_again,
    goes_on_from_any_layer,
    keeps_frozen_layers,
    keeps_its_state,
    treats_images_apart,
)
from tests.core.training.liars import (
    KEEPERS,
    LIARS,
    DriftsUnseen,
    GivesATable,
    IsAnotherWhenResumed,
    LooksAtAnother,
    MovesWhenResumed,
    MovesWithGradients,
)


def _unguarded_digits() -> Any:
    """A class of its own: another test of this process may have loaded the plugins, which guards theirs in place."""
    spec = find_spec("ftdd_plugins.pairs.digits")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Digits


Digits = _unguarded_digits()


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


class _CountsInEvaluation(nn.Module):
    """It has an effect only after many calls."""

    def __init__(self) -> None:
        super().__init__()
        calls = iter(range(10**9))
        self._late = lambda: next(calls) > 40

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x if not self.training and self._late() else x


class DriftsLater(Small):
    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        return [nn.Sequential(first, _CountsInEvaluation()), second, head]


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
    "gives_the_same_again": DriftsLater(),
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

    def test_count(self, side: Side, data: Path) -> int | None:
        return None


class RemarksInOneText(Digits):
    def remarks(self, side: Side, data: Path) -> Any:
        return "all is well"


class SaysWhatIsNotSo(Digits):
    def repeats(self, side: Side, data: Path) -> Repeats:
        return Repeats(train=500, test=300, shared=3, two_labels=0, within_train=0, within_test=0)


BROKEN_PAIRS = {
    "says_what_its_images_are": WrongChannels(),
    "loads_what_it_says": OneLabelMore(),
    "loads_the_same_again": Shuffles(),
    "tests_on_other_images": TrainsOnItsTest(),
}


class Brightness(Scheme):
    """A scheme without a fault."""

    best: ClassVar[float | None] = 0.0
    lowest: ClassVar[float | None] = -1.0
    symmetric: ClassVar[bool] = True

    name: Literal["brightness"] = "brightness"

    def means(self, given: Comparison) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each side: the mean of every colour and the mean deviation, over the full range."""
        both: tuple[Side, Side] = ("source", "target")
        images = [given.task(side).train.images.float() / 255 for side in both]
        first, second = (torch.cat([x.mean((0, 2, 3)), x.std((2, 3)).mean(0)]) for x in images)
        return first, second

    def score(self, given: Comparison) -> Score:
        source, target = self.means(given)
        return Score(-float((source - target).abs().mean()))


class RefusesAll(Brightness):
    def score(self, given: Comparison) -> Score:
        raise Unfit("not today")


class NotANumber(Brightness):
    """Of images that are all the same, as a correlation would be."""

    def score(self, given: Comparison) -> Score:
        flat = given.task("target").train.images.float().std() == 0
        return Score(float("nan")) if flat else super().score(given)


class Draws(Brightness):
    """Its last bit is by chance."""

    def score(self, given: Comparison) -> Score:
        found = super().score(given).value
        return Score(found - 1e-9 * float(torch.rand(())))


class FarFromItself(Brightness):
    """Compares with other images than it is given, as a loader that draws two subsets does."""

    def score(self, given: Comparison) -> Score:
        return Score(super().score(given).value - 0.01)


class OneWay(Brightness):
    """Twice as far where the source is the darker one."""

    def score(self, given: Comparison) -> Score:
        source, target = self.means(given)
        found = super().score(given).value
        return Score(2 * found if source[:3].mean() < target[:3].mean() else found)


class Turncoat(Brightness):
    """Large samples turn the order round."""

    def score(self, given: Comparison) -> Score:
        found = super().score(given).value
        images = len(given.task("target").train)
        return Score(found if images < 200 or found > -1e-6 else -0.9 - found)


BROKEN_SCHEMES = {
    "gives_a_finite_number": NotANumber(),
    "gives_the_same_again": Draws(),
    "likes_a_task_itself_best": FarFromItself(),
    "is_symmetric_where_it_says_so": OneWay(),
    "keeps_the_order_as_the_sample_grows": Turncoat(),
}


class Counts(Analysis):
    """An analysis without a fault: how many runs there are, which asks for one more."""

    name: Literal["counts"] = "counts"

    def finding(self, study: StudyData, **changes: Any) -> Finding:
        plain = {
            "analysis": "counts",
            "statement": "There are many runs",
            "answer": "cannot tell",
            "text": f"{len(study.done)} runs are done.",
            "effect": float(len(study.done)),
            "runs": tuple(sorted(study.done["id"])),
        }
        return Finding(**{**plain, **changes})

    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study)] if len(study.done) else []

    def proposals(self, study: StudyData) -> Sequence[Proposal]:
        return [Proposal({"seed": 99}, "one more")] if len(study.done) else []


class WantsTwoSeeds(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        if study.done["seed"].nunique() == 1:
            raise ZeroDivisionError("division by zero")
        return super().findings(study)


class FindsNothingToo(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study)]


class InAnothersName(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study, analysis="freezingwise")] if len(study.done) else []


class SureOfOneSeed(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study, answer="seen")] if len(study.done) else []


class KeepsATuple(Counts):
    """JSON gives a list back, so that a finding that was read is not the one that was written."""

    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study, numbers={"places": (1, 2)})] if len(study.done) else []


class NamesADeadRun(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study, runs=("gone",))] if len(study.done) else []


class AddsAColumn(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        study.runs["gain"] = 0.0
        return super().findings(study)


class LooksAtTheClock(Counts):
    """Another number when it has seen these very tables before."""

    def findings(self, study: StudyData) -> Sequence[Finding]:
        seen = any(tables is study.runs for tables in TABLES)
        TABLES.append(study.runs)
        return [self.finding(study, effect=1.0 + seen)] if len(study.done) else []


TABLES: list[Any] = []


class TakesTheFirst(Counts):
    def findings(self, study: StudyData) -> Sequence[Finding]:
        return [self.finding(study, runs=(study.done["id"].iloc[0],))] if len(study.done) else []


class AsksForNoNumber(Counts):
    def proposals(self, study: StudyData) -> Sequence[Proposal]:
        return [Proposal({"target.images": float("nan")}, "more")] if len(study.done) else []


BROKEN_ANALYSES = {
    "takes_any_study": WantsTwoSeeds(),
    "says_nothing_of_nothing": FindsNothingToo(),
    "says_what_it_found": InAnothersName(),
    "cannot_tell_by_one_seed": SureOfOneSeed(),
    "writes_its_findings": KeepsATuple(),
    "names_runs_that_are_there": NamesADeadRun(),
    "leaves_the_tables_alone": AddsAColumn(),
    "says_the_same_again": LooksAtTheClock(),
    "does_not_mind_the_order_of_rows": TakesTheFirst(),
    "asks_for_runs": AsksForNoNumber(),
}

BROKEN = {**BROKEN_ARCHITECTURES, **BROKEN_POLICIES, **BROKEN_PAIRS, **BROKEN_SCHEMES, **BROKEN_ANALYSES}


def _refused(component: Component) -> list[str]:
    refused = []
    for one in checks_of(component):
        try:
            one(component)
        except AssertionError as error:
            refused.append(one.__name__ if str(error) else f"{one.__name__} without a sentence")
    return refused


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_refused_by_its_own_check(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "MOST_STEPS", 20)
    ASKED.clear()
    (own,) = (one for one in checks_of(BROKEN[name]) if one.__name__ == name)
    with pytest.raises(AssertionError, match=r"\w.* \w+"):
        own(BROKEN[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_refused_by_its_own_check_alone(name: str) -> None:
    ASKED.clear()
    assert _refused(BROKEN[name]) == [name]


def _lying(liar: Callable[[], nn.Module]) -> Architecture:
    class Lies(Small):
        def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
            first = nn.Sequential(nn.Conv2d(image.channels, 4, 1), liar())
            rest = nn.Sequential(nn.Flatten(), nn.Linear(4 * image.height * image.width, 16))
            return [first, rest, nn.Linear(16, classes)]

    return Lies()


@pytest.mark.parametrize(
    "liar",
    [*LIARS, MovesWithGradients, MovesWhenResumed, IsAnotherWhenResumed, DriftsUnseen],
    ids=lambda liar: liar.__name__,
)
def test_a_layer_that_is_no_fixed_function_of_an_image_is_refused(liar: Callable[[], nn.Module]) -> None:
    """Each way in which one can fail a run: an author hears of it before."""
    shown = (treats_images_apart, gives_the_same_again, keeps_its_state, keeps_frozen_layers)
    component = _lying(liar)
    said = []
    for one in shown:
        try:
            one(component)
        except AssertionError as error:
            said.append(str(error))
    assert any("'first'" in sentence or "training moves first" in sentence for sentence in said) or (
        liar is IsAnotherWhenResumed and said
    )


class LooksAtTheHead(Small):
    """Its first layer drops out while its head is trained."""

    def parts(self, image: ImageShape, classes: int) -> list[nn.Module]:
        first, second, head = super().parts(image, classes)
        return [nn.Sequential(first, LooksAtAnother(head)), second, head]


def test_a_layer_that_looks_at_the_mode_of_another_is_refused() -> None:
    with pytest.raises(AssertionError, match="'first' gives other features while the head is trained"):
        gives_the_same_again(LooksAtTheHead())


def test_a_layer_that_gives_no_batch_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"'first' gives a tensor of shape .* for 8 images"):
        goes_on_from_any_layer(_lying(GivesATable))


@pytest.mark.parametrize("keeper", KEEPERS, ids=lambda keeper: keeper.__name__)
def test_what_no_state_dict_holds_is_refused(keeper: Callable[[], nn.Module]) -> None:
    with pytest.raises(AssertionError, match="state dict"):
        keeps_its_state(_lying(keeper))


def test_remarks_must_be_sentences_and_repeats_must_be_so() -> None:
    assert _refused(RemarksInOneText()) == ["says_what_its_images_are"]
    assert _refused(SaysWhatIsNotSo()) == ["tests_on_other_images"]


@pytest.mark.parametrize(
    "component", [Small(), Fine(), Mirrored(), Brightness(), Counts()], ids=lambda one: type(one).__name__
)
def test_what_has_no_fault_passes(component: Component) -> None:
    check(component)


def test_every_check_has_a_broken_component() -> None:
    """Two have one of their own: what takes no images, or no tasks, can be checked for nothing else."""
    known: Sequence[Callable[..., None]] = [
        one for component in (Small(), Fine(), Digits(), Brightness(), Counts()) for one in checks_of(component)
    ]
    assert {one.__name__ for one in known} - {"takes_some_images", "takes_ordinary_tasks"} == set(BROKEN)
    with pytest.raises(AssertionError, match="takes none of"):
        check(TakesNothing())
    with pytest.raises(AssertionError, match="raises Unfit for an ordinary pair of tasks"):
        check(RefusesAll())


class NeedsMore(Brightness):
    """Of a package that nobody has."""

    sentence: str = "needs spam, which is not installed: pip install spam"

    def score(self, given: Comparison) -> Score:
        raise ImportError(self.sentence)


def test_a_scheme_whose_package_is_missing_passes_unseen_if_it_says_so() -> None:
    check(NeedsMore())
    with pytest.raises(AssertionError, match="does not say in a sentence which package is missing: spam"):
        check(NeedsMore(sentence="spam"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"answer": "perhaps"}, "answers 'perhaps' for a study of 3 seeds"),
        ({"text": " "}, "has a finding without words"),
        ({"interval": (0.2, 0.1)}, r"gives the interval \[0.2, 0.1\]"),
        ({"effect": float("nan")}, "is not JSON: Out of range float values are not JSON compliant"),
        ({"numbers": {"table": object()}}, "is not JSON: Object of type object is not JSON serializable"),
    ],
)
def test_an_analysis_is_told_what_is_wrong_with_its_findings(change: dict[str, Any], sentence: str) -> None:
    class Wrong(Counts):
        def findings(self, study: StudyData) -> Sequence[Finding]:
            return [self.finding(study, **change)] if len(study.done) else []

    with pytest.raises(AssertionError, match=sentence):
        check_analysis(Wrong)
