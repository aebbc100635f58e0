"""A package of its own, installed with pip: found through its entry point and used from a recipe by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from ftdd.study.store import State, Store
from tests.cli.commands import ftdd

EXAMPLE = Path(__file__).parents[2] / "docs/examples/ftdd-mlp"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built and installed into a folder that the command then finds on its path."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(folder)]
    subprocess.run([*build, str(EXAMPLE)], check=True)
    return folder


def test_it_is_listed_with_its_distribution_and_shown_with_its_layers(site: Path, tmp_path: Path) -> None:
    listed = ftdd("list", "architectures", cwd=tmp_path, PYTHONPATH=str(site))
    assert "mlp" in listed.out
    assert "ftdd-mlp 1.0" in listed.out
    shown = ftdd("show", "mlp", "--set", "depth=2", "--image", "1x8x8", cwd=tmp_path, PYTHONPATH=str(site))
    assert "hidden2" in shown.out
    assert "hidden3" not in shown.out
    assert "4,160" in shown.out


def test_a_recipe_names_it_and_every_depth_of_it_is_trained(site: Path, tmp_path: Path) -> None:
    said = ftdd(
        "run", str(EXAMPLE / "mlp_digits.yaml"), cwd=tmp_path, PYTHONPATH=str(site), FTDD_DISABLED_PLUGINS="mlflow"
    )
    assert said.code == 0, said.err
    folders = list(Store(tmp_path / "ftdd-runs").run_folders())
    assert len(folders) == 4
    assert all(folder.status().state is State.DONE for folder in folders)


def test_without_the_package_the_name_is_unknown(tmp_path: Path) -> None:
    """So it was the entry point that brought it, not the checkout."""
    said = ftdd("validate", str(EXAMPLE / "mlp_digits.yaml"), cwd=tmp_path)
    assert said.code == 2
    assert "architecture: no architecture 'mlp'" in said.err
