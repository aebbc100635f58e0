"""The executor `local`: processes that take one run after another, and what becomes of one that dies."""

import os
import signal
import time
from pathlib import Path

import pytest

from ftdd.study.store import State, Store
from ftdd_plugins.local import Local, _Processes
from tests.core.study.small_study import job, written


def worker_ids(crew: object) -> set[int]:
    assert isinstance(crew, _Processes)
    return {worker.process.pid or 0 for worker in crew._all}


@pytest.fixture
def study(tmp_path: Path) -> tuple[list[str], Store]:
    study, store = written(tmp_path, "source=none", "sweep.seed=0..1", "target.training.epochs=1")
    return list(study.targets), store


def test_one_process_carries_out_one_run_after_another(study: tuple[list[str], Store]) -> None:
    ids, store = study
    seen = set()
    with Local().open(1, "cpu") as crew:
        for run_id in ids[:3]:
            crew.submit(job(store, run_id)).result(timeout=180)
            seen |= worker_ids(crew)
    assert len(seen) == 1
    assert all(store.run(run_id).status().state is State.DONE for run_id in ids[:3])


def test_the_curve_does_not_hang_on_what_the_process_did_before(study: tuple[list[str], Store], tmp_path: Path) -> None:
    ids, store = study
    other = Store(tmp_path / "other")
    (other.path / "runs" / ids[2]).mkdir(parents=True)
    (other.run(ids[2]).spec).write_bytes(store.run(ids[2]).spec.read_bytes())
    with Local().open(1, "cpu") as crew:
        for run_id in ids[:3]:
            crew.submit(job(store, run_id)).result(timeout=180)
    with Local().open(1, "cpu") as crew:
        crew.submit(job(other, ids[2])).result(timeout=180)
    assert store.run(ids[2]).curve().measurements == other.run(ids[2]).curve().measurements


def test_a_worker_that_dies_while_idle_costs_no_run(study: tuple[list[str], Store]) -> None:
    ids, store = study
    with Local().open(1, "cpu") as crew:
        crew.submit(job(store, ids[0])).result(timeout=180)
        (first,) = worker_ids(crew)
        os.kill(first, signal.SIGKILL)
        time.sleep(0.5)
        crew.submit(job(store, ids[1])).result(timeout=180)
        assert worker_ids(crew).isdisjoint({first})
    assert store.run(ids[1]).status().state is State.DONE


def test_a_worker_that_dies_at_work_is_one_failed_run_and_is_replaced(study: tuple[list[str], Store]) -> None:
    ids, store = study
    long = job(store, ids[0])
    spec = store.run(ids[0]).spec
    spec.write_text(spec.read_text().replace('"epochs": 1', '"epochs": 5000'))
    with Local().open(1, "cpu") as crew:
        at_work = crew.submit(long)
        for _ in range(600):
            if store.run(ids[0]).status().state is State.RUNNING and store.run(ids[0]).status().epoch > 0:
                break
            time.sleep(0.1)
        (first,) = worker_ids(crew)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"its worker was killed by SIGKILL \(out of memory\?"):
            at_work.result(timeout=180)
        crew.submit(job(store, ids[1])).result(timeout=180)
    assert store.run(ids[0]).status().state is State.INTERRUPTED
    assert store.run(ids[1]).status().state is State.DONE


def test_no_process_is_left_when_the_crew_is_dismissed(study: tuple[list[str], Store]) -> None:
    ids, store = study
    with Local().open(2, "cpu") as crew:
        for run_id in ids[:2]:
            crew.submit(job(store, run_id)).result(timeout=180)
        processes = [worker.process for worker in crew._all]  # type: ignore[attr-defined]
    assert processes
    assert not any(process.is_alive() for process in processes)


def test_a_run_whose_folder_cannot_be_written_is_a_sentence_and_costs_no_worker(
    study: tuple[list[str], Store], capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a full disk: neither status nor log can say it."""
    ids, store = study
    folder = store.run(ids[0]).path
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    with Local().open(1, "cpu") as crew:
        with pytest.raises(RuntimeError, match=f"{folder}: File exists"):
            crew.submit(job(store, ids[0])).result(timeout=60)
        before = worker_ids(crew)
        crew.submit(job(store, ids[1])).result(timeout=60)
        assert worker_ids(crew) == before
    assert store.run(ids[1]).status().state is State.DONE
    assert "Traceback" not in capfd.readouterr().err
