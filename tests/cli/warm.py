"""A Python that has imported what `ftdd` needs, and forks a process of its own for every call.

Imports are most of what a small command costs. Each call has its own process, so nothing that one leaves behind (caches,
environment, current folder, figures, threads) can reach another. This process itself starts no thread and computes
nothing with torch: what is forked from it is as new as what a fork server gives. The fork server of the executor is
forked too, and shared; its workers get environment and output of the command that asked for them.

It listens at a socket, for all processes of a test session: for a line of JSON for each call it answers with two
lines, the process's id, then its exit code. When the last of them has gone, it ends.
"""

import atexit
import gc
import json
import os
import select
import socket
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from multiprocessing import forkserver, util
from pathlib import Path
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
        # Those that were there may take a pipe for a file.
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(self.environment)


class Server:
    """Answers at a socket, several callers at once."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{address}.new")
        self._listener.listen()
        Path(f"{address}.new").rename(address)
        self._callers = [self._listener.accept()[0]]
        self._children: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Answer calls until nobody asks any more."""
        while self._callers:
            for ready in select.select([self._listener, *self._callers], [], [], 0.01 if self._children else None)[0]:
                if ready is self._listener:
                    self._callers.append(self._listener.accept()[0])
                elif line := ready.makefile().readline():
                    self._start(Call(**json.loads(line)), ready)
                else:
                    self._callers.remove(ready)
                    ready.close()
            for pid, caller in list(self._children.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    del self._children[pid]
                    _tell(caller, os.waitstatus_to_exitcode(status))

    def _start(self, call: Call, caller: socket.socket) -> None:
        pid = os.fork()
        if pid == 0:
            for one in (self._listener, *self._callers):
                one.close()
            _end(_code(call))
        self._children[pid] = caller
        _tell(caller, pid)


def _tell(caller: socket.socket, number: int) -> None:
    with suppress(OSError):  # it has gone
        caller.sendall(f"{number}\n".encode())


def serve(address: str) -> None:
    """Answer calls at this socket until nobody asks any more."""
    import_module("tests.cli.imports")
    gc.freeze()
    _start_fork_server()
    try:
        Server(address).serve()
    finally:
        for left in (address, f"{address}.lock"):
            Path(left).unlink(missing_ok=True)


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

    warm.serve(sys.argv[1])
