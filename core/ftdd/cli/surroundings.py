"""What surrounds a command: environment, folders, plugins, recipes. The one place that reads the environment."""

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import click

import ftdd
from ftdd.plugins import Plugins, installed_plugins, nearest

STORE = "FTDD_STORE"
DATA = "FTDD_DATA"


@lru_cache(maxsize=1)
def plugins() -> Plugins:
    """The installed plugins, loaded once for a command."""
    return installed_plugins()


def warn_of_plugins() -> None:
    """Say what is wrong with plugins, on stderr."""
    for problem in plugins().problems:
        click.secho(f"ftdd: {problem}", fg="yellow", err=True)


@lru_cache(maxsize=1)
def plugin_commands() -> dict[str, click.Command]:
    """The commands that plugins bring, by name."""
    commands: dict[str, click.Command] = {}
    for name, module in plugins().listeners.items():
        hook = getattr(module, "ftdd_commands", None)
        if hook is None or not hasattr(hook, "ftdd_impl"):
            continue
        try:
            brought = tuple(hook())
        except Exception as error:  # a stranger's code must not take the command down
            click.secho(f"ftdd: plugin {name} failed in ftdd_commands: {error}", fg="yellow", err=True)
            continue
        commands.update({str(command.name): command for command in brought})
    return commands


def store_path(option: Path | None, recipe: str | None = None) -> Path:
    """The folder of the runs: the option, else FTDD_STORE, else what the recipe says, else ./ftdd-runs."""
    return (option or Path(os.environ.get(STORE) or recipe or "ftdd-runs")).expanduser().absolute()


def data_path(option: Path | None) -> Path:
    """The folder of data sets: the option, else FTDD_DATA, else ./ftdd-data."""
    return (option or Path(os.environ.get(DATA) or "ftdd-data")).expanduser().absolute()


def recipe_folder() -> Path:
    """Where the recipes that ship with ftdd lie: in the package, or in the checkout it was installed from."""
    packaged = Path(str(files("ftdd"))) / "recipes"
    return packaged if packaged.is_dir() else Path(ftdd.__file__).parents[2] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """The recipes that ship with ftdd, by name."""
    return {path.stem: path for path in sorted(recipe_folder().glob("*.yaml"))}


def recipe_path(given: str) -> Path:
    """A recipe's file: a path, or the name of one that ships with ftdd. Raises click.UsageError."""
    path = Path(given)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if given in shipped:
        return shipped[given]
    if path.is_dir():
        raise click.UsageError(f"{given} is a folder, not a recipe")
    known = nearest(path.stem, shipped, "ftdd list recipes")
    raise click.UsageError(f"there is no file '{given}', nor a recipe of that name; {known}")
