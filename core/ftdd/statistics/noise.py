"""How much seeds differ: the mean of a curve over its seeds, and the noise about it."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ftdd.statistics.memory import correlation_matrix, correlations, memory, remembering, short_memory, taken
from ftdd.statistics.variances import Floats, moderated, never_below

__all__ = ["LONG", "Floats", "Noise", "correlations", "measure_noise", "measured"]

LONG = 16
"""Places from which on the memory of noise along a curve is fitted; of shorter ones what is likely is allowed for."""
SHORT = 7
"""Places up to which what is likely of the memory does not lower the degrees of freedom: there it is not needed, and
costs two seeds half their power (docs/calibration.md)."""
STEPS = 200
NEAR = 5
"""A place of a long curve and its neighbours, so many in all, whose noise is taken to be the same."""
ALIKE = 1e-6
"""Seeds that differ by less than this part of the range of their mean curve do not differ: rounding does as much."""
DIFFERING = 0.5
"""The part of the places at which seeds must differ; where they agree at more, what they differ by is no noise."""


@dataclass(frozen=True)
class Noise:
    """A curve's mean over seeds, and what is known of the noise about it.

    The model: seed s at place x measures mean(x) + offset(s) + e, where e has variance(x) and a memory: corr(e(x_i),
    e(x_j)) = share · decay^|i − j| for i ≠ j. Differences between places do not feel the offsets.
    """

    mean: Floats
    """Shape (points,)."""
    variance: Floats
    """Of one seed's value at a place, offset taken out; along long curves with its neighbours', and moderated (Smyth
    2004)."""
    covariance: Floats
    """Shape (points, points): of the places' means over draws of the seeds, up to what cancels in differences."""
    df: float
    """Degrees of freedom of these variances; 0 where seeds say nothing: one seed, or seeds that do not differ."""
    share: float
    decay: float
    """The memory with which the largest difference of a flat curve is simulated."""
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
    Every place needs a value, none of them infinite. Raises ValueError otherwise. A seed without any is no seed, and
    seeds that do not differ are one.
    """
    if values.ndim == 2:
        values = measured(values)
    if values.ndim != 2 or np.isnan(values).all(axis=0).any():
        raise ValueError("values must have the shape (seeds, points), with a value at every point")
    points = values.shape[1]
    images = np.zeros((points, points)) if test is None else np.asarray(test, dtype=float)
    if images.shape != (points, points):
        raise ValueError(f"the test images' covariance must have the shape ({points}, {points}), not {images.shape}")
    there = ~np.isnan(values)
    joined = _joined(there)
    mean, residuals = _additive(values, joined)
    if joined is None or not _differ(residuals, mean):
        zeros = np.zeros((points, points))
        return Noise(mean, np.zeros(points), zeros, 0.0, 0.0, 0.0, images)
    other = None if second is None else measure_noise(second)
    counts = there.sum(axis=0).astype(float)
    local_df = np.maximum(counts - 1, 0.0) * (there.sum() - points - len(values) + 1) / (counts - 1).sum()
    squares = np.nansum(residuals**2, axis=0)
    if points >= LONG:
        variance, df, share, decay = _along(residuals, squares, local_df)
        one = correlation_matrix(share, decay, points) * np.sqrt(np.outer(variance, variance))
    else:
        variance, df = moderated(squares, local_df)
        one, df = _short(residuals, variance, df)
        share = decay = 0.0
    return Noise(mean, variance, _of_means(one, there, joined), df, share, decay, images, other)


def with_more(noise: Noise, times: float) -> Noise:
    """As it would be with so many times the replicates, in both margins; what test images add stays."""
    second = noise.second and with_more(noise.second, times)
    return replace(noise, covariance=noise.covariance / times, df=noise.df * times, second=second)


def measured(values: Floats) -> Floats:
    """The seeds that have a value at some place; those that do not differ, but for an offset, are one: their mean."""
    if np.isinf(values).any():
        raise ValueError("values must be finite, or NaN where a seed has none")
    there = ~np.isnan(values)
    values, there = values[there.any(axis=1)], there[there.any(axis=1)]
    if len(values) < 2:
        return np.asarray(values)
    apart = values[:, None] - values
    most, least = (np.where(np.isnan(apart), -np.inf, sign * apart).max(axis=2) for sign in (1, -1))
    # Two seeds at one place, or at none, cannot be told from an offset
    shared = (there[:, None] & there).sum(axis=2) > 1
    near = ALIKE * float((np.nanmax(values, axis=1) - np.nanmin(values, axis=1)).max())
    repeats = np.triu(shared & (most + least <= near), 1)
    if not repeats.any():
        return np.asarray(values)
    mean, residuals = _additive(values, _joined(there))
    groups: list[list[int]] = []
    for seed in range(len(values)):
        alike = [group for group in groups if repeats[group[0], seed]]
        if alike:
            alike[0].append(seed)
        else:
            groups.append([seed])
    aligned = mean + residuals
    offsets = np.nanmean(values - aligned, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a place at which none of them has a value stays empty
        return np.array([np.nanmean(aligned[group], axis=0) + offsets[group].mean() for group in groups])


def _differ(residuals: Floats, mean: Floats) -> bool:
    """Whether seeds differ at enough places."""
    compared = (~np.isnan(residuals)).sum(axis=0) > 1
    # From the median, as a mean would spread over all places what one has
    middle = (~np.isnan(residuals)).sum(axis=1, keepdims=True) // 2
    apart = residuals - np.take_along_axis(np.sort(residuals, axis=1), middle, axis=1)
    differ = np.nanmax(np.abs(apart), axis=0) > ALIKE * float(np.ptp(mean))
    return bool(compared.any() and differ[compared].mean() >= DIFFERING)


def _along(residuals: Floats, squares: Floats, local_df: Floats) -> tuple[Floats, float, float, float]:
    """(variance, degrees of freedom, share, decay) of a long curve."""
    points = len(squares)
    # Along epochs noise is large at first, then small: neighbours are similar, so few seeds still tell
    near, near_df = _near(squares), _near(local_df)
    shown = np.divide(near, near_df, out=np.zeros(points), where=near_df > 0)
    share, decay = memory(residuals / np.sqrt(np.maximum(shown, np.finfo(float).tiny)))
    repeated = correlations(share, decay, points)[1:] ** 2
    # What is learned of a variance from values that remember each other (Bartlett 1946)
    lags = np.arange(1, NEAR)
    told = near_df * NEAR / (1 + 2 * float(((1 - lags / NEAR) * repeated[: NEAR - 1]).sum()))
    variance, df = moderated(shown * told, told)
    # One place may be noisier than its neighbours
    variance = never_below(variance, squares, local_df)
    df = min(df, float(local_df.sum()) / (1 + 2 * float(repeated.sum())))
    # What is remembered along the curve, its seed's offset has taken with it
    return variance * (1 - 1 / points) / (1 - share * taken(decay, points)), df, share, decay


def _short(residuals: Floats, variance: Floats, df: float) -> tuple[Floats, float]:
    """The covariance of one seed's values along a short curve, up to what cancels in differences, and its df.

    Far places differ by more than near ones where noise remembers: by the mean over all memories, each as likely as
    the residuals make it. A difference is never taken to vary less than without any.
    """
    points = len(variance)
    chance = short_memory(residuals / np.sqrt(variance))
    lags = np.arange(points)
    remembered, scale = remembering(points)
    more = np.maximum((chance * scale) @ (1 - remembered), np.minimum(lags, 1))
    if points > SHORT:
        df = df / (1 + 2 * float(((1 - lags / points) * (chance @ remembered) ** 2)[1:].sum()))  # Bartlett 1946
    apart = np.abs(np.subtract.outer(lags, lags))
    return -(variance[:, None] + variance) * more[apart] / 2, df


def _near(squares: Floats) -> Floats:
    """The mean over each place and its neighbours; over fewer at the ends."""
    ones = np.ones(NEAR)
    return np.asarray(np.convolve(squares, ones, mode="same") / np.convolve(np.ones(len(squares)), ones, mode="same"))


def _additive(values: Floats, joined: Floats | None = None) -> tuple[Floats, Floats]:
    """Least squares of place + seed: the places' means (of a seed without offset), and what is left."""
    mean = np.nanmean(values, axis=0)
    if joined is not None:
        mean = joined @ np.nansum(values - np.nanmean(values, axis=1, keepdims=True), axis=0)
        offsets = np.nanmean(values - mean, axis=1)
        mean = mean + offsets.mean()
        return mean, values - (offsets - offsets.mean())[:, None] - mean
    offsets = np.zeros(len(values))
    # Where no chain of seeds joins the places there is no one solution, and steps from the plain means give one
    for _ in range(STEPS):
        offsets = np.nanmean(values - mean, axis=1)
        offsets -= offsets.mean()
        mean = np.nanmean(values - offsets[:, None], axis=0)
    return mean, values - offsets[:, None] - mean


def _joined(there: "npt.NDArray[np.bool_]") -> Floats | None:
    """(X'X)⁻¹ of the places' means, with the seeds' offsets eliminated; None where too few seeds join the places.

    there: shape (seeds, points), where a seed has a value. Places that no chain of seeds joins cannot be compared, and
    where every value is needed for that, none is left that tells of the noise.
    """
    seeds, points = there.shape
    if seeds < 2 or there.sum() - points - (seeds - 1) <= 0:
        return None
    met = there.astype(float)
    if there.all():
        return np.asarray((np.eye(points) - 1 / points) / seeds)
    information = np.diag(met.sum(axis=0)) - met.T @ (met / met.sum(axis=1, keepdims=True))
    values, vectors = np.linalg.eigh(information)
    if values[1] <= values[-1] * points * np.finfo(float).eps:  # the first is the offset's, 0
        return None
    return np.asarray((vectors[:, 1:] / values[1:]) @ vectors[:, 1:].T)


def _of_means(one: Floats, there: "npt.NDArray[np.bool_]", joined: Floats) -> Floats:
    """The covariance of the places' means that least squares finds, from that of one seed's values.

    Where runs are missing, a difference of two places is of the seeds at both and, through other places, of others;
    what seeds remember cancels only in the former.
    """
    if there.all():
        return one / len(there)
    total = np.zeros_like(one)
    for seed in there.astype(float):
        both = np.outer(seed, seed)
        own = one * both
        row = own.sum(axis=1) / seed.sum()
        total += own - np.outer(row, seed) - np.outer(seed, row) + row.sum() / seed.sum() * both
    return np.asarray(joined @ total @ joined)
