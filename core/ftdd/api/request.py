"""A request: a recipe that was read, with the folders it is meant for."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ftdd.api.environment import RequestError, data_path, plugins, recipe_path, store_path
from ftdd.components.plugins import Plugins
from ftdd.recipe.error import shortened
from ftdd.recipe.mistakes import Mistake, RecipeError
from ftdd.recipe.networks import network_mistakes
from ftdd.recipe.read import read_recipe, read_text
from ftdd.recipe.recipe import Recipe
from ftdd.study.added import read_added, with_added
from ftdd.study.store import Store
from ftdd.values import Json

RecipeLike = str | Path | Mapping[str, Any]
"""A recipe's name, its file, or a mapping that says what a YAML file would."""
Overrides = Mapping[str, Any] | Sequence[str] | None
"""Settings by dotted paths; or, as `--set` takes them, `path=value`."""


@dataclass(frozen=True)
class Request:
    """A study that is asked for, and the folders it is meant for."""

    study: Recipe
    store: Store
    data: Path
    plugins: Plugins
    file: str = ""
    """The name of the recipe's file; "" for a recipe given as a mapping."""
    left_out: tuple[str, ...] = ()
    """A sentence for each run that was added once and does not fit the recipe any more."""


def read_request(
    recipe: RecipeLike,
    overrides: Overrides = (),
    store: str | Path | None = None,
    data: str | Path | None = None,
    name: str | None = None,
) -> Request:
    """The study of a recipe. Raises RecipeError, or RequestError where there is no such file."""
    folder, given = data_path(data), _as_options(overrides, name)
    if isinstance(recipe, Mapping):
        study, file = _read_mapping(recipe, folder, given), ""
    elif not isinstance(recipe, (str, Path)):
        raise RequestError(f"a recipe is a name, a path or a mapping, got {shortened(repr(recipe), 200)}")
    else:
        path = recipe_path(recipe)
        file = path.name
        try:
            study = replace(read_recipe(path, plugins(), folder, given), file=str(recipe))
        except OSError as error:
            raise RequestError(f"{recipe} cannot be read: {error.strerror}") from error
    path = store_path(store, study.header.store)
    if path.exists() and not path.is_dir():
        raise RequestError(f"the store {path} is no folder")
    return Request(study, Store(path), folder, plugins(), file)


def check_networks(request: Request) -> None:
    """Raises RecipeError where a network of another package is not what it says; it is built for that."""
    if mistakes := network_mistakes(request.study, request.file, request.data):
        raise RecipeError(list(mistakes))


def with_added_runs(request: Request) -> Request:
    """The same with the runs that were added to the study in its store. Raises RequestError."""
    try:
        added = read_added(request.store.study_folder(request.study.name))
    except ValueError as error:
        raise RequestError(str(error)) from error
    study, left_out = with_added(request.study, added, request.plugins, request.data)
    return replace(request, study=study, left_out=left_out)


def _as_options(overrides: Overrides, name: str | None) -> tuple[str, ...]:
    """Overrides as `--set` takes them. Raises RequestError."""
    if isinstance(overrides, Mapping):
        options = [f"{path}={_as_yaml(value, 'overrides')}" for path, value in overrides.items()]
    else:
        options = [overrides] if isinstance(overrides, str) else list(overrides or ())
    if not all(isinstance(option, str) for option in options):
        raise RequestError(f"overrides: must be a mapping of dotted paths, or texts path=value; got {overrides!r}")
    return (*options, *(() if name is None else (f"name={_as_yaml(name, 'name')}",)))


def _as_yaml(value: Any, what: str) -> str:
    try:
        text = json.dumps(_plain(value), ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestError(
            f"{what}: {shortened(repr(value), 200)} is nothing that a recipe can say: {error}"
        ) from error
    return text


def _plain(value: Any) -> Json:
    """Python's own value for numpy's scalars and arrays, tuples, ranges and paths."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (set, frozenset, bytes)):  # YAML has tags of its own for them, which no recipe has
        raise TypeError(f"a list or text is meant, not a {type(value).__name__}")
    found: Json = value.tolist() if hasattr(value, "tolist") else value
    return found


def _read_mapping(recipe: Mapping[str, Any], data: Path, overrides: Sequence[str]) -> Recipe:
    """The study of a recipe that is a mapping; its mistakes have paths and no lines."""
    try:
        text = yaml.safe_dump(_plain(recipe), sort_keys=False, allow_unicode=True)
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        said = f"is nothing that a recipe can say: {' '.join(map(str, error.args))}"
        raise RecipeError([Mistake(0, "recipe", "", said)]) from error
    title = unicodedata.normalize("NFKD", str(recipe.get("title") or "").casefold())  # ü as u and its dots
    plain = "".join(letter for letter in title if not unicodedata.combining(letter))
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-")
    try:
        return read_text(text, "", slug or "study", plugins(), data, overrides)
    except RecipeError as error:  # lines are those of a text that the user has not written
        raise RecipeError([replace(mistake, line=0) for mistake in error.mistakes]) from None
