"""The executor `local`: one process per run on this machine."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ClassVar, Literal

import ftdd
from ftdd.components import Crew, Executor, Job

PATIENCE_SECONDS = 3.0
"""How long a worker that was told to end may take."""


@ftdd.hookimpl
def ftdd_executors() -> Sequence[type[Executor]]:
    """The executor of this file."""
    return [Local]


class Local(Executor):
    """Processes on this machine: one per physical core, with one thread each, or one per GPU.

    A run has a process of its own, so that one that is killed (by the kernel for its memory, say) is one failed run.
    """

    name: Literal["local"] = "local"
    default: ClassVar[bool] = True

    @contextmanager
    def open(self, workers: int | None, device: str) -> Iterator[Crew]:
        """Start workers; on the way out, end those that are still at work."""
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


class _Processes:
    """A crew of processes, one for each run at work."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._context = _context()
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="local executor")
        self._at_work: set[BaseProcess] = set()
        self._free = list(range(slots))
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, job: Job) -> "Future[None]":
        """Start the job as soon as a slot is free."""
        return self._threads.submit(self._carry_out, job)

    def close(self) -> None:
        """End all processes: kindly, and after a while by force. Their runs go on from their checkpoints."""
        with self._lock:
            self._closed = True
            left = list(self._at_work)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in left:
            process.terminate()
        for process in left:
            process.join(PATIENCE_SECONDS)
            if process.is_alive():
                process.kill()
        self._threads.shutdown(wait=True)

    def _carry_out(self, job: Job) -> None:
        with self._lock:
            if self._closed:
                return
            slot = self._free.pop()
            process = self._context.Process(target=work, args=(job, slot), daemon=True)  # type: ignore[attr-defined]
            process.start()
            self._at_work.add(process)
        try:
            process.join()
        finally:
            with self._lock:
                self._at_work.discard(process)
                self._free.append(slot)
        if process.exitcode != 0 and not self._closed:
            raise RuntimeError(_last_words(process.exitcode))


def work(job: Job, slot: int) -> None:
    """What a worker process does: one run, on its own GPU where there are several."""
    import signal

    from ftdd.study.runs import carry_out

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it ends its workers itself
    _end_with_parent()
    if job.device == "cuda":
        import dataclasses

        import torch

        job = dataclasses.replace(job, device=f"cuda:{slot % max(torch.cuda.device_count(), 1)}")
    carry_out(job)


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on alone."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _last_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        import signal

        try:
            name = signal.Signals(-exitcode).name
        except ValueError:
            name = str(-exitcode)
        hint = " (out of memory? try fewer --workers)" if name == "SIGKILL" else ""
        return f"its worker was killed by {name}{hint}"
    return f"its worker ended with exit code {exitcode}"
