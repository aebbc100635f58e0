"""`ftdd` imports nothing from the folder one stands in, however it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import environment

NAMES = ("torch", "numpy", "yaml", "random", "mlflow", "sitecustomize", "click", "pluggy", "csv", "email")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write(__name__)\n")
    return tmp_path


CALLS = {
    "console script": [str(Path(sys.executable).with_name("ftdd"))],
    "module": [sys.executable, "-m", "ftdd"],
}


@pytest.mark.parametrize("how", CALLS)
def test_nothing_that_lies_in_the_current_folder_is_executed(how: str, folder: Path) -> None:
    command = [*CALLS[how], "validate", "quickstart"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (folder / "executed").exists()


def test_what_pythonpath_names_is_imported_also_where_it_is_the_current_folder(folder: Path) -> None:
    """Who sets it asks for it."""
    command = [*CALLS["console script"], "validate", "quickstart"]
    subprocess.run(command, cwd=folder, env=environment(PYTHONPATH=os.curdir), capture_output=True, check=False)
    assert (folder / "executed").exists()
