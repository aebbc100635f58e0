"""The notebook of the docs runs from its first cell to its last, and keeps small outputs that name nobody's folders."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.docs.blocks import ROOT

NOTEBOOK = ROOT / "docs" / "examples" / "first_study.ipynb"
LARGEST = 300_000
"""Bytes of the file, outputs included."""


@pytest.mark.slow
def test_every_cell_runs_and_gives_outputs_like_those_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FTDD_DISABLED_PLUGINS", "IPYTHONDIR"):
        monkeypatch.setenv(name, "")  # so that what the script sets is undone
    spec = spec_from_file_location("make_notebook", ROOT / "docs" / "make_notebook.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    kept = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    for before, now in zip(kept.cells, script.executed(tmp_path).cells, strict=True):
        assert _kinds(before) == _kinds(now), f"run `python docs/make_notebook.py`:\n{before.source}"


def test_kept_outputs_are_small_and_name_no_folder() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert '"image/png"' in text
    assert not re.search(r"(/home/|/Users/|/tmp/|C:\\\\)", text)


def _kinds(cell: Any) -> list[tuple[str, frozenset[str]]]:
    """What sort of output a cell has: its numbers depend on the machine."""
    return [(output.output_type, frozenset(output.get("data", {}))) for output in cell.get("outputs", [])]
