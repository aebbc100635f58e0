"""Where MLflow keeps the mirror, and a client for it."""

import logging
import os
from pathlib import Path
from typing import Any

TRACKING_URI = "MLFLOW_TRACKING_URI"


class MirrorUnavailable(RuntimeError):
    """MLflow's store cannot be used: a sentence that says which, why, and what to do."""


def quiet() -> None:
    """No telemetry, and no tables of migrations on the terminal; to be called before the first import of mlflow."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)


def tracking_uri(store: Path) -> str:
    """What MLFLOW_TRACKING_URI says, else an sqlite file beside the runs."""
    return os.environ.get(TRACKING_URI) or f"sqlite:///{store / 'mlflow.db'}"


def artifact_location(store: Path) -> str | None:
    """Where artifacts go: beside the runs for the file beside the runs; else MLflow decides."""
    return None if os.environ.get(TRACKING_URI) else (store / "mlflow-artifacts").as_uri()


def open_client(store: Path) -> Any:
    """An MlflowClient. Raises MirrorUnavailable."""
    quiet()
    from mlflow.tracking import MlflowClient

    uri = tracking_uri(store)
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # sqlalchemy and requests have trees of their own
        raise unavailable(uri, error) from error
    return client


def unavailable(uri: str, error: Exception) -> MirrorUnavailable:
    """The sentence for a store that cannot be used."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    locked = "database is locked" in first
    remedy = "end the program that is writing to it" if locked else f"set or unset {TRACKING_URI}"
    return MirrorUnavailable(
        f"MLflow's store {uri} cannot be used ({first[:200]}); the runs are safe in their folders: "
        f"{remedy} and call `ftdd sync`"
    )
