"""Looking again: which level a look has, and what it does to the answer."""

import numpy as np
import pytest

from ftdd.statistics.detect import find_descent
from ftdd.statistics.looks import LATER, level_at_look


def test_the_first_look_has_the_whole_level_and_each_later_one_a_part() -> None:
    assert level_at_look(0.95, 3, 3) == 0.95
    assert level_at_look(0.95, None, 12) == 0.95
    assert [level_at_look(0.95, 3, seeds) for seeds in (4, 12)] == pytest.approx([1 - 0.05 * LATER] * 2)


def test_a_study_to_which_seeds_were_added_has_wider_bounds_and_the_same_p() -> None:
    values = 0.3 + 0.02 * np.random.default_rng(0).standard_normal((5, 8))
    once, again = find_descent(values, asked=5), find_descent(values, asked=3)
    assert once.interval is not None
    assert again.interval is not None
    assert again.interval[0] < once.interval[0] < once.interval[1] < again.interval[1]
    assert (once.p, once.level) == (again.p, 0.95)
    assert once.excluded_height is not None
    assert once.excluded_height < again.excluded_height  # type: ignore[operator]


def test_how_many_seeds_would_decide_is_by_the_level_of_later_looks() -> None:
    values = np.array([0.3, 0.3, 0.36, 0.3, 0.3]) + 0.05 * np.random.default_rng(1).standard_normal((3, 5))
    at_once, by_looks = (find_descent(values, asked=asked).seeds_needed for asked in (None, 3))
    assert at_once is not None
    assert by_looks is not None
    assert at_once < by_looks


@pytest.mark.slow
def test_a_path_of_looks_keeps_the_error_rate() -> None:
    """Flat, then a drop; 10 places, from 3 seeds to 12, seeds everywhere. docs/calibration.md has the other cases."""
    false, paths = 0, 200
    for draw in range(paths):
        values = 0.3 + 0.0125 * np.random.default_rng(draw).standard_normal((12, 10))
        values[:, -1] -= 0.4
        false += any(find_descent(values[:seeds], asked=3).answer == "seen" for seeds in range(3, 13))
    assert false <= 0.05 * paths + 6
