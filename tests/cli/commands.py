"""Call `ftdd` as a user does: in a process of its own."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def environment(**changes: str) -> dict[str, str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("FTDD_STORE", "MLFLOW_TRACKING"))}
    return {**plain, "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "110", **changes}


def ftdd(*arguments: str, cwd: Path, timeout: float = 300, **changes: str) -> Said:
    """The command in a process that is forked with its imports done (see `warm`)."""
    with _ONE_AT_A_TIME, tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        request = {
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": environment(**changes),
            "out": out.name,
            "err": err.name,
        }
        return Said(_warm().call(request, timeout), out.read().decode(), err.read().decode())


def ftdd_anew(*arguments: str, cwd: Path, timeout: float = 300, **changes: str) -> Said:
    """The command in a new Python: where its start matters, or what is imported, or the locale."""
    done = subprocess.run(
        [sys.executable, "-c", "from ftdd.cli import main; main()", *arguments],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


class _Warm:
    """The process of `warm`, which all processes of a test session share: its imports are most of what it costs."""

    def __init__(self) -> None:
        session = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"of-{os.getpid()}")
        self.address = address = Path(tempfile.gettempdir()) / f"ftdd-warm-{session}"
        self._line = socket.socket(socket.AF_UNIX)
        with FileLock(f"{address}.lock"):
            if not address.exists():
                self._start(address)
            self._line.connect(str(address))
        self._read = b""

    def _start(self, address: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm", str(address)],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not address.exists():
            assert process.poll() is None, f"tests.cli.warm has ended: exit code {process.returncode}"
            time.sleep(0.05)

    def call(self, request: dict[str, object], timeout: float) -> int:
        self._line.sendall((json.dumps(request) + "\n").encode())
        pid = self._number(timeout)
        try:
            return self._number(timeout)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._number(timeout)
            raise

    def _number(self, timeout: float) -> int:
        while b"\n" not in self._read:
            if not select.select([self._line], [], [], timeout)[0]:
                raise TimeoutError(f"ftdd has not ended after {timeout} seconds")
            more = self._line.recv(64)
            assert more, "tests.cli.warm has ended"
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return int(line)


@lru_cache(maxsize=1)
def _warm() -> _Warm:
    return _Warm()


IN_A_SHELL = """\
#!{python} -IS
import json, os, socket, sys

line = socket.socket(socket.AF_UNIX)
line.connect({address!r})
out, err = (f"/proc/{{os.getpid()}}/fd/{{number}}" for number in (1, 2))
call = dict(arguments=sys.argv[1:], cwd=os.getcwd(), environment=dict(os.environ), out=out, err=err)
line.sendall((json.dumps(call) + "\\n").encode())
answers = line.makefile()
pid, code = answers.readline(), answers.readline()
sys.exit(int(code) % 256)
"""


@lru_cache(maxsize=1)
def folder_with_ftdd() -> "tempfile.TemporaryDirectory[str]":
    """A folder for the PATH of a shell, in which `ftdd` is the command as `ftdd` gives it; where there is a /proc."""
    folder = tempfile.TemporaryDirectory(prefix="ftdd-command-")
    if Path("/proc/self/fd").exists():
        command = Path(folder.name) / "ftdd"
        command.write_text(IN_A_SHELL.format(python=sys.executable, address=str(_warm().address)))
        command.chmod(0o755)
    return folder


def heed_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
