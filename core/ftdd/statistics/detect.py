"""Second descents: whether a curve rises and falls again, answered with an effect, an interval and a chance."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ftdd.statistics.contrasts import Contrasts, contrasts, largest, widths
from ftdd.statistics.looks import level_at_look
from ftdd.statistics.noise import Floats, Noise, measure_noise, measured, with_more

Interval = tuple[float, float]

ROOM = 8
"""`not seen` speaks of descents whose valley, peak and end each last at least this part of the curve, and one place."""

MOST_SEEDS = 50


@dataclass(frozen=True)
class Shape:
    """What a curve does, read off its mean: falls to a first minimum, rises to a peak, falls again."""

    first: int
    """The place of the first minimum: the lowest before the peak."""
    peak: int
    second: int
    """The place of the second minimum: the lowest after the peak."""
    rise: float
    """Peak − first minimum."""
    fall: float
    """Peak − last."""
    descent: float
    """Peak − second minimum."""

    @property
    def effect(self) -> float:
        """How far the peak stands out: the smaller of the rise before it and the descent after it."""
        return min(self.rise, self.descent)


@dataclass(frozen=True)
class Descent:
    """The answer for one curve."""

    answer: Literal["seen", "not seen", "cannot tell"]
    shape: Shape | None
    """Of the mean curve; None where it never rises and falls again."""
    effect: float
    """How far the peak stands out; 0 where there is none."""
    interval: Interval | None
    """Of the effect: each end holds with probability `level`, jointly over the curves, as what is claimed of it is
    one-sided. None where seeds say nothing."""
    rise_interval: Interval | None
    fall_interval: Interval | None
    """Of peak − last. The ends of these three intervals hold together with probability `level`."""
    ends_below: Interval | None
    """Of first minimum − last: above 0 the second descent is strong, below 0 weak."""
    peak_places: tuple[int, int] | None
    """The first and the last place between the two minima that may be the peak: none of them is significantly lower."""
    p: float
    """That a monotone or single-valley curve looks like this or more so, times the number of curves looked at."""
    excluded_height: float | None
    """An upper bound, that holds with probability `level` jointly over the curves, of how far a peak stands out that
    lasts at least `excluded_width` places, as the valley before and what follows do. None where seeds say nothing."""
    excluded_width: int
    smallest: float
    """`not seen` where the excluded height is below this."""
    seeds: int
    width: int
    """Places in the windows that were compared where the peak stands out with the largest margin."""
    level: float
    """That of this look; see `ftdd.statistics.looks`."""
    seeds_needed: int | None = None
    """Where it is inconclusive, about how many seeds would decide; None for one seed, or if MOST_SEEDS would not."""


def find_descent(
    values: "npt.ArrayLike",
    test: Floats | None = None,
    second: Floats | None = None,
    *,
    smallest: float = 0.05,
    level: float = 0.95,
    curves: int = 1,
    most: float = np.inf,
    asked: int | None = None,
) -> Descent:
    """Whether the curve that seeds measured falls (or starts low), rises to a peak, and falls again.

    values: errors, shape (seeds, points) with points in the order of the axis and NaN where a run is missing.
    test: shape (points, points), the covariance over draws of the test images of the points' mean errors; None where
    the claim is about these very images.
    second: where replicates are sources crossed with target seeds, the other margin: shape (its replicates, points).
    smallest: the effect below which a second descent is of no interest.   curves: how many are looked at together.
    most: what no difference is above: 1 of shares, such as error rates; intervals of few seeds would reach far beyond.
    level: bounds hold with this probability; 1 − level is the chance of any false `seen`, and of any false `not seen`.
    asked: how many seeds were asked for at first, where more may be added until it is clear; None: looked at once.

    The null hypothesis is every curve that is monotone or has a single valley. In such a curve no point is above both
    an earlier and a later one, so `seen` needs a window of the curve that is significantly above an earlier and a later
    window of its width, where significance allows for having looked at all pairs of windows of all widths
    (docs/method.md). Raises ValueError where the values have another shape, no value at some point, or an infinite one.
    """
    table = measured(np.atleast_2d(np.asarray(values, dtype=float)))
    noise = measure_noise(table, test, second)
    wanted = _Wanted(smallest, level, curves, asked)
    found = _tell(noise, len(table), wanted)
    if found.answer == "cannot tell" and noise.known:
        found = replace(found, seeds_needed=_seeds_needed(noise, found, wanted))
    return replace(
        found,
        interval=_within(found.interval, most),
        rise_interval=_within(found.rise_interval, most),
        fall_interval=_within(found.fall_interval, most),
        ends_below=_within(found.ends_below, most),
        excluded_height=None if found.excluded_height is None else min(found.excluded_height, most),
    )


def _within(interval: Interval | None, most: float) -> Interval | None:
    return interval and (max(interval[0], -most), min(interval[1], most))


@dataclass(frozen=True)
class _Wanted:
    """What is asked of a curve; see `find_descent`."""

    smallest: float = 0.05
    level: float = 0.95
    curves: int = 1
    asked: int | None = None


def _tell(noise: Noise, seeds: int, wanted: _Wanted) -> Descent:
    level = level_at_look(wanted.level, wanted.asked, seeds)
    smallest, chance = wanted.smallest, (1 - level) / wanted.curves
    points = len(noise.mean)
    shape = _shape(noise.mean)
    effect = shape.effect if shape else 0.0
    if not noise.known or points < 3:
        return Descent(
            "cannot tell", shape, effect, None, None, None, None, None, 1.0, None, 1, smallest, seeds, 1, level
        )
    chances = largest(points, noise.share, noise.decay)
    critical, two_sided = chances.critical(chance), chances.critical(chance / 2)
    every = [contrasts(noise, width) for width in widths(points)]
    best = max(
        (found for one in every if (found := _stands_out(one)) is not None), key=lambda one: one.score, default=None
    )
    lowest = max((low for one in every if (low := _lower_end(one, critical)) is not None), default=-np.inf)
    seen = lowest > 0 and best is not None
    if seen and best is not None:
        # The surest peak need not be the highest place of it: seeds differ most where the threshold is
        shape = _shape(noise.mean, (best.earlier, best.later)) or shape
        effect = shape.effect if shape else effect
    wide = _wide_enough(every, points)
    highest = _upper_end(wide, chance)
    single, last = every[0], points - 1
    return Descent(
        "seen" if seen else ("not seen" if highest < smallest else "cannot tell"),
        shape,
        effect,
        (min(float(lowest), effect) if np.isfinite(lowest) else -highest, max(highest, effect)),
        _between(single, shape.first, shape.peak, two_sided) if shape else None,
        _between(single, last, shape.peak, two_sided) if shape else None,
        _between(single, last, shape.first, two_sided) if shape else None,
        _peak_places(single, shape, two_sided) if shape else None,
        1.0 if best is None else min(1.0, wanted.curves * chances.chance(every[0].normal(best.score))),
        highest,
        wide.width,
        smallest,
        seeds,
        best.width if best else 1,
        level,
    )


def _seeds_needed(noise: Noise, found: Descent, wanted: _Wanted) -> int | None:
    """The smallest number of seeds that would tell, were the mean to stay as it is; None where MOST_SEEDS would not.

    What the test images add to the noise stays, however many seeds there are.
    """
    low, high = found.seeds, MOST_SEEDS
    if not _would_tell(noise, found, high, wanted):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _would_tell(noise, found, middle, wanted) else (middle, high)
    return high


def _would_tell(noise: Noise, found: Descent, seeds: int, wanted: _Wanted) -> bool:
    return _tell(with_more(noise, seeds / found.seeds), seeds, wanted).answer != "cannot tell"


@dataclass(frozen=True)
class _Peak:
    """A window that is above an earlier and a later one."""

    score: float
    earlier: int
    """Where the earlier window begins."""
    later: int
    """Where the later window ends."""
    width: int


def _stands_out(given: Contrasts) -> _Peak | None:
    """The window with the largest margin above an earlier and a later one; None where there is no room for three."""
    rises, falls = _sides(given.score)
    both = np.minimum(rises, falls)
    if not np.isfinite(both).any():
        return None
    peak = int(np.argmax(np.where(np.isfinite(both), both, -np.inf)))
    over = np.nan_to_num(given.score[:, peak], nan=-np.inf)
    earlier, later = int(np.argmax(over[:peak])), peak + 1 + int(np.argmax(over[peak + 1 :]))
    return _Peak(float(both[peak]), earlier, later + given.width, given.width)


def _lower_end(given: Contrasts, critical: float) -> float | None:
    """Of how far the peak stands out: of all lower ends of such an effect, which hold together, the greatest."""
    rises, falls = _sides(given.difference - given.half_width(critical))
    both = np.minimum(rises, falls)
    return float(both[np.isfinite(both)].max()) if np.isfinite(both).any() else None


def _upper_end(given: Contrasts, chance: float) -> float:
    """What the effect of windows of this width is above with this chance at most.

    The true effect is that of one triple of windows, not selected by the data. Its rise and its fall are each below
    their upper ends but for half the allowed chance, and so the effect is below the greatest of all smaller upper ends.
    """
    rises, falls = _sides(given.difference + given.half_width(float(-ndtri(chance / 2))))
    both = np.minimum(rises, falls)
    return max(float(both[np.isfinite(both)].max()) if np.isfinite(both).any() else 0.0, 0.0)


def _sides(later_minus_earlier: Floats) -> tuple[Floats, Floats]:
    """For each window: the most of it above an earlier one, and the most of it above a later one; −inf without any.

    The matrix has signed entries [i, j] for window j over window i, in both directions.
    """
    over = np.where(np.isnan(later_minus_earlier), -np.inf, later_minus_earlier)
    places = np.arange(len(over))
    earlier = places[:, None] < places[None, :]
    return np.where(earlier, over, -np.inf).max(axis=0), np.where(earlier.T, over, -np.inf).max(axis=0)


def _wide_enough(every: list[Contrasts], points: int) -> Contrasts:
    fitting = [one for one in every if one.width <= max(points // ROOM, 1)]
    return fitting[-1]


def _between(given: Contrasts, low: int, high: int, critical: float) -> Interval | None:
    """The interval of the value at one place over that at another; None where they are one."""
    if low == high:
        return None
    middle = float(given.difference[low, high])
    half = float(given.half_width(critical)[low, high])
    return middle - half, middle + half


def _peak_places(given: Contrasts, shape: Shape, critical: float) -> tuple[int, int]:
    above = given.difference[:, shape.peak] - given.half_width(critical)[:, shape.peak]
    between = np.arange(len(above))
    maybe = (np.isnan(above) | (above <= 0)) & (between > shape.first) & (between < shape.second)
    maybe[shape.peak] = True
    found = np.flatnonzero(maybe)
    return int(found[0]), int(found[-1])


def _shape(mean: Floats, within: tuple[int, int] | None = None) -> Shape | None:
    """The peak that stands out most, of all or of some places; None where no place is above an earlier and a later."""
    before = np.minimum.accumulate(mean)
    after = np.minimum.accumulate(mean[::-1])[::-1]
    out = np.minimum(mean - before, mean - after)
    allowed = np.zeros(len(mean), dtype=bool)
    allowed[slice(*within) if within else slice(None)] = True
    peak = int(np.argmax(np.where(allowed, out, -np.inf)))
    if out[peak] <= 0:
        return None
    first = int(np.argmin(mean[:peak]))
    second = peak + 1 + int(np.argmin(mean[peak + 1 :]))
    top = float(mean[peak])
    return Shape(first, peak, second, top - float(mean[first]), top - float(mean[-1]), top - float(mean[second]))
