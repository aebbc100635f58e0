"""Points: from plain values to a checked spec, or to what is wrong with them."""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from ftdd.components.plugins import Plugins, nearest
from ftdd.recipe.check import faults
from ftdd.recipe.document import Path
from ftdd.recipe.mistakes import dotted, sentence
from ftdd.recipe.recipe import Header, Point
from ftdd.recipe.specs import TargetSpec
from ftdd.recipe.sweep import SweepError, Tree, with_values
from ftdd.values import Json, Value

SETTING = tuple(name for name in TargetSpec.model_fields if name not in ("version", "role"))
"""The parts of a recipe that make a spec."""

TAGS = {"freezing": "policy", "transfer": "first_layers"}
"""The field that holds the name of a part of the setting, where it is not `name`."""

Said = tuple[Path, str]
"""A path of the setting, and what is wrong there."""


class NoPoint(ValueError):
    """Settings that make no point, with a sentence that says why."""


def check_path(path: str) -> None:
    """Raises SweepError for a path outside of what makes a spec."""
    part = path.split(".")[0]
    if part in Header.model_fields:
        raise SweepError(f"'{part}' changes no numbers, so it cannot be swept")
    if part and part not in SETTING:
        raise SweepError(f"no such field '{part}'; {nearest(part, SETTING)}")


def checked_spec(tree: Tree, plugins: Plugins, data: FilePath) -> tuple[TargetSpec | None, tuple[Said, ...]]:
    """The spec of a whole setting, and all that is wrong with it; no spec where anything is.

    data: the folder where data sets lie; set sizes are checked where they can be known.
    """
    found: list[Said] = []
    if "source" in tree:
        if tree["source"] is None:
            found.append((("source",), "is empty; say none to train from scratch"))
        tree = tree | {"source": _none(tree["source"])}
    try:
        spec = TargetSpec.model_validate_json(json.dumps(tree), strict=True, context=plugins)
    except ValidationError as error:
        return None, (*found, *said_by(error, TargetSpec, tree, plugins))
    found += [(tuple(path.split(".")), message) for path, message in faults(spec, data)]
    return None if found else spec, tuple(found)


def said_by(error: ValidationError, root: type[Value], tree: Mapping[str, Any], plugins: Plugins) -> tuple[Said, ...]:
    """What pydantic found wrong with a tree, as sentences."""
    return tuple(
        (tuple(one["loc"]), sentence(one, root, dict(tree), plugins))
        for one in error.errors()
        # items that are wrong themselves are too few also, but that is said of each
        if not (one["type"] == "too_short" and len(one["input"]) >= one["ctx"]["min_length"])
    )


def added_point(base: Mapping[str, Json], settings: Mapping[str, Json], plugins: Plugins, data: FilePath) -> Point:
    """The point of these settings, laid over a recipe's base; paths that the recipe does not sweep among them.

    base: as `Study.base` has it. Raises NoPoint with the first thing that is wrong.
    """
    try:
        for path in settings:
            if not path or any(not part for part in path.split(".")):
                raise SweepError(f"'{path}' is not a dotted path such as target.images")
            check_path(path)
        plain: dict[str, Json] = json.loads(json.dumps(dict(settings), allow_nan=False))
        tree = with_values(dict(base), plain, TAGS)
    except (SweepError, TypeError, ValueError) as error:
        raise NoPoint(str(error)) from None
    spec, wrong = checked_spec(tree, plugins, data)
    if spec is None:
        place, message = wrong[0]
        raise NoPoint(f"{dotted(place)}: {message}")
    return Point(plain, spec, added=True)


def _none(value: Json) -> Json:
    """`source: none` is a word in YAML; in a spec it is nothing."""
    return None if value == "none" else value
