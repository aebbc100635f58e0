"""docs/reference/recipes.md has the tables that the classes of today give."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs/make_reference.py"


def test_the_tables_are_current() -> None:
    """If this fails: python docs/make_reference.py"""
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| `label_noise` |" in (SCRIPT.parent / "reference/recipes.md").read_text(encoding="utf-8")
