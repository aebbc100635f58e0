"""The scheme `frechet`: the distance of Gaussians fitted to both sides' features."""

from typing import Literal, NamedTuple

from ftdd_plugins.similarity.arrays import Doubles, Floats, as_rows, centred, same_width
from ftdd_plugins.similarity.feature_space import FeatureSpaceScheme, Points


class Frechet(FeatureSpaceScheme):
    """Minus the squared Fréchet distance of the Gaussians fitted to both sides' features; ≤ 0.

    Dowson and Landau 1982; with Inception's features known as FID. Finite samples of one distribution are apart:
    compare scores of equal numbers of images only.
    """

    name: Literal["frechet"] = "frechet"

    def _distance(self, source: Points, target: Points) -> float:
        return frechet_distance(source.features, target.features)


class Gaussian(NamedTuple):
    """A Gaussian in D dimensions, of a covariance of rank r or less."""

    mean: Doubles
    """(D,)"""
    root: Doubles
    """R, (r, D), with RᵀR the covariance."""


def frechet_distance(a: Floats, b: Floats) -> float:
    """Squared Fréchet (2-Wasserstein) distance of the Gaussians fitted to the rows of a, (n, D), and of b, (m, D); ≥ 0.

    |μa − μb|² + tr(Sa + Sb − 2 (Sa Sb)^½), with the unbiased covariances S; of a set against itself 0, up to rounding.
    In squared units of the features, and biased: for two finite samples of one distribution it is positive, and falls
    as n and m grow; compare only distances at equal n and m. It is meant for n and m well above D, but holds below.
    Formula: Dowson and Landau 1982; as a score of images, Heusel et al. 2017, arXiv 1706.08500.

    Raises ValueError for fewer than 2 rows, different numbers of features, or values that are not finite.
    """
    rows_a, rows_b = as_rows(a, "a", least=2), as_rows(b, "b", least=2)
    same_width(rows_a, rows_b, "a and b")
    return squared_wasserstein(fitted(rows_a), fitted(rows_b))


def fitted(rows: Doubles) -> Gaussian:
    """The Gaussian of the mean and the unbiased covariance of rows (n, D), n ≥ 1; a single row has covariance 0."""
    import numpy as np

    n, width = rows.shape
    root: Doubles = centred(rows) / np.sqrt(max(n - 1, 1))
    return Gaussian(rows.mean(axis=0), root if n <= width else np.linalg.qr(root).R)


def squared_wasserstein(p: Gaussian, q: Gaussian) -> float:
    """Squared 2-Wasserstein distance of two Gaussians of the same dimension; ≥ 0.

    |μp − μq|² + min |P − OQ|² over orthogonal O, for roots P, Q of the covariances: the orthogonal Procrustes problem,
    solved by O = UVᵀ for PQᵀ = UΣVᵀ (Schönemann 1966). The minimum is tr(Sp) + tr(Sq) − 2 ΣΣᵢᵢ, and the sum of singular
    values is tr((Sp Sq)^½).
    """
    import numpy as np

    # As a norm, not as the difference of traces: that cancels where the two are similar, and can be negative. And no
    # D × D matrix root: it is inaccurate for covariances of low rank, and for few rows the wide matrix is not needed.
    rank = max(len(p.root), len(q.root))
    padded_p, padded_q = _padded(p.root, rank), _padded(q.root, rank)
    u, _, vt = np.linalg.svd(padded_p @ padded_q.T)
    return float(np.sum((p.mean - q.mean) ** 2) + np.sum((padded_p - u @ vt @ padded_q) ** 2))


def _padded(root: Doubles, rank: int) -> Doubles:
    import numpy as np

    return np.pad(root, ((0, rank - len(root)), (0, 0)))
