"""The executor `local`: processes on this machine, each with one run at a time."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Literal

import ftdd
from ftdd.components import Crew, Executor


@ftdd.hookimpl
def ftdd_executors() -> Sequence[type[Executor]]:
    """The executor of this file."""
    return [Local]


class Local(Executor):
    """Processes on this machine: one per physical core, with one thread each, or one per GPU.

    A process runs one training at a time, so that one that is killed (by the kernel for its memory, say) is one failed
    run. Workers do not import the caller's script, so it needs no `if __name__ == "__main__"`.
    """

    name: Literal["local"] = "local"
    default: ClassVar[bool] = True

    def open(self, workers: int | None, device: str) -> AbstractContextManager[Crew]:
        """Start workers; on the way out, end those that are still at work."""
        from ftdd_plugins.executors.processes import processes

        return processes(workers, device)
