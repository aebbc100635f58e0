"""Read a recipe the way every command does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ftdd.cli.surroundings import data_path, plugins, recipe_path, store_path
from ftdd.recipe.read import read_study
from ftdd.recipe.study import Study
from ftdd.study.store import Store


@dataclass(frozen=True)
class Reading:
    """A study with the folders it is meant for."""

    study: Study
    store: Store
    data: Path


def read(recipe: str, overrides: Sequence[str], store: Path | None, data: Path | None) -> Reading:
    """The study of a recipe. Raises RecipeError, or click.UsageError where there is no such file."""
    folder = data_path(data)
    path = recipe_path(recipe)
    try:
        study = read_study(path, plugins(), folder, overrides)
    except OSError as error:
        raise click.UsageError(f"{recipe} cannot be read: {error.strerror}") from error
    return Reading(study, Store(store_path(store, study.header.store)), folder)
