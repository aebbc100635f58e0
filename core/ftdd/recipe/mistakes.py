"""Mistakes as data: where, what, and what to do; and pydantic's errors as such sentences."""

import json
from collections.abc import Mapping
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from ftdd.components.plugins import nearest
from ftdd.recipe.document import Path
from ftdd.recipe.error import Mistake as Mistake
from ftdd.recipe.error import RecipeError as RecipeError
from ftdd.recipe.error import shortened
from ftdd.recipe.fields import field_at, fields_at, without_none
from ftdd.values import LARGEST_WHOLE, Json, Value


def dotted(path: Path) -> str:
    """A path as it is written in messages: `sweep.freezing.count[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def sentence(error: Mapping[str, Any], root: type[Value], tree: Json, context: Any) -> str:
    """What a pydantic error means to the author of a recipe.

    root: the class that was validated.   tree: what was given.   context: the plugins.
    """
    kind, path, given = error["type"], tuple(error["loc"]), error.get("input")
    field = field_at(root, tree, path, context)
    if kind == "missing":
        return f"is missing{_purpose(field)}"
    if kind == "extra_forbidden":
        known = fields_at(root, tree, path[:-1], context)
        return f"no such field; {nearest(str(path[-1]), known)}"
    if kind == "too_large":
        return f"must be {_whole_range(field, error['ctx']['number'])}, got {error['ctx']['number']}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return f"must be {_range(field, error)}, got {_shown(given)}"
    if kind == "too_short":
        return f"must have {error['ctx']['min_length']} or more items, got {_shown(given)}"
    if kind == "too_long":
        return f"must have at most {error['ctx']['max_length']} items, got {_shown(given)}"
    if kind in _MUST_BE:
        none = " or none" if path == ("source",) else ""
        return f"must be {_MUST_BE[kind]}{none}, got {_shown(given)}"
    if kind == "literal_error":
        options = [str(option) for option in get_args(field.annotation)] if field else []
        listed = ", ".join(options) if options else error["ctx"]["expected"]
        return f"must be one of {listed}; got {_shown(given)}"
    if kind in ("form", "choice"):
        got = f", got {_shown(given)}" if kind == "form" else ""
        return f"{error['msg']}{got}"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return f"{str(error['msg']).lower()}, got {_shown(given)}"


_MUST_BE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _purpose(field: FieldInfo | None) -> str:
    description = (field.description or "").split("\n")[0] if field else ""
    return f": {description[0].lower()}{description[1:].rstrip('.')}" if description else ""


def _range(field: FieldInfo | None, error: Mapping[str, Any]) -> str:
    """A field's bounds in words; pydantic's message has one of them only."""
    field = without_none(field) if field else None
    bounds: list[Any] = [_whole(bound, field) for bound in field.metadata] if field else []
    least = next((bound.ge for bound in bounds if isinstance(bound, Ge)), None)
    above = next((bound.gt for bound in bounds if isinstance(bound, Gt)), None)
    most = next((bound.le for bound in bounds if isinstance(bound, Le)), None)
    below = next((bound.lt for bound in bounds if isinstance(bound, Lt)), None)
    if least is not None and most is not None:
        return f"from {_bound(least)} to {_bound(most)}"
    if least is not None and below is not None:
        return f"from {_bound(least)} to below {_bound(below)}"
    if above is not None and below is not None:
        return f"above {_bound(above)} and below {_bound(below)}"
    if above is not None and most is not None:
        return f"above {_bound(above)} and at most {_bound(most)}"
    if least is not None:
        return f"{_bound(least)} or more"
    if above is not None and most is None:
        return f"above {_bound(above)}"
    return str(error["msg"]).removeprefix("Input should be ")


def _whole_range(field: FieldInfo | None, number: str) -> str:
    """What whole numbers a field takes, of one that got a number of more than 64 bits."""
    if number.startswith("-"):
        return f"a whole number of {-LARGEST_WHOLE - 1} or more"
    bounds = [_whole(bound, field) for bound in without_none(field).metadata] if field else []
    least = next((f"from {bound.ge} to" for bound in bounds if isinstance(bound, Ge)), "of at most")
    return f"a whole number {least} {LARGEST_WHOLE}"


def _whole(bound: Any, field: FieldInfo) -> Any:
    """Above 0 is 1 or more, where only whole numbers are meant."""
    if isinstance(bound, Gt) and isinstance(bound.gt, int) and field.annotation is int:
        return Ge(bound.gt + 1)
    return bound


def _bound(number: Any) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)


def _shown(given: Any) -> str:
    try:
        text = json.dumps(given, ensure_ascii=False)
    except TypeError:
        text = str(given)
    return shortened(text, 60)
