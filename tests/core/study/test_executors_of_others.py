"""Executors that break their word: each costs the runs that it does not execute, and one sentence."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from ftdd.components import Executor, Job
from ftdd.records.status import State
from ftdd.study import conduct as conducting
from ftdd.study import workplace
from ftdd.study.conduct import Machine, Outcome, conduct, write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store
from tests.core.study.small_study import read

ONE = ("sweep.freezing.count=[0]",)


class Crew:
    """Carries each job out at once, in the caller's thread."""

    slots: Any = 1

    def __init__(self, submit: Callable[[Job], Any]) -> None:
        self.submit = submit


def at_once(job: Job) -> "Future[None]":
    future: Future[None] = Future()
    execute(job)
    future.set_result(None)
    return future


class Toy(Executor):
    """An executor without a fault, until a test gives it one."""

    name: Literal["toy"] = "toy"
    submit: ClassVar[Callable[[Job], Any]] = at_once
    slots: ClassVar[Any] = 1
    leaving: ClassVar[Callable[[], None]] = lambda: None

    @contextmanager
    def open(self, workers: int | None, device: str) -> Iterator[Any]:
        crew = Crew(type(self).submit)
        crew.slots = type(self).slots
        yield crew
        type(self).leaving()


def toy(**members: Any) -> Executor:
    wrapped = {name: staticmethod(one) if callable(one) and name != "open" else one for name, one in members.items()}
    return type("Toy", (Toy,), {**wrapped, "__doc__": "A toy.", "__module__": __name__})()


def executed(tmp_path: Path, executor: Executor, *overrides: str) -> tuple[Outcome, list[str], list[str], Store]:
    """The outcome, what was said, and how often what follows the runs was done."""
    study, store = read(tmp_path, *(overrides or ONE)), Store(tmp_path / "runs")
    plan = make_plan(study, store, tmp_path)
    said: list[str] = []
    drawn: list[str] = []
    outcome = conduct(
        write_down(study, plan, store),
        plan,
        executor,
        Machine(tmp_path, "cpu"),
        {},
        lambda snapshot: None,
        said.append,
        lambda: drawn.append("drawn"),
    )
    return outcome, said, drawn, store


def test_one_without_a_fault_carries_everything_out(tmp_path: Path) -> None:
    outcome, said, drawn, _ = executed(tmp_path, toy())
    assert (outcome.executed, outcome.failed, said, drawn) == (2, {}, [], ["drawn"])


def test_anything_that_opens_workers_will_do(tmp_path: Path) -> None:
    class Plain:
        @contextmanager
        def open(self, workers: int | None, device: str) -> Iterator[Crew]:
            yield Crew(lambda job: broken(job))

    outcome, said, _, _ = executed(tmp_path, Plain())  # type: ignore[arg-type]
    assert "failed: Plain: ConnectionError: the node is gone" in said[0]
    assert len(outcome.failed) == 2


def raises(*_: object) -> None:
    raise OSError("no machines")


@contextmanager
def yields_none(*_: object) -> Iterator[None]:
    yield None


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"slots": 0}, "executor 'toy' gave workers with slots = 0; it must be a whole number, 1 or more"),
        ({"slots": -1}, "with slots = -1"),
        ({"slots": None}, "with slots = None"),
        ({"slots": "two"}, "with slots = 'two'"),
        ({"slots": True}, "with slots = True"),
        ({"open": raises}, "executor 'toy' failed in open: OSError: no machines; no run can be executed"),
        ({"open": lambda *_: None}, "executor 'toy' failed in open: AttributeError"),
        ({"open": yields_none}, "executor 'toy' gave workers that cannot be used: AttributeError"),
        ({"submit": 3}, "gave workers whose submit is a int"),
    ],
)
def test_one_that_gives_no_workers_is_one_sentence_and_what_is_done_is_drawn(
    members: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    outcome, said, drawn, _ = executed(tmp_path, toy(**members))
    assert len(said) == 1
    assert sentence in said[0]
    assert (outcome.executed, len(outcome.failed), drawn) == (0, 2, ["drawn"])


def cancelled(job: Job) -> "Future[None]":
    future: Future[None] = Future()
    future.cancel()
    return future


def broken(job: Job) -> "Future[None]":
    future: Future[None] = Future()
    future.set_exception(ConnectionError("the node is gone"))
    return future


def idle(job: Job) -> "Future[None]":
    future: Future[None] = Future()
    future.set_result(None)
    return future


@pytest.mark.parametrize(
    ("submit", "reason"),
    [
        (raises, "executor 'toy' failed in submit: OSError: no machines"),
        (lambda job: None, "executor 'toy': submit gave a NoneType; it must be a concurrent.futures.Future"),
        (cancelled, "executor 'toy' cancelled it"),
        (broken, "ConnectionError: the node is gone"),
        (idle, "its worker ended and gave no reason"),
    ],
)
def test_a_job_that_is_not_executed_is_a_failed_run_with_the_reason(
    submit: Callable[[Job], Any], reason: str, tmp_path: Path
) -> None:
    """The source fails, and its target with it; the study ends."""
    outcome, said, drawn, store = executed(tmp_path, toy(submit=submit))
    assert reason in said[0]
    assert [store.run(run).status().state for run in outcome.failed] == [State.FAILED, State.FAILED]
    assert drawn == ["drawn"]


def test_a_source_that_failed_before_is_waited_for_by_its_targets(tmp_path: Path) -> None:
    executed(tmp_path, toy(submit=broken))
    outcome, said, _, _ = executed(tmp_path, toy())
    assert (outcome.executed, outcome.failed, said) == (2, {}, [])


def test_a_target_whose_job_is_cancelled_costs_no_other_run(tmp_path: Path) -> None:
    count = iter(range(9))

    def third(job: Job) -> "Future[None]":
        return cancelled(job) if next(count) == 2 else at_once(job)

    outcome, _, drawn, _ = executed(tmp_path, toy(submit=third), "sweep.freezing.count=[0, 3, 9]")
    assert (outcome.executed, list(outcome.failed.values())) == (3, ["executor 'toy' cancelled it"])
    assert drawn == ["drawn"]


def test_a_run_that_has_ended_is_taken_as_ended_though_its_future_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conducting, "ENDED_SECONDS", 0.2)

    def silent(job: Job) -> "Future[None]":
        execute(job)
        return Future()

    outcome, said, _, _ = executed(tmp_path, toy(submit=silent))
    assert (outcome.executed, outcome.failed) == (2, {})
    assert all("has ended, but its executor does not say so; it is taken as ended" in line for line in said)


def test_a_job_that_nobody_takes_is_lost_after_the_executors_patience(tmp_path: Path) -> None:
    futures: list[Future[None]] = []

    def lost(job: Job) -> "Future[None]":
        futures.append(Future())
        return futures[-1]

    outcome, said, _, _ = executed(tmp_path, toy(submit=lost, patience=1.0))
    assert "executor 'toy' has lost it: no worker was at it for 1 seconds, its patience" in said[0]
    assert len(outcome.failed) == 2
    assert futures[0].cancelled()


def test_a_queue_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where patience is None a job may lie for ever; one says that it lies."""
    monkeypatch.setattr(conducting, "QUIET_SECONDS", 0.3)

    def queued(job: Job) -> "Future[None]":
        future: Future[None] = Future()

        def later() -> None:
            time.sleep(2)
            execute(job)
            future.set_result(None)

        threading.Thread(target=later).start()
        return future

    outcome, said, _, _ = executed(tmp_path, toy(submit=queued, patience=None))
    assert (outcome.executed, outcome.failed) == (2, {})
    assert any("has had no worker for" in line and "Ctrl-C is safe" in line for line in said)


def test_a_future_that_is_done_too_early_does_not_end_a_run_at_work(tmp_path: Path) -> None:
    def early(job: Job) -> "Future[None]":
        folder = Store(job.store).run(job.run_id)
        threading.Thread(target=execute, args=(job,)).start()
        while not folder.held and folder.said().state is State.WAITING:
            time.sleep(0.01)
        return idle(job)

    outcome, said, _, _ = executed(tmp_path, toy(submit=early))
    assert (outcome.failed, said) == ({}, [])


def test_an_error_on_leaving_loses_nothing(tmp_path: Path) -> None:
    outcome, said, drawn, _ = executed(tmp_path, toy(leaving=raises))
    assert said == ["executor 'toy' failed when it was to end its workers: OSError: no machines"]
    assert (outcome.executed, outcome.failed, drawn) == (2, {}, ["drawn"])


def test_one_that_does_not_end_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "SAY_SECONDS", 0.1)
    monkeypatch.setattr(workplace, "LEAVE_SECONDS", 0.5)
    over = threading.Event()
    outcome, said, drawn, _ = executed(tmp_path, toy(leaving=lambda: over.wait(60)))
    over.set()
    assert said[0] == "waiting for executor 'toy' to end its workers, 0.5 seconds at most; Ctrl-C is safe"
    assert "has not ended its workers within 0.5 seconds" in said[1]
    assert (outcome.executed, drawn) == (2, ["drawn"])
