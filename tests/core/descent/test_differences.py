"""Differences of two curves: paired where seeds are common, and together at all places."""

from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind, ttest_rel

from ftdd.statistics.differences import Differences, differences
from ftdd.statistics.replication import Cells

X = np.arange(5.0)
SEEDS = (0, 1, 2, 3)


def cells(values: "np.ndarray", seeds: Sequence[Hashable] = SEEDS) -> Cells:  # type: ignore[type-arg]
    """Of one source."""
    return Cells(values, (0,) * len(values), tuple(seeds)[: len(values)])


def two(draw: int = 0, shift: float = 0.0, points: int = 5) -> "tuple[np.ndarray, np.ndarray]":  # type: ignore[type-arg]
    """Two curves whose seeds have their luck in common."""
    random = np.random.default_rng(draw)
    luck = random.normal(0, 0.1, (4, 1))
    first, second = (0.4 + luck + random.normal(0, 0.01, (4, points)) for _ in range(2))
    return first, second + shift


def found(first: "np.ndarray", second: "np.ndarray", **settings: object) -> Differences:  # type: ignore[type-arg]
    answer = differences((X[: first.shape[1]],) * 2, (cells(first), cells(second)), **settings)  # type: ignore[arg-type]
    assert answer is not None
    return answer


def test_at_one_place_it_is_the_paired_t_test() -> None:
    first, second = two(points=1)
    answer = found(first, second)
    known = ttest_rel(second[:, 0], first[:, 0])
    assert answer.p[0] == pytest.approx(known.pvalue)
    assert (answer.low[0], answer.high[0]) == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert answer.paired


def test_without_common_seeds_it_is_that_of_two_samples_with_the_smaller_degrees_of_freedom() -> None:
    """More careful than Welch, whose degrees lie between these and their sum."""
    first, second = two(points=1)
    answer = differences((X[:1], X[:1]), (cells(first), cells(second, (7, 8, 9, 10))))
    assert answer is not None
    assert not answer.paired
    welch = ttest_ind(second[:, 0], first[:, 0], equal_var=False)
    assert answer.p[0] >= welch.pvalue
    assert answer.high[0] - answer.low[0] >= np.ptp(welch.confidence_interval(0.95))


@given(draw=st.integers(0, 10**6), shift=st.floats(-0.5, 0.5))
@settings(max_examples=25, deadline=None)
def test_exchanging_the_curves_changes_the_sign_and_nothing_else(draw: int, shift: float) -> None:
    first, second = two(draw, shift)
    one, other = found(first, second), found(second, first)
    assert other.mean == pytest.approx(-one.mean)
    assert other.low == pytest.approx(-one.high)
    assert other.p == pytest.approx(one.p, abs=1e-9)


@given(draw=st.integers(0, 10**6), order=st.permutations(range(4)))
@settings(max_examples=25, deadline=None)
def test_seeds_are_paired_by_their_names_not_by_their_order(draw: int, order: list[int]) -> None:
    first, second = two(draw)
    one = found(first, second)
    other = differences((X, X), (cells(first), cells(second[order], [SEEDS[i] for i in order])))
    assert other is not None
    assert other.mean == pytest.approx(one.mean)
    assert other.low == pytest.approx(one.low)


@given(draw=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_what_a_pair_has_in_common_cancels(draw: int) -> None:
    first, second = two(draw)
    luck = np.random.default_rng(draw).normal(0, 5, (4, 1))
    assert found(first + luck, second + luck).low == pytest.approx(found(first, second).low, abs=1e-9)


def test_only_common_places_are_compared() -> None:
    first, second = two()
    answer = differences((X, X[2:]), (cells(first), cells(second[:, 2:])))
    assert answer is not None
    assert answer.x.tolist() == [2, 3, 4]
    assert answer.mean == pytest.approx((second - first).mean(axis=0)[2:])
    assert differences((X, X + 10), (cells(first), cells(second))) is None


def test_only_common_seeds_are_paired() -> None:
    first, second = two()
    answer = differences((X, X), (cells(first), cells(second[1:], SEEDS[1:])))
    assert answer is not None
    assert answer.paired
    assert answer.counts.tolist() == [3] * 5
    assert answer.mean == pytest.approx((second - first)[1:].mean(axis=0))


def test_single_seeds_leave_everything_open() -> None:
    answer = differences((X, X), (cells(np.full((1, 5), 0.2)), cells(np.full((1, 5), 0.9))))
    assert answer is not None
    assert answer.mean == pytest.approx(np.full(5, 0.7))
    assert np.isinf(answer.low).all()
    assert np.isinf(answer.high).all()
    assert answer.p.tolist() == [1.0] * 5


def test_more_places_more_comparisons_and_fewer_test_images_widen_the_interval() -> None:
    first, second = two()
    width = {
        name: float((answer.high - answer.low)[0])
        for name, answer in {
            "alone": found(first, second),
            "many": found(first, second, comparisons=20),
            "images": found(first, second, test=np.eye(10) * 0.001),
            "level": found(first, second, level=0.5),
        }.items()
    }
    assert width["level"] < width["alone"] < min(width["many"], width["images"])


def test_intervals_hold_at_all_places_together() -> None:
    """400 pairs of curves that do not differ, at five places: few intervals miss 0 anywhere."""
    missed = 0
    for draw in range(400):
        answer = found(*two(draw))
        missed += bool(((answer.low > 0) | (answer.high < 0)).any())
    assert missed <= 0.08 * 400


def test_a_missing_run_leaves_its_place_with_one_pair_less() -> None:
    first, second = two()
    second[0, 2] = np.nan
    answer = found(first, second)
    assert answer.counts.tolist() == [4, 4, 3, 4, 4]
    assert np.isfinite(answer.low).all()


@pytest.mark.parametrize(
    ("seeds", "paired", "luck"), [(2, True, 0.02), (2, True, 0.05), (2, False, 0.1), (3, True, 0.02), (5, True, 0.02)]
)
def test_luck_that_a_seed_has_at_all_places_of_one_curve_is_not_taken_for_many_measurements(
    seeds: int, paired: bool, luck: float
) -> None:
    """Ten places of alike curves, one of which differs by seed: with the degrees of freedom of as many independent
    places, two seeds found a difference somewhere in 18 of 100; with those of the luck as it is read off the seeds, in
    9 of 100."""
    random, x = np.random.default_rng((seeds, int(100 * luck))), np.arange(10.0)
    names = (range(seeds), range(0 if paired else seeds, seeds if paired else 2 * seeds))
    false = 0
    for _ in range(600):
        first = 0.3 + random.normal(0, 0.01, (seeds, 10))
        second = 0.3 + random.normal(0, 0.01, (seeds, 10)) + random.normal(0, luck, (seeds, 1))
        answer = differences((x, x), (cells(first, names[0]), cells(second, names[1])))
        assert answer is not None
        false += bool((answer.low > 0).any() or (answer.high < 0).any())
    assert false <= 40  # of 600: 5% and twice its error


def test_one_value_at_every_place_has_the_degrees_of_freedom_of_its_seeds() -> None:
    """Training from scratch stands at every number of frozen layers, but was measured once by each seed."""
    scratch = np.array([0.30, 0.33, 0.36])
    exact, at = np.full((3, 5), 0.2), np.repeat(scratch[:, None], 5, axis=1)
    wide, alone = found_of_three(exact, at), found_of_three(exact[:, :1], at[:, :1], comparisons=5)
    assert wide.low == pytest.approx(np.full(5, alone.low[0]))


def found_of_three(first: "np.ndarray", second: "np.ndarray", **settings: object) -> Differences:  # type: ignore[type-arg]
    answer = differences((X[: first.shape[1]],) * 2, (cells(first), cells(second)), **settings)  # type: ignore[arg-type]
    assert answer is not None
    return answer
