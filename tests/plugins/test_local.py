"""The executor `local`: processes that take one run after another, and what becomes of one that dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from ftdd_plugins.executors.local import Local
from tests.core.study.small_study import RECIPE, job, written


def worker_ids() -> set[int]:
    """Of the processes that this one has started, by `multiprocessing`, and that live."""
    return {process.pid or 0 for process in multiprocessing.active_children()}


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
            seen |= worker_ids()
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
        (first,) = worker_ids()
        os.kill(first, signal.SIGKILL)
        time.sleep(0.5)
        crew.submit(job(store, ids[1])).result(timeout=180)
        assert worker_ids().isdisjoint({first})
    assert store.run(ids[1]).status().state is State.DONE


def test_a_worker_that_dies_at_work_is_one_failed_run_and_is_replaced(tmp_path: Path) -> None:
    settings = ("source=none", "sweep.target.training.epochs=[5000, 1]", "sweep.freezing.count=[0]")
    points, store = written(tmp_path, *settings)
    ids = list(points.targets)
    long = job(store, ids[0])
    with Local().open(1, "cpu") as crew:
        at_work = crew.submit(long)
        for _ in range(600):
            if store.run(ids[0]).status().state is State.RUNNING and store.run(ids[0]).status().epoch > 0:
                break
            time.sleep(0.1)
        (first,) = worker_ids()
        os.kill(first, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"its worker was killed by SIGKILL \(out of memory\?"):
            at_work.result(timeout=180)
        crew.submit(job(store, ids[1])).result(timeout=180)
    assert store.run(ids[0]).status().state is State.INTERRUPTED
    assert store.run(ids[1]).status().state is State.DONE


def test_no_process_is_left_when_the_crew_is_dismissed(study: tuple[list[str], Store]) -> None:
    ids, store = study
    with Local().open(2, "cpu") as crew:
        for at_work in [crew.submit(job(store, run_id)) for run_id in ids[:2]]:
            at_work.result(timeout=180)
        assert len(worker_ids()) == 2
    assert not worker_ids()


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
        before = worker_ids()
        crew.submit(job(store, ids[1])).result(timeout=60)
        assert worker_ids() == before
    assert store.run(ids[1]).status().state is State.DONE
    assert "Traceback" not in capfd.readouterr().err


FROM_HERE = """
import sys

sys.path.remove("")  # this process itself imports nothing from here, up to the moment when it starts others
import multiprocessing
from pathlib import Path

from ftdd_plugins.executors import processes
from ftdd_plugins.executors.local import Local
from tests.core.study.small_study import job
from ftdd.study.store import Store

how, run_id = sys.argv[1:]
processes._KNOWS_SAFE_PATH &= how != "forkserver of Python 3.10"
if how == "spawn":
    processes._context = lambda: multiprocessing.get_context("spawn")
with Local().open(1, "cpu") as crew:
    sys.path.insert(0, "")
    crew.submit(job(Store(Path("runs of mine").absolute()), run_id)).result(timeout=300)
assert sys.path[0] == ""
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["forkserver", "forkserver of Python 3.10", "spawn"])
def test_workers_import_nothing_from_the_folder_one_stands_in(how: str, tmp_path: Path) -> None:
    """Not even what Python itself needs to start them; what PYTHONPATH names is imported all the same."""
    points, store = written(tmp_path, "source=none", "target.training.epochs=1")
    for name in ("torch", "numpy", "yaml", "random", "mlflow", "sitecustomize", "safetensors", "selectors", "tempfile"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'a').write(__name__)\n")
    run_id = next(iter(points.targets))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", FROM_HERE, how, run_id], cwd=tmp_path, env=environment, check=True)
    assert not (tmp_path / "executed").exists()
    assert store.run(run_id).status().state is State.DONE


SCRIPT = """
from ftdd.cli.commands import ftdd_command

open("started", "a").write("once ")
ftdd_command(["run", "tiny.yaml", "--workers", "1"], standalone_mode=False)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["script", "module", "stdin"])
def test_a_script_without_a_guard_runs_once(how: str, tmp_path: Path) -> None:
    """Its workers would start it again, were they told of it: each would conduct the study anew."""
    (tmp_path / "tiny.yaml").write_text(RECIPE.replace("[0, 3, 9]", "[0]"))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = {"script": ["script.py"], "module": ["-m", "script"], "stdin": ["-"]}[how]
    given = SCRIPT if how == "stdin" else None
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "started").read_text() == "once "
    assert {folder.status().state for folder in Store(tmp_path / "ftdd-runs").run_folders()} == {State.DONE}
