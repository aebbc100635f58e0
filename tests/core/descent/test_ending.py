"""Whether curves over epochs are still falling at their end."""

import numpy as np
import pytest

from ftdd.statistics.ending import endings

EPOCHS = np.array([1.0, 10, 50, 60, 70, 80, 90, 100])


def curve(fall: float, seeds: int, random: np.random.Generator, noise: float = 0.01) -> "tuple[np.ndarray, np.ndarray]":
    """`fall`: while epochs double. Seeds have an offset each, which no slope feels."""
    mean = 0.3 - fall * np.log2(EPOCHS / 100)
    return EPOCHS, mean + random.normal(0, 0.1, (seeds, 1)) + random.normal(0, noise, (seeds, len(EPOCHS)))


def test_a_fall_is_that_of_a_doubling_and_its_lower_end_is_below_it() -> None:
    (found,) = endings([curve(0.08, 6, np.random.default_rng(0))])
    assert found.fall == pytest.approx(0.08, abs=0.02)
    assert 0 < found.low < found.fall


def test_flat_curves_are_seldom_said_to_fall_also_where_ten_are_looked_at() -> None:
    random = np.random.default_rng(1)
    hits = sum(any(one.low > 0 for one in endings([curve(0, 3, random) for _ in range(10)])) for _ in range(300))
    assert hits <= 300 * 0.05 + 2 * 3.8


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_seed_and_seeds_that_do_not_differ_say_nothing(seeds: int) -> None:
    values = np.tile(0.3 - 0.1 * np.log2(EPOCHS / 100), (seeds, 1))
    (found,) = endings([(EPOCHS, values)])
    assert found.low == -np.inf


def test_too_few_evaluations_at_the_end_say_nothing() -> None:
    assert endings([(np.array([0.0, 50, 100]), np.ones((3, 3)))])[0].low == -np.inf
    assert endings([]) == ()
