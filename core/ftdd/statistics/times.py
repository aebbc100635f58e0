"""Times to an event that some runs never reach: interpolation, memorization. Survival statistics, never means."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from scipy.stats import CensoredData, ecdf, logrank

from ftdd.statistics.noise import Floats

ROUNDS = 2000
"""Of self-consistency at most, for times of which only both ends are known."""
MOST_SPLITS = 20_000
"""Of all runs into two samples of these sizes, up to which the log-rank test counts every one: 8 runs against 8."""


@dataclass(frozen=True)
class Times:
    """When runs reached something; those that did not are known to need more than they were given.

    A run is looked at now and then: it reached it after the last evaluation at which it had not, at the latest at the
    first at which it had (interval censoring).
    """

    reached: Floats
    """Epochs, or steps, of the runs that reached it: of the first evaluation at which they had."""
    given: Floats
    """How long the others were trained."""
    since: Floats | None = None
    """Of the runs that reached it, the last evaluation at which they had not; None where times are exact."""

    @property
    def n(self) -> int:
        """Runs in all."""
        return len(self.reached) + len(self.given)

    @property
    def median(self) -> float | None:
        """The Kaplan–Meier median; None where fewer than half of the runs are sure to reach it."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float | None:
        """The time by which that share of the runs has reached it, by Kaplan and Meier 1958; None where none has."""
        if not len(self.reached):
            return None
        curve = ecdf(self._censored()).cdf
        there = np.flatnonzero(curve.probabilities >= share - 1e-12)
        return float(curve.quantiles[there[0]]) if len(there) else None

    def interval(self, level: float = 0.95) -> tuple[float, float | None] | None:
        """Of the median, by Brookmeyer and Crowley 1982 with Greenwood's variance on the log-log scale.

        The lower end is the evaluation before the one at which so many had reached it, where it is known. The upper end
        is None where it lies beyond what was trained; None in all where no run reached it.
        """
        if not len(self.reached):
            return None
        fit = ecdf(self._censored())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it is undefined before the first and after the last event
            band = fit.sf.confidence_interval(level, method="log-log")
        times = fit.sf.quantiles
        low = _first(times, np.nan_to_num(band.low.probabilities, nan=0.0) <= 0.5)
        high = _first(times, np.nan_to_num(band.high.probabilities, nan=1.0) <= 0.5)
        return self._before(float(times[0]) if low is None else low), high

    def _before(self, time: float) -> float:
        return time if self.since is None else float(self.since[self.reached == time].min())

    def _censored(self) -> CensoredData:
        return CensoredData(uncensored=self.reached, right=self.given)


def times(
    reached: Sequence[float | None], given: Sequence[float], since: Sequence[float | None] | None = None
) -> Times:
    """reached: when each run did, None for never.   given: how long each was trained, in the same unit.

    since: the last evaluation at which each had not; None of a run that had at its first evaluation, and of all where
    times are exact.
    """
    runs = list(zip(reached, given, reached if since is None else since, strict=True))
    done = [(float(time), float(time if low is None else low)) for time, _, low in runs if time is not None]
    return Times(
        np.array([time for time, _ in done], dtype=float),
        np.array([float(end) for time, end, _ in runs if time is None], dtype=float),
        None if since is None else np.array([low for _, low in done], dtype=float),
    )


def later(first: Times, second: Times) -> float:
    """The chance of the second's being so much later under the null hypothesis (one-sided log-rank, Mantel 1966).

    Of few runs it is exact, and uses both ends of times that are known to lie between two evaluations. Of many it is
    that of a large sample, and takes the first evaluation at which a run had reached it.
    1 where nothing was ever reached, or where one of them is a single run.
    """
    if not len(first.reached) and not len(second.reached):
        return 1.0
    if first.n < 2 or second.n < 2:
        return 1.0
    if exact(first, second):
        return _by_splits(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        # scipy's "greater": the first sample fails faster than the second
        p = logrank(first._censored(), second._censored(), alternative="greater").pvalue
    return 1.0 if np.isnan(p) else float(p)


def exact(first: Times, second: Times) -> bool:
    """Whether `later` counts all splits of these runs, rather than take the large-sample distribution."""
    return comb(first.n + second.n, second.n) <= MOST_SPLITS


def holm(chances: Sequence[float]) -> list[float]:
    """P values adjusted for there being so many: any of them ≤ α has probability ≤ α (Holm 1979)."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    adjusted, largest = [0.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = largest
    return adjusted


def _by_splits(first: Times, second: Times) -> float:
    """Of all splits of the runs into two such samples, the share in which the second is as late or later.

    So few runs are far from the normal distribution that large samples have: two against two can be as extreme as they
    get in one split of six, and its tail says 0.045.
    """
    scores = _scores(first, second)
    splits = np.array(list(combinations(range(len(scores)), second.n)))
    late = scores[splits].sum(axis=1) <= scores[first.n :].sum() + 1e-7
    return float(late.mean())


def _scores(first: Times, second: Times) -> Floats:
    """Of each run, those of the first before those of the second: events minus those expected under the null.

    Their sum over a sample is the log-rank test's observed minus expected. Of a run of which only both ends are known
    it is what that difference is on the average, by the distribution of all times together (Turnbull 1976, Journal of
    the Royal Statistical Society B 38). Where all runs are evaluated at the same times it is the log-rank test of
    times in groups.
    """
    late = [end for one in (first, second) for end in (*one.reached, *np.full(len(one.given), np.inf))]
    since = [end for one in (first, second) for end in (*_lower(one), *one.given)]
    low, high = np.array(since), np.array(late)
    support = np.unique(high)
    may = (support > low[:, None]) & (support <= high[:, None]) | (support == high[:, None])
    mass = _turnbull(may)
    left = np.cumsum(mass[::-1])[::-1]
    hazards = np.where(np.isfinite(support), np.divide(mass, left, out=np.zeros_like(mass), where=left > 0), 0.0)
    scores = np.isfinite(support) - np.cumsum(hazards)
    inside = may * mass
    return np.asarray((inside * scores).sum(axis=1) / inside.sum(axis=1))


def _lower(one: Times) -> Floats:
    return one.reached if one.since is None else one.since


def _turnbull(may: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Floats:
    """The distribution that makes the times likeliest. may: shape (runs, times), where each run's time may be."""
    mass = np.full(may.shape[1], 1 / may.shape[1])
    for _ in range(ROUNDS):
        inside = may * mass
        new = (inside / inside.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - mass).max() < 1e-12:
            break
        mass = new
    return np.asarray(mass)


def _first(times: Floats, where: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float | None:
    found = np.flatnonzero(where)
    return float(times[found[0]]) if len(found) else None
