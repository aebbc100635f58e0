"""Start MLflow's UI on the mirror of a store."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import click

from ftdd_plugins.mirror.tracking import TRACKING_URI, open_client, tracking_uri
from ftdd_plugins.mirror.views import EVERY_RUN, address_of, tag_of

HOST = "127.0.0.1"
MOST_STUDIES = 5


def serve(store: Path, port: int) -> int:
    """Run the server until it is interrupted; gives the exit code."""
    uri = tracking_uri(store)
    if uri.startswith(("http://", "https://")):
        click.echo(f"{TRACKING_URI} names a server: open {uri}")
        return 0
    if TRACKING_URI not in os.environ and not (store / "mlflow.db").exists():
        raise click.UsageError(
            f"there is no MLflow store in {store}: `ftdd run` makes one, and `ftdd sync` makes it from the run folders"
        )
    if not _free(port):
        click.echo(f"ftdd: port {port} is in use; try --port {port + 1}", err=True)
        return 1
    address = f"http://{HOST}:{port}"
    click.echo(f"MLflow's UI on {uri}: {address} in a few seconds (Ctrl-C ends it)")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    # Without its job runner the server has 2 processes instead of 9, and half the memory.
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", **os.environ}
    server = subprocess.Popen(command, env=environment)
    try:
        for name, view in _charts_of_studies(store):
            click.echo(f"charts of {name}: {address}/{view}")
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait(10)
        return 0


def _charts_of_studies(store: Path) -> list[tuple[str, str]]:
    """Of the newest studies, where their charts are: what follows the server's address."""
    try:
        client = open_client(store)
        experiments = client.search_experiments(order_by=["last_update_time DESC"])
    except Exception:  # the server opens the same store, and says so
        return []
    shown = [experiment for experiment in experiments if tag_of(EVERY_RUN) in experiment.tags][:MOST_STUDIES]
    return [(experiment.name, address_of(EVERY_RUN, experiment.experiment_id)) for experiment in shown]


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
