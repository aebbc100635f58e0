"""The notebook of the docs runs from its first cell to its last, and keeps small outputs that name nobody's folders."""

import re
import shutil
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.blocks import ROOT

NOTEBOOK = ROOT / "docs" / "examples" / "first_study.ipynb"
LARGEST = 300_000
"""Bytes of the file, outputs included."""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook as it is after all of its cells were run, in an empty folder. Raises where a cell does."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FTDD_DISABLED_PLUGINS", "mlflow")
        patched.setenv("IPYTHONDIR", str(folder))
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.mark.slow
def test_every_cell_runs_and_shows_what_the_kept_outputs_show(executed: Any) -> None:
    kept = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    for before, now in zip(kept.cells, executed.cells, strict=True):
        assert _kinds(before) == _kinds(now), f"run `jupyter execute --inplace {NOTEBOOK}`:\n{before.source}"


def test_kept_outputs_are_small_and_nobodys() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert '"output_type": "execute_result"' in text
    assert not re.search(r"(/home/|/Users/|/work/|/tmp/|C:\\\\)", text)


def _kinds(cell: Any) -> list[tuple[str, frozenset[str]]]:
    """What sort of output a cell has: its numbers depend on the machine."""
    return [(output.output_type, frozenset(output.get("data", {}))) for output in cell.get("outputs", [])]
