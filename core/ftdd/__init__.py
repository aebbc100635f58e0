"""Transfer-learning studies with frozen layers: run them, and read what they show.

Run a study, given a recipe's name, its file, or a mapping that says what the file would:

    import ftdd

    study = ftdd.run("quickstart", overrides={"sweep.seed": [0, 1]}, store="runs")
    study.runs                       # a pandas DataFrame, one row per run
    study.curves                     # one row per evaluation
    study.findings                   # statements with answers, effects and confidence intervals
    study.advice                     # the best number of frozen layers, and the cost of being wrong
    study.figure("freezingwise")     # a matplotlib figure, to change and save
    study.report("page.html")        # everything on one page

Before that, what it would cost and what it could tell:

    ftdd.plan("quickstart", overrides={"sweep.seed": [0, 1]}, store="runs")

Open a study that was run, and compare several:

    study = ftdd.open("runs", "quickstart")
    wide = ftdd.run("quickstart", overrides={"architecture.width": 8}, name="wide", store="runs")
    ftdd.compare([study, wide]).figure()

The command `ftdd` does the same; `ftdd --help` lists what else it does. A plugin needs `hookimpl` from here, and a base
class from `ftdd.components`.
"""

import ftdd._start  # noqa: F401, I001 (before anything that could be imported from the wrong place)

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from ftdd.api.compare import StudyComparison as StudyComparison
    from ftdd.api.compare import compare as compare
    from ftdd.api.plan import StudyPlan as StudyPlan
    from ftdd.api.plan import plan as plan
    from ftdd.api.run import run as run
    from ftdd.api.study import Study as Study
    from ftdd.api.study import open_study as open
    from ftdd.recipe.mistakes import RecipeError as RecipeError

hookimpl = pluggy.HookimplMarker("ftdd")
"""Marks a function of a plugin as an implementation of one of ftdd's hooks."""

__all__ = [
    "RecipeError",
    "Study",
    "StudyComparison",
    "StudyPlan",
    "__version__",
    "compare",
    "hookimpl",
    "open",
    "plan",
    "run",
]

_PLACES = {
    "StudyComparison": ("ftdd.api.compare", "StudyComparison"),
    "RecipeError": ("ftdd.recipe.mistakes", "RecipeError"),
    "Study": ("ftdd.api.study", "Study"),
    "compare": ("ftdd.api.compare", "compare"),
    "open": ("ftdd.api.study", "open_study"),
    "StudyPlan": ("ftdd.api.plan", "StudyPlan"),
    "plan": ("ftdd.api.plan", "plan"),
    "run": ("ftdd.api.run", "run"),
}
"""Imported when they are first used: `import ftdd` takes milliseconds, and plugins import it too."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("ftdd")
        except PackageNotFoundError:  # imported from a folder that was never installed
            return "0+unknown"
    if name in _PLACES:
        module, attribute = _PLACES[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'ftdd' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
