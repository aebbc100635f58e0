"""What a stranger's code changes for the whole process is put back, so that it costs nobody else."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

State = tuple[str, Callable[[], Any], Callable[[Any], Any]]
"""What it is, how it is read, and how it is written."""

STATES: tuple[State, ...] = (
    ("the working folder", os.getcwd, os.chdir),
    ("what Ctrl-C does", partial(signal.getsignal, signal.SIGINT), partial(signal.signal, signal.SIGINT)),
    ("what SIGTERM does", partial(signal.getsignal, signal.SIGTERM), partial(signal.signal, signal.SIGTERM)),
    ("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
)


@contextmanager
def undone() -> Iterator[list[str]]:
    """Put back what the block changes of the process; gives a list that names it afterwards."""
    changed: list[str] = []
    states = (*STATES, *_of_torch())
    before = [_read(read) for _, read, _ in states]
    try:
        yield changed
    finally:
        for (what, read, write), was in zip(states, before, strict=True):
            if was is not None and _read(read) != was:
                with suppress(OSError, ValueError):  # a folder that is gone; not the main thread
                    write(was)
                    changed.append(what)


def _of_torch() -> tuple[State, ...]:
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "set_num_threads") or not hasattr(torch, "set_default_dtype"):
        return ()  # nobody has imported it, or somebody is at it
    return (
        ("torch's default type", torch.get_default_dtype, torch.set_default_dtype),
        ("whether torch takes gradients", torch.is_grad_enabled, torch.set_grad_enabled),
        ("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    )


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except OSError:  # the folder one stands in is gone
        return None
