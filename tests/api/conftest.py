"""A finished study in a folder of its own, as the Python API and the command see it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from ftdd.api import environment
from tests.core.study.small_study import RECIPE


@pytest.fixture(scope="module", autouse=True)
def _without_mlflow() -> Iterator[None]:
    """Its mirror has tests of its own, and takes seconds to import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTDD_DISABLED_PLUGINS", "mlflow")
        environment.plugins.cache_clear()
        yield
    environment.plugins.cache_clear()


@dataclass(frozen=True)
class Place:
    """A folder with a recipe `small.yaml`, and a store in which its study is done."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "runs"

    @property
    def recipe(self) -> Path:
        return self.folder / "small.yaml"

    def ftdd(self, *words: str) -> str:
        """What a command prints; it must succeed."""
        from ftdd.cli.commands import ftdd_command

        said = CliRunner().invoke(ftdd_command, [*words, "--store", str(self.store)], standalone_mode=False)
        assert said.exit_code == 0, said.output
        assert not said.return_value, said.output
        return said.stdout


def place_in(folder: Path, finished_store: Path) -> Place:
    shutil.copytree(finished_store, folder / "runs")
    (folder / "small.yaml").write_text(RECIPE)
    return Place(folder)


@pytest.fixture
def place(finished_store: Path, tmp_path: Path) -> Place:
    return place_in(tmp_path, finished_store)


@pytest.fixture(scope="module")
def kept(finished_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same for tests that only read."""
    return place_in(tmp_path_factory.mktemp("kept"), finished_store)


@pytest.fixture
def mapping() -> dict[str, Any]:
    """The recipe as a mapping."""
    return dict(yaml.safe_load(RECIPE))
