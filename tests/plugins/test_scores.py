"""Scores of features: known answers, what must not change them, and inputs at the edge of what they take."""

import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray

from ftdd_plugins.similarity.cka import linear_cka
from ftdd_plugins.similarity.frechet import frechet_distance
from ftdd_plugins.similarity.h_score import h_score
from ftdd_plugins.similarity.leep import leep
from ftdd_plugins.similarity.linear_probe import linear_probe_accuracy
from ftdd_plugins.similarity.logme import LEAST_NOISE, logme
from ftdd_plugins.similarity.mmd import mmd_squared
from ftdd_plugins.similarity.otdd import MOST_POINTS, dataset_distance

Array = NDArray[Any]

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25, deadline=None)


def points(seed: int, n: int = 40, width: int = 6, shift: float = 0.0, scale: float = 1.0) -> Array:
    return default_rng(seed).normal(shift, scale, (n, width))


def clusters(seed: int, n: int, width: int, classes: int = 3, apart: float = 1.0) -> tuple[Array, Array]:
    """Features around class centers drawn once, whatever the seed, and their labels; each class has a sample or more."""
    rng = default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    centers = default_rng(0).normal(0, apart, (classes, width))
    return centers[labels] + rng.normal(size=(n, width)), labels


def rotation(seed: int, width: int) -> Array:
    return np.linalg.qr(default_rng(seed).normal(size=(width, width)))[0]


def softmax(logits: Array) -> Array:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def whitened(seed: int, n: int, width: int) -> Array:
    """Points of mean 0 and unbiased covariance I, exactly."""
    x = points(seed, n, width)
    x -= x.mean(axis=0)
    return np.linalg.qr(x)[0] * np.sqrt(n - 1)


def labels_of(x: Array) -> Array:
    return np.arange(len(x)) % 3


DISTANCES: dict[str, Callable[[Array, Array], float]] = {
    "frechet": frechet_distance,
    "mmd": mmd_squared,
    "transport": lambda a, b: dataset_distance(a, labels_of(a), b, labels_of(b)),
}
FITS: dict[str, Callable[[Array, Array], float]] = {
    "logme": logme,
    "h_score": h_score,
    # One more class, of logit 0: of a single source class there is nothing to tell.
    "leep": lambda features, labels: leep(softmax(np.pad(features, ((0, 0), (0, 1)))), labels),
}
distances = pytest.mark.parametrize("distance", DISTANCES.values(), ids=DISTANCES)
fits = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
SHAPES = pytest.mark.parametrize(("n", "width"), [(60, 5), (12, 40), (20, 20), (30, 1)])


@pytest.fixture(autouse=True)
def _pot(request: pytest.FixtureRequest) -> None:
    if "transport" in request.node.name or request.cls is TestDatasetDistance:
        pytest.importorskip("ot")


class TestDistances:
    @distances
    @SHAPES
    def test_a_set_is_at_no_distance_from_itself(self, distance: Callable[..., float], n: int, width: int) -> None:
        x = points(1, n, width, shift=100, scale=3)
        # The root of a transport cost: rounding of 1e-16 in the cost is 1e-8 here.
        assert 0 <= distance(x, x) <= 1e-6
        assert 0 <= distance(x, x.copy()) <= 1e-6

    @distances
    @SHAPES
    def test_is_symmetric_and_positive(self, distance: Callable[..., float], n: int, width: int) -> None:
        a, b = points(1, n, width), points(2, n + 7, width, shift=1)
        assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-9)
        assert distance(a, b) > 0

    @distances
    def test_constant_features_and_equal_points_are_no_trouble(self, distance: Callable[..., float]) -> None:
        same = np.full((9, 4), 0.1)
        assert distance(same, same) == 0
        assert np.isfinite(distance(same, points(1, 9, 4)))
        mostly = np.concatenate([same, points(1, 2, 4)])
        assert distance(mostly, same) > 0

    @distances
    def test_orders_sets_by_how_far_they_are_at_any_sample(self, distance: Callable[..., float]) -> None:
        for n in (20, 80, 300):
            found = [distance(points(1, n), points(2, n, shift=shift)) for shift in (0, 1, 2, 4)]
            assert all(near < far for near, far in pairwise(found))

    @distances
    def test_two_samples_of_one_distribution_come_closer_as_they_grow(self, distance: Callable[..., float]) -> None:
        found = [distance(points(1, n), points(2, n)) for n in (10, 60, 400)]
        assert found == sorted(found, reverse=True)
        assert found[-1] > 0

    @distances
    def test_single_precision_is_enough(self, distance: Callable[..., float]) -> None:
        a, b = points(1).astype(np.float32), points(2, shift=1).astype(np.float32)
        assert distance(a, b) == distance(a.astype(np.float64), b.astype(np.float64))

    @distances
    def test_refuses_other_shapes_and_values_that_are_not_finite(self, distance: Callable[..., float]) -> None:
        with pytest.raises(ValueError, match="as many features as each other, got 6 and 5"):
            distance(points(1), points(1, width=5))
        with pytest.raises(ValueError, match="must be \\(samples, features\\)"):
            distance(points(1)[0], points(1))
        with pytest.raises(ValueError, match="must be finite, got 1"):
            distance(np.where(np.arange(240).reshape(40, 6) == 7, np.nan, 0.0), points(1))

    @given(seed=seeds)
    @quick
    def test_order_of_samples_does_not_matter(self, seed: int) -> None:
        a, b = points(seed, 15, 3), points(seed + 1, 20, 3)
        a_too, b_too = default_rng(seed).permutation(a), default_rng(seed).permutation(b)
        assert frechet_distance(a_too, b_too) == pytest.approx(frechet_distance(a, b), rel=1e-8)
        assert mmd_squared(a_too, b_too) == pytest.approx(mmd_squared(a, b), rel=1e-8)


class TestFrechet:
    @SHAPES
    def test_of_a_translation_is_the_squared_shift(self, n: int, width: int) -> None:
        x, shift = points(1, n, width), points(2, 1, width)[0]
        assert frechet_distance(x, x + shift) == pytest.approx(float(shift @ shift), rel=1e-10)

    @pytest.mark.parametrize(("s", "t"), [(1, 1), (1, 3), (0.1, 10)])
    def test_of_isotropic_gaussians_is_analytic(self, s: float, t: float) -> None:
        """|δ|² + D (s − t)², here for fits that are exact."""
        a, b = s * whitened(1, 50, 6), t * whitened(2, 80, 6) + 2.0
        assert frechet_distance(a, b) == pytest.approx(6 * 4 + 6 * (s - t) ** 2, rel=1e-10)

    def test_nears_the_analytic_distance_of_the_distributions(self) -> None:
        a, b = points(1, 20_000, 4), points(2, 20_000, 4, shift=0.5, scale=2)
        assert frechet_distance(a, b) == pytest.approx(4 * 0.25 + 4, rel=0.02)

    @pytest.mark.parametrize("n", [9, 30])
    def test_agrees_with_the_matrix_root(self, n: int) -> None:
        from scipy.linalg import sqrtm

        a, b = points(1, 200, 8) @ points(2, 8, 8), points(3, n, 8)
        sa, sb = np.cov(a.T), np.cov(b.T)
        dense = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(sa + sb - 2 * np.real(sqrtm(sa @ sb)))
        assert frechet_distance(a, b) == pytest.approx(float(dense), rel=1e-6)

    def test_with_fewer_samples_than_features_is_that_within_their_span(self) -> None:
        """Features of zeros, and then a rotation of all of them, add nothing."""
        a, b = points(1, 10, 4), points(2, 7, 4, scale=2)
        turn = rotation(3, 50)[:4]
        assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-9)

    def test_needs_two_samples(self) -> None:
        with pytest.raises(ValueError, match="b: must have 2 samples or more, got 1"):
            frechet_distance(points(1), points(1, 1))


class TestMMD:
    def test_agrees_with_a_plain_loop(self) -> None:
        a, b = points(1, 7, 3), points(2, 9, 3, shift=1)

        def k(x: Array, y: Array) -> float:
            return float(np.mean([[np.exp(-np.sum((p - q) ** 2) / (2 * 1.5**2)) for q in y] for p in x]))

        assert mmd_squared(a, b, bandwidth=1.5) == pytest.approx(k(a, a) + k(b, b) - 2 * k(a, b), rel=1e-12)

    def test_the_default_bandwidth_is_the_median_distance(self) -> None:
        a, b = points(1, 8, 3), points(2, 8, 3)
        both = np.concatenate([a, b])
        median = np.median([np.linalg.norm(both[i] - both[j]) for i in range(16) for j in range(i)])
        assert mmd_squared(a, b) == pytest.approx(mmd_squared(a, b, bandwidth=float(median)), rel=1e-12)

    def test_of_two_far_points_is_2(self) -> None:
        assert mmd_squared(np.zeros((1, 2)), np.full((1, 2), 1e6), bandwidth=1.0) == 2

    @pytest.mark.parametrize("bandwidth", [0.0, -1.0, float("nan"), float("inf")])
    def test_refuses_a_bandwidth_that_is_none(self, bandwidth: float) -> None:
        with pytest.raises(ValueError, match="bandwidth: must be positive and finite"):
            mmd_squared(points(1), points(2), bandwidth)


class TestDatasetDistance:
    def test_of_single_points_is_their_distance_in_both_points_and_classes(self) -> None:
        """A class of one point is that point: |x − x'|² counts twice."""
        a, b = np.zeros((1, 2)), np.array([[3.0, 4.0]])
        assert dataset_distance(a, np.array([0]), b, np.array([5])) == pytest.approx(np.sqrt(2 * 25))

    def test_of_a_translated_set_is_the_shift_in_both(self) -> None:
        x, y = clusters(1, 60, 4)
        shift = np.array([5.0, 0, 0, 0])
        assert dataset_distance(x, y, x + shift, y) == pytest.approx(np.sqrt(2 * 25), rel=1e-9)

    def test_agrees_with_the_best_assignment(self) -> None:
        """Of as many points on both sides, equally weighted, the best transport is a permutation."""
        from scipy.optimize import linear_sum_assignment

        (a, y), (b, z) = clusters(1, 30, 3, apart=4), clusters(2, 30, 3, classes=2, apart=2)
        cost = np.array(
            [
                [np.sum((a[i] - b[j]) ** 2) + frechet_distance(a[y == y[i]], b[z == z[j]]) for j in range(30)]
                for i in range(30)
            ]
        )
        best = cost[linear_sum_assignment(cost)].mean()
        assert dataset_distance(a, y, b, z) == pytest.approx(np.sqrt(best), rel=1e-9)

    def test_does_not_compare_the_names_of_classes(self) -> None:
        (a, y), (b, z) = clusters(1, 40, 3), clusters(2, 50, 3)
        assert dataset_distance(a, y, b, z) == pytest.approx(dataset_distance(a, 7 - y, b, z * 100), rel=1e-12)

    def test_grows_where_the_labels_say_something_else_of_the_same_points(self) -> None:
        x, y = clusters(1, 60, 4, apart=5)
        assert dataset_distance(x, y, x, default_rng(1).permutation(y)) > 1

    @given(seed=seeds)
    @settings(quick, max_examples=10)
    def test_order_of_samples_does_not_matter(self, seed: int) -> None:
        (a, y), (b, z) = clusters(seed, 15, 2), clusters(seed + 1, 12, 2)
        turn = default_rng(seed).permutation(15)
        assert dataset_distance(a[turn], y[turn], b, z) == pytest.approx(dataset_distance(a, y, b, z), rel=1e-8)

    def test_refuses_more_points_than_it_can_move(self) -> None:
        x = np.zeros((MOST_POINTS + 1, 1))
        with pytest.raises(ValueError, match="x_b: must be 2000 points or fewer, got 2001; take a subset"):
            dataset_distance(x[:5], labels_of(x[:5]), x, labels_of(x))


def test_without_pot_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    x = points(1, 5)
    with pytest.raises(ImportError, match=r"pip install 'ftdd\[transport\]'"):
        dataset_distance(x, labels_of(x), x, labels_of(x))


class TestFits:
    """What holds of every score of features and labels."""

    @fits
    @SHAPES
    def test_permuted_labels_score_lower(self, fit: Callable[..., float], n: int, width: int) -> None:
        x, y = clusters(1, n, width, apart=4)
        permuted = [fit(x, default_rng(seed).permutation(y)) for seed in range(5)]
        assert fit(x, y) > np.mean(permuted)

    @fits
    def test_orders_features_by_how_far_apart_classes_are_at_any_sample(self, fit: Callable[..., float]) -> None:
        for n in (40, 150, 600):
            found = [fit(*clusters(1, n, 20, apart=apart)) for apart in (0, 0.5, 1, 2)]
            assert all(less < more for less, more in pairwise(found))

    @fits
    @SHAPES
    @pytest.mark.parametrize("value", [0.0, 0.1, -1e5])
    def test_constant_features_and_one_class_have_a_score(
        self, fit: Callable[..., float], n: int, width: int, value: float
    ) -> None:
        constant, (x, y) = np.full((n, width), value), clusters(1, n, width)
        for features, labels in ((constant, y), (x, np.zeros(n, int)), (constant, np.full(n, 7))):
            assert np.isfinite(fit(features, labels))

    @fits
    def test_labels_may_be_any_integers(self, fit: Callable[..., float]) -> None:
        x, y = clusters(1, 40, 5)
        assert fit(x, y * 1000 - 3) == fit(x, y)
        assert fit(x, y.astype(np.uint8)) == fit(x, y)

    @fits
    def test_single_precision_is_enough(self, fit: Callable[..., float]) -> None:
        x, y = clusters(1, 40, 5)
        assert fit(x.astype(np.float32), y) == pytest.approx(fit(x, y), rel=1e-4)

    @fits
    def test_refuses_labels_that_do_not_fit(self, fit: Callable[..., float]) -> None:
        x, y = clusters(1, 40, 5)
        with pytest.raises(ValueError, match=r"labels: must be one label a sample, shape \(40,\), got shape \(39,\)"):
            fit(x, y[1:])
        with pytest.raises(ValueError, match="labels: must be integers, got float64"):
            fit(x, y / 2)

    @given(seed=seeds, n=st.integers(4, 30), width=st.integers(1, 30))
    @quick
    def test_order_of_samples_does_not_matter(self, seed: int, n: int, width: int) -> None:
        x, y = clusters(seed, n, width)
        turn = default_rng(seed).permutation(n)
        for fit in FITS.values():
            assert fit(x[turn], y[turn]) == pytest.approx(fit(x, y), rel=1e-6, abs=1e-9)


def dense_evidence(features: Array, target: Array, log_alpha: float, log_beta: float) -> float:
    """log N(y; 0, I/β + F Fᵀ/α), by the N × N covariance."""
    n = len(features)
    covariance = np.eye(n) * np.exp(-log_beta) + features @ features.T * np.exp(-log_alpha)
    sign, log_determinant = np.linalg.slogdet(covariance)
    assert sign > 0
    return float(-(n * np.log(2 * np.pi) + log_determinant + target @ np.linalg.solve(covariance, target)) / 2)


def best_dense_evidence(features: Array, target: Array) -> float:
    from scipy.optimize import minimize

    found = [
        minimize(
            lambda at: -dense_evidence(features, target, *at),
            (log_alpha, log_beta),
            method="L-BFGS-B",
            bounds=[(-12, 25), (-5, -np.log(LEAST_NOISE))],
        )
        for log_alpha in (0, 10)
        for log_beta in (1, 6)
    ]
    return -min(float(each.fun) for each in found)


class TestLogME:
    @pytest.mark.parametrize(("n", "width"), [(40, 5), (16, 16), (12, 40)])
    @pytest.mark.parametrize("apart", [0.0, 0.7, 3.0])
    def test_is_the_maximum_of_the_dense_evidence(self, n: int, width: int, apart: float) -> None:
        x, y = clusters(1, n, width, apart=apart)
        direct = np.mean([best_dense_evidence(x, (y == c).astype(float)) for c in range(3)]) / n
        assert logme(x, y) == pytest.approx(float(direct), abs=2e-5)

    @pytest.mark.parametrize("features", [np.full((20, 3), 0.7), np.zeros((20, 3)), np.eye(20)[:, :4]])
    def test_is_so_of_features_of_low_rank(self, features: Array) -> None:
        y = np.arange(20) % 2
        direct = np.mean([best_dense_evidence(features, (y == c).astype(float)) for c in range(2)]) / 20
        assert logme(features, y) == pytest.approx(float(direct), abs=2e-5)

    @given(seed=seeds, n=st.integers(3, 20), width=st.integers(1, 30), a=st.floats(-4, 8), b=st.floats(-4, 8))
    @quick
    def test_no_variances_explain_more(self, seed: int, n: int, width: int, a: float, b: float) -> None:
        x, y = clusters(seed, n, width)
        any_variances = np.mean([dense_evidence(x, (y == c).astype(float), a, b) for c in range(3)]) / n
        assert logme(x, y) >= any_variances - 1e-9

    @pytest.mark.parametrize("n", [30, 8])
    def test_the_evidence_is_that_of_a_multivariate_normal(self, n: int) -> None:
        """Of the reference above, which the others lean on."""
        from scipy.stats import multivariate_normal

        x, target = points(1, n, 12), points(2, n, 1)[:, 0]
        covariance = np.eye(n) * np.exp(-1) + x @ x.T * np.exp(0.5)
        normal = multivariate_normal(np.zeros(n), covariance).logpdf(target)
        assert dense_evidence(x, target, -0.5, 1.0) == pytest.approx(float(normal))

    def test_features_of_zeros_leave_the_noise_alone(self) -> None:
        """N log evidence is that of a normal with the targets' mean square for a variance."""
        y = np.arange(20) % 2
        assert logme(np.zeros((20, 3)), y) == pytest.approx(-0.5 * (np.log(2 * np.pi * 0.5) + 1))

    @pytest.mark.parametrize(("n", "width"), [(50, 5), (10, 30)])
    def test_rotation_scaling_and_features_of_zeros_change_nothing(self, n: int, width: int) -> None:
        x, y = clusters(1, n, width)
        wide = np.concatenate([x, np.zeros((n, 100))], axis=1)
        for same in (x @ rotation(2, width), 1e-3 * x, 1e4 * x, wide):
            assert logme(same, y) == pytest.approx(logme(x, y), abs=1e-8)

    def test_a_perfect_fit_is_bounded(self) -> None:
        y = np.arange(30) % 3
        assert logme(np.eye(3)[y], y) <= -0.5 * np.log(2 * np.pi * LEAST_NOISE)


class TestLEEP:
    @given(seed=seeds, n=st.integers(3, 30), source=st.integers(1, 10), sharp=st.floats(0, 300))
    @quick
    def test_agrees_with_a_plain_loop_and_is_not_positive(self, seed: int, n: int, source: int, sharp: float) -> None:
        logits, y = clusters(seed, n, source)
        theta = softmax(sharp * logits)
        total = 0.0
        for i in range(n):
            expected = 0.0
            for z in range(source):
                marginal = sum(theta[j, z] for j in range(n))
                joint = sum(theta[j, z] for j in range(n) if y[j] == y[i])
                expected += joint / marginal * theta[i, z] if marginal > 0 else 0
            total += np.log(expected)
        assert leep(theta, y) == pytest.approx(total / n, abs=1e-9)
        assert leep(theta, y) <= 0

    def test_of_sure_and_different_source_classes_is_0(self) -> None:
        y = np.arange(12) % 3
        assert leep(np.eye(5)[y + 1], y) == 0

    def test_of_a_source_that_knows_nothing_is_the_entropy_of_the_labels(self) -> None:
        y = np.array([0, 0, 0, 1])
        entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
        assert leep(np.full((4, 10), 0.1), y) == pytest.approx(-entropy)

    def test_takes_half_precision_and_refuses_logits(self) -> None:
        x, y = clusters(1, 30, 8)
        half = softmax(x).astype(np.float16)
        assert leep(half, y) == pytest.approx(leep(softmax(x), y), abs=1e-3)
        with pytest.raises(ValueError, match=r"each row must be ≥ 0 and of sum 1, got .*; take the softmax"):
            leep(x, y)


class TestHScore:
    @pytest.mark.parametrize("width", [1, 5, 20])
    def test_plain_agrees_with_the_dense_formula(self, width: int) -> None:
        x, y = clusters(1, 2000, width)
        means = np.stack([x[y == c].mean(axis=0) for c in range(3)])[y]
        dense = np.trace(
            np.linalg.inv(np.cov(x.T, bias=True).reshape(width, width))
            @ np.cov(means.T, bias=True).reshape(width, width)
        )
        assert h_score(x, y, shrunk=False) == pytest.approx(float(dense), rel=1e-8)
        assert h_score(x, y) == pytest.approx(float(dense), rel=0.05)

    @pytest.mark.parametrize(("n", "width"), [(60, 5), (12, 40), (20, 20)])
    def test_shrunk_agrees_with_scikit_learn_s_covariance(self, n: int, width: int) -> None:
        from sklearn.covariance import ledoit_wolf

        x, y = clusters(1, n, width)
        covariance, shrinkage = ledoit_wolf(x)
        means = np.stack([x[y == c].mean(axis=0) for c in range(3)])[y]
        dense = (1 - shrinkage) * np.trace(np.linalg.solve(covariance, np.cov(means.T, bias=True)))
        assert h_score(x, y) == pytest.approx(float(dense), rel=1e-9)

    @given(seed=seeds, n=st.integers(3, 30), width=st.integers(1, 40), shrunk=st.booleans())
    @quick
    def test_is_from_0_to_classes_less_1(self, seed: int, n: int, width: int, shrunk: bool) -> None:
        assert 0 <= h_score(*clusters(seed, n, width), shrunk=shrunk) <= 2

    def test_plain_knows_no_labels_from_others_with_few_samples_and_shrunk_does(self) -> None:
        x, y = clusters(1, 100, 100, apart=0.5)
        permuted = default_rng(1).permutation(y)
        assert h_score(x, permuted, shrunk=False) == pytest.approx(h_score(x, y, shrunk=False)) == pytest.approx(2)
        assert h_score(x, permuted) < 0.6 * h_score(x, y)

    def test_constant_features_and_one_class_have_0(self) -> None:
        x, y = clusters(1, 30, 5)
        for shrunk in (True, False):
            assert h_score(np.full((30, 5), 0.1), y, shrunk=shrunk) == 0
            assert h_score(x, 0 * y, shrunk=shrunk) == pytest.approx(0, abs=1e-20)

    def test_needs_two_samples(self) -> None:
        with pytest.raises(ValueError, match="features: must have 2 samples or more, got 1"):
            h_score(points(1, 1), np.array([0]))


class TestProbe:
    @pytest.mark.parametrize("width", [2, 100])
    def test_tells_separable_classes_apart(self, width: int) -> None:
        (x, y), (test_x, test_y) = clusters(1, 60, width, apart=30), clusters(2, 90, width, apart=30)
        assert linear_probe_accuracy(x, y, test_x, test_y) == 1

    def test_is_near_chance_for_permuted_labels(self) -> None:
        (x, y), test = clusters(1, 600, 5, apart=2), clusters(2, 600, 5, apart=2)
        permuted = linear_probe_accuracy(x, default_rng(1).permutation(y), *test)
        assert permuted < 0.6 < 0.8 < linear_probe_accuracy(x, y, *test)

    def test_shift_and_scale_of_a_feature_change_nothing(self) -> None:
        (x, y), (test_x, test_y) = clusters(1, 60, 5), clusters(2, 200, 5)
        scale, shift = 10.0 ** np.arange(-2, 3), np.arange(5)
        same = linear_probe_accuracy(scale * x + shift, y, scale * test_x + shift, test_y)
        assert same == linear_probe_accuracy(x, y, test_x, test_y)

    def test_constant_features_predict_the_most_frequent_class(self) -> None:
        y, test_y = np.array([0, 1, 1, 1, 2]), np.array([1, 1, 0, 2])
        assert linear_probe_accuracy(np.full((5, 3), 0.1), y, np.full((4, 3), 0.1), test_y) == 0.5

    def test_a_single_class_has_its_share_of_the_test_labels(self) -> None:
        x = points(1, 8)
        assert linear_probe_accuracy(x, np.full(8, 4), x, np.full(8, 4)) == 1
        assert linear_probe_accuracy(x, np.full(8, 4), x, np.array([4, 4, 0, 1, 2, 3, 5, 6])) == 0.25

    def test_a_test_label_that_was_not_trained_is_a_mistake(self) -> None:
        x, y = clusters(1, 60, 4, apart=30)
        assert linear_probe_accuracy(x, y, x, np.where(y == 2, 9, y)) == np.mean(y != 2)

    def test_refuses_what_does_not_fit(self) -> None:
        x, y = clusters(1, 20, 4)
        with pytest.raises(ValueError, match="features and test_features: must have as many features"):
            linear_probe_accuracy(x, y, x[:, 1:], y)
        with pytest.raises(ValueError, match="test_labels: must be one label a sample"):
            linear_probe_accuracy(x, y, x, y[1:])
        with pytest.raises(ValueError, match="strength: must be positive and finite, got 0"):
            linear_probe_accuracy(x, y, x, y, strength=0)


class TestCKA:
    @given(seed=seeds, n=st.integers(3, 30), width=st.integers(1, 40), scale=st.floats(1e-6, 1e6))
    @quick
    def test_rotation_shift_and_scale_change_nothing(self, seed: int, n: int, width: int, scale: float) -> None:
        a, b = points(seed, n, width), points(seed + 1, n, 7)
        same = scale * (a @ rotation(seed, width) + 1)
        assert linear_cka(same, b) == pytest.approx(linear_cka(a, b), rel=1e-6, abs=1e-9)
        assert linear_cka(a, same) == pytest.approx(1)
        turn = default_rng(seed).permutation(n)
        assert linear_cka(a[turn], b[turn]) == pytest.approx(linear_cka(a, b), rel=1e-8)
        assert 0 <= linear_cka(a, b) <= 1

    @pytest.mark.parametrize(("n", "width_a", "width_b"), [(100, 4, 6), (10, 40, 3), (10, 50, 60)])
    def test_agrees_with_centred_kernels(self, n: int, width_a: int, width_b: int) -> None:
        """HSIC of K = A Aᵀ and L = B Bᵀ, with the centring matrix H: tr(K H L H)."""
        a, b = points(1, n, width_a) + 3, points(2, n, width_b)
        h = np.eye(n) - 1 / n
        k, m = h @ a @ a.T @ h, h @ b @ b.T @ h
        direct = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
        assert linear_cka(a, b) == pytest.approx(float(direct), rel=1e-10)
        assert linear_cka(b, a) == pytest.approx(linear_cka(a, b), rel=1e-12)

    def test_other_linear_maps_change_it(self) -> None:
        a = points(1, 50, 3)
        assert linear_cka(a, a * [1, 10, 100]) < 0.9

    @pytest.mark.parametrize("n", [5, 60])
    def test_constant_features_are_like_nothing(self, n: int) -> None:
        constant = np.full((n, 8), 0.1)
        assert linear_cka(constant, points(1, n)) == linear_cka(points(1, n), constant) == 0
        assert linear_cka(constant, constant) == 0

    def test_tiny_and_huge_features_are_no_trouble(self) -> None:
        a, b = points(1, 20, 4), points(2, 20, 4)
        assert linear_cka(1e-150 * a, 1e150 * b) == pytest.approx(linear_cka(a, b))

    def test_is_high_of_independent_features_with_few_samples_and_falls_with_more(self) -> None:
        found = [linear_cka(points(1, n, 100), points(2, n, 100)) for n in (10, 100, 3000)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 0.8 > 0.1 > found[-1]

    def test_orders_copies_by_their_noise(self) -> None:
        a = points(1, 200, 5)
        found = [linear_cka(a, a + noise * points(2, 200, 5)) for noise in (0, 0.3, 1, 3)]
        assert found == sorted(found, reverse=True)

    def test_refuses_other_samples(self) -> None:
        with pytest.raises(ValueError, match="must be features of the same samples, row by row, got 40 and 39"):
            linear_cka(points(1), points(1)[1:])
        with pytest.raises(ValueError, match="a: must have 2 samples or more, got 1"):
            linear_cka(points(1, 1), points(1, 1))
