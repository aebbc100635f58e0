"""What every analysis must do, on small studies made by hand; and what they are made with."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from ftdd.analysis.evidence import Evidence
from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.components import KINDS, Analysis
from ftdd.records.curve import COLUMNS, Curve, Record
from ftdd.values import Json

LAYERS = 10
WALK = np.array([3.0, 0.0, 1.0, 0.5, 0.0])
"""Of the test error over epochs: down, up, and down again."""
ARMS: Sequence[Mapping[str, Json]] = (
    {"control": "transfer", "pair.similarity": "near", "target.images": 60, "source.images": 100},
    {"control": "transfer", "pair.similarity": "near", "target.images": 240, "source.images": 100},
    {"control": "transfer", "pair.similarity": "far", "target.images": 60, "source.images": 100},
    {"control": "transfer", "pair.similarity": "near", "target.images": 60, "source.images": 400},
    {"control": "random", "pair.similarity": "near", "target.images": 60, "source.images": 100},
)
WHOLE = ("frozen_layers", "interpolation_epoch", "best_epoch", "peak_epoch", "epoch", "step", "test_images")


@dataclass(frozen=True)
class MadeRun:
    """A target run that is done: what the sweep gave it, and its curve."""

    settings: Mapping[str, Json]
    """`freezing.count` is how many layers were frozen; `source.…` tells sources apart."""
    test_error: Sequence[float]
    """At each evaluation."""
    train_error: Sequence[float] = ()
    """As many; zeros where it is left out."""
    mislabelled: Sequence[float] = ()
    """Train error on the wrong labels; none where there are no wrong labels."""
    epochs: Sequence[int] = ()
    """Of the evaluations; 0, 1, 2, … where it is left out."""
    source_steps: int = 100
    """Optimizer steps of its source."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Columns of the table of runs: `similarity.…`, `test_digest`."""


def made_evidence(
    runs: Sequence[MadeRun],
    *,
    eps: float = 0.0,
    labels: Literal["classes", "numbers"] = "classes",
    likeness: Mapping[str, Json] | None = None,
    test_images: int | None = 1000,
    asked: int | None = None,
) -> Evidence:
    """A study of these runs, with the columns that `ftdd.results.table` gives; all else is the same for all of them.

    test_images: how many, the same ones for all runs; None where nothing is known of them.   asked: how many runs the
    study is to have; as many as there are where it is left out.
    """
    if not runs:  # tables with all their columns, as those of a study that has not begun
        whole = made_evidence([MadeRun({"freezing.count": 0, "seed": 0}, [0.5])], labels=labels, asked=asked or 1)
        return replace(whole, runs=whole.runs[:0], sources=whole.sources[:0], curves=whole.curves[:0])
    swept = tuple(dict.fromkeys(path for run in runs for path in run.settings))
    sources: dict[str, int] = {}
    rows, curves = [], []
    for i, run in enumerate(runs):
        key = str({path: value for path, value in run.settings.items() if path.startswith(("source.", "pair"))})
        source_id = f"source{list(sources).index(key) if key in sources else len(sources):03d}"
        sources.setdefault(key, run.source_steps)
        curve = _curve(run)
        rows.append(_row(f"target{i:03d}", source_id, run, curve, eps, test_images, swept))
        curves += [
            {"id": f"target{i:03d}", "role": "target"} | {name: getattr(record, name) for name in COLUMNS}
            for record in curve.records
        ]
    told = [{"id": f"source{i:03d}", "role": "source"} for i in range(len(sources))]
    for one, steps in zip(told, sources.values(), strict=True):
        curves.append(one | dict.fromkeys(COLUMNS, 0.5) | {"epoch": 10, "step": steps})
    return Evidence(
        runs=_typed(pd.DataFrame(rows)),
        sources=pd.DataFrame(told, columns=["id", "role"]),
        curves=_typed(pd.DataFrame(curves, columns=["id", "role", *COLUMNS])),
        swept=swept,
        eps=eps,
        likeness=likeness or {},
        labels=labels,
        settings={row["id"]: dict(run.settings) for row, run in zip(rows, runs, strict=True)},
        asked=len(runs) if asked is None else asked,
    )


def _curve(run: MadeRun) -> Curve:
    epochs = run.epochs or range(len(run.test_error))
    train = run.train_error or [0.0] * len(run.test_error)
    wrong: Sequence[float | None] = run.mislabelled or [None] * len(run.test_error)
    return Curve(
        tuple(
            Record(
                epoch=epoch,
                step=8 * epoch,
                learning_rate=1e-3,
                train_error=train_error,
                train_loss=2 * train_error,
                train_error_clean=train_error,
                train_error_mislabelled=mislabelled,
                test_error=test_error,
                test_loss=3 * test_error,
                test_error_noisy=test_error,
                seconds=0.5 * epoch,
            )
            for epoch, train_error, mislabelled, test_error in zip(epochs, train, wrong, run.test_error, strict=True)
        )
    )


def _row(
    run_id: str, source_id: str, run: MadeRun, curve: Curve, eps: float, test_images: int | None, swept: Sequence[str]
) -> dict[str, Any]:
    frozen = int(str(run.settings.get("freezing.count", 0)))
    last, best, peak, reached = curve.last, curve.best, curve.peak, curve.interpolation(eps)
    return {
        "id": run_id,
        "role": "target",
        "source_id": source_id,
        "state": "done",
        "seed": 0,
        "source.seed": 0,
        "source.training.epochs": 10,
        "control": "transfer",
        **dict.fromkeys(swept),
        **run.settings,
        "frozen_layers": frozen,
        "trainable_parameters": 1000 - 90 * frozen,
        "trainable_share_of_parameters": 1 - 0.09 * frozen,
        "trainable_share_of_forward_flops": 1 - frozen / LAYERS,
        "interpolation_epoch": reached.epoch if reached else None,
        "final_train_error": last.train_error,
        "final_train_error_mislabelled": last.train_error_mislabelled,
        "final_test_error": last.test_error,
        "best_test_error": best.test_error,
        "best_epoch": best.epoch,
        "peak_epoch": peak.epoch if peak else None,
        "epoch": last.epoch,
        "seconds": last.seconds,
        "test_digest": None if test_images is None else "the same",
        "test_images": test_images,
        **run.more,
    }


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers as a study's tables have them: with empty cells where there is none."""
    return table.astype({column: "Int64" for column in WHOLE if column in table})


@dataclass(frozen=True)
class _Said:
    """What an analysis said of a study."""

    words: str
    """The study."""
    given: Evidence
    untouched: Evidence
    """The same, which the analysis has not seen."""
    findings: Sequence[Finding]
    proposals: Sequence[Proposal]
    raised: Mapping[str, Exception]
    """By method."""


def cases() -> Iterator[tuple[str, Evidence]]:
    """In a word, and the evidence: a study as it should be, and all that may be wrong with one."""
    whole = _study(seeds=3)
    yield "a study of 3 seeds", made_evidence(whole, likeness={"pair.similarity": ["near", "far"]})
    yield "nothing", made_evidence([])
    yield "a single run", made_evidence(whole[:1])
    yield "half a study", made_evidence(whole[: len(whole) // 2], asked=len(whole))
    yield "one seed", made_evidence(_study(seeds=1))
    yield "numbers instead of classes", made_evidence(_study(seeds=2), labels="numbers", test_images=None)
    exact = [replace(run, mislabelled=()) for run in _study(seeds=2, noise=0.0)]
    yield "seeds that agree to the last digit", made_evidence(exact)
    yield "three source seeds with two targets each", made_evidence(_study(seeds=2, sources=3))


def _study(seeds: int, sources: int = 1, noise: float = 0.01) -> list[MadeRun]:
    """Two sizes of each training set, two likenesses and a control, over four numbers of frozen layers."""
    random = np.random.default_rng(5)
    return [
        MadeRun(
            {**arm, "freezing.count": count, **({"source.seed": source} if sources > 1 else {}), "seed": seed},
            tuple(np.clip(level + bump * WALK + noise * random.standard_normal(5), 0.01, 1).tolist()),
            tuple(np.linspace(0.8, max(0.02 * count - 0.1, 0.0), 5).tolist()),
            tuple(np.linspace(0.9, max(0.1 * count - 0.3, 0.0), 5).tolist()),
            epochs=(0, 1, 5, 20, 100),
            more={"similarity.made": {"near": 0.9, "far": 0.2}.get(str(arm["pair.similarity"]))},
        )
        for source in range(sources)
        for seed in range(seeds)
        for arm in ARMS
        for count, level, bump in ((0, 0.2, 0.0), (4, 0.4, 0.3), (7, 0.3, 0.1), (9, 0.35, 0.0))
    ]


def takes_any_study(analysis: Analysis) -> None:
    """Half a study, one run, none: nothing makes it raise."""
    for said in _said(analysis):
        for method, error in said.raised.items():
            raise AssertionError(f"`{method}` raises {type(error).__name__} for {said.words}: {error}") from error


def says_nothing_of_nothing(analysis: Analysis) -> None:
    """Where no run is done, there is nothing to find and nothing to ask for."""
    for said in _said(analysis):
        if not len(said.untouched.runs):
            assert not said.findings, "finds something where no run is done"
            assert not said.proposals, "asks for runs where none is done; the recipe says with what to begin"


def says_what_it_found(analysis: Analysis) -> None:
    """Findings under its own name, with a known answer, words, and ends of an interval in their order."""
    for said in _said(analysis):
        for one in said.findings:
            assert isinstance(one, Finding), f"gives a {type(one).__name__} instead of a Finding for {said.words}"
            own = KINDS["analysis"].name_of(analysis)
            assert one.analysis == own, f"says that {one.analysis!r} found it, not {own!r}"
            assert one.answer in get_args(Answer), f"answers {one.answer!r} for {said.words}"
            for text in (one.statement, one.text):
                assert text.strip(), f"has a finding without words for {said.words}"
            if one.interval is not None:
                low, high = one.interval
                assert low <= high, f"gives the interval [{low}, {high}] for {said.words}"


def cannot_tell_by_one_seed(analysis: Analysis) -> None:
    """One seed says nothing of how much seeds differ."""
    for said in _said(analysis):
        if said.words == "one seed":
            for one in said.findings:
                assert one.answer == "cannot tell", f"says {one.answer!r} by one seed: {one.statement}"


def writes_its_findings(analysis: Analysis) -> None:
    """They are the same again when read back from JSON, which has no NaN and no infinity."""
    for said in _said(analysis):
        for one in said.findings:
            try:
                text = json.dumps(one.to_json(), allow_nan=False)
            except (TypeError, ValueError) as error:
                raise AssertionError(f"a finding for {said.words} is not JSON: {error}") from error
            plain = replace(one, settings=dict(one.settings), numbers=dict(one.numbers))
            again = Finding.from_json(json.loads(text))
            assert again == plain, f"a finding for {said.words} is another when read back from JSON: {one.statement}"


def names_runs_that_are_there(analysis: Analysis) -> None:
    """The runs behind a finding are the study's."""
    for said in _said(analysis):
        known = {*said.untouched.runs["id"], *said.untouched.sources["id"]}
        for one in said.findings:
            assert set(one.runs) <= known, f"names runs that are not there for {said.words}: {set(one.runs) - known}"


def leaves_the_tables_alone(analysis: Analysis) -> None:
    """Other analyses look at them too."""
    for said in _said(analysis):
        for name, kept in vars(said.untouched).items():
            now = getattr(said.given, name)
            same = kept.equals(now) if isinstance(kept, pd.DataFrame) else kept == now
            assert same, f"changes the evidence's `{name}` for {said.words}"


def says_the_same_again(analysis: Analysis) -> None:
    """What it draws, it draws the same each time."""
    for said in _said(analysis):
        again = _findings(analysis, said.given)[0]
        assert _alike(_told(said.findings), _told(again)), f"finds something else for {said.words} when asked again"


def does_not_mind_the_order_of_rows(analysis: Analysis) -> None:
    """Rows stand in the order in which a sweep was written."""
    for said in _said(analysis):
        evidence = said.untouched
        turned = replace(evidence, runs=evidence.runs[::-1], curves=evidence.curves[::-1])
        again = _findings(analysis, turned)[0]
        assert _alike(_told(said.findings), _told(again)), (
            f"finds something else for {said.words} when the rows of its tables are turned round"
        )


def asks_for_runs(analysis: Analysis) -> None:
    """Proposals have settings that a recipe could have, and say in words what they are to decide."""
    for said in _said(analysis):
        for one in said.proposals:
            assert isinstance(one, Proposal), f"gives a {type(one).__name__} instead of a Proposal for {said.words}"
            assert one.reason.strip(), f"asks for a run without a reason for {said.words}"
            paths = list(one.settings)
            assert paths, f"asks for a run without settings for {said.words}"
            assert all(isinstance(path, str) for path in paths), f"asks for settings that have no path: {paths}"
            try:
                json.dumps(dict(one.settings), allow_nan=False)
            except (TypeError, ValueError) as error:
                raise AssertionError(f"asks for a run whose settings are not JSON for {said.words}: {error}") from error


ANALYSIS_CHECKS: tuple[Callable[[Analysis], None], ...] = (
    takes_any_study,
    says_nothing_of_nothing,
    says_what_it_found,
    cannot_tell_by_one_seed,
    writes_its_findings,
    names_runs_that_are_there,
    leaves_the_tables_alone,
    says_the_same_again,
    does_not_mind_the_order_of_rows,
    asks_for_runs,
)


def check_analysis(cls: type[Analysis]) -> None:
    """Raise AssertionError with a sentence where an analysis, with its defaults, does not do what all must."""
    analysis = cls()
    for one in ANALYSIS_CHECKS:
        one(analysis)


@lru_cache(maxsize=1)  # most checks look at the same answers
def _said(analysis: Analysis) -> tuple[_Said, ...]:
    said = []
    for (words, given), (_, untouched) in zip(cases(), cases(), strict=True):
        findings, error = _findings(analysis, given)
        raised = {"findings": error} if error else {}
        try:
            proposals = list(analysis.proposals(given))
        except Exception as error:
            proposals, raised = [], raised | {"proposals": error}
        said.append(_Said(words, given, untouched, findings, proposals, raised))
    return tuple(said)


def _findings(analysis: Analysis, evidence: Evidence) -> tuple[list[Finding], Exception | None]:
    try:
        return list(analysis.findings(evidence)), None
    except Exception as error:
        return [], error


def _told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """What must be the same, in an order of its own."""
    told = [
        {"statement": one.statement, "settings": dict(one.settings), "answer": one.answer, "n": one.n}
        | {"effect": one.effect, "interval": one.interval, "p": one.p, "runs": sorted(one.runs)}
        for one in findings
        if isinstance(one, Finding)
    ]
    return sorted(told, key=lambda one: (one["statement"], sorted(map(str, one["settings"].items())), one["runs"]))


def _alike(one: Any, other: Any) -> bool:
    """Equal but for the last digits of numbers: sums in another order round otherwise."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    return bool(one == other)
