"""`sizes`: what the sizes of the two training sets do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.values import Json
from ftdd.wording import lead, number, of, p_value, replication
from ftdd_plugins.analyses.along import Descents, descent_finding, found_descents, seeds_to_decide
from ftdd_plugins.analyses.reaching import interpolation, time_numbers
from ftdd_plugins.analyses.sources import over_sources

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.times import Times

TARGET, SOURCE, EPOCHS = "target.images", "source.images", "source.training.epochs"
WHAT_TO_DO = f"sweep source.seed over at least {FEWEST_SOURCES}"
SAME_STEPS = 0.02
"""Source trainings whose steps differ by less than this share are equally long."""


@dataclass(frozen=True)
class Arm:
    """Runs that differ in the size of the source set, and in what comes with it."""

    fixed: Literal["epochs", "steps"]
    """What of the source training is the same."""
    settings: Mapping[str, Json]
    small: float
    large: float
    runs: tuple[tuple[str, ...], tuple[str, ...]]
    """Ids of those from the smallest and from the largest source set."""


class Sizes(Descents):
    """Does a larger source set slow the target training, and is there a second descent over the target set's size?

    For studies that sweep `source.images` (F2 of the paper): epochs of target training to interpolation, from the
    smallest against from the largest source set, by the log-rank test. A larger set with the same epochs is also
    trained for more steps; where the recipe has an arm with the same steps (`source.training.epochs` swept along), it
    is told apart. For studies that sweep `target.images`: descents of the final test error over it.
    """

    rank = 6
    name: Literal["sizes"] = "sizes"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each arm and setting, then one for each curve over target sizes."""
        arms = source_arms(study)
        slowed = [over_sources(one, WHAT_TO_DO) for one in _slowed(study, arms, self.level)]
        descents = found_descents(study, _over_target(study), self.smallest, self.level)
        return [*slowed, *(descent_finding("sizes", study, answered, self.level) for answered in descents)]

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """Seeds at the minima and wherever the peak over target sizes may be."""
        found = found_descents(study, _over_target(study), self.smallest, self.level)
        return [proposal for answered in found for proposal in seeds_to_decide(study, answered)]


def _over_target(study: "StudyData") -> "tuple[Grid, ...]":
    from ftdd.analysis.replicates import over_setting

    return over_setting(study, TARGET, "final_test_error") if TARGET in study.swept else ()


def source_arms(study: "StudyData") -> list[Arm]:
    """The smallest against the largest source set, with equal epochs or equal steps; one for each other setting."""
    from ftdd.analysis.replicates import parts_of

    if SOURCE not in study.swept or study.regression:
        return []
    steps = _source_steps(study)
    runs = study.done[study.done["source_id"].isin(list(steps))]
    groups = [path for path in study.groups if path not in (SOURCE, EPOCHS)]
    if runs["frozen_layers"].nunique() > 1:
        groups.append("frozen_layers")
    found = []
    for settings, part in parts_of(runs.drop_duplicates("id"), groups):
        part = part.assign(
            _size=part[SOURCE].map(lambda size: _count(study, size)), _steps=part["source_id"].map(steps)
        )
        found += _arms_of(part, settings)
    return found


def _arms_of(runs: Any, settings: Mapping[str, Json]) -> list[Arm]:
    arms = []
    smallest = runs[runs["_size"].eq(runs["_size"].min())]
    largest = runs[runs["_size"].eq(runs["_size"].max())]
    if runs["_size"].nunique() < 2:
        return []
    small, large = float(smallest["_size"].iloc[0]), float(largest["_size"].iloc[0])
    for epochs in smallest[EPOCHS].dropna().unique():
        there = largest[largest[EPOCHS].eq(epochs)]
        base = smallest[smallest[EPOCHS].eq(epochs)]
        if len(there):
            arms.append(Arm("epochs", settings, small, large, (tuple(base["id"]), tuple(there["id"]))))
        steps = float(base["_steps"].median())
        equal = largest[(largest["_steps"] - steps).abs() <= SAME_STEPS * steps]
        if len(equal) and not equal[EPOCHS].eq(epochs).any():
            arms.append(Arm("steps", settings, small, large, (tuple(base["id"]), tuple(equal["id"]))))
    return arms


def _slowed(study: "StudyData", arms: Sequence[Arm], level: float) -> list[Finding]:
    """One for each arm, by one-sided log-rank tests that are adjusted for all arms (Holm 1979)."""
    from ftdd.statistics.times import holm, later

    sides = [tuple(_replicates(study, runs) for runs in arm.runs) for arm in arms]
    slower = holm([later(early, late) for (early, _), (late, _) in sides])
    faster = holm([later(late, early) for (early, _), (late, _) in sides])
    return [
        _slowing(study, arm, side, chances, level, len(arms))
        for arm, side, chances in zip(arms, sides, zip(slower, faster, strict=True), strict=True)
    ]


def _slowing(
    study: "StudyData",
    arm: Arm,
    sides: "tuple[tuple[Times, str], ...]",
    chances: tuple[float, float],
    level: float,
    arms: int,
) -> Finding:
    from ftdd.analysis.replicates import replication_of
    from ftdd.statistics.times import exact

    (early, what), (late, _) = sides
    p, other = chances
    answer: Answer = "seen" if p <= 1 - level else "not seen" if other <= 1 - level else "cannot tell"
    known = early.median is not None and late.median is not None
    peaks = [_median_peak(study, runs) for runs in arm.runs]
    by = min(replication_of(study.done[study.done["id"].isin(list(runs))]) for runs in arm.runs)
    test = f"{'exact ' if exact(early, late) else ''}one-sided log-rank"
    test += f", Holm-adjusted over {arms} arms" if arms > 1 else ""
    return Finding(
        analysis="sizes",
        key="sizes.slowing",
        statement=f"A larger source set slows the target training (source {arm.fixed} held fixed)",
        answer=answer,
        text=(
            f"{lead(arm.settings)}From {_images(arm.small)} source images, {_median(early, what)}; "
            f"from {_images(arm.large)}, {_median(late, what)} ({test}, p {p_value(p)}; {replication(*by)})."
            f"{_rises(peaks)}"
            f"{'' if min(early.n, late.n) > 1 else ' One seed gives no estimate of the variance between seeds.'}"
        ),
        settings=arm.settings,
        effect=(late.median - early.median) if late.median is not None and early.median is not None else None,
        level=level,
        unit="epochs",
        n=min(early.n, late.n),
        sources=by[0],
        targets=by[1],
        p=p,
        runs=(*arm.runs[0], *arm.runs[1]),
        numbers={
            "fixed": arm.fixed,
            "small": _images(arm.small),
            "large": _images(arm.large),
            "both_medians_known": known,
            "small_times": time_numbers("interpolation_epoch", early),
            "large_times": time_numbers("interpolation_epoch", late),
            "small_peak_epoch": peaks[0],
            "large_peak_epoch": peaks[1],
        },
    )


def _replicates(study: "StudyData", runs: Sequence[str]) -> "tuple[Times, str]":
    """Times to interpolation, and what each is of: a run, or the median of a source's targets, as curves have it."""
    from ftdd.statistics.times import times

    table = study.done[study.done["id"].isin(list(runs))]
    sources = [interpolation(study, list(part)) for _, part in table.groupby("source_id")["id"]]
    each = [one for one in sources if one.n]  # a curve that is lost costs its run, all of a source's cost the source
    if not FEWEST_SOURCES <= len(each) < sum(one.n for one in each):
        return interpolation(study, runs), "runs"
    ends = [max((*one.reached, *one.given)) for one in each]
    return times([one.median for one in each], [float(end) for end in ends]), "sources' targets"


def _median(found: "Times", what: str) -> str:
    if found.n == 1:
        by = f"interpolates by epoch {number(found.reached[0])}" if len(found.reached) else "never interpolates"
        return f"the one run {by}"
    reached = of(len(found.reached), found.n, "interpolate", what)
    return reached if found.median is None else f"{reached}, half of all by epoch {number(found.median)}"


def _median_peak(study: "StudyData", runs: Sequence[str]) -> float | None:
    peaks = study.done[study.done["id"].isin(list(runs))]["peak_epoch"].dropna().astype(float)
    return float(peaks.median()) if len(peaks) else None


def _rises(peaks: Sequence[float | None]) -> str:
    """Where the test error peaks; nothing where it never rises."""
    early, late = ("nowhere" if peak is None else f"at epoch {number(peak)}" for peak in peaks)
    return "" if peaks == [None, None] else f" The greatest rise of the test error ends {early}, and {late}."


def _source_steps(study: "StudyData") -> dict[str, int]:
    """Optimizer steps of each source run."""
    curves = study.curves[study.curves["id"].isin(list(study.sources["id"]))]
    return {str(run): int(steps) for run, steps in curves.groupby("id")["step"].max().items()}


def _count(study: "StudyData", size: Any) -> float:
    """A size in images; `all` is more than any number that was asked for."""
    return float("inf") if size == "all" else float(size)


def _images(size: float) -> str:
    return "all" if size == float("inf") else f"{size:,.0f}"
