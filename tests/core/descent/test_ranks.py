"""Ranks: exact chances, also where several seeds stand at one place."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from ftdd.statistics.ranks import MOST_COUNTED, nearer


@given(runs=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 1)), min_size=2, max_size=9))
@settings(max_examples=60, deadline=None)
def test_the_chance_is_the_share_of_all_ways_to_choose_as_many_runs_of_each_seed(
    runs: list[tuple[int, bool, int]],
) -> None:
    places, happened = np.array([run[0] for run in runs], dtype=float), np.array([run[1] for run in runs])
    seeds = np.array([run[2] for run in runs])
    observed, ways = 0.0, []
    for seed in set(seeds.tolist()):
        ranks, chosen = rankdata(places[seeds == seed]), happened[seeds == seed]
        observed += ranks[chosen].sum()
        ways.append([ranks[list(some)].sum() for some in combinations(range(len(ranks)), int(chosen.sum()))])
    share = np.mean([sum(way) <= observed + 1e-9 for way in product(*ways)])
    assert nearer(places, happened, seeds.tolist()) == pytest.approx(share)


def test_of_one_seed_it_is_the_test_of_mann_and_whitney() -> None:
    places, happened = np.arange(12.0), np.isin(np.arange(12), (0, 1, 2, 4, 7))
    known = mannwhitneyu(places[happened], places[~happened], alternative="less", method="exact").pvalue
    assert nearer(places, happened, [0] * 12) == pytest.approx(float(known))


def test_what_seeds_have_at_all_places_is_no_information() -> None:
    """All runs of two seeds of four: which seeds they are says nothing of the places."""
    places = np.tile(np.arange(6.0), 4)
    assert nearer(places, np.repeat([True, True, False, False], 6), np.repeat(range(4), 6).tolist()) == 1


@pytest.mark.parametrize(("places", "seeds", "luck"), [(2, 5, 0.0), (3, 5, 0.0), (6, 5, 0.0), (6, 2, 2.0), (6, 8, 2.0)])
def test_what_happens_anywhere_alike_is_found_nearer_in_no_more_than_allowed(
    places: int, seeds: int, luck: float
) -> None:
    """Of a thing of chance ½ at each place, which depends on the seed or not."""
    random = np.random.default_rng(0)
    at, names = np.tile(np.arange(float(places)), seeds), np.repeat(np.arange(seeds), places).tolist()
    false = 0
    for _ in range(800):
        drawn = random.standard_normal((seeds, places)) + luck * random.standard_normal((seeds, 1))
        false += nearer(at, (drawn > 0).ravel(), names) <= 0.05
    assert false <= 0.05 * 800 + 12  # and twice its error


def test_many_runs_of_a_seed_are_judged_as_well() -> None:
    at = np.arange(MOST_COUNTED + 6.0)
    assert nearer(at, at < 30, [0] * len(at)) < 1e-6
    assert nearer(at, at > 30, [0] * len(at)) == pytest.approx(1.0)
    random = np.random.default_rng(1)
    some = random.random(MOST_COUNTED) < 0.5
    exact = nearer(at[:MOST_COUNTED], some, [0] * MOST_COUNTED)
    more = nearer(at[: MOST_COUNTED + 1], np.append(some, some[-1]), [0] * (MOST_COUNTED + 1))
    assert more == pytest.approx(exact, abs=0.05)
