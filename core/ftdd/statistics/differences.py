"""Differences: one curve against another at every place, paired by seed where they share seeds."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm, t

from ftdd.statistics.contrasts import score_of
from ftdd.statistics.replication import Cells, paired
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
    cells: tuple[Cells, Cells],
    test: Floats | None = None,
    *,
    level: float = 0.95,
    comparisons: int = 1,
    most: float = np.inf,
) -> Differences | None:
    """The second curve minus the first; None where they share no place.

    cells: of each curve; equal sources and seeds are paired, where at least two are.
    test: shape (points of both, points of both), the covariance over draws of the test images of the mean errors of the
    first curve's points and then the second's; None where the claim is about these very images.
    comparisons: how many such pairs of curves are looked at together.
    most: what no difference is above: 1 of shares, such as error rates; intervals of few seeds would reach far beyond.

    Intervals are simultaneous over the places (Šidák 1967) and the comparisons, with variances moderated over the
    places (Smyth 2004). Where replicates are sources crossed with target seeds, the variances of both margins add, each
    with its own quantile (Banerjee 1960).
    """
    places, one, two = np.intersect1d(x[0], x[1], return_indices=True)
    if not len(places):
        return None
    first, second = cells[0].at(one), cells[1].at(two)
    pairs = paired(first, second)
    if pairs is not None:
        margins = _margins(pairs)
        mean, counts = margins[0].mean, margins[0].counts
    else:
        of_first, of_second = _margins(first), _margins(second)
        mean = of_second[0].mean - of_first[0].mean
        counts = np.minimum(of_first[0].counts, of_second[0].counts)
        margins = [*of_first, *of_second]
    df = min(margin.df for margin in margins)
    tests = len(places) * comparisons
    if df <= 0:
        none = np.full(len(places), np.inf)
        return Differences(places, mean, -none, none, np.ones(len(places)), counts, pairs is not None)
    images = np.zeros(len(places))
    if test is not None:
        two = two + len(x[0])
        images = np.maximum(test[one, one] + test[two, two] - 2 * test[one, two], 0.0)
    parts = [(margin.variance, margin.df) for margin in margins]
    if pairs is None and len(margins) == 2:  # one quantile for the sum of the two, of the smaller number
        parts = [(margins[0].variance + margins[1].variance, df)]
    tail = (1 - level ** (1 / tests)) / 2
    squared = float(norm.isf(tail)) ** 2 * images
    for variance, freedom in parts:
        squared = squared + float(t.isf(tail, freedom)) ** 2 * variance
    score = np.abs(score_of(mean, parts, images))
    alone = 2 * (norm.sf(score) if images.any() or len(parts) > 1 else t.sf(score, parts[0][1]))
    low, high = np.maximum(mean - np.sqrt(squared), -most), np.minimum(mean + np.sqrt(squared), most)
    return Differences(places, mean, low, high, 1 - (1 - alone) ** tests, counts, pairs is not None)


@dataclass(frozen=True)
class _Margin:
    """The mean at each place, its variance with the degrees of freedom of that, and how many replicates it is of."""

    mean: Floats
    variance: Floats
    df: float
    counts: Floats


def _margins(cells: Cells) -> list[_Margin]:
    return [_of_mean(values) for values in (cells.margin, cells.second) if values is not None]


def _of_mean(values: Floats) -> _Margin:
    counts = (~np.isnan(values)).sum(axis=0).astype(float)
    mean = np.nanmean(np.where(counts > 0, values, 0.0), axis=0)
    df = np.maximum(counts - 1, 0.0)
    if not df.any():
        return _Margin(mean, np.zeros_like(mean), 0.0, counts)
    variance, freedom = moderated(np.nansum((values - mean) ** 2, axis=0), df)
    return _Margin(mean, variance / np.maximum(counts, 1), min(freedom, _told(values - mean)), counts)


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
