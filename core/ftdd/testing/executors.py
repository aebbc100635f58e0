"""What every executor must do, with jobs that need no network and no images.

Their specs are empty, so a job that was executed is a failed run with a log in its folder. What keeps a worker busy
is a folder whose lock is held here.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from ftdd.components import Crew, Executor, Job
from ftdd.records.status import State
from ftdd.study.files import write_text
from ftdd.study.store import RunFolder, Store

SECONDS = 60.0
"""That a worker may take to start and to execute a job that is nothing; that workers may take to end."""
QUICK_SECONDS = 20.0
"""That `submit` may take: it gives a job away and does not wait for it."""

T = TypeVar("T")


def gives_workers(executor: Executor) -> None:
    """At least one, and as many as are asked for, or fewer."""
    with _open(executor, 2) as crew:
        assert isinstance(crew.slots, int), f"gives workers with slots = {crew.slots!r}, which is no whole number"
        assert not isinstance(crew.slots, bool), f"gives workers with slots = {crew.slots!r}"
        assert crew.slots >= 1, f"gives workers with slots = {crew.slots}; there must be 1 or more"


def carries_jobs_out(executor: Executor) -> None:
    """More jobs than workers all end, each in its own folder, and a run that fails is no failure of the worker."""
    with _store() as store, _open(executor, 1) as crew:
        futures = {name: _submitted(crew, store, name) for name in ("one", "two", "three")}
        for name, future in futures.items():
            _ended(future, name)
            assert future.exception(timeout=0) is None, (
                f"says that the worker failed, of a run that says so itself: {future.exception(timeout=0)!r}"
            )
            state = store.run(name).said().state
            assert state is State.FAILED, f"says that job '{name}' has ended, and its folder says {state}"


def says_what_the_worker_could_not_write(executor: Executor) -> None:
    """An error that `execute` raises, as on a full disk, is the future's exception."""
    with _store() as store, _open(executor, 1) as crew:
        write_text(store.path / "file", "no folder")
        future = _submitted(crew, Store(store.path / "file"), "one")
        _ended(future, "one")
        assert future.exception(timeout=0) is not None, "hides that a job's folder could not be written to"


def lets_a_job_be_cancelled(executor: Executor) -> None:
    """A job behind one that is at work is cancelled, or is executed: never both, and never neither."""
    with _store() as store, _open(executor, 1) as crew:
        with _busy(store, "busy"):
            busy = [_submitted(crew, store, "busy")]
            waiting = _submitted(crew, store, "waiting")
            cancelled = waiting.cancel()
        for future in busy:
            _ended(future, "busy")
        if not cancelled:
            _ended(waiting, "waiting")
        time.sleep(0.5)
        state = store.run("waiting").said().state
        assert (state is State.WAITING) == cancelled, (
            f"{'cancels' if cancelled else 'does not cancel'} a job whose folder then says {state}"
        )


def ends_its_workers(executor: Executor) -> None:
    """Leaving the context ends a worker in the middle of a run, and nobody goes on with it."""
    with _store() as store:
        with _busy(store, "busy"):
            context = executor.open(1, "cpu")
            crew = _within(context.__enter__, SECONDS, "open does not end")
            future = _submitted(crew, store, "busy")
            _seen_at_work(future, store.run("busy"))
            _within(lambda: context.__exit__(None, None, None), SECONDS, "does not end its workers")
        time.sleep(2)
        state = store.run("busy").said().state
        assert state is State.WAITING, f"leaves a worker behind that goes on: the run's folder says {state}"


EXECUTOR_CHECKS: tuple[Callable[[Executor], None], ...] = (
    gives_workers,
    carries_jobs_out,
    says_what_the_worker_could_not_write,
    lets_a_job_be_cancelled,
    ends_its_workers,
)


@contextmanager
def _store() -> Iterator[Store]:
    with TemporaryDirectory(prefix="ftdd-check-", ignore_cleanup_errors=True) as folder:
        yield Store(Path(folder))


@contextmanager
def _open(executor: Executor, workers: int) -> Iterator[Crew]:
    context = executor.open(workers, "cpu")
    crew = _within(context.__enter__, SECONDS, "open does not end")
    assert hasattr(crew, "slots"), f"gives {type(crew).__name__}, which has no slots"
    assert callable(getattr(crew, "submit", None)), f"gives {type(crew).__name__}, which has no submit"
    try:
        yield crew
    finally:
        _within(lambda: context.__exit__(None, None, None), SECONDS, "does not end its workers")


def _submitted(crew: Crew, store: Store, name: str) -> "Future[None]":
    if store.path.is_dir():
        write_text(store.run(name).spec, "{}")
    job = Job(name, store.path, store.path, "cpu", 1, 0, 0)
    future: Any = _within(lambda: crew.submit(job), QUICK_SECONDS, "submit waits for the job to be executed")
    assert isinstance(future, Future), f"submit gives a {type(future).__name__}, not a concurrent.futures.Future"
    return future


def _ended(future: "Future[None]", name: str) -> None:
    end = time.monotonic() + SECONDS
    while not future.done() and time.monotonic() < end:
        time.sleep(0.05)
    assert future.done(), f"the future of job '{name}' is not done after {SECONDS:g} seconds"
    try:
        future.exception(timeout=0)
    except CancelledError:
        raise AssertionError(f"the future of job '{name}' was cancelled, by nobody") from None


@contextmanager
def _busy(store: Store, name: str) -> Iterator[None]:
    """Whoever carries this run out waits until this is left."""
    write_text(store.run(name).spec, "{}")
    with store.run(name).lock():
        yield


def _seen_at_work(future: "Future[None]", folder: RunFolder) -> None:
    """Give a worker time to be at the folder's lock; nothing tells from outside that it is."""
    end = time.monotonic() + 5
    while time.monotonic() < end and not future.done():
        time.sleep(0.1)
    assert not future.done(), f"says that a job has ended that is still to be done: {folder.path}"


def _within(work: Callable[[], T], seconds: float, otherwise: str) -> T:
    """What a call gives; AssertionError where it takes longer. What it raises is raised."""
    found: list[T] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            found.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    assert found, f"{otherwise} ({seconds:g} seconds)"
    return found[0]
