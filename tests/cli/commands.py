"""Call `ftdd` as a user does: in a process of its own."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


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


def heed_ctrl_c() -> None:
    """For `preexec_fn`: what a shell starts in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
