"""The rows over frozen layers: means and deviations over seeds."""

from pathlib import Path

import pytest

from ftdd.records.status import State
from ftdd.results.summary import Spread
from ftdd.study.store import Store
from tests.results.from_store import summarize
from tests.results.made_study import DESCENT, MadeRun, higher, made, over_depths

INTERPOLATES_LATE = (*DESCENT[:3], (50, 0.1, 0.4), (90, 0.0, 0.3))
NEVER = tuple((epoch, train + 0.1, test) for epoch, train, test in DESCENT)


def test_deviations_are_of_a_sample(tmp_path: Path) -> None:
    """Of final errors 0.25, 0.26 and 0.27: mean 0.26, deviation 0.01 with n − 1; with n it would be 0.008."""
    store = Store(tmp_path)
    made(store, over_depths((0,), seeds=(0, 1, 2)))
    (row,) = summarize(store, "made")
    assert row.final.mean == pytest.approx(0.26)
    assert row.final.deviation == pytest.approx(0.01)
    assert (row.runs, row.of) == (3, 3)


def test_one_seed_has_no_deviation(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({})])
    (row,) = summarize(store, "made")
    assert (row.final, row.settings, row.frozen_layers) == (Spread(0.25, None), {}, 0)


def test_rows_go_by_settings_in_the_order_of_the_sweep_and_then_by_depth(tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = [run for images in (1000, 100) for run in over_depths((2, 0), **{"target.images": images})]
    made(store, runs)
    rows = summarize(store, "made")
    assert [(row.settings["target.images"], row.frozen_layers) for row in rows] == [
        (1000, 0),
        (1000, 2),
        (100, 0),
        (100, 2),
    ]
    assert [row.trainable_parameters for row in rows[:2]] == [432_100, 430_000]
    assert all(type(value) is int for row in rows for value in row.settings.values())


@pytest.mark.parametrize(
    ("curves", "epoch", "reached"),
    [
        ((DESCENT, INTERPOLATES_LATE), 70.0, 2),
        ((DESCENT, NEVER), 50.0, 1),
        ((DESCENT, NEVER, NEVER), None, 1),
        ((NEVER,), None, 0),
    ],
)
def test_the_interpolation_epoch_is_the_median_where_at_least_half_interpolate(
    curves: tuple[tuple[tuple[int, float, float], ...], ...], epoch: float | None, reached: int, tmp_path: Path
) -> None:
    """By hand: DESCENT interpolates at epoch 50, the late one at 90."""
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": i}, 0, rows) for i, rows in enumerate(curves)])
    (row,) = summarize(store, "made")
    assert (row.interpolation_epoch, row.interpolated) == (epoch, reached)


def test_only_runs_that_are_done_are_in_a_mean_and_all_are_counted(tmp_path: Path) -> None:
    """A run that diverged has a last error, but no final one."""
    store = Store(tmp_path)
    runs = [
        MadeRun({"freezing.count": 1, "seed": 0}, 1),
        MadeRun({"freezing.count": 1, "seed": 1}, 1, higher(DESCENT, 0.4), State.DIVERGED),
        MadeRun({"freezing.count": 1, "seed": 2}, 1, DESCENT[:2], State.FAILED, "broke"),
        MadeRun({"freezing.count": 1, "seed": 3}, 1, (), State.WAITING),
    ]
    made(store, runs)
    (row,) = summarize(store, "made")
    assert (row.frozen_layers, row.runs, row.of, row.final.mean) == (1, 1, 4, 0.25)


def test_a_run_whose_curve_cannot_be_read_is_not_counted_as_one_of_a_mean(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((1,)))
    (store.run("target000").path / "curve.csv").write_text("torn")
    (row,) = summarize(store, "made")
    assert (row.runs, row.of, row.final.deviation) == (1, 2, None)


def test_a_depth_of_which_no_run_has_ended_stands_last(tmp_path: Path) -> None:
    """No ledger says how many layers `count: 3` freezes: the core does not know what a policy's fields mean."""
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": 3}, 3, (), State.WAITING), MadeRun({"freezing.count": 1}, 1)])
    assert [(row.frozen_layers, row.runs, row.of) for row in summarize(store, "made")] == [(1, 1, 1), (None, 0, 1)]


def test_a_depth_is_known_from_runs_with_other_settings(tmp_path: Path) -> None:
    store = Store(tmp_path)
    waiting = MadeRun({"freezing.count": 3, "target.images": 900}, 3, (), State.WAITING)
    made(store, [MadeRun({"freezing.count": 3, "target.images": 100}, 3), waiting])
    assert [(row.settings, row.frozen_layers, row.runs) for row in summarize(store, "made")] == [
        ({"target.images": 100}, 3, 1),
        ({"target.images": 900}, 3, 0),
    ]


def test_a_control_without_source_is_a_row_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": 0}), MadeRun({"source": None}, 0, higher(DESCENT, 0.1))])
    given, scratch = summarize(store, "made")
    assert scratch.settings["source"] is None
    assert (given.final.mean, scratch.final.mean) == (0.25, pytest.approx(0.35))
