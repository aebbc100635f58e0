"""Executors, listeners and commands that lie are refused by the check that is theirs; ours pass."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import click
import pytest
from pydantic import Field

import ftdd
from ftdd.components import Executor, Job, Policy
from ftdd.study.runs import execute
from ftdd.testing import check_plugin, checks_of, executors
from ftdd.testing import plugins as plugin_checks


class Threads(Executor):
    """Threads of this process: right in all but that they cannot be ended."""

    name: Literal["threads"] = "threads"
    slots: ClassVar[Any] = 1

    @contextmanager
    def open(self, workers: int | None, device: str) -> Iterator[Any]:
        pool = ThreadPoolExecutor(1)
        try:
            yield SimpleNamespace(slots=type(self).slots, submit=lambda job: self.give(pool, job))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        return pool.submit(execute, job)


class NoSlots(Threads):
    slots: ClassVar[Any] = 0


class GivesNothing(Threads):
    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        pool.submit(execute, job)
        return None


class SaysDoneAtOnce(Threads):
    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        future: Future[None] = Future()
        future.set_result(None)
        return future


class HidesErrors(Threads):
    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        def work() -> None:
            try:
                execute(job)
            except OSError:
                return

        return pool.submit(work)


class CancelsAndCarriesOut(Threads):
    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        future: Future[None] = Future()

        def work() -> None:
            execute(job)
            if not future.cancelled():
                future.set_result(None)

        threading.Thread(target=work, daemon=True).start()
        return future


class NeverEnds(Threads):
    def give(self, pool: ThreadPoolExecutor, job: Job) -> Any:
        pool.submit(execute, job)
        return Future()


@pytest.mark.parametrize(
    ("liar", "check", "sentence"),
    [
        (NoSlots(), "gives_workers", "slots = 0; there must be 1 or more"),
        (GivesNothing(), "carries_jobs_out", "submit gives a NoneType"),
        (SaysDoneAtOnce(), "carries_jobs_out", "says that job 'one' has ended, and its folder says waiting"),
        (NeverEnds(), "carries_jobs_out", "the future of job 'one' is not done after"),
        (HidesErrors(), "says_what_the_worker_could_not_write", "hides that a job's folder could not be written"),
        (CancelsAndCarriesOut(), "lets_a_job_be_cancelled", "cancels a job whose folder then says failed"),
        (Threads(), "ends_its_workers", "leaves a worker behind that goes on: the run's folder says failed"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Executor) else "",
)
def test_an_executor_that_lies_is_refused(
    liar: Executor, check: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "SECONDS", 3.0 if isinstance(liar, NeverEnds) else 30.0)
    (one,) = (one for one in checks_of(liar) if one.__name__ == check)
    with pytest.raises(AssertionError, match=sentence.replace("(", r"\(")):
        one(liar)


@pytest.mark.parametrize("check", [one for one in checks_of(Threads) if one.__name__ != "ends_its_workers"])
def test_what_is_no_lie_passes(check: Callable[[Executor], None]) -> None:
    check(Threads())


def plugin(**hooks: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(**{name: ftdd.hookimpl(function) for name, function in hooks.items()})


class Odd(Policy):
    """A policy with a list."""

    policy: Literal["odd"] = "odd"
    sizes: list[int] = Field(default=[1])

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        return frozenset()


def deaf(run: Any) -> None:
    raise RuntimeError("deaf")


def hangs() -> None:
    time.sleep(30)


@pytest.mark.parametrize(
    ("faulty", "sentence"),
    [
        (SimpleNamespace(), "implements no hook of ftdd"),
        (plugin(ftdd_run_finished=lambda outcome: None), "it asks for 'outcome', which ftdd_run_finished has not"),
        (SimpleNamespace(ftdd_policies=lambda: [], other=1), "ftdd_policies without @ftdd.hookimpl"),
        (plugin(ftdd_policies=lambda: [Odd]), "has a field 'sizes' that may be a list"),
        (plugin(ftdd_policies=lambda: None), "returns None, and not a list"),
        (plugin(ftdd_commands=lambda: [click.Command("no help")]), "a command called 'no help'"),
        (plugin(ftdd_commands=lambda: [click.Command("helpless")]), "command 'helpless' has no help"),
        (plugin(ftdd_commands=lambda: [click.Command]), "no click.Command"),
        (plugin(ftdd_run_evaluated=deaf), "raises in ftdd_run_evaluated: RuntimeError: deaf"),
        (plugin(ftdd_study_finished=hangs), "hangs in ftdd_study_finished"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_plugin_with_a_fault_is_refused(faulty: object, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_checks, "SECONDS", 1.0)
    with pytest.raises(AssertionError) as caught:
        check_plugin(faulty)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import torch", "imports torch when it is imported"),
        ("print('hello')", "prints when it is imported: 'hello'"),
    ],
)
def test_a_module_that_is_slow_or_loud_is_refused(
    source: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "torch.py").touch()  # which is imported at once
    name = f"module_{len(source)}_loud"
    (tmp_path / f"{name}.py").write_text(f"{source}\nimport ftdd\n@ftdd.hookimpl\ndef ftdd_study_finished(): ...\n")
    sys.modules.pop(name, None)
    with pytest.raises(AssertionError, match=sentence):
        check_plugin(import_module(name))


@pytest.mark.parametrize("name", [point.value for point in entry_points(group="ftdd") if point.name != "mlflow"])
def test_what_ships_with_ftdd_passes(name: str) -> None:
    check_plugin(import_module(name))
