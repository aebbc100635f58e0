"""What a study would see: the smallest peak and the smallest difference, and how many seeds a given one takes.

The detector's own rule, applied to simulated noise: what is not known before a study is run is only how large the noise
is. bench/power.py compares it with `find_descent` itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from ftdd.statistics.best import MOST_SEEDS, many_to_one
from ftdd.statistics.contrasts import largest, widths
from ftdd.statistics.noise import LONG, Floats, correlations

POWER = 0.8
"""The chance with which `smallest_…` are seen."""
DRAWS = 500
BREADTH = 1 / 12
"""The standard deviation of a peak, which is Gaussian, as a part of the curve; a fifth wide at half its height."""
NEAR_THE_TOP = 0.8
"""Windows in which a peak has less of its height do not see it first."""


@dataclass(frozen=True)
class Spread:
    """How much the errors of runs like these differ; see `ftdd.statistics.noise.Noise`."""

    sd: float
    """Of one seed's error at a place, without what it has in common at all places; of errors of numbers, of their
    logarithms."""
    offset: float = 0.0
    """The standard deviation, over seeds, of what a seed has in common at all places of a curve."""
    share: float = 0.0
    decay: float = 0.0
    """The memory of the noise along a curve of 16 places or more: correlation share · decay^lag."""
    images: float = 0.0
    """What the test images add to the variance of a difference of two places: discordance / number of images."""


def smallest_peak(points: int, seeds: int, spread: Spread, *, level: float = 0.95, curves: int = 1) -> float | None:
    """The height of a peak that is *seen* with probability 0.8; None where no height would be.

    points: places of the curve, three at least.   seeds: replicates, two at least.   curves: looked at together.
    """
    if points < 3 or seeds < 2:
        return None
    return float(np.quantile(_heights(points, seeds, spread, level, curves), POWER))


def power_of_peak(
    height: float, points: int, seeds: int, spread: Spread, *, level: float = 0.95, curves: int = 1
) -> float:
    """The chance that a peak of this height is *seen*."""
    if points < 3 or seeds < 2:
        return 0.0
    return float((_heights(points, seeds, spread, level, curves) <= height).mean())


def smallest_cost(points: int, seeds: int, spread: Spread, *, level: float = 0.95, curves: int = 1) -> float | None:
    """How much worse a place is than the best, where that is significant with probability 0.8; None where never.

    points: places that are compared, two at least.   seeds: replicates, two at least.
    """
    if points < 2 or seeds < 2:
        return None
    variance = 2 * spread.sd**2 / seeds
    apart = (variance + spread.images) * (1 - np.eye(points))
    critical = many_to_one(apart, (1 - level) / curves)
    df = (seeds - 1) * (points - 1)
    quantile = -float(stdtrit(df, ndtr(-critical)))
    half = np.sqrt(quantile**2 * variance + critical**2 * spread.images)
    return float(half + ndtri(POWER) * np.sqrt(variance + spread.images))


def smallest_difference(seeds: int, spread: Spread, *, level: float = 0.95, comparisons: int = 1) -> float | None:
    """The difference of two curves at one place that is significant with probability 0.8; None with one seed.

    comparisons: places and pairs of curves that are looked at together. Two curves are taken to differ by what a seed
    has at all places of one and not of the other, as much as curves of different seeds do.
    """
    if seeds < 2:
        return None
    variance = 2 * (spread.sd**2 + spread.offset**2) / seeds
    own = spread.offset**2 / (spread.sd**2 + spread.offset**2) if variance else 0.0
    # What seeds have in common at all places is known from so many values as there are seeds
    df = (seeds - 1) / max(own, 1 / max(comparisons, 1))
    critical = -stdtrit(df, (1 - level ** (1 / comparisons)) / 2)
    beyond = float(stdtrit(df, POWER))
    return float(critical + beyond) * float(np.sqrt(variance + spread.images))


def seeds_for(goal: float, smallest: Callable[[int], float | None]) -> int | None:
    """How many seeds it takes that `smallest(seeds)` is at most `goal`; None where MOST_SEEDS do not.

    smallest: falls with the number of seeds.
    """

    def enough(seeds: int) -> bool:
        found = smallest(seeds)
        return found is not None and found <= goal

    low, high = 1, MOST_SEEDS
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@lru_cache(maxsize=256)
def _heights(points: int, seeds: int, spread: Spread, level: float, curves: int) -> Floats:
    """In each of DRAWS simulated studies, the height from which on a peak in the middle of the curve is seen."""
    share, decay = (spread.share, spread.decay) if points >= LONG else (0.0, 0.0)
    critical = largest(points, share, decay).critical((1 - level) / curves)
    random = np.random.default_rng((points, seeds))
    lags = correlations(share, decay, points)
    covariance = lags[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))]
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(points))
    mean = spread.sd / np.sqrt(seeds) * (random.standard_normal((DRAWS, points)) @ root.T)
    df = (seeds - 1) * (points - 1) / (1 + 2 * float((lags[1:] ** 2).sum()))
    # As the detector will estimate it: from all places together, and never below a place's own estimate
    together = random.chisquare(df, (DRAWS, 1)) / df
    own = random.chisquare(seeds - 1, (DRAWS, points)) / (seeds - 1)
    variance = spread.sd**2 * np.maximum(together, own)
    quantile = -float(stdtrit(df, ndtr(-critical)))
    drawn = np.sqrt(spread.images / 2) * random.standard_normal((DRAWS, points))
    places = np.arange(points)
    shape = np.exp(-0.5 * ((places - points // 2) / (BREADTH * points)) ** 2)
    found = np.full(DRAWS, np.inf)
    for width in widths(points):
        noise, bump, spreads = (_rolled(row, width) for row in (mean, shape, variance))
        images = drawn[:, width // 2 :][:, : noise.shape[1]]
        within = _within(lags, width, noise.shape[1])
        for peak in np.flatnonzero(bump >= NEAR_THE_TOP * bump.max()):
            distance = np.abs(np.arange(len(bump)) - peak)
            of_seeds = within[0] * (spreads + spreads[:, [peak]])
            of_seeds -= 2 * within[distance] * np.sqrt(spreads * spreads[:, [peak]])
            half = np.sqrt(quantile**2 * np.maximum(of_seeds, 0) / seeds + critical**2 * spread.images)
            by_luck = noise[:, [peak]] - noise + images[:, [peak]] - images
            above = bump[peak] - bump
            with np.errstate(divide="ignore", invalid="ignore"):
                needed = np.where((above > 0) & (distance >= width), (half - by_luck) / above, np.inf)
            if width <= peak < len(bump) - width:
                sides = needed[:, :peak].min(axis=1), needed[:, peak + 1 :].min(axis=1)
                found = np.minimum(found, np.maximum(*sides))
    return np.sort(found)


def _rolled(rows: Floats, width: int) -> Floats:
    """Means of windows along the last axis."""
    sums = np.cumsum(rows, axis=-1)
    sums = np.concatenate([np.zeros((*rows.shape[:-1], 1)), sums], axis=-1)
    return np.asarray((sums[..., width:] - sums[..., :-width]) / width)


def _within(lags: Floats, width: int, windows: int) -> Floats:
    """The covariance of the means of two windows of noise of variance 1, by the distance of their first places."""
    shifts = np.arange(-(width - 1), width)
    weights = (width - np.abs(shifts)) / width**2
    distance = np.abs(np.arange(windows)[:, None] + shifts)
    return np.asarray((lags[np.minimum(distance, len(lags) - 1)] * weights).sum(axis=1))
