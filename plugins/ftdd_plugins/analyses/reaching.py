"""When runs reach something: interpolation, memorization; runs that never do count as longer than they were trained."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ftdd.values import Json

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.times import Times


def interpolation(study: "StudyData", runs: Sequence[str]) -> "Times":
    """Epochs until the train error is at or below eps."""
    return reaching(study, runs, lambda curves: curves["train_error"] <= study.eps)


def reaching(
    study: "StudyData", runs: Sequence[str], when: "Callable[[pd.DataFrame], pd.Series[bool]]", unit: str = "epoch"
) -> "Times":
    """The first evaluation at which something holds, and the one before it: the true time is between them.

    unit: of times, a column of the curves: epochs or steps.
    """
    from ftdd.statistics.times import times

    curves = study.curves[study.curves["id"].isin(list(runs))]
    firsts = curves[when(curves).fillna(False)].groupby("id")[unit].min()
    lasts = curves.groupby("id")[unit].max()
    before = curves[curves[unit] < curves["id"].map(firsts)].groupby("id")[unit].max()
    there = [run for run in runs if run in lasts.index]
    reached, since = ([float(one[run]) if run in one.index else None for run in there] for one in (firsts, before))
    return times(reached, [float(lasts[run]) for run in there], since)


def time_numbers(name: str, found: "Times") -> dict[str, Json]:
    """The Kaplan–Meier median with its interval, and how many reached it."""
    interval = found.interval()
    return {
        name: found.median,
        f"{name}_low": interval[0] if interval else None,
        f"{name}_high": interval[1] if interval else None,
        "interpolated" if name == "interpolation_epoch" else f"{name}_reached": len(found.reached),
        "of": found.n,
    }
