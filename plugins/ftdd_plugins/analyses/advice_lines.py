"""What `advise` says: a sentence or two for each key."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftdd.analysis.advice import AdviceLine, DepthChoice, MoreSeeds, command
from ftdd.wording import duration, error, format_setting, seeds, sentence
from ftdd_plugins.analyses.advice_numbers import HELD_OUT, Found, threshold

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData

NEAR = 1
"""Positions: a best number of frozen layers so near to the peak may be on it next time."""
WORTH = 0.01
"""A gain of less is not worth mentioning."""
FEW_IMAGES = 1000
"""Fewer test images than these are spoken of."""

Falling = Sequence[tuple[int, float]]


def still_improving(study: "StudyData", falling: Falling, runs: "pd.DataFrame") -> str:
    """That training is not at its end, before anything is compared; "" where it is, or where that cannot be told."""
    if not falling:
        return ""
    depths = _list([depth for depth, _ in falling])
    most = max(fall for _, fall in falling)
    epochs = int(study.curves_of(runs)["epoch"].max())
    by = f"by a factor of {math.exp(most):.3g}" if study.regression else f"by up to {error(most)}"
    longer = command(study.record, f"target.training.epochs={2 * epochs}")
    return (
        f"Cannot tell yet: still improving at the last epoch. With {depths} frozen layers the test error falls {by} "
        f"while the epochs double. Train longer first: `{longer}`."
    )


def answer(
    study: "StudyData",
    found: Found,
    choices: Sequence[DepthChoice],
    recommended: int | None,
    tolerance: float,
    more: MoreSeeds | None,
) -> str:
    """Which number to freeze, or that it cannot be told yet, and what would settle it."""
    best, logs, by = found.best, study.regression, found.grid.replication
    lowest = next(choice for choice in choices if choice.frozen_layers == int(found.grid.x[best.at]))
    at = f"{_layers(lowest.frozen_layers)} (test error {error(lowest.test_error, logs)})"
    least = f"the lowest mean {_kind(found)} is with {at}"
    if not best.known:
        why = "one seed gives no estimate of the variance between seeds"
        if len(found.grid.values) > 1:
            why = "the seeds have too few positions in common, or do not differ, so their variance is not known"
        then = "Complete the study." if more is None else f"Begin with {seeds(more.replicates)}: {_priced(more)}."
        return f"Cannot tell yet: {why}; {least}. {then}"
    possible = [choice.frozen_layers for choice in choices if choice.as_good]
    if recommended is None:
        which = f"{_list(possible)} are all possible ({_percent(found)}, {by})"
        return f"Cannot tell yet: {which}; {least}. {_settle(more)}"
    chosen = next(choice for choice in choices if choice.frozen_layers == recommended)
    mean = f"mean test error {error(chosen.test_error, logs)} over {by}"
    if possible == [recommended]:
        return f"Freeze {_layers(recommended)}: {mean}; it is the best number ({_percent(found)})."
    high = chosen.interval[1] if chosen.interval else math.inf
    bound = f"a factor of {math.exp(high):.3g}" if logs else error(high)
    saves, took = "", [f"{one.seconds:.3g}" for one in (chosen, lowest) if one.seconds]
    if len(set(took)) == 2:
        saves = f", and took {took[0]} s a training instead of {took[1]} s"
    return (
        f"Freeze {_layers(recommended)}: {mean}. It costs at most {bound} over the best number ({_percent(found)}; "
        f"tolerance {tolerance:g}), and leaves the least to train of those that do{saves}."
    )


def compared_with_best(found: Found, choices: Sequence[DepthChoice], logs: bool) -> str:
    """Which numbers cannot be told from the lowest, and what they may cost."""
    best = found.best
    lowest = int(found.grid.x[best.at])
    others = [choice for choice in choices if choice.as_good and choice.frozen_layers != lowest]
    if not best.known or not others:
        return ""
    high = max(choice.interval[1] for choice in others if choice.interval)
    cost = f"a factor of {math.exp(high):.3g}" if logs else error(high)
    names = ", ".join(str(choice.frozen_layers) for choice in others)
    return f"Not distinguishable from {lowest}: {names}, whose cost may be up to {cost} ({_percent(found)})."


def wrong_by_one(choices: Sequence[DepthChoice], best: int, logs: bool) -> str:
    """What one layer fewer or more than the lowest costs."""
    parts = []
    for step, words in ((-1, "fewer"), (1, "more")):
        if 0 <= best + step < len(choices):
            other = choices[best + step]
            costs = [other.cost, *(other.interval or ())]
            cost, *ends = (f"{math.exp(one):.3g}" if logs else error(one) for one in costs)
            verb = f"multiplies the error by {cost}" if logs else f"costs {cost}"
            parts.append(f"{words} ({other.frozen_layers}) {verb}{f' [{ends[0]}, {ends[1]}]' if ends else ''}")
    sure = "" if choices[best].interval else "; no confidence interval with these seeds"
    return f"One step from the lowest: {'; '.join(parts)}{sure}." if parts else ""


def beside(
    study: "StudyData", found: Found, runs: "pd.DataFrame", transfers: "Sequence[Grid]"
) -> tuple[AdviceLine, ...]:
    """What stands beside the choice: the peak, the epoch, more data, soft freezing, how far it is to be trusted."""
    lowest = int(found.grid.x[found.best.at])
    lines = {
        "advise.peak": _near(found, threshold(runs), study.regression),
        "advise.epoch": _early_stopping(found, runs, lowest, study.regression),
        "advise.images": _sizes(study, found.grid, transfers),
        "advise.soft_freezing": _soft(study, found.grid, transfers),
        "advise.control": "" if "control" in study.swept else NO_CONTROL,
        "advise.optimism": _optimism(study, found),
        "advise.missing": _missing(study, found.grid, runs),
    }
    return tuple(AdviceLine(key, text) for key, text in lines.items())


NO_CONTROL = "Whether transfer helps at all: not studied. Sweep `control: [transfer, random, scratch]`."


def _settle(more: MoreSeeds | None) -> str:
    if more is None:
        return (
            "So many seeds as would settle it are not worth while: choose what is cheapest to train, or give a larger "
            "`tolerance`."
        )
    return f"About {seeds(more.replicates)} would settle it, if the means stay: {_priced(more)}."


def _priced(more: MoreSeeds) -> str:
    price = "" if more.seconds is None else f", about {duration(more.seconds)} more of one worker"
    return f"`{more.command}`{price}"


def _near(found: Found, at: int | None, logs: bool) -> str:
    grid, best, descent = found.grid, found.best.at, found.descent
    where = ""
    if at is not None:
        most = "no layer" if at == 0 else f"up to {_layers(at)}"
        where = f" Training fits its labels (interpolates) with {most} frozen."
    elif not logs:
        where = " Training does not interpolate with any number of frozen layers, so no interpolation peak is near."
    if descent.answer == "seen" and descent.shape and descent.peak_places:
        first, last = (int(grid.x[i]) for i in descent.peak_places)
        peak = int(grid.x[descent.shape.peak])
        near = best in range(descent.peak_places[0] - NEAR, descent.peak_places[1] + NEAR + 1)
        warning = (
            "which the lowest number may be next to: a little more or less data can move the peak onto it, so prefer a "
            "number farther away"
            if near
            else "and the lowest number is well away from it"
        )
        span = f" (between {first} and {last})" if first != last else ""
        return f"The error over frozen layers peaks at {peak}{span}, {warning}.{where}"
    if descent.answer == "not seen":
        return f"A peak over frozen layers that stands out by {descent.smallest:g} is excluded.{where}"
    more = f": about {descent.seeds_needed} seeds would decide" if descent.seeds_needed else ""
    return f"Whether the error peaks over frozen layers is inconclusive{more}.{where}"


def _early_stopping(found: Found, runs: "pd.DataFrame", at: int, logs: bool) -> str:
    there = runs[runs["frozen_layers"].astype(int).eq(at) & runs["best_test_error"].notna()]
    gain = (there["final_test_error"] - there["best_test_error"]).astype(float)
    if not len(there):
        return ""
    # Squared errors have no scale but their own
    if gain.mean() < WORTH * (float(there["final_test_error"].astype(float).mean()) if logs else 1.0):
        return "Early stopping would gain next to nothing: the last epoch is about as good as the best one."
    epoch = there["best_epoch"].astype(float).median()
    held = " " if found.chosen_on == HELD_OUT else " That looks at the test images, so it is a bound; "
    column = "test_error_at_best_validation"
    if found.chosen_on == HELD_OUT and column in there and there[column].notna().all():
        kept = float((there["final_test_error"] - there[column]).astype(float).mean())
        return f"Stopped at the best epoch by the validation images, the test error is lower by {error(kept, logs)}."
    return (
        f"Early stopping could gain up to {error(gain.mean(), logs)}: the best epoch (about {epoch:,.0f}) against the "
        f"last.{held}hold out images of your own to choose the epoch."
    )


def _sizes(study: "StudyData", grid: "Grid", grids: "Sequence[Grid]") -> str:
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
    step = f"from {less.settings[images]:,} to {own:,} images"
    return f"More data: going {step} {words}, each at its lowest number of layers."


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
    better = "lower" if rival < lowest else "higher"
    by, at = (error(one, study.regression) for one in (abs(rival - lowest), rival))
    return f"Soft freezing: at its lowest, the mean error with {words} is {better} by {by} ({at}); not tested."


def _optimism(study: "StudyData", found: Found) -> str:
    if found.chosen_on == HELD_OUT:
        return "The number was chosen on validation images; its test error is reported once and is not optimistic."
    few = "; hold images out for the choice with `target.validation`"
    words = "The error of the lowest number is of the test images that chose it"
    if found.optimism is None:
        return f"{words}, so it is optimistic{few}."
    by = f"a factor of {math.exp(found.optimism):.3g}" if study.regression else error(found.optimism)
    others = "seeds and images" if found.by_images else "seeds"
    without = "" if found.by_images else "; what these images add is not in that"
    return (
        f"{words}: by {others} that took no part in the choice (left out in turn), it is too low by {by}{without}{few}."
    )


def _missing(study: "StudyData", grid: "Grid", runs: "pd.DataFrame") -> str:
    missing = study.asked - study.done["id"].nunique() - study.diverged
    words = []
    if missing > 0:
        words.append(f"{missing} of the study's {study.asked} runs {_are(missing)} not done, so this may change")
    if study.diverged:
        words.append(f"{study.diverged} of its runs diverged and {_are(study.diverged)} left out")
    count = int(runs["test_images"].min()) if grid.shared_test_images else FEW_IMAGES
    if count < FEW_IMAGES:
        words.append(
            f"{count} test images are few: an error of one half on them is known to "
            f"± {1.96 * 0.5 / math.sqrt(count):.3f}, however many seeds there are"
        )
    return f"{sentence('; '.join(words))}." if words else ""


def _lowest(grid: "Grid") -> float:
    """The mean over seeds at the lowest position."""
    import numpy as np

    return float(np.nanmean(grid.values, axis=0).min())


def _kind(found: Found) -> str:
    return "validation error" if found.chosen_on == HELD_OUT else "error"


def _percent(found: Found) -> str:
    return f"{100 * found.level:g}%"


def _list(counts: Sequence[int]) -> str:
    """`0, 4 and 7`."""
    names = [str(count) for count in counts]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _layers(count: int) -> str:
    return "no layers" if count == 0 else "1 layer" if count == 1 else f"{count} layers"
