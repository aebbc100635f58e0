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


@pytest.fixture
def copied_database(new_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's migrations take a second; each process of a session has them made once, and copies the database."""

    def copied(path: Path) -> None:
        database._move_siblings(path, database._free_name(path))
        write_with(path, lambda temporary: shutil.copyfile(new_database, temporary))
        database.settle(path)

    monkeypatch.setattr(database, "make", copied)


@pytest.fixture(autouse=True)
def _copied_database(request: pytest.FixtureRequest) -> None:
    """Tests of the database itself say which of them need none of their own."""
    name = request.module.__name__.rpartition(".")[2]
    if name.startswith("test_mlflow_") and name != "test_mlflow_database":
        request.getfixturevalue("copied_database")
