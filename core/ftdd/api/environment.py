"""The environment: plugins, folders, shipped recipes. The one place that reads environment variables."""

import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import click

import ftdd
from ftdd.components.plugins import BroughtCommand, Plugins, installed_plugins, nearest, plugin_commands

STORE = "FTDD_STORE"
DATA = "FTDD_DATA"


class RequestError(ValueError):
    """What was asked for is not possible as it was asked: a sentence that says what is, and what to do."""


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


def store_path(option: str | Path | None, recipe: str | None = None) -> Path:
    """The folder of the runs: the option, else FTDD_STORE, else what the recipe says, else ./ftdd-runs."""
    return Path(option or os.environ.get(STORE) or recipe or "ftdd-runs").expanduser().absolute()


def data_path(option: str | Path | None) -> Path:
    """The folder of data sets: the option, else FTDD_DATA, else ./ftdd-data."""
    return Path(option or os.environ.get(DATA) or "ftdd-data").expanduser().absolute()


def recipe_folder() -> Path:
    """Where the recipes that ship with ftdd lie: in the package, or in the checkout it was installed from."""
    packaged = Path(str(files("ftdd"))) / "recipes"
    return packaged if packaged.is_dir() else Path(ftdd.__file__).parents[2] / "recipes"


def shipped_recipes() -> dict[str, Path]:
    """The recipes that ship with ftdd, by name."""
    return {path.stem: path for path in sorted(recipe_folder().glob("*.yaml"))}


def recipe_path(given: str | Path) -> Path:
    """A recipe's file: a path, or the name of one that ships with ftdd. Raises RequestError."""
    path = Path(given)
    if path.is_file():
        return path
    shipped = shipped_recipes()
    if str(given) in shipped:
        return shipped[str(given)]
    if path.is_dir():
        raise RequestError(f"{given} is a folder, not a recipe")
    known = nearest(path.stem, shipped, "ftdd list recipes")
    raise RequestError(f"there is no file '{given}', nor a recipe of that name; {known}")
