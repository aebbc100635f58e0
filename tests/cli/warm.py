"""A Python that has imported what `ftdd` needs, and forks a process of its own for every call.

Imports are most of what a small command costs. Each call has its own process, so nothing that one leaves behind (caches,
environment, current folder, figures, threads) can reach another. This process itself starts no thread and computes
nothing with torch: what is forked from it is as new as what a fork server gives. The fork server of the executor is
started once too, and shared; its workers get the environment of the command that asked for them.

It reads a line of JSON for each call, and answers with two lines: the process's id, then its exit code.
"""

import atexit
import gc
import json
import os
import sys
import threading
import traceback
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from multiprocessing import forkserver
from typing import Any, NoReturn

MODULES = ("scipy.stats", "sklearn.datasets", "ftdd.study.runs")
"""What workers import."""
MORE = ("matplotlib.pyplot", "mlflow.store.tracking.sqlalchemy_store", "mlflow.tracking")
"""What commands import beside these."""


def serve() -> None:
    """Answer calls until nobody asks any more; in a forked process, return to carry out its call."""
    from ftdd.cli.commands import COMMANDS

    plugins = [point.value for point in entry_points(group="ftdd")]
    forkserver.set_forkserver_preload(["torch", *MODULES, *plugins])
    forkserver.ensure_running()
    for name in (*MODULES, *MORE, *plugins, *(f"ftdd.cli.{command}_command" for command in COMMANDS)):
        import_module(name)
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            call(**json.loads(line))
        os.write(1, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def call(arguments: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    """Become the process of this call, to its end."""
    os.setsid()
    os.chdir(cwd)
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    become(environment)
    _share_workers(environment)
    sys.argv = ["ftdd", *arguments]
    _end(_code_of_main())


def _code_of_main() -> int:
    from ftdd.cli import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """As Python ends, but without taking everything apart that was imported, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def become(environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _share_workers(environment: dict[str, str]) -> None:
    from ftdd_plugins.executors import local

    running: Any = forkserver._forkserver  # type: ignore[attr-defined]
    running.ensure_running = lambda: None  # it would wait for a child that is this process's sibling
    local.work = partial(work_in, environment)


def work_in(environment: dict[str, str], *arguments: Any) -> None:
    """In a worker: work in this environment."""
    from ftdd_plugins.executors import local

    become(environment)
    local.work(*arguments)


if __name__ == "__main__":
    # By its name, so that a worker finds `work_in` in a module that it can import.
    from tests.cli import warm

    warm.serve()
