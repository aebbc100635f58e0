"""`ftdd ui` takes MLflow's server and all of its workers with it, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ftdd.study.store import Store
from ftdd_plugins.mlflow_mirror import keeper
from ftdd_plugins.mlflow_mirror.mirroring import open_mirror
from tests.cli.commands import environment, heed_ctrl_c
from tests.results.test_results import add_run, add_study

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")

FTDD = "from ftdd.cli import main; main()"
STARTED = "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]); print(child.pid, flush=True); child.wait()"


def descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, open_ = [], [process]
    while open_:
        new = children.get(open_.pop(), [])
        found += new
        open_ += new
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def all_gone(processes: list[int], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < end:
        time.sleep(0.1)
    left = [process for process in processes if alive(process)]
    for process in left:
        os.kill(process, signal.SIGKILL)
    return not left


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def heed_signals() -> None:
    """What `nohup` starts ignores SIGHUP, and `ftdd ui` then stays when its parent goes."""
    heed_ctrl_c()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def parent_of(command: list[str]) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A program that starts another one; gives it, and the other's process id."""
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTED, *command],
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    assert parent.stdout is not None
    with parent:
        try:
            yield parent, int(parent.stdout.readline())
        finally:
            parent.kill()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "its parent is killed"])
def test_the_server_ends_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = Store(tmp_path / "what? 50%20")
    add_run(store, "a0", [0.8, 0.4], [0.8, 0.2], 0)
    add_study(store, [("a0", {"freezing.count": 0, "seed": 0})])
    open_mirror(store, "one").study()
    port = free_port()
    command = [sys.executable, "-c", FTDD, "ui", "--store", str(store.path), "--port", str(port)]
    with parent_of(command) as (parent, process):
        assert parent.stdout is not None
        lines = []
        for line in parent.stdout:
            lines.append(line)
            if line.startswith("ready: "):
                break
        assert lines[-1] == f"ready: http://127.0.0.1:{port}\n"
        assert lines[0].startswith(f"MLflow's UI on {store.path / 'mlflow.db'}: ")
        started = descendants(process)
        assert len(started) >= 2, "the keeper and MLflow's server"
        if how.startswith("SIG"):
            os.kill(process, getattr(signal, how))
        else:
            parent.kill()
        assert all_gone([process, *started])
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    assert [path.name for path in tmp_path.iterdir()] == ["what? 50%20"]


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_keeper_ends_its_group_when_nobody_holds_its_input(stubborn: bool) -> None:
    """Workers of workers too, also those that do not heed a request to end."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if stubborn else ""
    sleeper = f"{deaf}import subprocess, sys, time; print('up', flush=True); "
    inner = f"{sleeper}time.sleep(300)"
    outer = f"{sleeper}subprocess.Popen([sys.executable, '-c', {inner!r}]); time.sleep(300)"
    kept = subprocess.Popen(
        [sys.executable, "-I", str(Path(keeper.__file__)), sys.executable, "-c", outer],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with kept:
        assert kept.stdout is not None
        assert [kept.stdout.readline(), kept.stdout.readline()] == ["up\n"] * 2
        started = descendants(kept.pid)
        assert len(started) == 2
        assert kept.stdin is not None
        kept.stdin.close()
        assert all_gone([kept.pid, *started])


def test_the_keeper_gives_the_servers_exit_code() -> None:
    command = [sys.executable, "-I", str(Path(keeper.__file__)), sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as kept:
        assert kept.wait(60) == 7
