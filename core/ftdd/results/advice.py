"""Advice: how many layers to freeze, what it costs to be wrong by one, and what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ftdd.analysis.evidence import Evidence, Grid, compared_values, most_different, over_setting
from ftdd.results.findings import read_evidence
from ftdd.results.words import plain, shown
from ftdd.statistics.best import Best, best_places
from ftdd.statistics.detect import Descent, find_descent
from ftdd.statistics.differences import differences
from ftdd.study.files import write_json
from ftdd.study.store import Store
from ftdd.values import Json

Interval = tuple[float, float]

NEAR = 1
"""Places: a best number of frozen layers so near to the peak may be on it next time."""
WORTH = 0.01
"""A gain of less is not worth mentioning."""


@dataclass(frozen=True)
class Choice:
    """One number of frozen layers."""

    frozen_layers: int
    test_error: float
    """Mean over seeds of the final test error; of numbers the geometric mean."""
    cost: float
    """Over the best number; of numbers, how much larger the logarithm is."""
    interval: Interval | None
    """Of the cost; None where one seed is all."""
    as_good: bool | None
    """Not surely worse than another number; None where nobody can tell, as seeds do not say how much they differ."""
    trainable_parameters: int | None
    seconds: float | None
    """Of one training, median over seeds; as measured, on the machine of the study."""


@dataclass(frozen=True)
class Advice:
    """For one setting of the study."""

    settings: Mapping[str, Json]
    best: int
    """The number of frozen layers with the smallest mean test error."""
    cheapest: int
    """Of those that are as good, the one that freezes the most: the least to train; `best` where nobody can tell."""
    choices: tuple[Choice, ...]
    peak_at: float | None
    """Where the error over frozen layers peaks, if a peak is seen."""
    threshold_at: int | None
    """The most frozen layers with which at least half of the runs interpolate."""
    text: tuple[str, ...]
    """The answer, its price, and what would help, a sentence or two each."""


def advise(store: Store, name: str, level: float = 0.95) -> tuple[Advice, ...]:
    """One for each setting whose runs differ in their frozen layers; nothing before any has ended.

    Controls are not advised about: transfer is compared with training from scratch where the study has it. Raises
    LookupError where there is no such study.
    """
    return advise_on(read_evidence(store, name), level)


def advise_on(evidence: Evidence, level: float = 0.95) -> tuple[Advice, ...]:
    """The advice of a study's tables."""
    if not len(evidence.runs):
        return ()
    grids = over_setting(evidence, "frozen_layers", "final_test_error")
    transfers = [grid for grid in grids if grid.settings.get("control", "transfer") == "transfer"]
    return tuple(_advice(evidence, grid, transfers, level) for grid in transfers)


def write_advice(store: Store, name: str) -> tuple[Advice, ...]:
    """Write `advice.json` into the study's folder, and give the advice."""
    found = advise(store, name)
    keep_advice(store, name, found)
    return found


def keep_advice(store: Store, name: str, found: Sequence[Advice]) -> None:
    """Write advice into the study's folder, in the place of what was there."""
    write_json(store.study_folder(name) / "advice.json", [asdict(one) for one in found])


def _advice(evidence: Evidence, grid: Grid, all_grids: Sequence[Grid], level: float) -> Advice:
    logs = evidence.labels == "numbers"
    values = compared_values(evidence, grid)
    most = most_different(evidence)
    best = best_places(values, grid.test_images, level=level, most=most)
    descent = find_descent(values, grid.test_images, level=level, most=most)
    runs = evidence.runs[evidence.runs["id"].isin(grid.runs)].drop_duplicates("id")
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
        _sizes(evidence, grid, all_grids, at),
        _soft(evidence, grid, all_grids),
        _against_scratch(evidence, grid, best.at, level),
        _trust(evidence, grid, best),
    ]
    return Advice(
        grid.settings, at, cheapest, choices, peak_at, threshold, tuple(sentence for sentence in text if sentence)
    )


def _choices(grid: Grid, best: Best, runs: pd.DataFrame, logs: bool) -> tuple[Choice, ...]:
    found = []
    for i, x in enumerate(grid.x):
        there = runs[runs["frozen_layers"].astype(float) == x]
        parameters, seconds = there["trainable_parameters"].dropna(), there["seconds"].dropna()
        found.append(
            Choice(
                int(x),
                float(np.exp(best.mean[i]) if logs else best.mean[i]),
                float(best.cost[i]),
                (float(best.low[i]), float(best.high[i])) if best.known else None,
                i in best.as_good if best.known else None,
                int(parameters.iloc[0]) if len(parameters) else None,
                float(seconds.median()) if len(seconds) else None,
            )
        )
    return tuple(found)


def _threshold(runs: pd.DataFrame) -> int | None:
    shares = runs["interpolation_epoch"].notna().groupby(runs["frozen_layers"].astype(int)).mean()
    reached = shares[shares >= 0.5]
    return int(reached.index.max()) if len(reached) else None


def _answer(choices: Sequence[Choice], at: int, cheapest: int, known: bool, seeds: int, logs: bool) -> str:
    best = next(choice for choice in choices if choice.frozen_layers == at)
    text = f"Freeze {_layers(at)}: mean test error {_error(best.test_error, logs)} over {_seeds(seeds)}."
    if not known and seeds > 1:
        return f"{text} The seeds have too few places in common to say how much they differ: finish the study."
    if not known:
        return f"{text} With one seed nobody can tell whether another number is better: add `seed: 0..2` to the sweep."
    others = [choice.frozen_layers for choice in choices if choice.as_good and choice.frozen_layers != at]
    if not others:
        return f"{text} Every other number is surely worse."
    text += f" As good, as far as these seeds can tell: {', '.join(map(str, others))}."
    if cheapest != at:
        chosen = next(choice for choice in choices if choice.frozen_layers == cheapest)
        saves = ""
        if best.seconds and chosen.seconds:
            saves = f", and took {chosen.seconds:.1f} s a training instead of {best.seconds:.1f} s"
        text += f" Of all that are as good, {cheapest} leaves the least to train{saves}."
    return text


def _wrong_by_one(choices: Sequence[Choice], best: int, logs: bool) -> str:
    parts = []
    for step, words in ((-1, "fewer"), (1, "more")):
        if 0 <= best + step < len(choices):
            other = choices[best + step]
            costs = [other.cost, *(other.interval or ())]
            if logs:
                cost, *ends = (f"{np.exp(one):.3g}" for one in costs)
                verb = f"multiplies the error by {cost}"
            else:
                cost, *ends = (_error(one) for one in costs)
                verb = f"costs {cost}"
            parts.append(f"{words} ({other.frozen_layers}) {verb}{f' [{ends[0]}, {ends[1]}]' if ends else ''}")
    sure = "" if choices[best].interval else "; how sure that is, nobody can tell"
    return f"To be wrong by one step: {'; '.join(parts)}{sure}." if parts else ""


def _near(grid: Grid, best: int, descent: Descent, threshold: int | None, logs: bool) -> str:
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
        return f"A peak over frozen layers that stands out by {descent.smallest:g} is ruled out.{where}"
    more = f": about {descent.seeds_needed} seeds would tell" if descent.seeds_needed else ""
    return f"Whether the error peaks over frozen layers nobody can tell from these runs{more}.{where}"


def _early_stopping(runs: pd.DataFrame, at: int, logs: bool) -> str:
    there = runs[runs["frozen_layers"].astype(int).eq(at) & runs["best_test_error"].notna()]
    gain = (there["final_test_error"] - there["best_test_error"]).astype(float)
    if not len(there):
        return ""
    # Squared errors have no scale but their own
    if gain.mean() < WORTH * (float(there["final_test_error"].astype(float).mean()) if logs else 1.0):
        return "Early stopping would gain next to nothing: the last epoch is about as good as the best one."
    epoch = there["best_epoch"].astype(float).median()
    return (
        f"Early stopping could gain up to {_error(gain.mean(), logs)}: the best epoch (about {epoch:,.0f}) against the "
        "last. That looks at the test images, so it is a bound; hold out images of your own to choose the epoch."
    )


def _sizes(evidence: Evidence, grid: Grid, grids: Sequence[Grid], at: int) -> str:
    """What more target images did, with the best number of layers of each size."""
    images = "target.images"
    if images not in evidence.swept:
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
    errors = [float(np.nanmean(one.values, axis=0).min()) for one in (less, grid)]
    change = errors[0] - errors[1]
    by = _error(abs(change), evidence.labels == "numbers")
    words = f"lowered the error by {by}" if change >= 0 else f"raised the error by {by}"
    return (
        f"More data: going from {less.settings[images]:,} to {own:,} images {words}, each at its best number of layers."
    )


def _soft(evidence: Evidence, grid: Grid, grids: Sequence[Grid]) -> str:
    """What soft freezing did, where the study has it: the best of this curve against the best with another strength."""
    swept = [path for path in evidence.swept if path.startswith("soft_freezing")]
    if not swept:
        return "Soft freezing, weights pulled to the source instead of held: not studied. Sweep `soft_freezing.l2_sp`."
    lowest = float(np.nanmean(grid.values, axis=0).min())
    rivals = [
        (float(np.nanmean(other.values, axis=0).min()), other)
        for other in grids
        if other is not grid
        and all(other.settings.get(key) == value for key, value in grid.settings.items() if key not in swept)
    ]
    if not rivals:
        return ""
    error, other = min(rivals, key=lambda one: one[0])
    words = ", ".join(f"{plain(path)} {shown(other.settings.get(path))}" for path in swept)
    better = "better" if error < lowest else "worse"
    by, at = (_error(one, evidence.labels == "numbers") for one in (abs(error - lowest), error))
    return f"Soft freezing: at its best, {words} is {better} by {by} ({at})."


def _against_scratch(evidence: Evidence, grid: Grid, best: int, level: float) -> str:
    if "control" not in evidence.swept:
        return (
            "Whether what was learned before helps at all: not studied. Sweep `control: [transfer, random, scratch]`."
        )
    scratch = [
        other
        for other in over_setting(evidence, "frozen_layers", "final_test_error", fewest=1)
        if other.settings.get("control") == "scratch"
        and {**other.settings, "control": None} == {**grid.settings, "control": None}
    ]
    if not scratch:
        return ""
    place = np.array([grid.x[best]])
    transfers, scratches = grid.values[:, best], scratch[0].values[:, 0]
    there = [~np.isnan(values) for values in (transfers, scratches)]  # seeds without either are not to be paired
    found = differences(
        (place, place),
        (transfers[there[0], None], scratches[there[1], None]),
        (
            [seed for seed, done in zip(grid.seeds, there[0], strict=True) if done],
            [seed for seed, done in zip(scratch[0].seeds, there[1], strict=True) if done],
        ),
        None if grid.test_images is None else grid.test_images[[best]],
        level=level,
        most=most_different(evidence),
    )
    if found is None:
        return ""
    gain, logs = float(found.mean[0]), evidence.labels == "numbers"
    ends = f" [{_error(found.low[0], logs)}, {_error(found.high[0], logs)}]" if np.isfinite(found.low[0]) else ""
    better = "better" if gain > 0 else "worse"
    return f"Against training from scratch, transfer is {better} by {_error(abs(gain), logs)}{ends}."


def _trust(evidence: Evidence, grid: Grid, best: Best) -> str:
    missing = evidence.asked - evidence.runs["id"].nunique() - evidence.diverged
    words = []
    if missing > 0:
        words.append(f"{missing} of the study's {evidence.asked} runs {_are(missing)} not done, so this may change")
    if evidence.diverged:
        words.append(f"{evidence.diverged} of its runs diverged and {_are(evidence.diverged)} left out")
    if grid.test_images is not None and grid.test_images.min() < 1000:
        words.append(
            f"{int(grid.test_images.min())} test images are few: an error of one half on them is known to "
            f"± {1.96 * 0.5 / np.sqrt(grid.test_images.min()):.3f}, however many seeds there are"
        )
    words.append("the best number was chosen by the very test images that its error is of, so expect a little more")
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."


def _error(value: float, squared: bool = False) -> str:
    """Three decimals; of squared errors, which have no scale but their own, three digits."""
    text = f"{value:.3g}" if squared else f"{value:.3f}"
    return "0.000" if text == "-0.000" else text


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _layers(count: int) -> str:
    return "no layers" if count == 0 else "1 layer" if count == 1 else f"{count} layers"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
