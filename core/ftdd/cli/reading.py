"""Read a recipe the way every command does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from ftdd.cli.surroundings import data_path, plugins, recipe_path, store_path
from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.networks import network_mistakes
from ftdd.recipe.read import read_study
from ftdd.recipe.study import Study
from ftdd.study.added import read_added, with_added
from ftdd.study.store import Store


@dataclass(frozen=True)
class Reading:
    """A study with the folders it is meant for."""

    study: Study
    store: Store
    data: Path
    left_out: tuple[str, ...] = ()
    """A sentence for each run that was added once and does not fit the recipe any more."""


def read(recipe: str, overrides: Sequence[str], store: Path | None, data: Path | None) -> Reading:
    """The study of a recipe. Raises RecipeError, or click.UsageError where there is no such file."""
    folder = data_path(data)
    path = recipe_path(recipe)
    try:
        study = read_study(path, plugins(), folder, overrides)
    except OSError as error:
        raise click.UsageError(f"{recipe} cannot be read: {error.strerror}") from error
    return Reading(study, Store(store_path(store, study.header.store)), folder)


def check_networks(reading: Reading, recipe: str) -> None:
    """Raises RecipeError where a network of another package is not what it says; it is built for that."""
    mistakes = network_mistakes(reading.study, recipe_path(recipe).name, reading.data)
    if mistakes:
        raise RecipeError(list(mistakes))


def read_with_added(recipe: str, overrides: Sequence[str], store: Path | None, data: Path | None) -> Reading:
    """The same with the runs that were added to the study in its store. Raises like `read`."""
    reading = read(recipe, overrides, store, data)
    try:
        added = read_added(reading.store.study_folder(reading.study.name))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    study, left_out = with_added(reading.study, added, plugins(), reading.data)
    return replace(reading, study=study, left_out=left_out)


def warn_of_left_out(reading: Reading) -> None:
    """Say on stderr that runs which were added once are not among the study's, in one line."""
    if reading.left_out:
        count = len(reading.left_out)
        more = f"; and {count - 1} more" if count > 1 else ""
        click.secho(f"ftdd: added runs that do not fit the recipe are left out: {reading.left_out[0]}{more}", err=True)
