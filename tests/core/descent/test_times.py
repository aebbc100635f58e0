"""Times to an event that some never reach, against textbook answers.

Freireich et al. 1963: weeks of remission of 42 children with leukaemia, 21 on 6-mercaptopurine and 21 on placebo;
estimates as in Kleinbaum and Klein, Survival Analysis, chapter 2, and the intervals of SAS' LIFETEST (log-log).
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ftdd.statistics.times import Times, later, times

TREATED = Times(
    np.array([6, 6, 6, 7, 10, 13, 16, 22, 23.0]), np.array([6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0])
)
PLACEBO = Times(
    np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0]), np.array([], dtype=float)
)
spans = st.lists(st.integers(1, 100), min_size=2, max_size=12)


def test_medians_of_freireich() -> None:
    assert (TREATED.n, PLACEBO.n) == (21, 21)
    assert TREATED.median == 23
    assert PLACEBO.median == 8


def test_quantiles_of_freireich() -> None:
    assert TREATED.quantile(0.25) == 13
    assert PLACEBO.quantile(0.25) == 4
    assert PLACEBO.quantile(0.75) == 12
    assert TREATED.quantile(0.75) is None


def test_intervals_of_freireich() -> None:
    assert TREATED.interval() == (13, None)
    assert PLACEBO.interval() == (4, 11)


def test_remission_lasts_longer_with_treatment() -> None:
    """χ² = 16.79 on 1 degree of freedom: p = 4.2e-5 on two sides, half of it on one."""
    assert later(PLACEBO, TREATED) == pytest.approx(2.1e-5, rel=0.02)
    assert later(TREATED, PLACEBO) == pytest.approx(1 - 2.1e-5, abs=1e-6)


@given(reached=spans)
def test_without_runs_that_never_reach_it_the_median_is_that_of_the_times(reached: list[int]) -> None:
    found = times([float(time) for time in reached], [200.0] * len(reached))
    assert found.median == np.sort(reached)[(len(reached) - 1) // 2]


@given(reached=spans, never=st.integers(0, 12))
def test_runs_that_never_reach_it_count_as_later_than_all(reached: list[int], never: int) -> None:
    """A mean over those that did would not move; the median does, and is unknown where half never do."""
    found = times([*map(float, reached), *[None] * never], [200.0] * (len(reached) + never))
    assert found.n == len(reached) + never
    if never > len(reached):
        assert found.median is None
    else:
        ranked = sorted([*reached, *[1000] * never])
        assert found.median == ranked[(found.n - 1) // 2]


def test_what_nobody_reached_has_no_time() -> None:
    none = times([None, None], [10, 20])
    assert (none.median, none.quantile(0.1), none.interval()) == (None, None, None)
    assert none.given.tolist() == [10, 20]
    assert later(none, none) == 1


def test_a_single_run_is_no_sample() -> None:
    assert later(times([3], [10]), PLACEBO) == 1
    assert later(PLACEBO, times([30], [40])) == 1


def test_one_that_all_reach_and_one_that_nobody_does() -> None:
    early, never = times([3, 4, 5, 6], [50] * 4), times([None] * 4, [50] * 4)
    assert later(early, never) == pytest.approx(1 / 70)  # the only split of 4 and 4 that is as extreme
    assert later(never, early) > 0.98


@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
def test_few_runs_are_taken_to_be_later_by_chance_no_more_often_than_allowed(seeds: int) -> None:
    """Alike samples, a fifth of which is censored: by the normal tail, two seeds against two are told apart in 15%."""
    random = np.random.default_rng(seeds)

    def drawn() -> Times:
        spans = np.ceil(random.exponential(30, seeds))
        return times([float(span) if span < 50 else None for span in spans], [50.0] * seeds)

    assert sum(later(drawn(), drawn()) <= 0.05 for _ in range(400)) <= 400 * 0.05 + 9


@given(
    ends=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=4, max_size=9),
    first=st.integers(2, 7),
)
@settings(max_examples=40, deadline=None)
def test_the_exact_test_orders_splits_by_the_log_rank_statistic(ends: list[tuple[int, bool]], first: int) -> None:
    """Observed minus expected, added up over the times of events by hand, of every split of the runs in two."""
    assume(first <= len(ends) - 2 and any(event for _, event in ends))

    def late(second: tuple[int, ...]) -> float:
        total = 0.0
        for time in {end for end, event in ends if event}:
            risk = [i for i, (end, _) in enumerate(ends) if end >= time]
            died = [i for i, (end, event) in enumerate(ends) if event and end == time]
            total += sum(i in second for i in died) - len(died) * sum(i in second for i in risk) / len(risk)
        return total

    splits = [late(split) for split in combinations(range(len(ends)), len(ends) - first)]
    observed = late(tuple(range(first, len(ends))))
    sides = [
        times([float(end) if event else None for end, event in part], [float(end) for end, _ in part])
        for part in (ends[:first], ends[first:])
    ]
    assert later(*sides) == pytest.approx(np.mean([one <= observed + 1e-9 for one in splits]))


def test_evaluations_at_the_same_times_are_the_log_rank_test_of_groups() -> None:
    """Where both ends are steps of one grid, nothing but the step is known: the exact test of times in groups."""
    grid = np.array([1, 2, 3, 5, 8, 12, 18, 27.0])
    random = np.random.default_rng(3)
    true = [np.sort(random.uniform(1.1, 26, 4)) for _ in range(2)]
    sides = []
    for both in (False, True):
        at = [np.searchsorted(grid, one) for one in true]
        sides.append([times(grid[i].tolist(), [30.0] * 4, grid[i - 1].tolist() if both else None) for i in at])
    assert later(*sides[0]) == pytest.approx(later(*sides[1]))


def test_times_of_another_grid_are_no_later_for_being_seen_later() -> None:
    """Alike runs, one half looked at every 10 epochs: by first evaluations they are later, by both ends they are not."""
    early = times([11, 21, 31, 41], [90] * 4, [10, 20, 30, 40])
    coarse = times([20, 30, 40, 50], [90] * 4, [10, 20, 30, 40])
    by_first = later(times([11, 21, 31, 41], [90] * 4), times([20, 30, 40, 50], [90] * 4))
    assert by_first < 0.3 < later(early, coarse)


@pytest.mark.parametrize("seeds", [3, 5])
def test_times_between_evaluations_keep_the_error_rate(seeds: int) -> None:
    """Each run has evaluations of its own, a fifth apart."""
    random = np.random.default_rng(seeds)

    def drawn() -> Times:
        reached, since = [], []
        for span in random.exponential(30, seeds):
            grid = np.concatenate([[0], random.uniform(1, 1.2) * 1.2 ** np.arange(21)])
            after = np.searchsorted(grid, span)
            reached.append(float(grid[after]) if after < len(grid) else None)
            since.append(float(grid[after - 1]) if after < len(grid) else None)
        return times(reached, [50.0] * seeds, since)

    assert sum(later(drawn(), drawn()) <= 0.05 for _ in range(300)) <= 300 * 0.05 + 8


def test_the_lower_end_of_a_median_is_the_evaluation_before() -> None:
    found = times([10, 12, 20, 20], [50] * 4, [8, 10, 16, 15])
    assert found.interval() == (8, None) or found.interval()[0] == 8  # type: ignore[index]


def test_alike_samples_are_not_told_apart() -> None:
    assert later(PLACEBO, PLACEBO) == pytest.approx(0.5)


def test_a_list_of_the_wrong_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        times([1.0, 2.0], [3.0])
