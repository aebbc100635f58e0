"""Second descents: what is seen, what is ruled out, and what nobody can tell."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ftdd.statistics.contrasts import largest, widths
from ftdd.statistics.detect import Descent, find_descent
from ftdd.statistics.noise import correlations

Floats = npt.NDArray[np.float64]
PEAK = np.array([0.5, 0.4, 0.3, 0.35, 0.6, 0.4, 0.25, 0.2])
PLACES = st.sampled_from([4, 7, 12, 18, 30])
few = settings(max_examples=25, deadline=None)


def curve(mean: Floats, seeds: int = 4, noise: float = 0.01, draw: int = 0) -> Floats:
    random = np.random.default_rng(draw)
    return mean + random.normal(0, 0.03, (seeds, 1)) + random.normal(0, noise, (seeds, len(mean)))


def wandering(points: int, draw: int, seeds: int = 4) -> Floats:
    """A mean that goes up and down, and noise as large as its steps."""
    random = np.random.default_rng((points, draw))
    return 0.4 + 0.02 * random.standard_normal(points).cumsum() + 0.02 * random.standard_normal((seeds, points))


def ends(found: Descent) -> list[float]:
    intervals = (found.interval, found.rise_interval, found.fall_interval, found.ends_below)
    return [end for interval in intervals if interval is not None for end in interval]


def same(one: Descent, other: Descent, scale: float = 1.0) -> None:
    assert one.answer == other.answer
    assert one.peak_places == other.peak_places
    assert one.width == other.width
    assert one.seeds_needed == other.seeds_needed
    assert other.effect == pytest.approx(scale * one.effect, rel=1e-6, abs=1e-9)
    assert ends(other) == pytest.approx([scale * end for end in ends(one)], rel=1e-6, abs=1e-9)
    assert other.p == pytest.approx(one.p, rel=1e-5)
    if one.shape is None or other.shape is None:
        assert one.shape is other.shape
    else:
        assert (one.shape.first, one.shape.peak, one.shape.second) == (
            other.shape.first, other.shape.peak, other.shape.second,
        )  # fmt: skip


@few
@given(points=PLACES, draw=st.integers(0, 10**6), constant=st.floats(-5, 5))
def test_adding_a_constant_changes_nothing(points: int, draw: int, constant: float) -> None:
    values = wandering(points, draw)
    same(find_descent(values), find_descent(values + constant))


@few
@given(points=PLACES, draw=st.integers(0, 10**6), scale=st.floats(0.01, 100))
def test_another_unit_scales_what_is_in_that_unit_and_nothing_else(points: int, draw: int, scale: float) -> None:
    values = wandering(points, draw)
    same(find_descent(values), find_descent(scale * values, smallest=0.05 * scale), scale)


@few
@given(points=PLACES, draw=st.integers(0, 10**6), order=st.permutations(range(4)))
def test_the_order_of_seeds_does_not_matter(points: int, draw: int, order: list[int]) -> None:
    values = wandering(points, draw)
    test = 0.2 / 900 * np.eye(points)
    same(find_descent(values, test), find_descent(values[order], test))


@few
@given(points=PLACES, draw=st.integers(0, 10**6))
def test_what_a_seed_has_at_all_places_does_not_matter(points: int, draw: int) -> None:
    values = wandering(points, draw)
    offsets = np.random.default_rng(draw).normal(0, 10, (4, 1))
    same(find_descent(values), find_descent(values + offsets))


@few
@given(points=PLACES, draw=st.integers(0, 10**6))
def test_a_curve_looked_at_from_its_end_has_the_same_peak(points: int, draw: int) -> None:
    values = wandering(points, draw)
    one, other = find_descent(values), find_descent(values[:, ::-1])
    assert (one.answer, one.seeds_needed) == (other.answer, other.seeds_needed)
    assert other.effect == pytest.approx(one.effect)
    assert other.interval == pytest.approx(one.interval)
    if one.shape and other.shape:
        assert other.shape.peak == points - 1 - one.shape.peak
        assert (other.shape.rise, other.shape.descent) == pytest.approx((one.shape.descent, one.shape.rise))


@st.composite
def single_valleys(draw: st.DrawFn) -> Floats:
    """Falling, then rising; either part may be empty, and neighbours may be equal."""
    steps = st.lists(st.integers(0, 20), max_size=11)
    down, up = draw(steps), draw(steps)
    assume(len(down) + len(up) >= 2)
    fall = np.cumsum([0, *down][::-1])[::-1]
    return np.concatenate([fall, np.cumsum(up)]) / 100.0


@given(mean=single_valleys(), seeds=st.integers(2, 5))
def test_seeds_that_agree_on_a_single_valley_never_show_a_peak(mean: Floats, seeds: int) -> None:
    """And as they do not differ, they say nothing of chance either."""
    found = find_descent(np.tile(mean, (seeds, 1)))
    assert found.answer == "cannot tell"
    assert found.shape is None
    assert found.effect == 0


@given(points=st.integers(3, 24), valley=st.floats(0, 1), draw=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_tiny_noise_does_not_make_a_peak_of_a_steep_valley(points: int, valley: float, draw: int) -> None:
    mean = np.abs(np.linspace(0, 1, points) - valley)
    assert find_descent(curve(mean, noise=1e-5, draw=draw)).answer == "not seen"


@given(draw=st.integers(0, 10**6), seeds=st.integers(3, 6))
@settings(max_examples=40, deadline=None)
def test_a_large_second_descent_is_seen_where_it_is(draw: int, seeds: int) -> None:
    found = find_descent(curve(PEAK, seeds, 0.005, draw))
    assert found.answer == "seen"
    assert found.shape is not None
    assert (found.shape.first, found.shape.peak, found.shape.second) == (2, 4, 7)
    assert found.peak_places == (4, 4)
    assert found.shape.rise == pytest.approx(0.3, abs=0.02)
    assert found.shape.fall == found.shape.descent == pytest.approx(0.4, abs=0.02)
    assert found.interval is not None
    assert 0 < found.interval[0] < found.effect <= found.interval[1]
    assert found.p < 0.05
    assert found.seeds_needed is None


def test_a_second_descent_is_strong_where_it_ends_below_the_first_minimum() -> None:
    low = find_descent(curve(PEAK)).ends_below
    assert low is not None
    assert low[0] > 0
    weak = find_descent(curve(np.array([0.5, 0.3, 0.2, 0.35, 0.6, 0.4, 0.35, 0.35]))).ends_below
    assert weak is not None
    assert weak[1] < 0


def test_one_seed_cannot_tell_however_large_the_peak() -> None:
    found = find_descent(PEAK)
    assert (found.answer, found.interval, found.seeds_needed, found.p) == ("cannot tell", None, None, 1.0)
    assert found.effect == pytest.approx(0.3)
    assert found.seeds == 1


def test_two_places_have_no_room_for_a_peak() -> None:
    assert find_descent(curve(np.array([0.2, 0.5]))).answer == "cannot tell"


def test_values_that_are_all_equal_have_no_peak() -> None:
    found = find_descent(np.full((3, 6), 0.4))
    assert (found.answer, found.effect, found.interval) == ("cannot tell", 0.0, None)


@pytest.mark.parametrize("seeds", [2, 3, 4, 12])
@pytest.mark.parametrize("kind", ["equal", "offsets", "rounded", "one place"])
def test_seeds_that_do_not_differ_say_nothing(seeds: int, kind: str) -> None:
    """They differ nowhere, by an offset alone, by rounding, or at one place of all."""
    random = np.random.default_rng(seeds)
    values = np.tile(PEAK, (seeds, 1))
    if kind == "offsets":
        values += random.normal(0, 0.1, (seeds, 1))
    elif kind == "rounded":
        values += random.normal(0, 1e-9, values.shape)
    elif kind == "one place":
        values[:, 2] += random.normal(0, 1e-3, seeds)
    found = find_descent(values)
    assert (found.answer, found.interval, found.excluded_height, found.p) == ("cannot tell", None, None, 1.0)


def test_a_seed_that_only_repeats_another_does_not_count() -> None:
    values = curve(PEAK, seeds=3, noise=0.02)
    again = find_descent(np.vstack([values, values[0] + 0.1, values[2]]))
    assert again.seeds == 3
    assert again.p == pytest.approx(find_descent(values).p)


@given(row=st.integers(0, 3), place=st.integers(0, 7), draw=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_a_missing_run_costs_little(row: int, place: int, draw: int) -> None:
    """Its seed's offset does not shift the mean of the place it misses."""
    values = curve(PEAK, draw=draw, noise=0.005)
    values[row] += 0.5
    values[row, place] = np.nan
    found = find_descent(values)
    assert found.answer == "seen"
    assert found.effect == pytest.approx(0.3, abs=0.02)


def test_a_seed_without_any_run_is_no_seed() -> None:
    values = curve(PEAK)
    same(find_descent(values), find_descent(np.vstack([values, np.full(8, np.nan)])))
    assert find_descent(np.vstack([values, np.full(8, np.nan)])).seeds == 4
    one = find_descent(np.vstack([values[:1], np.full((2, 8), np.nan)]))
    assert (one.answer, one.seeds) == ("cannot tell", 1)


def test_infinite_values_are_refused() -> None:
    values = curve(PEAK)
    values[0, 3] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        find_descent(values)


def test_a_place_without_any_run_is_refused() -> None:
    values = curve(PEAK)
    values[:, 3] = np.nan
    with pytest.raises(ValueError, match="a value at every point"):
        find_descent(values)


def test_noise_as_large_as_the_peak_cannot_tell_and_says_how_many_seeds_would() -> None:
    values = curve(np.array([0.3, 0.3, 0.36, 0.3, 0.3]), seeds=3, noise=0.05)
    found = find_descent(values)
    assert found.answer == "cannot tell"
    assert found.interval is not None
    assert found.interval[0] < 0 < 0.05 < found.interval[1]
    assert found.seeds_needed is not None
    assert found.seeds_needed > 3


def test_few_test_images_keep_a_peak_in_doubt() -> None:
    """They are the same for all seeds, so no number of seeds makes up for them."""
    values = curve(np.array([0.3, 0.3, 0.36, 0.3, 0.3]), seeds=6, noise=0.001)
    assert find_descent(values).answer == "seen"
    found = find_descent(values, 0.3 * 0.7 / 50 * np.eye(5))
    assert found.answer == "cannot tell"
    assert found.seeds_needed is None


def test_looking_at_more_curves_asks_for_more() -> None:
    values = curve(PEAK)
    one, many = find_descent(values), find_descent(values, curves=20)
    assert one.interval is not None
    assert many.interval is not None
    assert many.interval[0] < one.interval[0]
    assert many.p == pytest.approx(20 * one.p)


def test_the_critical_value_is_that_of_all_pairs_of_a_flat_curve() -> None:
    """By a plain simulation: the largest of all differences of two later and earlier places, in standard errors."""
    random = np.random.default_rng(5)
    curves = random.standard_normal((20_000, 4))
    greatest = np.max([(curves[:, j] - curves[:, i]) / np.sqrt(2) for i in range(4) for j in range(i + 1, 4)], axis=0)
    assert widths(4) == (1,)
    assert largest(4, 0.0, 0.0).critical(0.05) == pytest.approx(np.quantile(greatest, 0.95), abs=0.08)


@pytest.mark.parametrize(("share", "decay"), [(0.5, 0.6), (0.9, 0.97), (0.0, 0.0)])
def test_the_critical_value_is_that_of_all_windows_of_a_curve_with_memory(share: float, decay: float) -> None:
    """By a plain simulation, also of lags that are too far to remember, which are looked at together."""
    points, random = 40, np.random.default_rng(6)
    lags = correlations(share, decay, points)
    covariance = lags[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))]
    curves = random.multivariate_normal(np.zeros(points), covariance, 4000, method="cholesky")
    greatest = np.full(len(curves), -np.inf)
    for width in widths(points):
        window = np.array([np.eye(points)[i : i + width].mean(axis=0) for i in range(points - width + 1)])
        for i in range(len(window)):
            for j in range(i + width, len(window)):
                over = window[j] - window[i]
                np.maximum(greatest, curves @ over / np.sqrt(over @ covariance @ over), out=greatest)
    for chance in (0.2, 0.05):
        assert largest(points, share, decay).critical(chance) == pytest.approx(
            np.quantile(greatest, 1 - chance), abs=0.08
        )


def test_of_two_places_the_critical_value_is_that_of_the_normal_distribution() -> None:
    assert largest(2, 0.0, 0.0).critical(0.025) == pytest.approx(1.96, abs=0.003)


def test_the_distribution_of_the_largest_is_one_of_chances() -> None:
    found = largest(10, 0.0, 0.0)
    assert found.chance(found.critical(0.05)) == pytest.approx(0.05, abs=0.001)
    assert found.chance(found.critical(0.0001)) == pytest.approx(0.0001, rel=1e-3)
    assert found.critical(0.0001) > found.critical(0.01) > found.critical(0.05)
    assert found.chance(-10) == 1


@pytest.mark.parametrize("end", [0, -1])
def test_hardly_any_curve_that_is_flat_but_for_one_end_is_taken_for_a_descent(end: int) -> None:
    """The hardest null: one side of the peak is given. docs/calibration.md has the whole of it."""
    mean = np.full(10, 0.4)
    mean[end] = 0.1
    false = sum(find_descent(curve(mean, 4, 0.02, draw)).answer == "seen" for draw in range(100))
    assert false <= 8


def test_hardly_any_flat_start_of_a_long_noisy_curve_is_taken_for_a_descent() -> None:
    """Along epochs seeds differ most at first, and each remembers: three seeds, 40 places, a drop at the end."""
    mean = np.where(np.arange(40) < 39, 0.4, 0.1)
    spread = 0.01 + 0.04 * np.exp(-np.arange(40) / 4)
    random = np.random.default_rng(1)
    lags = 0.8 * 0.9 ** np.abs(np.subtract.outer(np.arange(40), np.arange(40))) + 0.2 * np.eye(40)
    root = np.linalg.cholesky(lags)
    false = sum(
        find_descent(mean + spread * (random.standard_normal((3, 40)) @ root.T)).answer == "seen" for _ in range(25)
    )
    assert false <= 4


def test_no_interval_of_shares_goes_beyond_what_they_can_differ_by() -> None:
    """Two seeds whose spread is large: Student's t alone would reach past 1."""
    values = np.array([[0.5, 0.1, 0.5, 0.2], [0.4, 0.6, 0.9, 0.7]])
    free, bound = find_descent(values), find_descent(values, most=1)
    assert free.interval
    assert free.rise_interval
    assert bound.interval
    assert bound.rise_interval
    assert free.rise_interval[1] > 1
    assert bound.rise_interval == (max(free.rise_interval[0], -1), 1)
    assert -1 <= bound.interval[0] <= bound.effect <= bound.interval[1] <= 1
    assert (bound.answer, bound.p, bound.seeds_needed) == (free.answer, free.p, free.seeds_needed)
