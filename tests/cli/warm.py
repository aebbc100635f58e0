"""A Python that has imported what `ftdd` needs, and forks a process of its own for every call.

Imports are most of what a small command costs. Each call has its own process, so nothing that one leaves behind (caches,
environment, current folder, figures, threads) can reach another. This process itself starts no thread and computes
nothing with torch: what is forked from it is as new as what a fork server gives. The fork server of the executor is
forked too, and shared; its workers get environment and output of the command that asked for them.

It reads a line of JSON for each call, and answers with two lines: the process's id, then its exit code.
"""

import atexit
import gc
import json
import os
import sys
import threading
import traceback
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import forkserver, util
from typing import Any, NoReturn


@dataclass(frozen=True)
class Call:
    """One call of the command."""

    arguments: list[str]
    cwd: str
    environment: dict[str, str]
    out: str
    err: str
    """Files to write to."""

    def surround(self) -> None:
        """Give this process the environment and the output of the call."""
        for number, path in ((0, os.devnull), (1, self.out), (2, self.err)):
            opened = os.open(path, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(self.environment)


def serve() -> None:
    """Answer calls until nobody asks any more."""
    requests, answers = os.fdopen(os.dup(0)), os.dup(1)
    os.dup2(2, 1)  # whatever is printed here is no answer
    import_module("tests.cli.imports")
    gc.freeze()
    _start_fork_server()
    for line in iter(requests.readline, ""):
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            _end(_code(Call(**json.loads(line))))
        os.write(answers, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _start_fork_server() -> None:
    """That of `multiprocessing`, with all that is imported here: forked where it would start a new Python."""

    def forked(path: object, arguments: list[str], kept: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                for number in set(range(3, 256)) - set(kept):
                    try:
                        os.close(number)
                    except OSError:
                        continue
                exec(arguments[-1])
            finally:
                os._exit(0)
        return pid

    forkserver.set_forkserver_preload([])
    starts, util.spawnv_passfds = util.spawnv_passfds, forked  # type: ignore[attr-defined]
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = starts  # type: ignore[attr-defined]


def _code(call: Call) -> int:
    """Execute the call; its exit code."""
    from ftdd.cli import main
    from ftdd_plugins.executors import processes

    os.setsid()
    os.chdir(call.cwd)
    call.surround()
    sys.path[:0] = filter(None, call.environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["ftdd", *call.arguments]
    running: Any = forkserver._forkserver  # type: ignore[attr-defined]
    running.ensure_running = lambda: None  # it would wait for a child that is this process's sibling
    processes.work = partial(work, call)
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def work(call: Call, *arguments: Any) -> None:
    """In a worker: work for the call."""
    from ftdd_plugins.executors import processes

    call.surround()
    processes.work(*arguments)


def _end(code: int) -> NoReturn:
    """As Python ends, but without taking everything apart that was imported, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    from tests.cli import warm  # by its name, so that workers can import what they are given

    warm.serve()
