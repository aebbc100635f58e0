"""What a stranger's code changes for the whole process is put back, so that it costs nobody else."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

STATES: tuple[tuple[str, Callable[[], Any], Callable[[Any], Any]], ...] = (
    ("the working folder", os.getcwd, os.chdir),
    ("what Ctrl-C does", partial(signal.getsignal, signal.SIGINT), partial(signal.signal, signal.SIGINT)),
    ("what SIGTERM does", partial(signal.getsignal, signal.SIGTERM), partial(signal.signal, signal.SIGTERM)),
    ("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
)
"""What it is, how it is read, and how it is written."""


@contextmanager
def undone() -> Iterator[list[str]]:
    """Put back what the block changes of the process; gives a list that names it afterwards."""
    changed: list[str] = []
    before = [_read(read) for _, read, _ in STATES]
    try:
        yield changed
    finally:
        for (what, read, write), was in zip(STATES, before, strict=True):
            if was is not None and _read(read) != was:
                with suppress(OSError, ValueError):  # a folder that is gone; not the main thread
                    write(was)
                    changed.append(what)


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except OSError:  # the folder one stands in is gone
        return None
