"""Ranks: whether what happened at some places happened nearer to the beginning than chance would have it."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import rankdata

from ftdd.statistics.noise import Floats

MOST_COUNTED = 64
"""Runs of a seed up to which every way to choose some of them is counted."""


def nearer(places: Floats, happened: "npt.NDArray[np.bool_]", seeds: Sequence[Hashable]) -> float:
    """The chance of its happening at places so near to the beginning, or nearer, were places nothing to it.

    places, happened, seeds: of each run.   1 where, within each seed, it happened always or never.

    The one-sided test of Mann and Whitney 1947 on midranks, within each seed and summed over them (van Elteren 1960):
    what a seed has in common at all places is no information. Exact, also where places repeat; the normal distribution
    where a seed has more than MOST_COUNTED runs.
    """
    parts = [np.array([seed == other for other in seeds]) for seed in dict.fromkeys(seeds)]
    parts = [part for part in parts if 0 < happened[part].sum() < part.sum()]
    if not parts:
        return 1.0
    ranks = [np.rint(2 * rankdata(places[part])).astype(int) for part in parts]  # doubled midranks are whole
    chosen = [happened[part] for part in parts]
    observed = sum(int(rank[some].sum()) for rank, some in zip(ranks, chosen, strict=True))
    counts = [(len(some), int(some.sum())) for some in chosen]
    if max(all_runs for all_runs, _ in counts) > MOST_COUNTED:
        mean = sum(rank.mean() * some for rank, (_, some) in zip(ranks, counts, strict=True))
        variance = sum(
            rank.var() * some * (every - some) / (every - 1) for rank, (every, some) in zip(ranks, counts, strict=True)
        )
        return float(ndtr((observed + 1 - mean) / np.sqrt(variance)))  # half a step of doubled ranks
    sums = np.ones(1)
    for rank, (_, some) in zip(ranks, counts, strict=True):
        sums = np.convolve(sums, _sums(rank, some))
    return float(sums[: observed + 1].sum())


def _sums(ranks: "npt.NDArray[np.int_]", chosen: int) -> Floats:
    """The distribution of the sum of so many of the ranks, each choice alike; by its value from 0 on."""
    most = int(ranks.sum())
    ways = np.zeros((chosen + 1, most + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : most + 1 - rank].copy()
    return np.asarray(ways[chosen] / ways[chosen].sum())
