"""How much seeds differ: the mean of a curve over its seeds, and the noise about it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma

Floats = npt.NDArray[np.float64]

LONG = 16
"""Places from which on the memory of noise along a curve is estimated; shorter curves have too few neighbours."""
NEAR = 5
"""A place of a long curve and its neighbours, so many in all, whose noise is taken to be the same."""
FEW = 4
"""Places from which on a place may be taken to be quieter than all are on the average: two or three variances differ by
chance, and the smaller of them, drawn to their geometric mean, made intervals miss in 6 of 100 instead of 5."""
SMALLEST_SHARE = 0.01
"""A place's variance is not taken smaller than this share of the others', before it is moderated: errors are counts of
a few images, so two seeds may agree by chance to the last digit."""


@dataclass(frozen=True)
class Noise:
    """A curve's mean over seeds, and what is known of the noise about it.

    The model: seed s at place x measures mean(x) + offset(s) + e, where e has variance(x) and, along long curves, a
    memory: corr(e(x_i), e(x_j)) = share · decay^|i − j| for i ≠ j. Differences between places do not feel the offsets.
    """

    mean: Floats
    """Shape (points,)."""
    counts: Floats
    """Seeds at each place; fewer where a difference from another place depends on the few seeds that were at both."""
    variance: Floats
    """Of one seed's value at a place, offset taken out; along long curves with its neighbours', and moderated (Smyth
    2004)."""
    df: float
    """Degrees of freedom of these variances; 0 where one seed is all."""
    share: float
    decay: float
    test: Floats
    """Shape (points, points): the covariance of the means over draws of the test images; 0 where these alone count."""

    second: "Noise | None" = None
    """That of the other margin where sources are crossed with target seeds: its variance adds to this one."""

    @property
    def known(self) -> bool:
        """Whether the seeds say anything of the noise."""
        return self.df > 0


def measure_noise(values: Floats, test: Floats | None = None, second: Floats | None = None) -> Noise:
    """The mean and the noise of values of shape (seeds, points), NaN where a seed has none.

    test: shape (points, points), the covariance over draws of the test images of the places' mean errors; None where
    the claim is about these very images.
    second: values of the other margin where replicates are crossed, shape (its replicates, points).
    Every place needs a value, none of them infinite. Raises ValueError otherwise. A seed without any is no seed.
    """
    if np.isinf(values).any():
        raise ValueError("values must be finite, or NaN where a seed has none")
    if values.ndim == 2:
        values = measured(values)
    if values.ndim != 2 or np.isnan(values).all(axis=0).any():
        raise ValueError("values must have the shape (seeds, points), with a value at every point")
    mean, residuals = _additive(values)
    there = ~np.isnan(values)
    counts = there.sum(axis=0).astype(float)
    seeds, points = values.shape
    free = there.sum() - points - (seeds - 1)
    variance, df = np.zeros(points), 0.0
    share = decay = 0.0
    effective = _effective(there)
    if seeds > 1 and free > 0 and effective is not None:
        local_df = np.maximum(counts - 1, 0.0) * free / max((counts - 1).sum(), 1.0)
        squares = np.nansum(residuals**2, axis=0)
        if points >= LONG and there.all():
            # Along epochs noise is large at first, then small: neighbours are similar, so few seeds still tell
            near = _near(squares)
            share, decay = _memory(residuals / np.sqrt(np.maximum(near / local_df, np.finfo(float).tiny)))
            repeated = correlations(share, decay, points)[1:] ** 2
            # What is learned of a variance from values that remember each other (Bartlett 1946)
            lags = np.arange(1, NEAR)
            told = local_df * NEAR / (1 + 2 * float(((1 - lags / NEAR) * repeated[: NEAR - 1]).sum()))
            variance, df = moderated(near / local_df * told, told)
            # One place may be noisier than its neighbours: never less than it shows itself, as in `moderated`
            variance = np.maximum(variance, squares / local_df)
            df = min(df, float(local_df.sum()) / (1 + 2 * float(repeated.sum())))
            # What is remembered along the curve, its seed's offset has taken with it
            variance = variance * (1 - 1 / points) / (1 - share * _taken(decay, points))
        else:
            variance, df = moderated(squares, local_df)
    images = np.zeros((points, points)) if test is None else np.asarray(test, dtype=float)
    if images.shape != (points, points):
        raise ValueError(f"the test images' covariance must have the shape ({points}, {points}), not {images.shape}")
    other = None if second is None else measure_noise(second)
    return Noise(mean, counts if effective is None else effective, variance, df, share, decay, images, other)


def measured(values: Floats) -> Floats:
    """The seeds that have a value at some place."""
    return np.asarray(values[~np.isnan(values).all(axis=1)])


def _near(squares: Floats) -> Floats:
    """The mean over each place and its neighbours; over fewer at the ends."""
    ones = np.ones(NEAR)
    return np.asarray(np.convolve(squares, ones, mode="same") / np.convolve(np.ones(len(squares)), ones, mode="same"))


def correlations(share: float, decay: float, points: int) -> Floats:
    """The correlation of the noise at lags 0 … points − 1."""
    found = share * decay ** np.arange(points, dtype=float)
    found[0] = 1.0
    return found


def _additive(values: Floats) -> tuple[Floats, Floats]:
    """Least squares of place + seed: the places' means (of a seed without offset), and what is left."""
    mean = np.nanmean(values, axis=0)
    offsets = np.zeros(len(values))
    for _ in range(1 if not np.isnan(values).any() else 200):
        offsets = np.nanmean(values - mean, axis=1)
        offsets -= offsets.mean()
        mean = np.nanmean(values - offsets[:, None], axis=0)
    return mean, values - offsets[:, None] - mean


def _effective(there: "npt.NDArray[np.bool_]") -> Floats | None:
    """Of each place the seeds that a difference from any other place is worth; None where some depend on offsets alone.

    there: shape (seeds, points), where a seed has a value. Offsets are fitted with the places' means, so the variance
    of a difference is that of least squares in a two-way layout, (X'X)⁻¹ with the offsets eliminated: larger than by
    the two numbers of seeds where few were at both places. Places that no chain of seeds joins cannot be compared.
    """
    counts: Floats = there.sum(axis=0).astype(float)
    if there.all():
        return counts
    met = there.astype(float)
    information = np.diag(counts) - met.T @ (met / met.sum(axis=1, keepdims=True))
    if np.linalg.matrix_rank(information, hermitian=True) < len(counts) - 1:
        return None
    covariance = np.linalg.pinv(information, hermitian=True)
    own = np.diag(covariance)
    plain = 1 / counts[:, None] + 1 / counts
    worse = (own[:, None] + own - 2 * covariance) / plain
    return np.asarray(counts / np.maximum(worse.max(axis=1), 1.0), dtype=float)


def moderated(squares: Floats, df: Floats) -> tuple[Floats, float]:
    """Variances from sums of squares, each drawn towards what the others say, and their degrees of freedom.

    The variances are taken to be themselves drawn from a scaled inverse chi-squared distribution, whose two
    parameters are found from all places (Smyth 2004, Linear models and empirical Bayes methods, section 6.2).
    """
    pooled = squares.sum() / df.sum()
    if pooled <= 0:
        return np.zeros_like(squares), float(df.sum())
    told = df > 0
    own = np.maximum(squares[told] / df[told], SMALLEST_SHARE * pooled)
    half = df[told] / 2
    logs = np.log(own) - digamma(half) + np.log(half)
    spread = float(np.var(logs, ddof=1) - np.mean(polygamma(1, half))) if told.sum() > 1 else 0.0
    if spread <= 0:
        return np.full_like(squares, pooled), float(df.sum())
    prior = 2 * _inverse_trigamma(spread)
    centre = float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2)))
    least = np.maximum(squares, SMALLEST_SHARE * pooled * df)
    variance = (prior * centre + np.where(told, least, 0)) / (prior + df)
    # Drawn down, a place that is noisier than the others, as the interpolation threshold is, would look sure
    variance = np.maximum(variance, np.where(told, squares / np.where(told, df, 1), 0))
    if told.sum() < FEW:
        variance = np.maximum(variance, pooled)
    return variance, float(prior + np.mean(df[told]))


def _inverse_trigamma(value: float) -> float:
    """The y with trigamma(y) = value, by Newton's method (Smyth 2004, appendix)."""
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-10 * y:
            break
    return y


def _memory(standard: Floats) -> tuple[float, float]:
    """(share, decay) whose correlations fit those of standardized residuals best, sure lags counting more.

    Residuals have their seed's mean taken out, so they are compared with what is then left of the model's correlations.
    """
    points = standard.shape[1]
    lags = np.arange(1, max(points // 4, 2))
    scale = float((standard**2).mean())
    if scale <= 0:
        return 0.0, 0.0
    found = np.array([(standard[:, lag:] * standard[:, :-lag]).mean() / scale for lag in lags])
    decays, shares = np.linspace(0.05, 0.98, 32), np.linspace(0.0, 1.0, 21)
    taken = np.array([_taken(decay, points) for decay in decays])[:, None, None]
    of = shares[None, :, None]
    expected = of * (decays[:, None, None] ** lags - taken) / (1 - of * taken)
    misfit = (((found - expected) ** 2) * (points - lags)).sum(axis=2)
    decay, share = np.unravel_index(int(np.argmin(misfit)), misfit.shape)
    return float(shares[share]), float(decays[decay])


def _taken(decay: float, points: int) -> float:
    """The variance of the mean over a curve of noise with this memory and variance 1."""
    lags = np.arange(1, points)
    return float((1 + 2 * ((1 - lags / points) * decay**lags).sum()) / points)
