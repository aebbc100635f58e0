"""Differences: one curve against another at every place, paired by seed where they share seeds."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, t

from ftdd.statistics.variances import Floats, moderated

SURE = 0.75
"""With which the effect that a seed has at all positions is no larger than is allowed for. Two or three seeds that by
chance have similar effects would else be taken for many independent values, where their variance is too small too."""


@dataclass(frozen=True)
class Differences:
    """Second minus first, at each place that both have."""

    x: Floats
    mean: Floats
    low: Floats
    """Lower ends that hold at all places together, with probability `level`; −inf where nothing is known."""
    high: Floats
    p: Floats
    """Of each place, that a difference of nothing looks like this, on either side; times the number of comparisons."""
    counts: Floats
    """Pairs of seeds at each place; the smaller number of seeds where they are not paired."""
    paired: bool


def differences(
    x: tuple[Floats, Floats],
    values: tuple[Floats, Floats],
    seeds: tuple[Sequence[Hashable], Sequence[Hashable]],
    test: Floats | None = None,
    *,
    level: float = 0.95,
    comparisons: int = 1,
    most: float = np.inf,
) -> Differences | None:
    """The second curve minus the first; None where they share no place.

    values: shape (seeds, points) each, NaN where a run is missing.   seeds: of each row; rows of equal seeds are
    paired, where at least two are.
    test: shape (points of both, points of both), the covariance over draws of the test images of the mean errors of the
    first curve's points and then the second's; None where the claim is about these very images.
    comparisons: how many such pairs of curves are looked at together.
    most: what no difference is above: 1 of shares, such as error rates; intervals of few seeds would reach far beyond.

    Intervals are simultaneous over the places (Šidák 1967) and the comparisons, with variances moderated over the
    places (Smyth 2004).
    """
    places, one, two = np.intersect1d(x[0], x[1], return_indices=True)
    if not len(places):
        return None
    first, second = values[0][:, one], values[1][:, two]
    common = [seed for seed in seeds[0] if seed in set(seeds[1])]
    paired = len(common) > 1
    if paired:
        pairs = second[[list(seeds[1]).index(seed) for seed in common]]
        pairs = pairs - first[[list(seeds[0]).index(seed) for seed in common]]
        mean, variance, df, counts = _of_mean(pairs)
    else:
        (mean_1, variance_1, df_1, counts_1), (mean_2, variance_2, df_2, counts_2) = _of_mean(first), _of_mean(second)
        mean, variance = mean_2 - mean_1, variance_1 + variance_2
        df, counts = min(df_1, df_2), np.minimum(counts_1, counts_2)
    if test is not None:
        two = two + len(x[0])
        variance = variance + np.maximum(test[one, one] + test[two, two] - 2 * test[one, two], 0.0)
    error = np.sqrt(variance)
    tests = len(places) * comparisons
    if df <= 0:
        none = np.full(len(places), np.inf)
        return Differences(places, mean, -none, none, np.ones(len(places)), counts, paired)
    half = float(t.isf((1 - level ** (1 / tests)) / 2, df)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(mean == 0, 0.0, np.abs(mean) / error)
    alone = 2 * t.sf(score, df)
    low, high = np.maximum(mean - half, -most), np.minimum(mean + half, most)
    return Differences(places, mean, low, high, 1 - (1 - alone) ** tests, counts, paired)


def _of_mean(values: Floats) -> tuple[Floats, Floats, float, Floats]:
    """(mean, variance of the mean, degrees of freedom, seeds) at each place."""
    counts = (~np.isnan(values)).sum(axis=0).astype(float)
    mean = np.nanmean(np.where(counts > 0, values, 0.0), axis=0)
    df = np.maximum(counts - 1, 0.0)
    if not df.any():
        return mean, np.zeros_like(mean), 0.0, counts
    variance, freedom = moderated(np.nansum((values - mean) ** 2, axis=0), df)
    return mean, variance / np.maximum(counts, 1), min(freedom, _told(values - mean)), counts


def _told(residuals: Floats) -> float:
    """Degrees of freedom of a variance from all places, within which each seed may have an effect in common.

    The variance is what a seed has in common plus what it has at a place, each with the degrees of freedom of its mean
    square (Satterthwaite 1946): as many as values tell where seeds have nothing in common, as seeds where all is. What
    is in common is taken at the upper end of its interval (chi-squared, one-sided, SURE): read off two seeds as it is,
    10 places with nine parts in ten of the variance between seeds were falsely told apart in 9 of 100.
    """
    there = ~np.isnan(residuals)
    residuals = residuals[there.any(axis=1)]
    seeds, places = residuals.shape[0], float(there.sum(axis=1).max())
    total = there.sum() - there.any(axis=0).sum()
    common = np.nanmean(residuals, axis=1)
    own = np.nansum((residuals - common[:, None]) ** 2)
    between, within = (common**2).sum() / (seeds - 1), own / (seeds - 1) / places
    if between + within <= 0 or total <= seeds - 1:
        return float(total)
    between *= (seeds - 1) / chi2.ppf(1 - SURE, seeds - 1)
    return float((between + within) ** 2 / (between**2 / (seeds - 1) + within**2 / (total - (seeds - 1))))
