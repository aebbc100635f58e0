"""What every test has: one thread, no network, and the real images where they are."""

import gc
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from ftdd.recipe.recipe import Recipe
    from ftdd.study.store import Store

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets; tests that need it are skipped where there is none."""
    folder = os.environ.get("FTDD_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FTDD_DATA names no folder of data sets")
    return Path(folder).absolute()


@pytest.fixture(scope="session")
def finished_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of `tests.core.study.small_study`, all of it done: once for all processes of a session. To be copied."""
    from tests.core.study.small_study import finish

    place = tmp_path_factory.getbasetemp()
    shared = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "finished"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            finish(shared)
            (shared / "done").touch()
    return shared / "runs"


@pytest.fixture
def finished(finished_store: Path, tmp_path: Path) -> "tuple[Recipe, Store]":
    """The small study, and a store of the test's own in which all of it is done."""
    from ftdd.study.store import Store
    from tests.core.study.small_study import read

    shutil.copytree(finished_store, tmp_path / "runs")
    return read(tmp_path), Store(tmp_path / "runs")


def pytest_collection_finish() -> None:
    """What is there now stays: the collector of garbage need not look through all modules and tests again and again."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` are skipped where torch finds no CUDA device."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="torch finds no CUDA device"))
