"""Which place of a curve is best, and which are as good as far as anyone can tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftdd.evidence import Grid


@dataclass(frozen=True)
class Best:
    """The lowest place of a mean curve."""

    at: float
    error: float
    as_good: tuple[float, ...]
    """Places that are not surely worse than some other: a set that has the truly best one with probability `level`."""
    cost: float
    """Of the last place, over the best."""
    interval: tuple[float, float] | None
    costs: Mapping[float, tuple[float, float | None, float | None]]
    """Of every place over the best: mean, and its lower and upper end."""


def best_places(grid: "Grid", level: float, curves: int = 1, logs: bool = False) -> Best:
    """The best place with multiple comparisons with the best (Hsu 1996): all differences hold together.

    logs: compare logarithms, as of errors of numbers.
    """
    import numpy as np

    from ftdd.descent.contrasts import contrasts, largest
    from ftdd.descent.noise import measure_noise

    values = np.log(grid.values) if logs else grid.values
    noise = measure_noise(values, None if logs else grid.test_images)
    at = int(np.argmin(noise.mean))
    error = float(np.exp(noise.mean[at]) if logs else noise.mean[at])
    over = noise.mean - noise.mean[at]
    if not noise.known:
        alone = {float(x): (float(cost), None, None) for x, cost in zip(grid.x, over, strict=True)}
        return Best(float(grid.x[at]), error, tuple(map(float, grid.x)), float(over[-1]), None, alone)
    given = contrasts(noise, 1)
    half = given.half_width(largest(len(noise.mean), noise.share, noise.decay).critical((1 - level) / 2 / curves))
    half = np.nan_to_num(half)
    surely_worse = (given.difference - half > 0).any(axis=0)
    ends = {
        float(x): (float(over[i]), float(over[i] - half[at, i]), float(over[i] + half[at, i]))
        for i, x in enumerate(grid.x)
    }
    last = len(over) - 1
    interval = None if at == last else (float(over[-1] - half[at, last]), float(over[-1] + half[at, last]))
    return Best(
        float(grid.x[at]),
        error,
        tuple(float(x) for x, worse in zip(grid.x, np.atleast_1d(surely_worse), strict=True) if not worse),
        float(over[-1]),
        interval if at != last else (0.0, 0.0),
        ends,
    )
