"""What a watcher sees: rows in the order of interest, sparklines on one scale, and when it is over."""

from dataclasses import replace
from pathlib import Path

import pytest

from ftdd.records.curve import Curve
from ftdd.records.status import State
from ftdd.results.watching import SparklineScale, look, seconds_left, sparkline
from ftdd.study.files import write_text
from ftdd.study.store import Store
from tests.results.made_study import DESCENT, MadeRun, curve, made, over_depths


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_runs_at_work_come_first_then_those_that_ended_last(store: Store) -> None:
    runs = [
        MadeRun({"seed": 0}),
        MadeRun({"seed": 1}, rows=DESCENT[:2], state=State.FAILED),
        MadeRun({"seed": 2}, rows=(), state=State.WAITING),
        MadeRun({"seed": 3}, rows=DESCENT[:2], state=State.RUNNING),
        MadeRun({"seed": 4}, rows=DESCENT[:2], state=State.RUNNING),
    ]
    made(store, runs, source=False)
    failed = store.run("target001")
    failed.write_status(replace(failed.status(), updated=2_000.0))
    with store.run("target004").lock():  # somebody is at work on this one, and on 3 no more
        view = look(store, "made")
    assert [row.id[-1] for row in view.rows] == ["4", "1", "0", "3", "2"]
    assert [row.state for row in view.rows] == [
        State.RUNNING,
        State.FAILED,
        State.DONE,
        State.INTERRUPTED,
        State.WAITING,
    ]
    assert not view.ended


def test_time_left_is_that_of_the_pace_so_far_shared_by_those_at_work(store: Store) -> None:
    """By hand: done in 60 s, one at epoch 50 of 100 after 60 s, one waiting: 60 s + 60 s at one worker."""
    runs = [
        MadeRun({"seed": 0}),
        MadeRun({"seed": 1}, rows=DESCENT[:4], state=State.RUNNING),
        MadeRun({"seed": 2}, rows=(), state=State.WAITING),
    ]
    made(store, runs)
    with store.run("target001").lock():
        view = look(store, "made")
    (at_work,) = (row for row in view.rows if row.state is State.RUNNING)
    assert seconds_left(at_work) == pytest.approx(60.0)
    assert view.seconds_left == pytest.approx(120.0)
    assert look(store, "made").seconds_left is None  # nobody is at work


def test_a_study_has_ended_when_nothing_is_left_that_could_be_begun(store: Store) -> None:
    made(store, over_depths((0,)))
    assert look(store, "made").ended
    made(store, [MadeRun({"seed": 0}), MadeRun({"seed": 1}, rows=(), state=State.WAITING)], name="other")
    (store.run("target001").path / "status.json").unlink()
    assert not look(store, "other").ended
    source = store.run("source000")
    source.write_status(replace(source.status(), state=State.FAILED))
    assert look(store, "other").ended  # what waits for a source that failed waits for another `ftdd run`


def test_what_has_ended_is_not_read_again_and_what_changed_is(store: Store) -> None:
    made(store, over_depths((0,), (0, 1)))
    before = look(store, "made")
    write_text(store.run("target000").path / "status.json", "{}")
    after = {row.id: row for row in look(store, "made", before).rows}
    assert after["target001"] is {row.id: row for row in before.rows}["target001"]
    assert after["target000"].state is State.FAILED


def test_a_curve_that_cannot_be_read_takes_nobody_down(store: Store) -> None:
    made(store, over_depths((0,)))
    (store.run("target000").path / "curve.csv").write_text("nonsense")
    assert len({row.id: row for row in look(store, "made").rows}["target000"].curve) == 0


def test_sources_and_targets_have_a_scale_each(store: Store) -> None:
    """DESCENT has test errors 0.9, 0.3, 0.5, 0.4, 0.25: the largest one, of epoch 0, is beyond the scale."""
    made(store, over_depths((0,), (0, 1)))
    scales = look(store, "made").scales
    assert scales["source"] == SparklineScale(0.25, 0.5)
    assert scales["target"].low == 0.25
    assert scales["target"].high < 0.9


def test_a_sparkline_goes_over_log_epochs_and_leaves_what_is_to_come_blank() -> None:
    """log(1 + epoch) of 0, 1, 3, 7 are as far apart as each other."""
    rows = [(0, 0.9, 0.8), (1, 0.9, 0.1), (3, 0.9, 0.46), (7, 0.9, 0.8)]
    scale = SparklineScale(0.1, 0.8)
    assert sparkline(curve(rows), 7, scale, 4) == "█▁▅█"
    assert sparkline(curve(rows[:2]), 7, scale, 4) == "█▁  "
    assert sparkline(curve(rows[:1]), 7, scale, 4) == "█   "
    assert sparkline(curve(rows), 7, scale, 7)[::2] == "█▁▅█"


def test_a_sparkline_is_as_wide_as_it_is_told_whatever_was_measured() -> None:
    scale = SparklineScale(0.2, 0.2)
    assert sparkline(Curve(), 10, scale, 5) == "     "
    assert sparkline(curve([(0, 0.5, float("nan"))]), 10, scale, 5) == "     "
    assert sparkline(curve(DESCENT), 100, scale, 1) == "▁"
    assert len(sparkline(curve(DESCENT), 0, scale, 9)) == 9


def test_squared_errors_are_told_apart_below_their_peak() -> None:
    rows = [(0, 1.0, 1.0), (1, 1.0, 10.0), (3, 1.0, 100.0)]
    assert sparkline(curve(rows), 3, SparklineScale(1.0, 100.0), 3) == "▁▅█"
