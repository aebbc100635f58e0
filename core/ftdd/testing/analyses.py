"""What every analysis must do, on small studies made by hand."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import pandas as pd

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.analysis.study_data import StudyData
from ftdd.components import KINDS, Analysis
from ftdd.testing.made_studies import MadeRun, made_study, turned
from ftdd.values import Json

WALK = np.array([3.0, 0.0, 1.0, 0.5, 0.0])
"""Of the test error over epochs: down, up, and down again."""
ARMS: Sequence[Mapping[str, Json]] = (
    {"control": "transfer", "pair.similarity": "near", "target.images": 60, "source.images": 100},
    {"control": "transfer", "pair.similarity": "near", "target.images": 240, "source.images": 100},
    {"control": "transfer", "pair.similarity": "far", "target.images": 60, "source.images": 100},
    {"control": "transfer", "pair.similarity": "near", "target.images": 60, "source.images": 400},
    {"control": "random", "pair.similarity": "near", "target.images": 60, "source.images": 100},
)


@dataclass(frozen=True)
class _Said:
    """What an analysis said of a study."""

    words: str
    """The study."""
    given: StudyData
    untouched: StudyData
    """The same, which the analysis has not seen."""
    findings: Sequence[Finding]
    proposals: Sequence[Proposal]
    raised: Mapping[str, Exception]
    """By method."""


def cases() -> Iterator[tuple[str, StudyData]]:
    """In a word, and the study: one as it should be, and all that may be wrong with one."""
    whole = _study(seeds=3)
    yield "a study of 3 seeds", made_study(whole, similarity_order={"pair.similarity": ["near", "far"]})
    yield "nothing", made_study([])
    yield "a single run", made_study(whole[:1])
    yield "half a study", made_study(whole[: len(whole) // 2], asked=len(whole))
    yield "one seed", made_study(_study(seeds=1))
    yield "numbers instead of classes", made_study(_study(seeds=2), task="regression", test_images=None)
    exact = [replace(run, mislabelled=()) for run in _study(seeds=2, noise=0.0)]
    yield "seeds that agree to the last digit", made_study(exact)
    yield "three source seeds with two targets each", made_study(_study(seeds=2, sources=3))


@lru_cache(maxsize=1)
def _cases() -> tuple[tuple[str, StudyData], ...]:
    return tuple(cases())


def _study(seeds: int, sources: int = 1, noise: float = 0.01) -> list[MadeRun]:
    """Two sizes of each training set, two similarities and a control, over four numbers of frozen layers."""
    random = np.random.default_rng(5)
    return [
        MadeRun(
            {**arm, "freezing.count": count, **({"source.seed": source} if sources > 1 else {}), "seed": seed},
            tuple(np.clip(level + bump * WALK + noise * random.standard_normal(5), 0.01, 1).tolist()),
            tuple(np.linspace(0.8, max(0.02 * count - 0.1, 0.0), 5).tolist()),
            tuple(np.linspace(0.9, max(0.1 * count - 0.3, 0.0), 5).tolist()),
            epochs=(0, 1, 5, 20, 100),
            scores={"made": {"near": 0.9, "far": 0.2}[str(arm["pair.similarity"])]},
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
        if not len(said.untouched.done):
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
                assert one.answer in ("cannot tell", "not applicable"), (
                    f"says {one.answer!r} by one seed: {one.statement}"
                )


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
        known = {*said.untouched.runs["id"]}
        for one in said.findings:
            assert set(one.runs) <= known, f"names runs that are not there for {said.words}: {set(one.runs) - known}"


def leaves_the_tables_alone(analysis: Analysis) -> None:
    """Other analyses look at them too."""
    for said in _said(analysis):
        for name in (field.name for field in fields(said.untouched)):
            kept, now = getattr(said.untouched, name), getattr(said.given, name)
            same = kept.equals(now) if isinstance(kept, pd.DataFrame) else kept == now
            assert same, f"changes the study's `{name}` for {said.words}"


def says_the_same_again(analysis: Analysis) -> None:
    """What it draws, it draws the same each time."""
    for said in _said(analysis):
        again = _findings(analysis, said.given)[0]
        assert _equal(_told(said.findings), _told(again)), f"finds something else for {said.words} when asked again"


def does_not_mind_the_order_of_rows(analysis: Analysis) -> None:
    """Rows stand in the order in which a sweep was written."""
    for said in _said(analysis):
        again = _findings(analysis, turned(said.untouched))[0]
        assert _equal(_told(said.findings), _told(again)), (
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
    for words, untouched in _cases():
        given = untouched.copy()
        findings, error = _findings(analysis, given)
        raised = {"findings": error} if error else {}
        try:
            proposals = list(analysis.proposals(given))
        except Exception as error:
            proposals, raised = [], raised | {"proposals": error}
        said.append(_Said(words, given, untouched, findings, proposals, raised))
    return tuple(said)


def _findings(analysis: Analysis, study: StudyData) -> tuple[list[Finding], Exception | None]:
    try:
        return list(analysis.findings(study)), None
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


def _equal(one: Any, other: Any) -> bool:
    """Equal but for the last digits of numbers: sums in another order round otherwise."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)
