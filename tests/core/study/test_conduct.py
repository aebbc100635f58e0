"""A study executed by real worker processes: sources first, failures apart, kills survived."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftdd.components import Executor
from ftdd.recipe.recipe import Recipe
from ftdd.records.status import State
from ftdd.study.conduct import Machine, Outcome, Snapshot, conduct, write_down
from ftdd.study.plan import Plan, make_plan
from ftdd.study.store import Store
from tests.cli.commands import heed_ctrl_c
from tests.core.study.small_study import read
from tests.core.study.test_executors_of_others import toy
from tests.installed import installed_plugins


def local() -> Executor:
    executor = installed_plugins().components["executor"]["local"]()
    assert isinstance(executor, Executor)
    return executor


def executed(
    study: Recipe,
    store: Store,
    data: Path,
    show: Callable[[Snapshot], None] = lambda snapshot: None,
    executor: Executor | None = None,
    **machine: object,
) -> tuple[Outcome, Plan, list[str]]:
    """By worker processes where no executor is given."""
    plan = make_plan(study, store, data)
    ref = write_down(study, plan, store)
    said: list[str] = []
    where = Machine(data, "cpu", **machine)  # type: ignore[arg-type]
    outcome = conduct(ref, plan, executor or local(), where, {}, show, said.append, lambda: None)
    return outcome, plan, said


def test_a_study_is_executed_once_and_found_done_the_next_time(tmp_path: Path) -> None:
    study, store = read(tmp_path), Store(tmp_path / "runs")
    outcome, plan, said = executed(study, store, tmp_path, workers=2)
    assert (outcome.executed, outcome.found_done, outcome.failed, said) == (4, 0, {}, [])
    assert all(store.run(run.ref.id).status().state is State.DONE for run in plan.runs)
    again, plan, _ = executed(study, store, tmp_path, workers=2)
    assert (again.executed, again.found_done) == (0, 4)
    assert plan.seconds_per_pass is not None


@pytest.mark.parametrize("damage", ["torn", "short", "empty", "garbage", "gone", "ledger torn", "ledger empty"])
def test_a_run_that_is_done_and_damaged_is_executed_again(
    damage: str, finished: tuple[Recipe, Store], tmp_path: Path
) -> None:
    """With the numbers that it had; the damaged file is kept beside the new one."""
    study, store = finished
    folder = store.run(next(iter(study.targets)))
    before, proof = folder.curve().measurements, folder.read_ledger()
    path = folder.ledger if "ledger" in damage else folder.path / "curve.csv"
    whole = path.read_bytes()
    rows = whole.splitlines(keepends=True)
    left = {"short": b"".join(rows[:-1]), "garbage": b"\xff\x00" * 40, "torn": whole[:-20], "ledger torn": whole[:-20]}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(left.get(damage, b""))
    assert folder.status().state is State.DAMAGED
    assert path.name in folder.status().error
    outcome, plan, _ = executed(study, store, tmp_path, executor=toy())
    assert [run.ref.id for run in plan.open] == [folder.path.name]
    assert (outcome.executed, outcome.found_done, outcome.failed) == (1, 3, {})
    assert (folder.curve().measurements, folder.read_ledger()) == (before, proof)
    aside = path.with_name(path.name + ".damaged")
    assert aside.exists() == (damage != "gone")
    assert executed(study, store, tmp_path, executor=toy())[0].executed == 0


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_source_whose_weights_are_torn_or_gone_is_trained_again_where_a_target_needs_it(
    damage: str, finished: tuple[Recipe, Store], tmp_path: Path
) -> None:
    study, store = finished
    weights = store.run(next(iter(study.sources))).weights
    whole = weights.read_bytes()
    if damage == "gone":
        weights.unlink()
        assert executed(study, store, tmp_path, executor=toy())[0].executed == 0  # nobody misses them
        more = read(tmp_path, "sweep.freezing.count=[0, 3, 5, 9]")
    else:
        weights.write_bytes(whole[: len(whole) // 2])
        more = study
    outcome, plan, _ = executed(more, store, tmp_path, executor=toy())
    assert [run.ref.role for run in plan.open] == (["source", "target"] if damage == "gone" else ["source"])
    assert outcome.failed == {}
    assert weights.read_bytes() == whole


def test_a_spec_that_was_damaged_is_written_again(tmp_path: Path) -> None:
    """A run's id says what its spec is, so nothing is lost with the file."""
    study, store = read(tmp_path), Store(tmp_path / "runs")
    plan = make_plan(study, store, tmp_path)
    write_down(study, plan, store)
    spec = store.run(next(iter(study.targets))).spec
    whole = spec.read_bytes()
    for damage in (b"", whole[:-20], whole.replace(b"60", b"61")):
        spec.write_bytes(damage)
        write_down(study, plan, store)
        assert spec.read_bytes() == whole


def test_a_deleted_folder_is_executed_again(finished: tuple[Recipe, Store], tmp_path: Path) -> None:
    """The folder is the truth: delete it and it runs again, with the same numbers."""
    study, store = finished
    run_id = next(iter(study.targets))
    before = store.run(run_id).curve().measurements
    for file in store.run(run_id).path.iterdir():
        file.unlink()
    outcome, _, _ = executed(study, store, tmp_path, executor=toy())
    assert (outcome.executed, outcome.found_done) == (1, 3)
    assert store.run(run_id).curve().measurements == before


def test_a_source_is_trained_once_for_all_targets_and_studies(finished: tuple[Recipe, Store], tmp_path: Path) -> None:
    (first, store), second = finished, read(tmp_path, "sweep.freezing.count=[1, 2]", name="second")
    outcome, _, _ = executed(second, store, tmp_path, executor=toy())
    assert set(first.sources) == set(second.sources)
    assert (outcome.executed, outcome.found_done) == (2, 1)
    assert store.studies() == ("second", "small")


def test_a_failed_source_fails_its_targets_and_no_others(tmp_path: Path) -> None:
    """Two sources, one of which diverges: its targets say why, the others are done; the next try is theirs alone."""
    study = read(
        tmp_path,
        "sweep.freezing.count=[0, 2]",
        "sweep.source.training.optimizer=[{name: adam, lr: 0.01}, {name: sgd, lr: 1.0e30}]",
    )
    store = Store(tmp_path / "runs")
    outcome, plan, said = executed(study, store, tmp_path, workers=2)
    states = sorted(str(store.run(run.ref.id).status().state) for run in plan.runs)
    assert states == ["diverged", "done", "done", "done", "failed", "failed"]
    (bad,) = outcome.diverged
    assert set(outcome.failed.values()) == {f"its source {bad} diverged, so there is nothing to transfer"}
    assert any(line.startswith(f"source run {bad} diverged after epoch") for line in said)
    again, _, _ = executed(study, store, tmp_path, executor=toy())
    assert len(again.failed) == 2


def test_a_killed_worker_is_one_failed_run_and_the_next_try_goes_on(tmp_path: Path) -> None:
    """SIGKILL, as the kernel does when memory runs out: that run fails, the others are done."""
    study = read(tmp_path, "target.training.epochs=150", "sweep.freezing.count=[0, 9]", "target.evaluate=log")
    store = Store(tmp_path / "runs")
    victim = next(run_id for run_id, spec in study.targets.items() if '"count":0' in spec.model_dump_json())
    killed: list[int] = []

    def kill(snapshot: Snapshot) -> None:
        epoch = next((one.status.epoch for one in snapshot.at_work if one.run.ref.id == victim), 0)
        if epoch >= 5 and not killed:
            killed.extend(_workers_of(os.getpid(), store.run(victim).path / "lock"))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    outcome, _, said = executed(study, store, tmp_path, kill, workers=2)
    assert killed
    assert list(outcome.failed) == [victim]
    assert "killed by SIGKILL" in outcome.failed[victim]
    assert any(victim in line for line in said)
    assert outcome.executed == 2
    again, _, _ = executed(study, store, tmp_path, executor=toy())
    assert (again.failed, again.executed) == ({}, 1)


def _workers_of(parent: int, lock: Path) -> list[int]:
    """Processes below the parent that have this lock open."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if int(folder.parent.name) != parent and any(fd.samefile(lock) for fd in folder.iterdir() if fd.exists()):
                found.append(int(folder.parent.name))
        except OSError:
            continue
    return found


SCRIPT = """
import sys
from pathlib import Path
from tests.core.study.small_study import read
from tests.core.study.test_conduct import executed
from ftdd.study.store import Store

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    study = read(folder, "target.training.epochs=5000", "sweep.freezing.count=[0, 1]", "target.evaluate=log")
    executed(study, Store(folder / "runs"), folder, workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGKILL, id="killed"), pytest.param(signal.SIGINT, id="interrupted")]
)
def test_workers_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C ends all within seconds; and a parent that is killed leaves no worker behind."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    study = read(tmp_path, "target.training.epochs=5000", "sweep.freezing.count=[0, 1]", "target.evaluate=log")
    store = Store(tmp_path / "runs")
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], env=environment, start_new_session=True, preexec_fn=heed_ctrl_c
    )
    locks = [store.run(run_id).path / "lock" for run_id in study.targets]
    for _ in range(1800):
        workers = [pid for lock in locks if lock.exists() for pid in _workers_of(process.pid, lock)]
        if len(workers) == 2 and all(store.run(run_id).status().epoch for run_id in study.targets):
            break
        time.sleep(0.1)
    assert len(workers) == 2, process.poll()
    began = time.monotonic()
    os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
    process.wait(60)
    while any(_alive(pid) for pid in workers) and time.monotonic() - began < 60:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in workers)
    while _states(study, store) != {State.INTERRUPTED} and time.monotonic() - began < 60:
        time.sleep(0.05)  # a process that is gone may hold its files for a moment longer
    assert _states(study, store) == {State.INTERRUPTED}


def _states(study: Recipe, store: Store) -> set[State]:
    return {store.run(run_id).status().state for run_id in study.targets}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
