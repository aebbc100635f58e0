"""Executors: where and how runs are executed."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from ftdd.components.base import Component

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True)
class Job:
    """One run to execute: all that a worker is told. What it has to say it writes into the run's folder."""

    run_id: str
    store: Path
    data: Path
    device: str
    threads: int
    cache_memory: int
    """Bytes that a frozen prefix's outputs may take in memory; 0 for none."""
    cache_disk: int
    """Bytes that they may take in a file beside the run where memory is not enough; 0 for none."""


class Crew(Protocol):
    """Workers that stand ready."""

    slots: int
    """How many jobs are executed at once, 1 or more."""

    def submit(self, job: Job) -> "Future[None]":
        """Have the job executed by `ftdd.study.runs.execute`; the future ends when it has ended.

        The future is a `concurrent.futures.Future`. Its exception says that the *worker* died; what goes wrong in a run
        stands in its folder. A future that is cancelled fails the run. A job may be started twice: the second start
        finds it locked, done, or goes on from its checkpoint.
        """
        ...


class Executor(Component):
    """Executes runs."""

    default: ClassVar[bool] = False
    """Whether it is taken where a recipe names none."""
    patience: ClassVar[float | None] = 120.0
    """Seconds that a job may lie without a worker before it counts as lost; None for ever, as in a cluster's queue."""

    @abstractmethod
    def open(self, workers: int | None, device: str) -> AbstractContextManager[Crew]:
        """Workers for a study; leaving the context ends them at once, also in the middle of a run.

        workers: how many, None for as many as suit the machine.   device: as torch names it.
        """
