"""Noise: the mean over seeds, how much seeds differ at a place, and how long a seed remembers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import polygamma

from ftdd.statistics.contrasts import contrasts
from ftdd.statistics.memory import correlation_matrix
from ftdd.statistics.noise import correlations, measure_noise
from ftdd.statistics.variances import inverse_trigamma, moderated


@given(y=st.floats(0.05, 1e4))
def test_the_inverse_of_trigamma_is_its_inverse(y: float) -> None:
    assert inverse_trigamma(float(polygamma(1, y))) == pytest.approx(y, rel=1e-6)


def test_equal_variances_are_pooled_whole() -> None:
    """As limma has it: where variances differ no more than chance makes them, the prior's degrees are infinite."""
    variance, df = moderated(np.full(8, 12.0), np.full(8, 4.0))
    assert variance.tolist() == [3.0] * 8
    assert df == 32


def test_unequal_variances_are_drawn_towards_each_other_as_smyth_has_it() -> None:
    """Drawn from s0² d0 / χ²(d0) with d0 = 6 and s0² = 2, seen with 5 degrees of freedom: the prior is found again."""
    random = np.random.default_rng(0)
    true = 2 * 6 / random.chisquare(6, 20_000)
    df = np.full(20_000, 5.0)
    squares = true * random.chisquare(5, 20_000)
    variance, found = moderated(squares, df)
    assert found == pytest.approx(6 + 5, rel=0.1)
    drawn_up = squares / 5 < 1.0
    assert variance[drawn_up] == pytest.approx((6 * 2 + squares[drawn_up]) / 11, rel=0.1)


def test_a_place_that_is_noisier_than_the_others_is_not_drawn_down() -> None:
    """The interpolation threshold must not look sure because the rest of the curve is."""
    squares = np.array([1.0, 2.0, 1.5, 0.8, 300.0])
    variance, _ = moderated(squares, np.full(5, 4.0))
    assert variance[4] >= 300 / 4
    assert (variance >= squares / 4).all()


def test_of_few_places_none_is_taken_to_be_quieter_than_their_average() -> None:
    """That two or three variances differ is mostly chance; drawn to their geometric mean the smaller looks too sure."""
    variance, _ = moderated(np.array([1.0, 40.0]), np.array([4.0, 4.0]))
    assert variance.tolist() == pytest.approx([20.5 / 4, 10.0])
    many, _ = moderated(np.array([1.0, 40.0, 4.0, 9.0]), np.full(4, 4.0))
    assert many.min() < 54 / 16


def test_seeds_that_agree_everywhere_have_no_variance() -> None:
    variance, df = moderated(np.zeros(5), np.full(5, 2.0))
    assert variance.tolist() == [0.0] * 5
    assert df == 10


@given(draw=st.integers(0, 10**6), seeds=st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_offsets_of_seeds_are_no_noise(draw: int, seeds: int) -> None:
    random = np.random.default_rng(draw)
    mean, offsets = random.standard_normal(7), 100 * random.standard_normal((seeds, 1))
    noise = measure_noise(mean + offsets)
    assert noise.variance == pytest.approx(np.zeros(7), abs=1e-20)
    assert noise.mean == pytest.approx(mean + offsets.mean())


def test_a_missing_run_does_not_shift_the_mean() -> None:
    """Two seeds that differ by 1 everywhere: where one is missing, what it would have said is known."""
    values = np.array([[0.1, 0.2, 0.3, 0.4], [1.1, 1.2, np.nan, 1.4]])
    noise = measure_noise(values)
    assert noise.mean == pytest.approx([0.6, 0.7, 0.8, 0.9], abs=1e-6)


def test_places_that_no_seed_joins_cannot_be_compared() -> None:
    """Half of the seeds ran at the middle, half at the ends: what lies between them may be the luck of three seeds.

    28 of 100 such curves that are flat were seen to have a peak where seeds' offsets are three times the noise.
    """
    random = np.random.default_rng(0)
    values = random.standard_normal((6, 7)) + 3 * random.standard_normal((6, 1))
    values[:3, 2:5] = values[3:, [0, 1, 5, 6]] = np.nan
    assert not measure_noise(values).known
    values[0, 2] = 0.0
    assert measure_noise(values).known


def test_a_difference_that_hangs_on_one_seed_is_worth_one_seed() -> None:
    values = np.random.default_rng(0).standard_normal((5, 4))
    values[:2, 2:] = values[2:4, :2] = np.nan  # the last seed alone ran everywhere
    noise = measure_noise(values)
    design = np.array([[*np.eye(4)[j], *np.eye(5)[i][1:]] for i, j in np.argwhere(~np.isnan(values))])
    covariance = np.linalg.inv(design.T @ design)[:4, :4]
    apart = np.array([-1.0, 0, 1, 0])
    assert apart @ noise.covariance @ apart >= noise.variance.min() * (apart @ covariance @ apart) * (1 - 1e-9)


@pytest.mark.parametrize(("values", "known"), [(np.ones((1, 5)), False), (np.eye(3), True)])
def test_one_seed_says_nothing_of_noise(
    values: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", known: bool
) -> None:
    assert measure_noise(values).known == known


@pytest.mark.parametrize("values", [np.ones(4), np.array([[1.0, np.nan], [2.0, np.nan]])])
def test_other_shapes_and_empty_places_are_refused(values: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> None:
    with pytest.raises(ValueError, match="must have the shape"):
        measure_noise(values)


def test_the_variance_of_one_seed_is_found_without_bias() -> None:
    """Short curves of equal noise: the mean of the variances over 300 curves, each of 3 seeds at 8 places, is 4."""
    random = np.random.default_rng(2)
    found = [measure_noise(2 * random.standard_normal((3, 8))) for _ in range(300)]
    pooled = [noise for noise in found if np.ptp(noise.variance) == 0]
    assert len(pooled) > 100
    assert np.mean([noise.variance[0] for noise in pooled]) == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(("share", "decay"), [(0.0, 0.0), (0.7, 0.7), (0.9, 0.9)])
def test_the_memory_of_noise_along_a_long_curve_is_found(share: float, decay: float) -> None:
    """As it tells in correlations: share and decay alone can stand for each other."""
    points, random = 50, np.random.default_rng(3)
    lags = correlations(share, decay, points)
    root = np.linalg.cholesky(lags[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))])
    found = [measure_noise(random.standard_normal((8, points)) @ root.T) for _ in range(30)]
    for lag in (1, 3, 8):
        mean = np.mean([correlations(one.share, one.decay, points)[lag] for one in found])
        assert mean == pytest.approx(share * decay**lag, abs=0.1)


def test_noise_that_is_large_at_first_is_found_large_at_first() -> None:
    """Neighbours of a long curve are alike, so two seeds tell where it is noisier."""
    spread = np.where(np.arange(40) < 8, 4.0, 1.0)
    random = np.random.default_rng(4)
    found = np.array([measure_noise(spread * random.standard_normal((2, 40))).variance for _ in range(100)])
    ratio = np.median(found[:, 2:6]) / np.median(found[:, 12:])
    assert 6 < ratio < 20


def test_what_test_images_add_is_the_quadratic_form_of_each_two_windows() -> None:
    """Against the weights written out; without their covariance they add nothing."""
    random = np.random.default_rng(5)
    wrong = random.random((200, 12)) < 0.3
    test, points, width = np.cov(wrong.T) / 200, 12, 2
    values = random.standard_normal((3, points))
    added = contrasts(measure_noise(values, test), width).test
    for i, j in ((0, 5), (9, 3), (10, 0)):
        weights = np.zeros(points)
        weights[j : j + width] += 1 / width
        weights[i : i + width] -= 1 / width
        assert added[i, j] == pytest.approx(weights @ test @ weights)
    assert not contrasts(measure_noise(values), width).test.any()


def test_a_covariance_of_other_places_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(4, 4\)"):
        measure_noise(np.full((3, 4), 0.2), np.full(4, 0.1))


def test_a_difference_over_a_gap_varies_as_least_squares_says() -> None:
    """With memory, only a seed at both places takes what they share out of it: against the estimator written out."""
    random = np.random.default_rng(2)
    values = random.standard_normal((4, 20)).cumsum(axis=1) + 3 * random.standard_normal((4, 1))
    values[random.random(values.shape) < 0.25] = np.nan
    noise, there = measure_noise(values), ~np.isnan(values)
    cells = np.argwhere(there)
    design = np.array([[*np.eye(20)[place], *np.eye(4)[seed][1:]] for seed, place in cells])
    solve = np.linalg.pinv(design)[:20]
    one = correlation_matrix(noise.share, noise.decay, 20) * np.sqrt(np.outer(noise.variance, noise.variance))
    same = cells[:, 0][:, None] == cells[:, 0]
    covariance = solve @ (one[np.ix_(cells[:, 1], cells[:, 1])] * same) @ solve.T
    for i, j in ((0, 1), (3, 19), (7, 12)):
        weights = np.eye(20)[j] - np.eye(20)[i]
        assert weights @ noise.covariance @ weights == pytest.approx(weights @ covariance @ weights)


def test_one_missing_run_leaves_the_memory_on() -> None:
    random = np.random.default_rng(3)
    root = np.linalg.cholesky(correlation_matrix(1.0, 0.9, 24) + 1e-9 * np.eye(24))
    values = random.standard_normal((5, 24)) @ root.T
    whole = measure_noise(values)
    values[2, 7] = np.nan
    gap = measure_noise(values)
    assert gap.share * gap.decay == pytest.approx(whole.share * whole.decay, abs=0.1)
    assert gap.share * gap.decay > 0.5


@pytest.mark.parametrize("points", [5, 10, 15])
def test_far_places_of_short_curves_differ_by_more_where_noise_remembers(points: int) -> None:
    """On the average over studies, about as much as they truly do; without memory, by up to a third more."""
    random = np.random.default_rng(points)
    root = np.linalg.cholesky(correlation_matrix(1.0, 0.9, points) + 1e-9 * np.eye(points))
    ends = np.eye(points)[-1] - np.eye(points)[0]
    draws = [random.standard_normal((5, points)) for _ in range(80)]
    by_memory, independent = (
        np.mean([ends @ measure_noise(rows).covariance @ ends for rows in kind])
        for kind in ([draw @ root.T for draw in draws], draws)
    )
    assert by_memory * 5 > 0.8 * 2 * (1 - 0.9 ** (points - 1))
    assert 1.9 < independent * 5 < 2.8


@given(draw=st.integers(0, 10**6), seeds=st.integers(2, 8), points=st.integers(2, 30))
@settings(max_examples=25, deadline=None)
def test_degrees_of_freedom_are_at_most_those_of_the_values(draw: int, seeds: int, points: int) -> None:
    random = np.random.default_rng(draw)
    values = random.standard_normal((seeds, points)) * random.uniform(0.5, 2, points)
    assert measure_noise(values).df <= (seeds - 1) * (points - 1) + 1e-9
