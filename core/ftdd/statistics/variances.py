"""Variances at many places, each known from a few values: what the others say of it."""

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma

Floats = npt.NDArray[np.float64]

FEW = 4
"""Places from which on a place may be taken to be quieter than all are on the average: two or three variances differ by
chance, and the smaller of them, drawn to their geometric mean, made intervals miss in 6 of 100 instead of 5."""
SMALLEST_SHARE = 0.01
"""A place's variance is not taken smaller than this share of the others', before it is moderated: errors are counts of
a few images, so two seeds may agree by chance to the last digit."""
KNOWN_DF = 7
"""Degrees of freedom from which on a place's own variance may be drawn down to the others': from fewer, a place that is
noisier than they are, as the interpolation threshold is, would look sure (docs/calibration.md)."""


def moderated(squares: Floats, df: Floats) -> tuple[Floats, float]:
    """Variances from sums of squares, each drawn towards what the others say, and their degrees of freedom.

    The variances are taken to be themselves drawn from a scaled inverse chi-squared distribution, whose two
    parameters are found from all places (Smyth 2004, Linear models and empirical Bayes methods, section 6.2).
    The degrees of freedom are at most those of all values together.
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
    prior = 2 * inverse_trigamma(spread)
    centre = float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2)))
    least = np.maximum(squares, SMALLEST_SHARE * pooled * df)
    variance = (prior * centre + np.where(told, least, 0)) / (prior + df)
    variance = never_below(variance, squares, df)
    if told.sum() < FEW:
        variance = np.maximum(variance, pooled)
    return variance, min(float(prior + np.mean(df[told])), float(df.sum()))


def never_below(variance: Floats, squares: Floats, df: Floats) -> Floats:
    """The variances, those of places that few values tell of not below what these show."""
    shown = np.where((df > 0) & (df < KNOWN_DF), squares / np.where(df > 0, df, 1), 0)
    return np.asarray(np.maximum(variance, shown))


def inverse_trigamma(value: float) -> float:
    """The y with trigamma(y) = value, by Newton's method (Smyth 2004, appendix)."""
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-10 * y:
            break
    return y
