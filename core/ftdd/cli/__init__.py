"""The command `ftdd`. Nothing is imported here, so that Ctrl-C is heard in the first moment too."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path

INTERRUPTED = 130
LAST_SECONDS = 30.0
"""That the process may take to end when all is said."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exit codes: 0 done · 1 something failed · 2 the request is wrong · 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a dash shows a question mark in its place
            stream.reconfigure(errors="replace")
    if arguments is None:  # else the process is somebody else's
        _forget_current_folder()
        gc.set_threshold(20_000)  # what is imported is no garbage: looking for it takes a tenth of a short command
    try:
        from ftdd.cli.commands import executed

        code = executed(arguments)
    except KeyboardInterrupt:
        with suppress(ValueError):  # a second Ctrl-C has nothing to add; ValueError: not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("ftdd: interrupted; nothing is lost, and the same command goes on\n")
        code = INTERRUPTED
    if arguments is None:  # nobody has called from inside a process that goes on
        _end_in_time(code)
        gc.freeze()  # Python would look for garbage once more, which takes a sixth of a short command
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


def _end_in_time(code: int) -> None:
    """End the process although a thread that a plugin has started does not: Python would wait for it for ever."""
    import os
    import threading
    import time

    def end() -> None:
        time.sleep(LAST_SECONDS)
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.is_alive()]
        left = [name for name in left if name != "MainThread"]
        sys.stderr.write(f"ftdd: ended although these threads of plugins do not end: {', '.join(left) or 'unknown'}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    threading.Thread(target=end, name="ftdd ends", daemon=True).start()
