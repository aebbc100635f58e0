"""Walk from a spec's class down a dotted path, choosing classes by the names that a recipe gives."""

import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ftdd.components.choice import Choice
from ftdd.recipe.document import Path
from ftdd.values import Json, Value, described_fields


def field_at(root: type[Value], tree: Json, path: Path, context: Any) -> FieldInfo | None:
    """The field that a path leads to, an item of a list included; None where it leads nowhere."""
    if not path:
        return None
    if isinstance(path[-1], int):
        return _item(field_at(root, tree, path[:-1], context), path[-1])
    cls = class_at(root, tree, path[:-1], context)
    return described_fields(cls).get(str(path[-1])) if cls else None


def fields_at(root: type[Value], tree: Json, path: Path, context: Any) -> Iterable[str]:
    """The names of the fields that the class at a path has, less those that can be one word only, such as a name."""
    cls = class_at(root, tree, path, context)
    return [name for name, field in (cls.model_fields if cls else {}).items() if not _one_word(field)]


def class_at(root: type[Value], tree: Json, path: Path, context: Any) -> type[Value] | None:
    """The class of the value at a path; None where it is no such value, or its name is wrong."""
    cls: type[Value] | None = root
    field: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            field = _item(field, part)
            tree = tree[part] if isinstance(tree, list) and part < len(tree) else None
        else:
            field = cls.model_fields.get(part) if cls else None
            tree = tree.get(part) if isinstance(tree, dict) else None
        if field is None:
            return None
        cls = _class_of(field, tree, context)
    return cls


def choice_of(field: FieldInfo) -> Choice | None:
    """The mark of a field that takes one of several classes by name."""
    return next((mark for mark in field.metadata if isinstance(mark, Choice)), None)


def without_none(field: FieldInfo) -> FieldInfo:
    """Of a field that may be left empty, what it holds where it is not; any other field as it is."""
    options = [option for option in get_args(field.annotation) if option is not types.NoneType]
    union = get_origin(field.annotation) in (Union, types.UnionType)
    return FieldInfo.from_annotation(options[0]) if union and len(options) == 1 else field


def _one_word(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _item(field: FieldInfo | None, index: int) -> FieldInfo | None:
    field = without_none(field) if field else None
    items = get_args(field.annotation) if field else ()
    if not items or get_origin(field.annotation if field else None) not in (list, tuple):
        return None
    every = len(items) == 1 or Ellipsis in items
    return FieldInfo.from_annotation(items[0 if every else index]) if every or index < len(items) else None


def _class_of(field: FieldInfo, tree: Json, context: Any) -> type[Value] | None:
    choice = choice_of(field)
    if choice is None:
        return _model_in(field.annotation)
    name = tree.get(choice.tag) if isinstance(tree, dict) else tree
    if not isinstance(name, str):
        return None
    try:
        return choice.find(name, context)
    except LookupError:
        return None


def _model_in(annotation: Any) -> type[Value] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if issubclass(annotation, Value) else None
    if get_origin(annotation) in (Union, types.UnionType):
        return next((cls for option in get_args(annotation) if (cls := _model_in(option))), None)
    return None
