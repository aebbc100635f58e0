"""What tests of the plugins share."""

import shutil
from pathlib import Path

import pytest

from ftdd.study.files import write_with
from ftdd_plugins.mlflow_mirror import database

make = database.make


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow makes it for a store."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    make(path)
    return path


@pytest.fixture(autouse=True)
def _copied_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's migrations take most of a second; only the tests of the database itself need them each time."""
    name = request.module.__name__.rpartition(".")[2]
    if not name.startswith("test_mlflow_") or name == "test_mlflow_database":
        return

    def copied(path: Path) -> None:
        source = request.getfixturevalue("new_database")
        write_with(path, lambda temporary: shutil.copyfile(source, temporary))
        database.settle(path)

    monkeypatch.setattr(database, "make", copied)
