"""`advise`: how many layers to freeze, what it costs to be wrong by one, and what would help."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftdd.analysis.advice import KEY, Advice, DepthChoice
from ftdd.analysis.finding import Answer, Finding
from ftdd.components import Analysis
from ftdd.wording import error, format_setting, lead, seeds, sentence

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.best import Best
    from ftdd.statistics.detect import Descent

NEAR = 1
"""Positions: a best number of frozen layers so near to the peak may be on it next time."""
WORTH = 0.01
"""A gain of less is not worth mentioning."""
FEW_IMAGES = 1000
"""Fewer test images than these are spoken of."""


class Advise(Analysis):
    """How many layers should be frozen, what does it cost to be wrong by one, and what would help?

    One answer for each setting of the study whose runs differ in their frozen layers. Controls are not advised about:
    transfer is compared with training from scratch where the study has it.
    """

    rank = 10
    name: Literal["advise"] = "advise"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which the intervals of one setting hold, of all depths together."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each curve of the transfer; its numbers are an `ftdd.analysis.advice.Advice`."""
        from ftdd.analysis.replicates import over_setting

        grids = over_setting(study, "frozen_layers", "final_test_error")
        transfers = [grid for grid in grids if grid.settings.get("control", "transfer") == "transfer"]
        return [_finding(study, grid, transfers, self.level) for grid in transfers]


def _finding(study: "StudyData", grid: "Grid", transfers: "Sequence[Grid]", level: float) -> Finding:
    advice = _advice(study, grid, transfers, level)
    others = [choice for choice in advice.choices if choice.frozen_layers != advice.best]
    alone = bool(others) and all(choice.as_good is False for choice in others)
    answer: Answer = "seen" if alone and len(grid.values) > 1 else "cannot tell"
    nearest = min(others, key=lambda choice: choice.interval[0] if choice.interval else choice.cost, default=None)
    return Finding(
        analysis="advise",
        key=KEY,
        statement="One number of frozen layers is better than all others",
        answer=answer,
        text=f"{lead(grid.settings)}{advice.text[0]}",
        settings=grid.settings,
        effect=nearest.cost if nearest and math.isfinite(nearest.cost) else None,
        interval=nearest.interval if nearest else None,
        level=level,
        unit="log test error" if study.regression else "test error",
        n=len(grid.values),
        runs=grid.runs,
        numbers={name: value for name, value in advice.to_json().items() if name != "settings"},
    )


def _advice(study: "StudyData", grid: "Grid", all_grids: "Sequence[Grid]", level: float) -> Advice:
    from ftdd.analysis.replicates import compared_cells, max_difference
    from ftdd.statistics.best import best_places
    from ftdd.statistics.detect import find_descent

    logs = study.regression
    cells = compared_cells(study, grid)
    most = max_difference(study)
    best = best_places(cells.margin, None, cells.second, level=level, most=most)
    descent = find_descent(cells.margin, None, cells.second, level=level, most=most)
    runs = study.done[study.done["id"].isin(grid.runs)].drop_duplicates("id")
    choices = _choices(grid, best, runs, logs)
    threshold = _threshold(runs)
    at = int(grid.x[best.at])
    peak_at = float(grid.x[descent.shape.peak]) if descent.answer == "seen" and descent.shape else None
    cheapest = max(choice.frozen_layers for choice in choices if choice.as_good) if best.known else at
    text = [
        _answer(choices, at, cheapest, best.known, len(grid.values), logs),
        _wrong_by_one(choices, best.at, logs),
        _near(grid, best.at, descent, threshold, logs),
        _early_stopping(runs, at, logs),
        _sizes(study, grid, all_grids, at),
        _soft(study, grid, all_grids),
        _against_scratch(study, grid, best.at, level),
        _trust(study, grid, best),
    ]
    return Advice(grid.settings, at, cheapest, choices, peak_at, threshold, tuple(filter(None, text)))


def _choices(grid: "Grid", best: "Best", runs: "pd.DataFrame", logs: bool) -> tuple[DepthChoice, ...]:
    found = []
    for i, x in enumerate(grid.x):
        there = runs[runs["frozen_layers"].astype(float) == x]
        parameters, seconds = there["trainable_parameters"].dropna(), there["seconds"].dropna()
        found.append(
            DepthChoice(
                int(x),
                float(math.exp(best.mean[i]) if logs else best.mean[i]),
                float(best.cost[i]),
                (float(best.low[i]), float(best.high[i])) if best.known else None,
                i in best.as_good if best.known else None,
                int(parameters.iloc[0]) if len(parameters) else None,
                float(seconds.median()) if len(seconds) else None,
            )
        )
    return tuple(found)


def _threshold(runs: "pd.DataFrame") -> int | None:
    shares = runs["interpolation_epoch"].notna().groupby(runs["frozen_layers"].astype(int)).mean()
    reached = shares[shares >= 0.5]
    return int(reached.index.max()) if len(reached) else None


def _answer(choices: Sequence[DepthChoice], at: int, cheapest: int, known: bool, replicates: int, logs: bool) -> str:
    best = next(choice for choice in choices if choice.frozen_layers == at)
    text = f"Freeze {_layers(at)}: mean test error {error(best.test_error, logs)} over {seeds(replicates)}."
    if not known and replicates > 1:
        return f"{text} The seeds have too few positions in common to estimate their variance: complete the study."
    if not known:
        return f"{text} One seed gives no estimate of the variance between seeds: add `seed: 0..2` to the sweep."
    others = [choice.frozen_layers for choice in choices if choice.as_good and choice.frozen_layers != at]
    if not others:
        return f"{text} All other depths are significantly worse (simultaneous 95% CI)."
    text += f" Not significantly worse: {', '.join(map(str, others))}."
    if cheapest != at:
        chosen = next(choice for choice in choices if choice.frozen_layers == cheapest)
        saves = ""
        took = [f"{one.seconds:.3g}" for one in (chosen, best) if one.seconds]
        if len(set(took)) == 2:
            saves = f", and took {took[0]} s a training instead of {took[1]} s"
        text += f" Of these depths, {cheapest} leaves the least to train{saves}."
    return text


def _wrong_by_one(choices: Sequence[DepthChoice], best: int, logs: bool) -> str:
    parts = []
    for step, words in ((-1, "fewer"), (1, "more")):
        if 0 <= best + step < len(choices):
            other = choices[best + step]
            costs = [other.cost, *(other.interval or ())]
            if logs:
                cost, *ends = (f"{math.exp(one):.3g}" for one in costs)
                verb = f"multiplies the error by {cost}"
            else:
                cost, *ends = (error(one) for one in costs)
                verb = f"costs {cost}"
            parts.append(f"{words} ({other.frozen_layers}) {verb}{f' [{ends[0]}, {ends[1]}]' if ends else ''}")
    sure = "" if choices[best].interval else "; no confidence interval with these seeds"
    return f"Being wrong by one step: {'; '.join(parts)}{sure}." if parts else ""


def _near(grid: "Grid", best: int, descent: "Descent", threshold: int | None, logs: bool) -> str:
    where = ""
    if threshold is not None:
        most = "no layer" if threshold == 0 else f"up to {_layers(threshold)}"
        where = f" Training fits its labels (interpolates) with {most} frozen."
    elif not logs:
        where = " Training does not interpolate with any number of frozen layers, so no interpolation peak is near."
    if descent.answer == "seen" and descent.shape and descent.peak_places:
        first, last = (int(grid.x[i]) for i in descent.peak_places)
        peak = int(grid.x[descent.shape.peak])
        near = best in range(descent.peak_places[0] - NEAR, descent.peak_places[1] + NEAR + 1)
        warning = (
            "which the best number may be next to: a little more or less data can move the peak onto it, so prefer a "
            "number farther away"
            if near
            else "and the best number is well away from it"
        )
        span = f" (between {first} and {last})" if first != last else ""
        return f"The error over frozen layers peaks at {peak}{span}, {warning}.{where}"
    if descent.answer == "not seen":
        return f"A peak over frozen layers that stands out by {descent.smallest:g} is excluded.{where}"
    more = f": about {descent.seeds_needed} seeds would decide" if descent.seeds_needed else ""
    return f"Whether the error peaks over frozen layers is inconclusive{more}.{where}"


def _early_stopping(runs: "pd.DataFrame", at: int, logs: bool) -> str:
    there = runs[runs["frozen_layers"].astype(int).eq(at) & runs["best_test_error"].notna()]
    gain = (there["final_test_error"] - there["best_test_error"]).astype(float)
    if not len(there):
        return ""
    # Squared errors have no scale but their own
    if gain.mean() < WORTH * (float(there["final_test_error"].astype(float).mean()) if logs else 1.0):
        return "Early stopping would gain next to nothing: the last epoch is about as good as the best one."
    epoch = there["best_epoch"].astype(float).median()
    return (
        f"Early stopping could gain up to {error(gain.mean(), logs)}: the best epoch (about {epoch:,.0f}) against the "
        "last. That looks at the test images, so it is a bound; hold out images of your own to choose the epoch."
    )


def _sizes(study: "StudyData", grid: "Grid", grids: "Sequence[Grid]", at: int) -> str:
    """What more target images did, with the best number of layers of each size."""
    images = "target.images"
    if images not in study.swept:
        return "More data: not studied. Sweep `target.images` to see what more of it would bring."
    same = [other for other in grids if {**other.settings, images: None} == {**grid.settings, images: None}]
    sized = [other for other in same if isinstance(other.settings.get(images), int)]
    own = grid.settings.get(images)
    if not isinstance(own, int):
        return ""
    least = [other for other in sized if int(str(other.settings[images])) < own]
    if not least:
        return ""
    less = max(least, key=lambda other: int(str(other.settings[images])))
    errors = [_lowest(one) for one in (less, grid)]
    change = errors[0] - errors[1]
    by = error(abs(change), study.regression)
    words = f"lowered the error by {by}" if change >= 0 else f"raised the error by {by}"
    return (
        f"More data: going from {less.settings[images]:,} to {own:,} images {words}, each at its best number of layers."
    )


def _soft(study: "StudyData", grid: "Grid", grids: "Sequence[Grid]") -> str:
    """What soft freezing did, where the study has it: the best of this curve against the best with another strength."""
    swept = [path for path in study.swept if path.startswith("soft_freezing")]
    if not swept:
        return "Soft freezing, weights pulled to the source instead of held: not studied. Sweep `soft_freezing.l2_sp`."
    lowest = _lowest(grid)
    rivals = [
        (_lowest(other), other)
        for other in grids
        if other is not grid
        and all(other.settings.get(key) == value for key, value in grid.settings.items() if key not in swept)
    ]
    if not rivals:
        return ""
    rival, other = min(rivals, key=lambda one: one[0])
    words = ", ".join(format_setting(path, other.settings.get(path)) for path in swept)
    better = "better" if rival < lowest else "worse"
    by, at = (error(one, study.regression) for one in (abs(rival - lowest), rival))
    return f"Soft freezing: at its best, {words} is {better} by {by} ({at})."


def _against_scratch(study: "StudyData", grid: "Grid", best: int, level: float) -> str:
    import numpy as np

    from ftdd.analysis.replicates import max_difference, over_setting
    from ftdd.statistics.differences import differences

    if "control" not in study.swept:
        return "Whether transfer helps at all: not studied. Sweep `control: [transfer, random, scratch]`."
    scratch = [
        other
        for other in over_setting(study, "frozen_layers", "final_test_error", fewest=1)
        if other.settings.get("control") == "scratch"
        and {**other.settings, "control": None} == {**grid.settings, "control": None}
    ]
    if not scratch:
        return ""
    at = np.array([grid.x[best]])
    found = differences(
        (at, at),
        (grid.cells.at(np.array([best])), scratch[0].cells.at(np.array([0]))),
        level=level,
        most=max_difference(study),
    )
    if found is None:
        return ""
    gain, logs = float(found.mean[0]), study.regression
    ends = f" [{error(found.low[0], logs)}, {error(found.high[0], logs)}]" if np.isfinite(found.low[0]) else ""
    better = "better" if gain > 0 else "worse"
    return f"Against training from scratch, transfer is {better} by {error(abs(gain), logs)}{ends}."


def _trust(study: "StudyData", grid: "Grid", best: "Best") -> str:
    missing = study.asked - study.done["id"].nunique() - study.diverged
    words = []
    if missing > 0:
        words.append(f"{missing} of the study's {study.asked} runs {_are(missing)} not done, so this may change")
    if study.diverged:
        words.append(f"{study.diverged} of its runs diverged and {_are(study.diverged)} left out")
    images = study.done[study.done["id"].isin(grid.runs)]["test_images"].min()
    if grid.shared_test_images and images < FEW_IMAGES:
        words.append(
            f"{int(images)} test images are few: an error of one half on them is known to "
            f"± {1.96 * 0.5 / math.sqrt(images):.3f}, however many seeds there are"
        )
    words.append(
        "the best number was selected on the test images that its error is measured on, so its error is optimistic"
    )
    text = "; ".join(words)
    return f"{sentence(text)}."


def _lowest(grid: "Grid") -> float:
    """The mean over seeds at the best position."""
    import numpy as np

    return float(np.nanmean(grid.values, axis=0).min())


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _layers(count: int) -> str:
    return "no layers" if count == 0 else "1 layer" if count == 1 else f"{count} layers"
