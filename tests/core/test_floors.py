"""Imports point down only, and the command answers without loading what only training needs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "mlflow", "pandas", "scipy", "matplotlib", "sklearn", "torchvision", "timm")


def test_imports_point_down_the_floors_of_core() -> None:
    """The contracts stand in pyproject.toml: layers of core, and what core must never know."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


def loaded(code: str, tmp_path: Path) -> set[str]:
    """Which of the heavy libraries a piece of code has loaded when it ends."""
    check = f"import sys\ntry:\n    exec({code!r})\nfinally:\n    print('LOADED', *(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("LOADED")), None)
    assert line is not None, done.stderr
    return set(line.split()[1:])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["validate", "quickstart"], ["plan", "quickstart"], ["schema"], ["show", "first_layers"]]
)  # fmt: skip
def test_the_command_answers_without_heavy_libraries(arguments: list[str], tmp_path: Path) -> None:
    """torch alone takes more than a second to import; help and plans must not wait for it."""
    assert loaded(f"from ftdd.cli import main; main({arguments!r})", tmp_path) == set()


def test_this_check_can_fail(tmp_path: Path) -> None:
    assert loaded("import pandas", tmp_path) == {"pandas"}


def test_every_plugin_of_ours_loads_without_heavy_libraries(tmp_path: Path) -> None:
    code = "from ftdd.plugins import installed_plugins; assert not installed_plugins().problems"
    assert loaded(code, tmp_path) == set()
