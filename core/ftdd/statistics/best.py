"""Which place of a curve is best, which are not significantly worse, and what each costs."""

from dataclasses import dataclass

import numpy as np

from ftdd.statistics.contrasts import contrasts, largest
from ftdd.statistics.noise import Floats, measure_noise


@dataclass(frozen=True)
class Best:
    """The lowest place of a mean curve, and all others against it."""

    at: int
    mean: Floats
    cost: Floats
    """Of each place over the lowest one."""
    low: Floats
    """Ends of intervals of each place's cost over the truly best, whichever that is; they hold together with
    probability `level`, and are infinite where one seed is all."""
    high: Floats
    as_good: tuple[int, ...]
    """Places that are not significantly worse than another: they have the truly best one with probability `level`."""

    @property
    def known(self) -> bool:
        """Whether the seeds say anything of how much seeds differ."""
        return bool(np.isfinite(self.low).all())


def best_places(
    values: Floats,
    test: Floats | None = None,
    second: Floats | None = None,
    *,
    level: float = 0.95,
    curves: int = 1,
    most: float = np.inf,
) -> Best:
    """All comparisons with the best place at once (Hsu 1996, by all pairs of places).

    values: shape (seeds, points), NaN where a run is missing.   curves: how many are looked at together.
    test: shape (points, points), the covariance over draws of the test images of the points' mean errors; None where
    the claim is about these very images.
    second: where replicates are sources crossed with target seeds, the other margin: shape (its replicates, points).
    most: what no difference is above: 1 of shares, such as error rates; intervals of few seeds would reach far beyond.
    """
    noise = measure_noise(values, test, second)
    at = int(np.argmin(noise.mean))
    cost = noise.mean - noise.mean[at]
    if not noise.known or len(cost) < 2:
        unknown = np.full(len(cost), np.inf)
        return Best(at, noise.mean, cost, -unknown, unknown, tuple(range(len(cost))))
    given = contrasts(noise, 1)
    critical = largest(len(cost), noise.share, noise.decay).critical((1 - level) / 2 / curves)
    half = np.nan_to_num(given.half_width(critical))
    over = np.nan_to_num(given.difference)  # over another place, and over itself nothing
    others = ~np.eye(len(cost), dtype=bool)
    low = np.where(others, over - half, -np.inf).max(axis=0)
    worse = low > 0
    # The lowest place need not be the best: over one that is, the cost may be larger than over the lowest
    high = (over + half).max(axis=0)
    low[at] = 0.0
    low, high = np.maximum(low, -most), np.minimum(high, most)
    return Best(at, noise.mean, cost, low, high, tuple(int(place) for place in np.flatnonzero(~worse)))
