"""ftdd: transfer-learning studies with frozen layers, and what they show.

`ftdd.results(path)` is the table of a study, `ftdd.study(path)` the study itself, which a notebook shows.

A plugin's module needs `hookimpl` from here and the base of its component from `ftdd.components`.
"""

import ftdd._start  # noqa: F401, I001 (before anything that could be imported from the wrong place)

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

if TYPE_CHECKING:
    import pandas as pd

hookimpl = pluggy.HookimplMarker("ftdd")

try:
    __version__ = version("ftdd")
except PackageNotFoundError:  # imported from a folder that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "hookimpl", "results", "study"]


# `results` and `study` are subpackages and functions at once. Importing a module of theirs binds the subpackage to the
# name, so the subpackage itself must be what can be called. Both are all but empty; what they call is imported by
# name, when it is called: a floor below may import `ftdd`, and must not reach a floor above through it.


class _Results(ModuleType):
    """The subpackage `ftdd.results`, which can be called."""

    def __call__(self, path: str | Path, study: str | None = None, *, curves: bool = False) -> "pd.DataFrame":
        """The tidy table of a study: a row per run, or per evaluation where `curves` is true.

        path: a store, with the study's name; or a study's own folder, `<store>/studies/<name>`. Raises LookupError
        with a sentence where there is no such study.
        """
        table: pd.DataFrame = self.results(path, study, curves=curves)
        return table


class _Study(ModuleType):
    """The subpackage `ftdd.study`, which can be called."""

    def __call__(self, path: str | Path, study: str | None = None) -> Any:
        """A study with its tables `runs`, `curves` and `findings`: an `ftdd.results.notebook.Study`.

        path: a store, with the study's name; or a study's own folder, `<store>/studies/<name>`. Raises LookupError
        with a sentence where there is no such study.
        """
        return import_module("ftdd.results.notebook").open_study(path, study)


_Module = TypeVar("_Module", bound=ModuleType)


def _callable(name: str, kind: type[_Module]) -> _Module:
    module = import_module(name)
    module.__class__ = kind
    assert isinstance(module, kind)
    return module


results = _callable("ftdd.results", _Results)
study = _callable("ftdd.study", _Study)
