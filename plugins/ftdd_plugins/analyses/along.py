"""Descents along an axis: from the curves of a study to findings, and to the seeds that would decide."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ftdd.analysis.finding import Finding, Proposal
from ftdd.components import Analysis
from ftdd.records.study import SEEDS
from ftdd.values import Json
from ftdd.wording import axis_name, count, lead, number, p_value, position, seeds, within

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.detect import Descent


FEWEST_PLACES = 3
"""A curve of fewer has no room for a peak."""


class Descents(Analysis):
    """What analyses that look for a second descent have in common."""

    smallest: Annotated[float, Field(gt=0)] = 0.05
    """`not seen` rules out a peak that stands out by this much: an error, or a difference of logarithms of numbers."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which intervals hold, all of this analysis together; 1 − level is the chance of any false `seen`."""


def found_descents(
    study: "StudyData", grids: "Sequence[Grid]", smallest: float, level: float
) -> "list[tuple[Grid, Descent]]":
    """Each curve with its answer; intervals and chances allow for there being so many.

    Errors of numbers have no upper end and are compared by their logarithms.
    """
    from ftdd.analysis.replicates import compared_values, max_difference
    from ftdd.statistics.detect import find_descent

    found, most = [], max_difference(study)
    grids = [grid for grid in grids if len(grid.x) >= FEWEST_PLACES]
    for grid in grids:
        values = compared_values(study, grid)
        asked = _asked_at_first(study, grid)
        descent = find_descent(values, smallest=smallest, level=level, curves=len(grids), most=most, asked=asked)
        found.append((grid, descent))
    return found


def _asked_at_first(study: "StudyData", grid: "Grid") -> int:
    """How many replicates of a curve the recipe asked for; all others were added after a look at it."""
    added = {entry.id for entry in study.record.entries if entry.added}
    own = study.done[study.done["id"].isin(set(grid.runs) - added)]
    by_source = all(seed[0] is None for seed in grid.seeds) and "source.seed" in own
    columns = ["source.seed"] if by_source else [path for path in SEEDS if path in own]
    return len(own.drop_duplicates(columns)) if columns else len(grid.values)


def descent_finding(analysis: str, study: "StudyData", grid: "Grid", found: "Descent", level: float) -> Finding:
    """What was found of one curve, as data and in words."""
    unit = "log test error" if study.regression else "test error"
    return Finding(
        analysis=analysis,
        key=f"{analysis}.descent",
        statement=f"The test error over {axis_name(grid.over)} rises to a peak and falls again",
        answer=found.answer,
        text=_text(grid, found, unit),
        settings=grid.settings,
        effect=found.effect,
        interval=found.interval,
        level=level,
        unit=unit,
        n=found.seeds,
        p=found.p if found.interval else None,
        runs=grid.runs,
        numbers=_numbers(study, grid, found),
    )


def seeds_to_decide(study: "StudyData", grid: "Grid", found: "Descent") -> list[Proposal]:
    """One more seed at the places that decide: the two minima, and all that may be the peak. Of long curves at all.

    Nothing where it is decided, or where so many would be needed that another study is the better answer.
    """
    from ftdd.statistics.looks import WHOLE_SEEDS

    if found.answer != "cannot tell" or (found.interval is not None and found.seeds_needed is None):
        return []
    places = None
    if len(grid.x) < WHOLE_SEEDS and grid.over != "epoch" and found.shape and found.seeds > 1:
        shape = found.shape
        first, last = found.peak_places or (shape.peak, shape.peak)
        places = sorted({shape.first, *range(first, last + 1), shape.second})
        places = [place for place in places if place < len(grid.x)]
    more = "3 seeds at least" if found.interval is None else f"about {found.seeds_needed} seeds"
    words = f"{axis_name(grid.over)}{f' ({grid.words})' if grid.words else ''}: a peak or none; {more} are needed"
    return one_more_seed(study, grid, words, None if places is None else [float(grid.x[i]) for i in places])


def one_more_seed(
    study: "StudyData", grid: "Grid", reason: str, places: Sequence[float] | None = None
) -> list[Proposal]:
    """The runs of one replicate of a curve once more with a new seed, at some places or at all.

    Where every seed has a source seed of its own, the new one has a new source seed too. Where replicates are means
    over the targets of a source, the new one is a new source with as many targets. New seeds are new to the study, so
    that curves that are compared get the same ones, and runs that failed are not asked for again.
    """
    runs = study.done[study.done["id"].isin(grid.runs)].drop_duplicates("id")
    if places is not None:
        runs = runs[runs[grid.over].astype(float).isin(list(places))]
    if not len(runs):
        return []
    runs = runs.sort_values([*(column for column in SEEDS if column in runs), "id"])
    sources = {seed[-1] for seed in grid.seeds if len(seed) > 1}
    own_source = "source.seed" in study.swept and len(sources) == len(grid.seeds) > 1
    seed, source = (_new(study, path) for path in SEEDS)
    if own_source and len(runs.drop_duplicates(list(SEEDS))) > len(grid.seeds):
        like = runs[runs["source.seed"].eq(runs["source.seed"].mode().iloc[0])]
        shared = runs["seed"].nunique() < len(runs.drop_duplicates(list(SEEDS)))
        seeds = {old: old if shared else seed + i for i, old in enumerate(like["seed"].unique())}
        news: list[dict[str, Json]] = [{"seed": int(seeds[old]), "source.seed": source} for old in like["seed"]]
    else:
        like = runs.drop_duplicates(["frozen_layers"] if grid.over == "epoch" else [grid.over])
        new: dict[str, Json] = {"source.seed": source} if own_source else {}
        if "seed" in study.swept or not own_source:
            new["seed"] = seed
        news = [new] * len(like)
    return [
        Proposal({**study.settings.get(run_id, {}), **new}, reason)
        for run_id, new in zip(like["id"], news, strict=True)
    ]


def _new(study: "StudyData", path: str) -> int:
    """A seed that no run of the study has, done or not."""
    given = [settings.get(path) for settings in study.settings.values()]
    given += study.done[path].dropna().tolist() if path in study.done else []
    return 1 + max((int(seed) for seed in given if isinstance(seed, (int, float))), default=0)


def _text(grid: "Grid", found: "Descent", unit: str) -> str:
    shape = found.shape
    x = grid.x
    mean = "the mean logarithm" if unit.startswith("log") else "the mean"
    if shape is None:
        walk = f"{mean[0].upper()}{mean[1:]} never rises and falls again"
    else:
        parts = [f"From {position(grid.over, x[shape.first])} {mean} rises by {number(shape.rise)}"]
        parts[0] += f"{within(found.rise_interval)} to a peak at {position(grid.over, x[shape.peak])}"
        if found.peak_places and found.peak_places[0] != found.peak_places[1]:
            first, last = (count(x[i]) for i in found.peak_places)
            parts[0] += f" (it may be anywhere from {first} to {last})"
        if shape.fall == shape.descent:
            parts.append(f"and falls by {number(shape.fall)}{within(found.fall_interval)} to the last")
        else:
            parts.append(
                f"and falls by {number(shape.descent)} to {position(grid.over, x[shape.second])}; "
                f"the final value is {number(abs(shape.fall))} {'below' if shape.fall >= 0 else 'above'} the peak"
            )
        walk = " ".join(parts)
    return f"{lead(grid.settings)}{walk}. {_verdict(found, unit)}"


def _verdict(found: "Descent", unit: str) -> str:
    from ftdd.statistics.detect import MOST_SEEDS

    by = seeds(found.seeds)
    if found.answer == "seen":
        strength = _strength(found)
        ends = {
            "strong": "; it ends below the first minimum (a strong second descent)",
            "weak": "; it ends above the first minimum (a weak second descent)",
            "cannot tell": "; whether it ends above or below the first minimum is inconclusive",
        }
        return f"Unimodality is rejected ({by}, p {p_value(found.p)}, family-wise){ends[strength]}."
    if found.answer == "not seen":
        return f"A peak that stands out by {found.smallest:g} in {unit} is excluded ({by})."
    if found.interval is None and found.seeds > 1:
        return "The seeds have too few positions in common to estimate their variance; complete the study."
    if found.interval is None:
        return "One seed gives no estimate of the variance between seeds; add at least two more."
    needed = found.seeds_needed
    would = (
        f"; more than {MOST_SEEDS} seeds would be needed" if needed is None else f"; about {needed} seeds would decide"
    )
    return (
        f"Inconclusive with {by}: the 95% confidence interval of the peak's height is{within(found.interval)}{would}."
    )


def _strength(found: "Descent") -> str:
    if found.ends_below is None:
        return "cannot tell"
    low, high = found.ends_below
    return "strong" if low > 0 else "weak" if high < 0 else "cannot tell"


def _numbers(study: "StudyData", grid: "Grid", found: "Descent") -> dict[str, Json]:
    import numpy as np

    from ftdd.analysis.replicates import compared_values
    from ftdd.statistics.noise import measure_noise

    mean = measure_noise(compared_values(study, grid)).mean
    if study.regression:
        mean = np.exp(mean)
    best = int(np.argmin(mean))
    numbers: dict[str, Json] = {
        "over": grid.over,
        "smallest": found.smallest,
        "best_at": float(grid.x[best]),
        "best": float(mean[best]),
        "last": float(mean[-1]),
        "seeds_needed": found.seeds_needed,
    }
    shape = found.shape
    if shape is not None:
        first, last = found.peak_places or (shape.peak, shape.peak)
        numbers |= {
            "first_minimum_at": float(grid.x[shape.first]),
            "first_minimum": float(mean[shape.first]),
            "peak_at": float(grid.x[shape.peak]),
            "peak_from": float(grid.x[first]),
            "peak_to": float(grid.x[last]),
            "peak": float(mean[shape.peak]),
            "second_minimum_at": float(grid.x[shape.second]),
            "second_minimum": float(mean[shape.second]),
            "rise": shape.rise,
            "fall": shape.fall,
            "second_descent": _strength(found) if found.answer == "seen" else None,
            **_ends("rise", found.rise_interval),
            **_ends("fall", found.fall_interval),
        }
    return numbers


def _ends(name: str, interval: tuple[float, float] | None) -> dict[str, Json]:
    return {} if interval is None else {f"{name}_low": interval[0], f"{name}_high": interval[1]}
