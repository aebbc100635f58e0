"""Which places of a curve may be the best, what each costs over it, and how optimistic the best one's error is."""

from dataclasses import dataclass

import numpy as np

from ftdd.statistics.contrasts import DRAWS, Contrasts, Largest, contrasts
from ftdd.statistics.noise import Floats, Noise, measure_noise, with_more

MOST_SEEDS = 50


MORE_DRAWS = 40
"""Places up to which more curves are drawn than of long ones."""


@dataclass(frozen=True)
class Best:
    """The lowest place of a mean curve, and what each place costs over the truly best one, whichever that is."""

    at: int
    mean: Floats
    cost: Floats
    """Of each place over the lowest one."""
    low: Floats
    """Lower ends of the costs over the truly best place: each holds with probability `level`. 0 for all places of
    `as_good` and above 0 for all others; infinite below where nothing is known of the noise."""
    high: Floats
    """Upper ends of the same, 0 or more; all hold together with probability `level`. Infinite where it is unknown."""
    as_good: tuple[int, ...]
    """Places that may be the best: the truly best one is among them with probability `level`."""
    noise: Noise
    seeds: int

    @property
    def known(self) -> bool:
        """Whether the seeds say anything of how much seeds differ."""
        return bool(np.isfinite(self.low).all())

    def cheap(self, tolerance: float) -> tuple[int, ...]:
        """The places that cost less than `tolerance`: with probability `level`, all of them do."""
        return tuple(int(place) for place in np.flatnonzero(self.high < tolerance))


def best_places(
    values: Floats,
    test: Floats | None = None,
    second: Floats | None = None,
    *,
    level: float = 0.95,
    curves: int = 1,
    most: float = np.inf,
) -> Best:
    """One-sided comparisons of each place with the best (Hsu 1984, The Annals of Statistics 12, 1136).

    values: shape (seeds, points), NaN where a run is missing.   curves: how many are looked at together.
    test: shape (points, points), the covariance over draws of the test images of the points' mean errors; None where
    the claim is about these very images.
    second: where replicates are sources crossed with target seeds, the other margin: shape (its replicates, points).
    most: what no difference is above: 1 of shares, such as error rates; intervals of few seeds would reach far beyond.

    If b is the best place, then with probability `level` no other mean is further below that of b than b's critical
    value: so b is among the places of which this is so, and no place costs more than the means over any of these say.
    """
    seeds = int((~np.isnan(np.atleast_2d(values)).all(axis=1)).sum())
    return _best(measure_noise(values, test, second), seeds, level, curves, most)


def seeds_to_settle(
    found: Best, tolerance: float, *, level: float = 0.95, curves: int = 1, most_seeds: int = MOST_SEEDS
) -> int | None:
    """The smallest number of seeds with which some place would cost less than `tolerance`, were the means to stay.

    What the test images add to the noise stays, however many seeds there are. None where `most_seeds` would not do, or
    where the noise is not known.
    """

    def settled(seeds: int) -> bool:
        return bool(_best(with_more(found.noise, seeds / found.seeds), seeds, level, curves, np.inf).cheap(tolerance))

    low, high = found.seeds, most_seeds
    if not found.known or high <= low or not settled(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def optimism(errors: Floats) -> float | None:
    """How much too low the error of the best place is for its having been chosen by the same seeds and test images.

    errors: shape (seeds, points), or (seeds, points, groups of test images) where the answers to each are known.

    Each seed in turn is left out, with each group of images in turn: the others choose a place, and those left out say
    what it costs. So this is the error of a place that a little less data chooses, on data that took no part, minus the
    lowest mean. Without groups, what the test images add is not found. None with one complete seed.
    """
    whole = errors if errors.ndim == 3 else errors[:, :, None]
    whole = whole[~np.isnan(whole).any(axis=(1, 2))]
    seeds, points, groups = whole.shape
    if seeds < 2 or points < 2:
        return None
    others = whole.sum(axis=0) - whole
    if groups > 1:
        others = others.sum(axis=2, keepdims=True) - others
    chosen = others.argmin(axis=1)
    left_out = np.take_along_axis(whole, chosen[:, None, :], axis=1)
    return max(float(left_out.mean() - whole.mean(axis=(0, 2)).min()), 0.0)


def many_to_one(variance: Floats, chance: float) -> float:
    """What no other mean is further below the best one's, in standard errors of their difference, but with `chance`.

    variance: of the difference of each two places' means, shape (points, points). The largest over the places that may
    be the best, each as Dunnett (1955) has it for one that was named beforehand; simulated, as places differ in their
    noise and along long curves depend on each other.
    """
    points = len(variance)
    centred = np.eye(points) - 1 / points
    values, vectors = np.linalg.eigh(-0.5 * centred @ variance @ centred)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = DRAWS * max(1, MORE_DRAWS // points)  # the largest of several estimates is too large by their error
    curves = root @ np.random.default_rng(points).standard_normal((points, draws))
    with np.errstate(divide="ignore"):
        per_error = np.where(variance > 0, 1 / np.sqrt(variance), 0.0)
    greatest = 0.0
    for best in range(points):
        apart = (curves[best] - curves) * per_error[best][:, None]
        apart[best] = -np.inf
        greatest = max(greatest, Largest(np.sort(apart.max(axis=0))).critical(chance))
    return greatest


def _best(noise: Noise, seeds: int, level: float, curves: int, most: float) -> Best:
    at = int(np.argmin(noise.mean))
    cost = noise.mean - noise.mean[at]
    if not noise.known or len(cost) < 2 or not (noise.variance > 0).any():
        unknown = np.full(len(cost), np.inf)
        return Best(at, noise.mean, cost, -unknown, unknown, tuple(range(len(cost))), noise, seeds)
    half = _half_widths(contrasts(noise, 1), (1 - level) / curves)
    over = noise.mean - noise.mean[:, None]  # [i, j]: place j over place i
    others = ~np.eye(len(cost), dtype=bool)
    low = np.maximum(np.where(others, over - half, -np.inf).max(axis=0), 0.0)
    possible = low <= 0
    # Whichever of the possible ones is the best: the cost over it is no more than the largest of these
    high = np.maximum(np.where(others, over + half, 0.0)[possible].max(axis=0), 0.0)
    as_good = tuple(int(place) for place in np.flatnonzero(possible))
    return Best(at, noise.mean, cost, np.minimum(low, most), np.minimum(high, most), as_good, noise, seeds)


def _half_widths(given: Contrasts, chance: float) -> Floats:
    second = given.second[0] if given.second else 0.0
    critical = many_to_one(np.nan_to_num(given.seeds + second) + given.test, chance)
    return np.nan_to_num(given.half_width(critical))
