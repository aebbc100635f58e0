"""Keeps a server and all that it starts in one group of processes, and ends the group when its own parent is gone.

Run as a program, with the server's command as arguments, in a session of its own, and with a pipe as standard input:
the kernel closes the pipe's other end with the process that holds it, however that ended. Imports nothing but the
standard library, so that it is there at once.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

GRACE_SECONDS = 5.0
"""Between the request to end and the end."""


def keep(command: Sequence[str]) -> int:
    """Run the command until it ends or standard input does; gives its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # its own request to the group
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_input, args=[server], daemon=True).start()
    code = server.wait()
    os.killpg(0, signal.SIGTERM)
    return code


def _end_with_input(server: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1024):
        pass
    _end_group(server)


def _end_group(server: "subprocess.Popen[bytes]") -> None:
    """Ask all of the group to end, then end them and this process."""
    os.killpg(0, signal.SIGTERM)
    end = time.monotonic() + GRACE_SECONDS
    while server.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
