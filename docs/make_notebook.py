"""Run docs/examples/first_study.ipynb from its first cell to its last, and keep its outputs.

python docs/make_notebook.py
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent / "examples" / "first_study.ipynb"
SECONDS = 600
"""That one cell may take."""


def executed(folder: Path) -> Any:
    """The notebook after all of its cells were run in an empty folder, which no output names. Raises where a cell does.

    Runs are not mirrored to MLflow: that would only take longer.
    """
    os.environ |= {"FTDD_DISABLED_PLUGINS": "mlflow", "IPYTHONDIR": str(folder / "ipython")}
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return nbformat.reads(text.replace(f"{folder.resolve()}/", ""), as_version=4)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as new:
        nbformat.write(executed(Path(new)), NOTEBOOK)  # type: ignore[no-untyped-call]
