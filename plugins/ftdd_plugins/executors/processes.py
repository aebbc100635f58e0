"""Worker processes of this machine, each with one run at a time, and what becomes of one that dies."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import spawn, util
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from ftdd.components import Crew, Job

_NAME = "ftdd worker"
_SAFE_PATH = "PYTHONSAFEPATH"
_KNOWS_SAFE_PATH = hasattr(sys.flags, "safe_path")
"""Python 3.10 does not; its children are isolated instead, and are given the path afterwards."""

PATIENCE_SECONDS = 3.0
"""How long a worker that was told to end may take."""


@contextmanager
def processes(workers: int | None, device: str) -> Iterator[Crew]:
    """Start workers; on the way out, end those that are still at work.

    workers: how many; None for one per physical core, or one per GPU.   device: as torch names it.
    """
    crew = _Processes(workers or _fitting(device))
    try:
        yield crew
    finally:
        crew.close()


def physical_cores() -> int:
    """Physical cores that this process may use; logical ones where the system does not tell them apart."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for core in allowed:
        place = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            siblings.add(place.read_text().strip())
        except OSError:
            return len(allowed)
    return max(len(siblings), 1)


def _fitting(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return max(torch.cuda.device_count(), 1)
    return physical_cores()


def _context() -> BaseContext:
    """A way to start processes that is safe after torch was used.

    Not fork: a forked child hangs in its first convolution once its parent has used two threads. A fork server that
    has imported torch gives a worker in 0.01 s, where a fresh interpreter takes 1.1 to 1.4 s.
    """
    if sys.platform == "linux":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", "ftdd.study.runs"])
        return context
    return multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class _Worker:
    """A process that takes one job after another, and the line to it."""

    process: BaseProcess
    line: Connection
    slot: int


class _Processes:
    """A crew of processes, each of which executes one run at a time, until it is told to end or dies."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._context = _context()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="local executor")
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._free = list(range(slots))
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, job: Job) -> "Future[None]":
        """Give the job to a worker as soon as one is idle."""
        return self._threads.submit(self._execute, job)

    def close(self) -> None:
        """End all processes: kindly, and after a while by force. Their runs go on from their checkpoints."""
        with self._lock:
            self._closed = True
            left = list(self._all)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in left:
            worker.process.terminate()
        for worker in left:
            worker.process.join(PATIENCE_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
        self._threads.shutdown(wait=True)

    def _execute(self, job: Job) -> None:
        with self._lock:
            if self._closed:
                return
            worker = self._rested() or self._hired()
        try:
            worker.line.send(job)
            unwritten: str | None = worker.line.recv()
        except (EOFError, OSError):  # the other end of the line is gone
            worker.process.join()
            with self._lock:
                self._all.discard(worker)
                self._free.append(worker.slot)
            if not self._closed:
                raise RuntimeError(_last_words(worker.process.exitcode)) from None
            return
        with self._lock:
            self._idle.append(worker)
        if unwritten is not None:
            raise RuntimeError(unwritten)

    def _rested(self) -> _Worker | None:
        """One that is idle; those that died meanwhile are dismissed."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                return worker
            self._all.discard(worker)
            self._free.append(worker.slot)
        return None

    def _hired(self) -> _Worker:
        slot = self._free.pop()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(  # type: ignore[attr-defined]
            target=work, args=(theirs, slot), name=f"{_NAME} {slot}", daemon=True
        )
        try:
            with _nothing_from_here(), _without_main(), _deaf_to_ctrl_c():
                process.start()
        except BaseException:
            self._free.append(slot)
            raise
        theirs.close()  # so that the line breaks when the worker dies
        worker = _Worker(process, ours, slot)
        self._all.add(worker)
        return worker


def work(line: Connection, slot: int) -> None:
    """What a worker process does: one run after another, on its own GPU where there are several."""
    from ftdd.study.runs import execute

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # also where `_deaf_to_ctrl_c` cannot be
    _end_with_parent()
    while True:
        try:
            job: Job = line.recv()
        except EOFError:
            return
        if job.device == "cuda":
            import torch

            job = replace(job, device=f"cuda:{slot % max(torch.cuda.device_count(), 1)}")
        unwritten = None
        try:
            execute(job)
        except OSError as error:  # all else it writes into the run's folder, so only the parent can say this
            unwritten = f"{error.filename or job.store}: {error.strerror or error}"
        line.send(unwritten)


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on alone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What is started from this thread never hears Ctrl-C: that is the parent's, which ends its workers itself.

    A process inherits what its starter blocks. Told later, it would end with a traceback while it imports torch.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # starting it, as the first process does, would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _nothing_from_here() -> Iterator[None]:
    """What is started from this thread, fork server and all, imports nothing from the folder one stands in.

    A Python that is started with `-c`, as `multiprocessing` does, would look there first, even for `random`; and it
    hands its own path on. What PYTHONPATH names is imported all the same.
    """
    internals: Any = util  # whose types do not know what multiprocessing gives every Python that it starts
    safe, path, flags = os.environ.get(_SAFE_PATH), list(sys.path), internals._args_from_interpreter_flags
    os.environ[_SAFE_PATH] = "1"
    if "" in path:  # an interactive session's
        sys.path[:] = [entry for entry in path if entry]
    if not _KNOWS_SAFE_PATH:
        internals._args_from_interpreter_flags = lambda: [*flags(), "-I"]
    try:
        yield
    finally:
        internals._args_from_interpreter_flags = flags
        if "" in path:
            sys.path[:] = path
        if safe is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = safe


@contextmanager
def _without_main() -> Iterator[None]:
    """Our workers do not run the caller's script again, as `multiprocessing` has every process do that it starts.

    They need nothing of it, and one without `if __name__ == "__main__"` would start a study of its own in each.
    """
    internals: Any = spawn
    prepare = internals.get_preparation_data

    def prepared(name: str) -> dict[str, object]:
        data: dict[str, object] = prepare(name)
        ours = name.startswith(_NAME)  # another thread may start a process of its own meanwhile
        return {key: value for key, value in data.items() if not (ours and key.startswith("init_main_from_"))}

    internals.get_preparation_data = prepared
    try:
        yield
    finally:
        internals.get_preparation_data = prepare


def _last_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        try:
            name = signal.Signals(-exitcode).name
        except ValueError:
            name = str(-exitcode)
        hint = " (out of memory? try fewer --workers)" if name == "SIGKILL" else ""
        return f"its worker was killed by {name}{hint}"
    return f"its worker ended with exit code {exitcode}"
