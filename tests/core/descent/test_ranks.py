"""Ranks: exact chances, also where several seeds stand at one place."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from ftdd.statistics.ranks import MOST_COUNTED, nearer


@given(runs=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=9))
@settings(max_examples=60, deadline=None)
def test_the_chance_is_the_share_of_all_ways_to_choose_as_many_runs(runs: list[tuple[int, bool]]) -> None:
    places, happened = np.array([run[0] for run in runs], dtype=float), np.array([run[1] for run in runs])
    ranks = rankdata(places)
    ways = [ranks[list(some)].sum() for some in combinations(range(len(runs)), int(happened.sum()))]
    share = np.mean(np.array(ways) <= ranks[happened].sum()) if 0 < happened.sum() < len(runs) else 1.0
    assert nearer(places, happened) == pytest.approx(share)


def test_without_ties_it_is_the_test_of_mann_and_whitney() -> None:
    places, happened = np.arange(12.0), np.isin(np.arange(12), (0, 1, 2, 4, 7))
    known = mannwhitneyu(places[happened], places[~happened], alternative="less", method="exact").pvalue
    assert nearer(places, happened) == pytest.approx(float(known))


@pytest.mark.parametrize(("places", "seeds"), [(2, 5), (3, 5), (6, 5)])
def test_what_happens_anywhere_alike_is_found_nearer_in_no_more_than_allowed(places: int, seeds: int) -> None:
    """Exact, over all numbers of runs at each place at which a thing of chance ½ happens."""
    random = np.random.default_rng(0)
    at = np.tile(np.arange(float(places)), seeds)
    false = sum(nearer(at, random.random(len(at)) < 0.5) <= 0.05 for _ in range(1500))
    assert false <= 0.05 * 1500 + 17  # and twice its error


def test_many_runs_are_judged_as_well() -> None:
    at = np.repeat(np.arange(10.0), MOST_COUNTED // 10 + 2)
    assert nearer(at, at < 4) < 1e-6
    assert nearer(at, at > 4) == pytest.approx(1.0)
