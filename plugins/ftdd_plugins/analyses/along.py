"""Descents along an axis: from the curves of a study to findings, and to the seeds that would decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ftdd.analysis.finding import Finding, Proposal
from ftdd.components import Analysis
from ftdd.values import Json
from ftdd.wording import axis_name, count, counted, lead, number, position, seeds, sentence, within
from ftdd_plugins.analyses.one_more_seed import one_more_seed

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.detect import Descent
    from ftdd.statistics.test_images import ImageVariance


FEWEST_PLACES = 3
"""A curve of fewer has no room for a peak."""

PLACES = {"epoch": "evaluation", "frozen_layers": "depth"}
"""What a place on an axis is called; `value` on others."""


class Descents(Analysis):
    """What analyses that look for a second descent have in common."""

    smallest: Annotated[float, Field(gt=0)] = 0.05
    """`not seen` rules out a peak that stands out by this much: an error, or a difference of logarithms of numbers."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which intervals hold, all of this analysis together; 1 − level is the chance of any false `seen`."""


@dataclass(frozen=True)
class Answered:
    """A curve, and whether it has a second descent."""

    grid: "Grid"
    descent: "Descent"
    curves: int
    """How many were looked at together."""
    images: "ImageVariance | None"
    """What the test images add; None where the answer is about these very ones."""
    of_these: "tuple[float, float] | None"
    """The effect's interval for these very test images; None where that is the answer's own."""


def found_descents(study: "StudyData", grids: "Sequence[Grid]", smallest: float, level: float) -> list[Answered]:
    """Each curve with its answer; intervals and chances allow for there being so many.

    Errors of numbers have no upper end and are compared by their logarithms.
    """
    from ftdd.analysis.image_errors import test_image_variance
    from ftdd.analysis.replicates import compared_cells, max_difference
    from ftdd.statistics.detect import find_descent

    found, most = [], max_difference(study)
    grids = [grid for grid in grids if len(grid.x) >= FEWEST_PLACES]
    for grid in grids:
        cells, images = compared_cells(study, grid), test_image_variance(study, grid)
        descents = [
            find_descent(
                cells.margin,
                test,
                cells.second,
                smallest=smallest,
                level=level,
                curves=len(grids),
                most=most,
                asked=_asked_at_first(study, grid),
            )
            for test in ([images.covariance, None] if images else [None])
        ]
        of_these = descents[1].interval if images else None
        found.append(Answered(grid, descents[0], len(grids), images, of_these))
    return found


def _asked_at_first(study: "StudyData", grid: "Grid") -> int:
    """How many replicates of a curve the recipe asked for; all others were added after a look at it."""
    added = {entry.id for entry in study.record.entries if entry.added}
    rows = zip(grid.cells.labels, grid.ids, strict=True)
    return len({label for label, ids in rows if any(isinstance(run, str) and run not in added for run in ids)})


def descent_finding(analysis: str, study: "StudyData", found: Answered, level: float) -> Finding:
    """What was found of one curve, as data and in words."""
    from ftdd.analysis.image_errors import estimand

    unit = "log test error" if study.regression else "test error"
    grid, descent = found.grid, found.descent
    return Finding(
        analysis=analysis,
        key=f"{analysis}.descent",
        statement=f"The test error over {axis_name(grid.over)} rises to a peak and falls again",
        answer=descent.answer,
        text=_text(found, unit, level),
        settings=grid.settings,
        effect=descent.effect,
        interval=descent.interval,
        level=level,
        unit=unit,
        n=len(grid.values),
        sources=grid.sources,
        targets=grid.targets,
        test_images=estimand(found.images),
        p=descent.p if descent.interval else None,
        runs=grid.runs,
        numbers=_numbers(study, found),
    )


def seeds_to_decide(study: "StudyData", answered: Answered) -> list[Proposal]:
    """One more seed at the places that decide: the two minima, and all that may be the peak. Of long curves at all.

    Nothing where it is decided, or where so many would be needed that another study is the better answer.
    """
    from ftdd.statistics.looks import WHOLE_SEEDS

    grid, found = answered.grid, answered.descent
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


def _text(found: Answered, unit: str, level: float) -> str:
    grid, descent = found.grid, found.descent
    shape, x = descent.shape, grid.x
    mean = "the mean logarithm" if unit.startswith("log") else "the mean"
    if shape is None:
        walk = f"{sentence(mean)} never rises and falls again"
    else:
        parts = [f"From {position(grid.over, x[shape.first])} {mean} rises by {number(shape.rise)}"]
        parts[0] += f"{within(bounded(descent.rise_interval))} to a peak at {position(grid.over, x[shape.peak])}"
        if descent.peak_places and descent.peak_places[0] != descent.peak_places[1]:
            first, last = (count(x[i]) for i in descent.peak_places)
            parts[0] += f" (it may be anywhere from {first} to {last})"
        if shape.fall == shape.descent:
            parts.append(f"and falls by {number(shape.fall)}{within(bounded(descent.fall_interval))} to the last")
        else:
            parts.append(
                f"and falls by {number(shape.descent)} to {position(grid.over, x[shape.second])}; "
                f"the final value is {number(abs(shape.fall))} {'below' if shape.fall >= 0 else 'above'} the peak"
            )
        walk = " ".join(parts)
    return f"{lead(grid.settings)}{walk}. {_verdict(found, unit, level)}"


def bounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval; None where it says no more than that a difference of error rates is from −1 to 1."""
    return None if interval is None or (interval[0] <= -1 and interval[1] >= 1) else interval


def _verdict(found: Answered, unit: str, level: float) -> str:
    from ftdd.statistics.detect import MOST_SEEDS

    descent, by = found.descent, found.grid.replication
    together = f", jointly over {found.curves} curves" if found.curves > 1 else ""
    if descent.answer == "seen":
        ends = {
            "strong": "; it ends below the first minimum (a strong second descent)",
            "weak": "; it ends above the first minimum (a weak second descent)",
            "cannot tell": "; whether it ends above or below the first minimum is inconclusive",
        }
        chance = "below 0.001" if descent.p < 0.001 else f"at most {descent.p:.3f}"
        return (
            f"A monotone or single-valley curve would give so large a contrast with probability {chance}{together} "
            f"({by}){ends[_strength(descent)]}."
        )
    if descent.answer == "not seen":
        lasting = counted(descent.excluded_width, PLACES.get(found.grid.over, "value"))
        return (
            f"A peak of {descent.smallest:g} in {unit} lasting at least {lasting} is excluded "
            f"(one-sided {level:.0%}{together}; {by})."
        )
    if descent.interval is None and len(found.grid.values) > 1:
        return f"The variance between seeds cannot be estimated ({by}); complete the study."
    if descent.interval is None:
        return "One seed gives no estimate of the variance between seeds; add at least two more."
    needed = descent.seeds_needed
    would = f"more than {MOST_SEEDS} seeds would be needed" if needed is None else f"about {seeds(needed)} would decide"
    upper = descent.excluded_height
    known = upper is not None and (upper < 1 or unit.startswith("log"))
    bound = f"{level:.0%} upper bound {number(upper or 0.0)}" if known else "these seeds do not bound its height"
    return f"Inconclusive ({by}): compatible with no peak; {bound}; {would}."


def _strength(found: "Descent") -> str:
    if found.ends_below is None:
        return "cannot tell"
    low, high = found.ends_below
    return "strong" if low > 0 else "weak" if high < 0 else "cannot tell"


def _numbers(study: "StudyData", answered: Answered) -> dict[str, Json]:
    import numpy as np

    from ftdd.analysis.replicates import compared_cells
    from ftdd.statistics.noise import measure_noise

    grid, found = answered.grid, answered.descent
    mean = measure_noise(compared_cells(study, grid).margin).mean
    if study.regression:
        mean = np.exp(mean)
    best = int(np.argmin(mean))
    numbers: dict[str, Json] = {
        "over": grid.over,
        "smallest": found.smallest,
        "best_at": float(grid.x[best]),
        "best": float(mean[best]),
        "last": float(mean[-1]),
        "excluded_height": found.excluded_height,
        "excluded_width": found.excluded_width,
        "seeds_needed": found.seeds_needed,
    }
    if answered.images is not None:
        numbers["test_images_shared"] = answered.images.shared
        numbers["test_images_shared_standard_error"] = answered.images.standard_error
        numbers |= _ends("effect_these_images", answered.of_these)
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
