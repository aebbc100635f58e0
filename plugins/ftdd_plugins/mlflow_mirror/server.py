"""Start MLflow's UI on the mirror of a store."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import click

from ftdd_plugins.mlflow_mirror import keeper
from ftdd_plugins.mlflow_mirror.addresses import shown
from ftdd_plugins.mlflow_mirror.mirroring import STUDY
from ftdd_plugins.mlflow_mirror.tracking import (
    TRACKING_URI,
    MirrorUnavailable,
    is_server,
    open_client,
    own_database,
    place,
    tracking_uri,
)

HOST = "127.0.0.1"
MOST_STUDIES = 5
LOOK_SECONDS = 0.2
ENDING = ("SIGTERM", "SIGINT", "SIGHUP")


class _Ended(Exception):
    """The command is to end: by a signal, or because whoever started it is gone."""


def serve(store: Path, port: int) -> int:
    """Run the server until it is interrupted; gives the exit code."""
    path = own_database(store)
    if path is None and is_server(tracking_uri(store)):
        click.echo(f"{TRACKING_URI} names a server: open {shown(tracking_uri(store))}")
        return 0
    if path is not None and not path.exists():
        raise click.UsageError(
            f"there is no MLflow store in {store}: `ftdd run` makes one, and `ftdd sync` makes it from the run folders"
        )
    if not _free(port):
        click.echo(f"ftdd: port {port} is in use; try --port {port + 1}", err=True)
        return 1
    address = f"http://{HOST}:{port}"
    with _ending_by_signal():
        try:
            studies = _newest_studies(store)
        except MirrorUnavailable as error:
            click.echo(f"ftdd: {error}", err=True)
            return 1
        except _Ended:
            return 0
        click.echo(f"MLflow's UI on {place(store)}: {address} in a few seconds (Ctrl-C ends it)")
        for name, key in studies:
            # Named in the address, because MLflow opens an experiment in the mode that was used last
            click.echo(f"{name}: {address}/#/experiments/{key}/runs?workflowType=machine_learning")
        return _run_server(store, port)


def _run_server(store: Path, port: int) -> int:
    """Until it ends by itself, or is to end; all that it has started ends with it."""
    path = own_database(store)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    environment = {
        # Without its job runner the server has 2 processes instead of 9, and half the memory.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **os.environ,
        # Not as an argument, which every user of the machine could read; and a path relative to the store needs no
        # quoting, whatever its name is.
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{path.name}" if path else tracking_uri(store),
        "PYTHONSAFEPATH": "1",
    }
    parent = os.getppid()
    server = subprocess.Popen(
        [sys.executable, "-I", str(Path(keeper.__file__)), *command],
        cwd=store if path else None,
        env=environment,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        ready = False
        while (code := server.poll()) is None:
            time.sleep(LOOK_SECONDS)
            if os.getppid() != parent and not _hang_ups_are_ignored():
                raise _Ended
            if not ready and _answers(port):
                ready = True
                click.echo(f"ready: http://{HOST}:{port}")
        click.echo(f"ftdd: MLflow's server has ended by itself, with code {code}", err=True)
        return 1
    except _Ended:
        return 0
    finally:
        assert server.stdin is not None
        server.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            server.wait(2 * keeper.GRACE_SECONDS)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Have signals that end a command raise _Ended; one that is ignored, as `nohup` does, stays ignored."""
    known = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    previous = {one: signal.getsignal(one) for one in known}

    def end(_: int, __: object) -> None:
        for one in known:  # what ends the server is not to be interrupted
            signal.signal(one, signal.SIG_IGN)
        raise _Ended

    for one in known:
        if previous[one] is not signal.SIG_IGN:
            signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


def _hang_ups_are_ignored() -> bool:
    return hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def _newest_studies(store: Path) -> list[tuple[str, str]]:
    """Names and MLflow's experiments. Raises MirrorUnavailable."""
    found = open_client(store).search_experiments(order_by=["last_update_time DESC"])
    return [(one.name, one.experiment_id) for one in found if STUDY in one.tags][:MOST_STUDIES]


def _answers(port: int) -> bool:
    with closing(HTTPConnection(HOST, port, timeout=1)) as connection:
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def _free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
