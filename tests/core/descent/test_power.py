"""What would be seen: heights and differences that are foreseen, against the detector and against theory."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nct

from ftdd.statistics.detect import find_descent
from ftdd.statistics.noise import correlations
from ftdd.statistics.power import (
    BREADTH,
    Spread,
    power_of_peak,
    seeds_for,
    smallest_cost,
    smallest_difference,
    smallest_peak,
)  # fmt: skip

SIGMA = 0.0125
EVEN = Spread(SIGMA)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("points", "seeds", "spread"),
    [
        (5, 3, EVEN), (10, 2, EVEN), (10, 5, EVEN), (10, 12, EVEN), (10, 5, replace(EVEN, images=0.05 / 1000)),
        (20, 5, replace(EVEN, share=0.5, decay=0.8)), (50, 5, replace(EVEN, share=0.8, decay=0.9)),
    ],
)  # fmt: skip
def test_the_detector_sees_the_foreseen_height_in_about_80_of_100(points: int, seeds: int, spread: Spread) -> None:
    """Between 65 and 95 of 100, simulation error included: the memory of the noise is taken to be known."""
    height = smallest_peak(points, seeds, spread)
    assert height is not None
    random = np.random.default_rng(0)
    shape = np.exp(-0.5 * ((np.arange(points) - points // 2) / (BREADTH * points)) ** 2)
    lags = correlations(spread.share, spread.decay, points)
    root = np.linalg.cholesky(lags[np.abs(np.subtract.outer(range(points), range(points)))] + 1e-9 * np.eye(points))
    hits = 0
    for _ in range(100):
        drawn = np.sqrt(spread.images / 2) * random.standard_normal(points)
        values = 0.3 + height * shape + drawn + spread.sd * (random.standard_normal((seeds, points)) @ root.T)
        hits += find_descent(values, spread.images / 2 * np.eye(points), smallest=1e9).answer == "seen"
    assert 65 <= hits <= 95


def test_more_seeds_see_less_and_more_curves_and_fewer_images_see_more_only() -> None:
    heights = [smallest_peak(10, seeds, EVEN) for seeds in (2, 3, 5, 8, 12, 30)]
    assert heights == sorted(heights, reverse=True)  # type: ignore[type-var]
    five = smallest_peak(10, 5, EVEN)
    assert five is not None
    assert smallest_peak(10, 5, EVEN, curves=20) > five  # type: ignore[operator]
    assert smallest_peak(10, 5, replace(EVEN, images=0.05 / 359)) > five  # type: ignore[operator]


def test_heights_are_in_units_of_the_noise() -> None:
    assert smallest_peak(10, 5, Spread(2 * SIGMA)) == pytest.approx(2 * smallest_peak(10, 5, EVEN))  # type: ignore[operator]


def test_power_is_80_at_the_smallest_peak() -> None:
    height = smallest_peak(10, 5, EVEN)
    assert height is not None
    assert power_of_peak(height, 10, 5, EVEN) == pytest.approx(0.8, abs=0.005)
    assert power_of_peak(0, 10, 5, EVEN) < 0.05
    assert power_of_peak(20 * SIGMA, 10, 5, EVEN) == 1


@pytest.mark.parametrize(("points", "seeds"), [(2, 5), (10, 1)])
def test_no_room_or_one_seed_sees_no_peak(points: int, seeds: int) -> None:
    assert smallest_peak(points, seeds, EVEN) is None
    assert power_of_peak(1.0, points, seeds, EVEN) == 0


def test_test_images_bound_what_any_number_of_seeds_sees() -> None:
    few = replace(EVEN, images=0.05 / 100)
    assert seeds_for(0.05, lambda seeds: smallest_peak(10, seeds, few)) is None
    needed = seeds_for(0.05, lambda seeds: smallest_peak(10, seeds, EVEN))
    assert needed is not None
    assert smallest_peak(10, needed, EVEN) <= 0.05 < smallest_peak(10, needed - 1, EVEN)  # type: ignore[operator]


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_a_difference_of_two_curves_is_that_of_the_noncentral_t(seeds: int) -> None:
    found = smallest_difference(seeds, EVEN)
    assert found is not None
    df, error = seeds - 1, SIGMA * np.sqrt(2 / seeds)
    from scipy.stats import t

    assert nct.sf(t.isf(0.025, df), df, found / error) == pytest.approx(0.8, abs=0.04)
    assert smallest_difference(1, EVEN) is None


def test_a_cost_of_two_places_is_one_sided() -> None:
    """With two places and many seeds: 1.645 + 0.842 standard errors."""
    found = smallest_cost(2, 50, EVEN)
    assert found == pytest.approx((1.645 + 0.842) * SIGMA * np.sqrt(2 / 50), rel=0.06)
    assert smallest_cost(10, 50, EVEN) > found  # type: ignore[operator]
    assert smallest_cost(10, 1, EVEN) is None
