"""How long the noise along a curve remembers: read off what is left of seeds when means and offsets are taken out."""

from functools import lru_cache

import numpy as np

from ftdd.statistics.variances import Floats

LONG_DECAYS, SHARES = np.linspace(0.05, 0.98, 32), np.linspace(0.0, 1.0, 21)
"""That are tried for long curves."""
DECAYS = np.concatenate([[0.0], np.linspace(0.05, 0.95, 19), [0.98]])
"""That are tried for short curves."""


def correlations(share: float, decay: float, points: int) -> Floats:
    """The correlation of the noise at lags 0 … points − 1."""
    found = share * decay ** np.arange(points, dtype=float)
    found[0] = 1.0
    return found


def correlation_matrix(share: float, decay: float, points: int) -> Floats:
    """The same of each two places; shape (points, points)."""
    return correlations(share, decay, points)[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))]


def memory(standard: Floats) -> tuple[float, float]:
    """(share, decay) whose correlations fit those of standardized residuals best, sure lags counting more.

    standard: shape (seeds, points), NaN where a seed has no value; each lag is of the pairs there are. Residuals have
    their seed's mean taken out, so they are compared with what is then left of the model's correlations.
    """
    points = standard.shape[1]
    lags = np.arange(1, max(points // 4, 2))
    scale = float(np.nanmean(standard**2))
    if scale <= 0:
        return 0.0, 0.0
    there = (~np.isnan(standard)).astype(float)
    filled = np.nan_to_num(standard)
    pairs = np.array([(there[:, lag:] * there[:, :-lag]).sum() for lag in lags])
    sums = np.array([(filled[:, lag:] * filled[:, :-lag]).sum() for lag in lags])
    found = sums / np.maximum(pairs, 1) / scale
    misfit = ((found - _expected(points)) ** 2) @ pairs
    decay, share = np.unravel_index(int(np.argmin(misfit)), misfit.shape)
    return float(SHARES[share]), float(LONG_DECAYS[decay])


@lru_cache(maxsize=64)
def _expected(points: int) -> Floats:
    """The correlations of such residuals, by decay, share and lag."""
    away = np.array([taken(decay, points) for decay in LONG_DECAYS])[:, None, None]
    of = SHARES[None, :, None]
    lags = np.arange(1, max(points // 4, 2))
    return np.asarray(of * (LONG_DECAYS[:, None, None] ** lags - away) / (1 - of * away))


def taken(decay: float, points: int) -> float:
    """The variance of the mean over a curve of noise with this memory and variance 1."""
    lags = np.arange(1, points)
    return float((1 + 2 * ((1 - lags / points) * decay**lags).sum()) / points)


@lru_cache(maxsize=64)
def remembering(points: int) -> tuple[Floats, Floats]:
    """For each of DECAYS: the correlation at each lag, and the variance over what is left of it without offsets."""
    scale = np.array([(1 - 1 / points) / (1 - taken(decay, points)) for decay in DECAYS])
    return DECAYS[:, None] ** np.arange(points), scale


def short_memory(standard: Floats) -> Floats:
    """How likely each of DECAYS is, were the noise of a short curve an AR(1) process; sums to 1.

    By the restricted likelihood of the residuals, whose seeds' offsets are taken out, with an even prior.
    standard: shape (seeds, points), NaN where a seed has no value; in units in which their variance is even.
    """
    seeds, there = len(standard), ~np.isnan(standard)
    squares, logs, free = np.zeros(len(DECAYS)), np.zeros(len(DECAYS)), 0
    for pattern, row in zip(there, standard, strict=True):
        places = tuple(int(place) for place in np.flatnonzero(pattern))
        if len(places) < 2:
            continue
        precision, determinant = _restricted(places)
        squares += np.einsum("i,dij,j->d", row[pattern], precision, row[pattern])
        logs += determinant
        free += len(places) - 1
    left = (seeds - 1) / seeds
    likelihood = -0.5 * left * (free * np.log(squares / free) + logs)
    found = np.exp(likelihood - likelihood.max())
    return np.asarray(found / found.sum())


@lru_cache(maxsize=1024)
def _restricted(places: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Of residuals at some places, for each of DECAYS: the inverse of their covariance, and its log determinant."""
    lags = np.abs(np.subtract.outer(places, places))
    covariance = DECAYS[:, None, None] ** lags
    centre = np.eye(len(places)) - 1 / len(places)
    values, vectors = np.linalg.eigh(centre @ covariance @ centre)
    values, vectors = values[:, 1:], vectors[:, :, 1:]  # the first is the offset's, 0
    return np.einsum("dik,dk,djk->dij", vectors, 1 / values, vectors), np.log(values).sum(axis=1)
