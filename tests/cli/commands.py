"""Call `ftdd` as a user does: in a process of its own."""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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
    """The process of `warm`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        atexit.register(self.end)

    def call(self, request: dict[str, object], timeout: float) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        pid = self._number(timeout)
        try:
            return self._number(timeout)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._number(timeout)
            raise

    def end(self) -> None:
        self.process.communicate(timeout=60)

    def _number(self, timeout: float) -> int:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            raise TimeoutError(f"ftdd has not ended after {timeout} seconds")
        line = self.process.stdout.readline()
        assert line, f"tests.cli.warm has ended: exit code {self.process.wait()}"
        return int(line)


@lru_cache(maxsize=1)
def _warm() -> _Warm:
    return _Warm()


def heed_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
