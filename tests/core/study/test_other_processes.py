"""Two commands at once, and a worker that dies: no process writes over what another one has done."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from ftdd.components import Crew, Executor, Job
from ftdd.records.curve import to_csv
from ftdd.records.status import State, Status
from ftdd.study.conduct import Machine, Outcome, conduct, write_down
from ftdd.study.files import write_json, write_text
from ftdd.study.plan import make_plan
from ftdd.study.store import RunFolder, Store
from tests.core.study.small_study import read
from tests.results.made_study import DESCENT, curve, ledger

DIED = "its worker was killed"


class _Dying:
    slots = 1

    def __init__(self, before: Callable[[Job], None], how: str) -> None:
        self._before = before
        self._how = how

    def submit(self, job: Job) -> "Future[None]":
        self._before(job)
        if self._how == "refused":
            raise RuntimeError(DIED)
        ended: Future[None] = Future()
        if self._how == "cancelled":
            ended.cancel()
        else:
            ended.set_exception(RuntimeError(DIED))
        return ended


def finish(folder: RunFolder) -> None:
    """What another process writes when it has carried the run out."""
    write_text(folder.path / "curve.csv", to_csv(curve(DESCENT)))
    write_json(folder.ledger, ledger(0))
    folder.write_status(Status(State.DONE, DESCENT[-1][0], DESCENT[-1][0], started=1.0, updated=2.0))


def conducted(
    tmp_path: Path, before: Callable[[RunFolder], None], how: str = "died"
) -> tuple[Outcome, RunFolder, list[str]]:
    """A study of one run whose worker dies, or which no worker gets; `before` happens just before that."""
    study = read(tmp_path, "source=none", "sweep.freezing.count=[0]")
    store = Store(tmp_path / "runs")
    plan = make_plan(study, store, tmp_path)
    ref = write_down(study, plan, store)
    folder = RunFolder(plan.runs[0].ref.folder)

    class Dying(Executor):
        name: Literal["dying"] = "dying"

        @contextmanager
        def open(self, workers: int | None, device: str) -> Iterator[Crew]:
            yield _Dying(lambda job: before(folder), how)

    said: list[str] = []
    machine = Machine(tmp_path, "cpu")
    outcome = conduct(ref, plan, Dying(), machine, {}, lambda snapshot: None, said.append, lambda: None)
    return outcome, folder, said


@pytest.mark.parametrize("how", ["died", "cancelled", "refused"])
def test_a_run_that_another_process_is_at_work_on_is_its_own_and_counts_as_what_it_ends_as(
    how: str, tmp_path: Path
) -> None:
    """Nothing is written while its lock is held; the study waits, and finds the run done."""

    def another(folder: RunFolder) -> None:
        taken = threading.Event()

        def at_work() -> None:
            with folder.lock():
                folder.write_status(Status(State.RUNNING, epochs=100))
                taken.set()
                time.sleep(1.5)
                finish(folder)

        threading.Thread(target=at_work).start()
        assert taken.wait(10)

    outcome, folder, said = conducted(tmp_path, another, how)
    assert folder.status().state is State.DONE
    assert (outcome.failed, outcome.executed) == ({}, 1)
    assert [line for line in said if "executed by another process" in line] == said
    assert len(said) == 1


def test_a_run_that_another_process_leaves_unfinished_has_failed(tmp_path: Path) -> None:
    def another(folder: RunFolder) -> None:
        lock = folder.lock()
        lock.acquire()
        folder.write_status(Status(State.RUNNING, epoch=7, epochs=100))
        threading.Timer(1.0, lock.release).start()

    outcome, folder, _ = conducted(tmp_path, another)
    assert outcome.failed == {folder.path.name: DIED}
    assert (folder.said().state, folder.said().epoch) == (State.FAILED, 7)


def test_a_run_that_another_process_has_finished_stays_so(tmp_path: Path) -> None:
    outcome, folder, _ = conducted(tmp_path, finish)
    assert folder.status().state is State.DONE
    assert outcome.failed == {}


def test_the_reason_is_todays_and_not_that_of_an_earlier_failure(tmp_path: Path) -> None:
    def earlier(folder: RunFolder) -> None:
        folder.write_status(Status(State.FAILED, error="long ago"))

    outcome, folder, _ = conducted(tmp_path, earlier)
    assert outcome.failed == {folder.path.name: DIED}


def test_a_folder_that_was_deleted_does_not_come_back_as_a_failure_without_a_spec(tmp_path: Path) -> None:
    outcome, folder, said = conducted(tmp_path, lambda folder: shutil.rmtree(folder.path))
    assert not folder.path.exists()
    assert outcome.failed == {folder.path.name: DIED}
    assert DIED in said[0]


@pytest.mark.parametrize("name", ["checkpoint.pt", "log.txt", "features-0.npy"])
def test_what_a_killed_process_left_of_a_finished_run_is_removed_by_the_next(name: str, tmp_path: Path) -> None:
    """But not while somebody trains it again for its weights."""
    study = read(tmp_path, "source=none", "sweep.freezing.count=[0]")
    store = Store(tmp_path / "runs")
    write_down(study, make_plan(study, store, tmp_path), store)
    folder = store.run(next(iter(study.targets)))
    finish(folder)
    (folder.path / name).write_text("left")
    with folder.lock():
        write_down(study, make_plan(study, store, tmp_path), store)
        assert (folder.path / name).exists()
    write_down(study, make_plan(study, store, tmp_path), store)
    assert not (folder.path / name).exists()
    folder.write_status(replace(folder.said(), state=State.FAILED))
    (folder.path / name).write_text("needed")
    write_down(study, make_plan(study, store, tmp_path), store)
    assert (folder.path / name).exists()
