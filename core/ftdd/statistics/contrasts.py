"""Differences between windows of a curve in standard errors, and how large the largest gets by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from ftdd.statistics.noise import Floats, Noise, correlations

DRAWS = 4000
TOGETHER = 250
"""Curves that are simulated together: so many of 300 places stay in a core's cache, which is thrice as fast as all."""
ALIKE = 0.9995
"""Standard errors whose ratio is at least this are taken to be one: a hundredth of what the number of draws leaves."""
FARTHEST = 30.0
"""The largest z that is told from larger ones, where test images add to the variance."""
HALVINGS = 30
LEAST = 1e-300
"""Chances are not taken smaller: below, doubles have few digits."""
WIDEST = 5
"""A window is at most this part of a curve: a valley, a peak and what follows must each have room."""


@dataclass(frozen=True)
class Contrasts:
    """For windows of one width: later minus earlier, for every pair of windows that do not overlap."""

    width: int
    level: Floats
    """The mean of each window, by the window's first place: shape (windows,)."""
    difference: Floats
    """[i, j]: window j − window i. Shape (windows, windows)."""
    seeds: Floats
    """Its variance as seeds show it; NaN where windows overlap."""
    test: Floats
    """What drawing other test images would add to that, which is known."""
    score: Floats
    """The difference in standard errors; NaN where windows overlap. `normal` makes z of it."""
    df: float
    """Degrees of freedom of the seeds' part."""
    second: "tuple[Floats, float] | None" = None
    """What the other margin adds to the variance, with its degrees of freedom; see `Noise.second`."""

    def normal(self, score: float) -> float:
        """The standard normal number of the same chance as a score; the larger score has the larger number."""
        if self.test.any() or self.second is not None:
            return score
        chance = max(float(stdtr(self.df, -abs(score))), LEAST)
        return float(np.sign(score) * -ndtri(chance))

    def half_width(self, critical: float) -> Floats:
        """Of intervals for all differences that hold together where `critical` is that of the largest z.

        Each part has a quantile of its own: t of the seeds', normal of the test images'. Intervals whose squared half
        width is the sum of both hold at least as often as each would alone (Banerjee 1960, Sankhya 22), also
        where two seeds by chance hardly differ, which Satterthwaite's degrees of freedom take for knowledge.
        """
        squared = critical**2 * self.test
        for variance, df in ((self.seeds, self.df), *((self.second,) if self.second else ())):
            squared = squared + float(stdtrit(df, ndtr(-critical))) ** 2 * variance
        return np.asarray(np.sqrt(squared), dtype=float)


def widths(points: int) -> tuple[int, ...]:
    """The widths of windows to look at: single places, and more up to a fifth of the curve."""
    return tuple(width for width in (1, 2, 3, 5, 8, 12, 18, 27) if width <= max(points // WIDEST, 1))


def contrasts(noise: Noise, width: int) -> Contrasts:
    """The differences of windows of one width. The noise must be known."""
    level = _rolling(noise.mean[None, :], width)[0]
    difference = level - level[:, None]
    seeds, images = _quadratic(noise.covariance, width), _quadratic(noise.test, width)
    windows = np.arange(len(level))
    seeds[np.abs(np.subtract.outer(windows, windows)) < width] = np.nan
    second = (_quadratic(noise.second.covariance, width), noise.second.df) if noise.second else None
    score = score_of(difference, ((seeds, noise.df), *((second,) if second else ())), images)
    return Contrasts(width, level, difference, seeds, images, score, noise.df, second)


def _quadratic(covariance: Floats, width: int) -> Floats:
    """(w_j − w_i)' covariance (w_j − w_i), of the weights of each two windows; shape (windows, windows)."""
    if not covariance.any():
        return np.zeros((len(covariance) - width + 1,) * 2)
    together = _rolling(_rolling(covariance, width).T, width)
    own = np.diag(together)
    return np.asarray(np.maximum(own[:, None] + own - 2 * together, 0.0))


@dataclass(frozen=True)
class Largest:
    """The distribution of the largest z of all differences of later minus earlier windows, of a curve that is flat."""

    draws: Floats
    """Sorted."""

    def critical(self, chance: float) -> float:
        """What the largest z exceeds with this chance."""
        tail = 0.01
        if chance >= tail:
            return self._quantile(1 - chance)
        at = self._quantile(1 - tail)
        return float(-ndtri(chance / tail * ndtr(-at)))

    def chance(self, z: float) -> float:
        """That the largest is at least z: counted, and beyond what is rare as a normal tail falls off."""
        at = self._quantile(0.99)
        if z > at:
            return float(0.01 * ndtr(-z) / ndtr(-at))
        return float(1 - np.searchsorted(self.draws, z) / len(self.draws))

    def _quantile(self, share: float) -> float:
        at = share * (len(self.draws) - 1)
        return float(np.interp(at, (int(at), int(at) + 1), self.draws[int(at) : int(at) + 2]))


def largest(points: int, share: float, decay: float) -> Largest:
    """For curves of so many places whose noise has this memory; the same draws each time."""
    if points == 2:  # one difference is normal; drawn, its 2.5% would be at 1.92 instead of 1.96
        return Largest(np.asarray(ndtri((np.arange(DRAWS) + 0.5) / DRAWS)))
    return _largest(points, round(share, 1), round(decay, 2) if round(share, 1) else 0.0)


@lru_cache(maxsize=512)
def _largest(points: int, share: float, decay: float) -> Largest:
    random = np.random.default_rng((points, int(10 * share), int(100 * decay)))
    lags = correlations(share, decay, points)
    covariance = lags[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))]
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(points))
    curves = random.standard_normal((DRAWS, points)) @ root.T
    parts = np.array_split(curves, max(DRAWS // TOGETHER, 1))
    return Largest(np.sort(np.concatenate([_greatest(part, share, decay) for part in parts])))


def _greatest(curves: Floats, share: float, decay: float) -> Floats:
    """Of each curve, a row, the largest difference of a later window minus an earlier one, in standard errors."""
    points = curves.shape[1]
    greatest = np.full(len(curves), -np.inf)
    for width in widths(points):
        windows = points - width + 1
        # A place is a row here, so that the largest over places is taken of neighbours in memory; half the digits do
        means = np.ascontiguousarray(_rolling(curves, width).T, dtype=np.float32)
        within = _window_covariances(share, decay, width, windows)
        error = np.sqrt(2 * np.maximum(within[0] - within, 1e-12))
        # Where noise remembers no more, every lag has one standard error: the lowest so far is what to be above
        far = int(np.argmax(error >= ALIKE * error[-1])) if windows > width else windows
        far = max(far, width)
        for lag in range(width, far):
            np.maximum(greatest, (means[lag:] - means[:-lag]).max(axis=0) / error[lag], out=greatest)
        if far < windows:
            lowest = np.minimum.accumulate(means[: windows - far], axis=0)
            np.maximum(greatest, (means[far:] - lowest).max(axis=0) / error[-1], out=greatest)
    return greatest


def _rolling(curves: Floats, width: int) -> Floats:
    if width == 1:
        return curves
    sums = np.zeros((len(curves), curves.shape[1] + 1))
    np.cumsum(curves, axis=1, out=sums[:, 1:])
    return np.asarray((sums[:, width:] - sums[:, :-width]) / width)


def _window_covariances(share: float, decay: float, width: int, windows: int) -> Floats:
    """Of the means of two windows of noise of variance 1, by the distance of their first places."""
    lags = correlations(share, decay, windows + width)
    shifts = np.arange(-(width - 1), width)
    weights = (width - np.abs(shifts)) / width**2
    distance = np.abs(np.arange(windows)[:, None] + shifts)
    return np.asarray((lags[distance] * weights).sum(axis=1))


def score_of(difference: Floats, parts: Sequence[tuple[Floats, float]], images: Floats) -> Floats:
    """Student's t; where several parts add to the variance, the z at which the difference's interval would end at 0.

    parts: variances with their degrees of freedom.   images: the variance over test images.
    """
    seeds = parts[0][0]
    if not images.any() and len(parts) == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(difference == 0, 0.0, difference / np.sqrt(seeds)))
    size = np.abs(difference)
    grid = np.concatenate([[0.0], np.geomspace(1e-3, FARTHEST, 600)])
    quantiles = [(-stdtrit(df, ndtr(-grid)), variance) for variance, df in parts]
    least = np.maximum(sum(variance for variance, _ in parts) + images, 1e-300)
    high = np.minimum(np.where(np.isnan(seeds), np.nan, FARTHEST), size / np.sqrt(least))
    low = np.zeros_like(high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        of_seeds = sum(np.interp(middle, grid, quantile) ** 2 * variance for quantile, variance in quantiles)
        beyond = of_seeds + middle**2 * images > size**2
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(np.sign(difference) * (low + high) / 2)
