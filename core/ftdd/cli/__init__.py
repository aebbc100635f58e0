"""The command `ftdd`. Nothing is imported here, so that Ctrl-C is heard in the first moment too."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 done · 1 something failed · 2 the request is wrong · 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a dash shows a question mark in its place
            stream.reconfigure(errors="replace")
    if arguments is None:  # else the process is somebody else's
        _forget_current_folder()
    try:
        from ftdd.cli.commands import carried_out

        code = carried_out(arguments)
    except KeyboardInterrupt:
        with suppress(ValueError):  # a second Ctrl-C has nothing to add; ValueError: not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("ftdd: interrupted; nothing is lost, and the same command goes on\n")
        code = INTERRUPTED
    sys.exit(code)


def _forget_current_folder() -> None:
    """Import nothing from the folder one stands in, here and in every process that is started from here.

    What PYTHONPATH names stands behind the first entry, and stays.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # heeded from Python 3.11 on; the executor does what 3.10 needs
    if getattr(sys.flags, "safe_path", sys.flags.isolated):
        return
    with suppress(OSError):  # the folder may be gone
        if sys.path and sys.path[0] in ("", str(Path.cwd())):
            del sys.path[0]
