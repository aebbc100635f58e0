"""Options that commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftdd.api.environment import shipped_recipes, store_path

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class RecipeName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A recipe's file, or the name of one that ships with ftdd."""

    name = "recipe"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Files, and the names of recipes that ship with ftdd."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name) for name in shipped_recipes() if name.startswith(incomplete)]
        return [*names, CompletionItem(incomplete, type="file")]


class NewFile(click.Path):
    """A file to be written, into a folder that is there: a folder that is not is more often a slip than a wish."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A Path; refused where its folder is not there."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{path}: there is no folder {path.parent}", param, ctx)
        return path


recipe_argument = click.argument("recipe", type=RecipeName())

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a setting of the recipe, such as target.images=500; `sweep.seed=0..4` changes its sweep. "
    "A swept path that is set is no longer swept. May be given again and again.",
)

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder where data sets lie.  [default: $FTDD_DATA, else ./ftdd-data]",
)

recipe_store_option = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the runs.  [default: $FTDD_STORE, else the recipe's `store`, else ./ftdd-runs]",
)

_ADDING: tuple[Decorator, ...] = (
    click.option(
        "--more-seeds-where-unsure",
        "more_seeds",
        is_flag=True,
        help="Then add runs where analyses cannot tell, mostly seeds, look again, and so on within the budget.",
    ),
    click.option(
        "--budget",
        type=click.IntRange(0),
        metavar="RUNS",
        help="Target runs that may be added in all, those of earlier calls included.  "
        "[default: the recipe's more_seeds, else as many as it has itself]",
    ),
)

_WORKERS: tuple[Decorator, ...] = (
    click.option("--workers", type=click.IntRange(1), help="Runs at once.  [default: one per physical core, or GPU]"),
    click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each worker."),
    click.option("--device", help="cpu, cuda, cuda:1, mps.  [default: the fastest there is]"),
    click.option(
        "--cache-memory",
        type=click.IntRange(0),
        default=1024,
        show_default=True,
        metavar="MIB",
        help="Frozen layers' outputs that each worker keeps in memory; 0 for none.",
    ),
    click.option(
        "--cache-disk",
        type=click.IntRange(0),
        default=8192,
        show_default=True,
        metavar="MIB",
        help="Frozen layers' outputs that it keeps in a file where memory is not enough; 0 for none.",
    ),
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """RECIPE, and the options that say how it is changed, where its runs lie and where its data."""
    for option in (data_option, recipe_store_option, set_option, recipe_argument):
        command = option(command)
    return command


def adding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whether runs may be added, and how many: `more_seeds` and `budget`."""
    for option in reversed(_ADDING):
        command = option(command)
    return command


def worker_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where and how runs are executed: the fields of `ftdd.api.prepare.Workers`."""
    for option in reversed(_WORKERS):
        command = option(command)
    return command


store_option: Decorator = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    callback=lambda ctx, param, value: store_path(value),
    help="Folder of the runs.  [default: $FTDD_STORE, else ./ftdd-runs]",
)
"""Gives the command an argument `store`, a Path that is ready for use."""
