"""The scheme `mmd`: the maximum mean discrepancy of both sides' features."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ftdd_plugins.similarity.arrays import Doubles, Floats, as_rows, same_width
from ftdd_plugins.similarity.feature_space import FeatureSpaceScheme, Points


class Mmd(FeatureSpaceScheme):
    """Minus the squared maximum mean discrepancy of both sides' features, with Gaussian kernels; from −2 to 0.

    Gretton et al. 2012, the biased estimate: finite samples of one distribution are apart by some 2/n.
    """

    lowest: ClassVar[float | None] = -2.0

    name: Literal["mmd"] = "mmd"
    images: Annotated[int, Field(ge=2, le=5000)] = 1000
    """Training images of each side, as many of each class as of any other, always the same; fewer where there are
    fewer. The distances of all pairs are held in memory: 2 GB at 5,000."""

    def _distance(self, source: Points, target: Points) -> float:
        return mmd_squared(source.features, target.features)


def mmd_squared(a: Floats, b: Floats, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy of the rows of a, (n, D), and of b, (m, D); from 0 to 2, and 0 of equal sets.

    mean k(a, a') + mean k(b, b') − 2 mean k(a, b), with one Gaussian kernel k(x, y) = exp(−|x − y|² / (2 bandwidth²)).
    bandwidth: > 0, in the units of the features; where it is left out, the median distance of two points of the pooled
    sample, or the smallest that is not 0 where the median is. The default moves with the data: to compare several pairs
    on one scale, give one bandwidth to all.

    The means are over all pairs, those of a point with itself too: the V-statistic, which is never negative but is
    biased up, by about 1/n + 1/m for samples of one distribution. Memory grows with (n + m)².
    Formula: Gretton et al. 2012, JMLR 13:723–773, equation 5; the median is their heuristic.

    Raises ValueError for different numbers of features, a bandwidth ≤ 0, or values that are not finite.
    """
    import numpy as np
    from scipy.spatial.distance import pdist, squareform

    rows_a, rows_b = as_rows(a, "a"), as_rows(b, "b")
    same_width(rows_a, rows_b, "a and b")
    if bandwidth is not None and not 0 < bandwidth < np.inf:
        raise ValueError(f"bandwidth: must be positive and finite, got {bandwidth}")
    # Differences, not |x|² + |y|² − 2 x·y: equal points are at distance 0 exactly, so equal sets are too.
    pairs: Doubles = pdist(np.concatenate([rows_a, rows_b]))
    width = _typical(pairs) if bandwidth is None else bandwidth
    if width == 0:
        return 0.0
    kernel: Doubles = np.exp(-(squareform(pairs / width) ** 2) / 2)
    n = len(rows_a)
    squared = kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
    return max(float(squared), 0.0)


def _typical(distances: Doubles) -> float:
    """The median, or the smallest positive distance where that is 0, or 0 where all are."""
    import numpy as np

    median = float(np.median(distances))
    return median if median > 0 else float(min(distances[distances > 0], default=0.0))
