"""The distribution: wheel and sdist build, hold what they should, and the wheel works by itself."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist, built from the checkout as `python -m build` does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_both_packages_the_recipes_and_the_types(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "ftdd/py.typed",
        "ftdd_plugins/py.typed",
        "ftdd/results/page/page.html.jinja",
        "ftdd/results/page/scripts/plot.js",
    } <= names
    assert {f"ftdd/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml")} <= names
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    text = zipfile.ZipFile(wheel).read(entry_points).decode()
    assert "[ftdd]" in text
    assert "ftdd = ftdd.cli:main" in text
    assert not any(name.startswith("tests") for name in names)


def test_the_sdist_holds_what_the_wheel_is_built_from(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = archive.getnames()
    names = {name.partition("/")[2] for name in members}
    assert {"pyproject.toml", "README.md", "core/ftdd/__init__.py", "recipes/quickstart.yaml"} <= names


def test_the_installed_wheel_works_in_an_empty_folder(built: Path, tmp_path: Path) -> None:
    """Not the checkout: the copy that pip put into an empty directory, with its own recipes."""
    (wheel,) = built.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}

    def call(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=empty, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert call("import ftdd; print(ftdd.__file__)").startswith(str(site))
    listed = call("from ftdd.cli import main; main(['list'])")
    assert "resnet" in listed
    assert "quickstart" in listed
    place = "from ftdd.api.environment import recipe_path; print(recipe_path('quickstart'))"
    assert call(place).startswith(str(site / "ftdd" / "recipes"))
    assert "title:" in call("from ftdd.cli import main; main(['show', 'quickstart'])")
