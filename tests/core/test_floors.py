"""Imports point down only, and the command answers without loading what only training needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "mlflow", "pandas", "scipy", "matplotlib", "sklearn", "torchvision", "timm")


def lint(folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    call = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    command = [sys.executable, "-c", call]
    environment = {**os.environ, **changes}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_imports_point_down_the_floors_of_core() -> None:
    """The contracts stand in pyproject.toml: layers of core, and what core must never know."""
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core/ftdd/values.py", "from ftdd.records.curve import Curve"),
        ("core/ftdd/training/loop.py", "from ftdd.study.store import Store"),
        ("core/ftdd/components/plugins.py", "import ftdd_plugins.executors.local"),
        ("core/ftdd/results/formats.py", "import mlflow"),
    ],
)
def test_a_module_that_reaches_up_breaks_a_contract(module: str, line: str, tmp_path: Path) -> None:
    """The contracts can fail: a copy of the house with one wrong import in it."""
    for folder in ("core", "plugins"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / module
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    paths = os.pathsep.join([str(tmp_path / "core"), str(tmp_path / "plugins")])
    done = lint(tmp_path, PYTHONPATH=paths)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
    assert f"{broken.stem} -> {line.split()[1]}" in done.stdout


def loaded(code: str, tmp_path: Path, looked_for: Sequence[str] = HEAVY) -> set[str]:
    """Which of these modules a piece of code has loaded when it ends."""
    told = f"print('LOADED', *(name for name in {looked_for!r} if name in sys.modules))"
    check = f"import sys\ntry:\n    exec({code!r})\nfinally:\n    {told}"
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("LOADED")), None)
    assert line is not None, done.stderr
    return set(line.split()[1:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["validate", "quickstart"],
        ["plan", "quickstart"],
        ["schema"],
        ["show", "quickstart"],
        ["show", "first_layers"],
    ],
    ids=" ".join,
)
def test_the_command_answers_without_heavy_libraries(arguments: list[str], tmp_path: Path) -> None:
    """torch alone takes more than a second to import; help and plans must not wait for it."""
    allowed = {"scipy"} if arguments[0] == "plan" else set()  # what a study could tell is told by the detector
    assert loaded(f"from ftdd.cli import main; main({arguments!r})", tmp_path) <= allowed


NOT_FOR_A_LIST = (
    *("ssl", "http.client", "urllib.request", "numpy", "filelock", "concurrent.futures", "multiprocessing", "logging"),
    *(
        "subprocess",
        "pickle",
        "yaml",
        "rich.console",
        "ftdd.recipe.specs",
        "ftdd.training.settings",
        "ftdd_plugins.executors.processes",
    ),
)
"""What neither help nor a list needs: each takes 2 to 50 ms, of 120 that click and pydantic take."""


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_help_and_lists_import_only_what_they_need(arguments: list[str], tmp_path: Path) -> None:
    """bench/startup.py measures what that saves."""
    code = f"from ftdd.cli.commands import executed; assert executed({arguments!r}) == 0"
    built = "from ftdd.components import KINDS; assert not any(vars(k.base)['__pydantic_complete__'] for k in KINDS.values())"
    assert loaded(f"{code}\n{built}", tmp_path, NOT_FOR_A_LIST) == set()


def test_this_check_can_fail(tmp_path: Path) -> None:
    assert loaded("import pandas", tmp_path) == {"pandas"}


def test_every_plugin_of_ours_loads_without_heavy_libraries(tmp_path: Path) -> None:
    code = "from ftdd.components.plugins import installed_plugins; assert not installed_plugins().problems"
    assert loaded(code, tmp_path) == set()
