"""Times to an event that some runs never reach: interpolation, memorization. Survival statistics, never means."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import CensoredData, ecdf, logrank

from ftdd.descent.noise import Floats


@dataclass(frozen=True)
class Times:
    """When runs reached something; those that did not are known to need more than they were given."""

    reached: Floats
    """Epochs, or steps, of the runs that reached it."""
    given: Floats
    """How long the others were trained."""

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

        Its upper end is None where it lies beyond what was trained; None in all where no run reached it.
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
        return (float(times[0]) if low is None else low), high

    def _censored(self) -> CensoredData:
        return CensoredData(uncensored=self.reached, right=self.given)


def times(reached: Sequence[float | None], given: Sequence[float]) -> Times:
    """reached: when each run did, None for never.   given: how long each was trained, in the same unit."""
    pairs = list(zip(reached, given, strict=True))
    return Times(
        np.array([float(time) for time, _ in pairs if time is not None], dtype=float),
        np.array([float(end) for time, end in pairs if time is None], dtype=float),
    )


def later(first: Times, second: Times) -> float:
    """The chance of the second's being so much later were they alike (one-sided log-rank, Mantel 1966).

    1 where nothing was ever reached, or where one of them is a single run.
    """
    if not len(first.reached) and not len(second.reached):
        return 1.0
    if first.n < 2 or second.n < 2:
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        # scipy's "greater": the first sample fails faster than the second
        p = logrank(first._censored(), second._censored(), alternative="greater").pvalue
    return 1.0 if np.isnan(p) else float(p)


def _first(times: Floats, where: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> float | None:
    found = np.flatnonzero(where)
    return float(times[found[0]]) if len(found) else None
