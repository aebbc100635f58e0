"""Results: the tables, figures and page of a study, made from its run folders alone.

The subpackage can be called: `ftdd.results(path)` is `results(path)` below.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.study.store import Store


def results(path: str | Path, study: str | None = None, *, curves: bool = False) -> "pd.DataFrame":
    """The tidy table of a study: a row per run, or per evaluation where `curves` is true.

    path: a store, with the study's name; or a study's own folder, `<store>/studies/<name>`. Raises LookupError
    with a sentence where there is no such study.
    """
    from ftdd.results.table import curves_table, runs_table

    store, name = located(path, study)
    return (curves_table if curves else runs_table)(store, name)


def located(path: str | Path, study: str | None = None) -> "tuple[Store, str]":
    """A study's store and name, from a store with the study's name, or from the study's own folder.

    Raises LookupError with a sentence where there is no such study.
    """
    from ftdd.study.store import Store

    folder = Path(path).expanduser().absolute()
    if study is None:
        if folder.parent.name != "studies":
            names = ", ".join(Store(folder).studies())
            if not names:
                raise LookupError(f"{folder} is no store with studies, and no study's folder, STORE/studies/NAME")
            raise LookupError(f"which study of {folder}? there are: {names}")
        folder, study = folder.parents[1], folder.name
    store = Store(folder)
    store.read_study(study)
    return store, study
