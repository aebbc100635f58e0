"""What surrounds a command: environment, folders, plugins, recipes. The one place that reads the environment."""

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import click

import ftdd
from ftdd.components.plugins import BroughtCommand, Plugins, installed_plugins, nearest, plugin_commands

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
def brought_commands(own: tuple[str, ...]) -> dict[str, BroughtCommand]:
    """The commands that plugins bring, by name; what is wrong with others is said on stderr.

    own: the names of ftdd's own commands.
    """
    commands, problems = plugin_commands(plugins(), own)
    for problem in problems:
        click.secho(f"ftdd: {problem}", fg="yellow", err=True)
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
