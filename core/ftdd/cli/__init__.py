"""The command `ftdd`. Nothing is imported here, so that Ctrl-C is heard in the first moment too."""

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 done · 1 something failed · 2 the request is wrong · 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a dash shows a question mark in its place
            stream.reconfigure(errors="replace")
    try:
        from ftdd.cli.commands import carried_out

        code = carried_out(arguments)
    except KeyboardInterrupt:
        with suppress(ValueError):  # a second Ctrl-C has nothing to add; ValueError: not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("ftdd: interrupted; nothing is lost, and the same command goes on\n")
        code = INTERRUPTED
    sys.exit(code)
