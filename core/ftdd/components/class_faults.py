"""What can be wrong with a component's class, seen when its plugin is loaded: before a recipe meets it."""

import inspect
import json
import math
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from ftdd.components import (
    Analysis,
    Architecture,
    Component,
    DataSet,
    Executor,
    Kind,
    Pair,
    Policy,
    Scheme,
)
from ftdd.components.base import tried
from ftdd.networks.spared import Spared

NAME = re.compile(r"[a-z][a-z0-9_-]{0,59}")
"""What a component may be called."""
NAME_WORDS = "a lower-case letter, then lower-case letters, digits, underscores and dashes, 60 at most"
RESERVED = ("all", "false", "null", "true")
"""Words that a recipe takes for something else."""

CONFIG: Mapping[str, object] = {
    "frozen": True,
    "extra": "forbid",
    "allow_inf_nan": False,
    "arbitrary_types_allowed": False,
}
"""What a class must leave as its base has it."""


def component_fault(kind: Kind, cls: object) -> str | None:
    """What is wrong with a class as a component of a kind, after the words "which …"; None where it is right."""
    if not (isinstance(cls, type) and issubclass(cls, kind.base)):
        return f"is not a subclass of ftdd.components.{kind.base.__name__}"
    if inspect.isabstract(cls) or _missing(cls, kind):
        return f"leaves out {', '.join(_missing(cls, kind))}"
    found = (fault for one in (_tag_fault, _page_fault, _config_fault, _constant_fault) if (fault := one(kind, cls)))
    return next(found, None) or next(_field_faults(kind, cls), None)


def schema_fault(cls: type[Component]) -> str | None:
    """Whether its fields can be shown: what is wrong after the words "which …"; None where nothing is."""
    _, failed = tried(cls.model_json_schema)
    return f"has fields that a recipe cannot say, for they have no JSON schema: {failed}" if failed else None


def example_faults(cls: type[Component], context: Any) -> Iterator[str]:
    """What is wrong with its examples, each after the words "which …".

    context: all plugins that are loaded: fields may name other components.
    """
    if cls.examples is Component.examples and any(field.is_required() for field in cls.model_fields.values()):
        return  # it names none of its own
    for example in cls.examples:
        words = json.dumps(dict(example), default=str)
        same, failed = tried(_comes_back, cls, example, context)
        if failed:
            yield f"refuses its own example {words}: {failed}"
        elif not same:
            yield f"comes back from JSON as another one than its example {words}, so its id would not be its own"


def _comes_back(cls: type[Component], example: Mapping[str, Any], context: Any) -> bool:
    made = _read(cls, dict(example), context)
    hash(made)
    return bool(_read(cls, made.model_dump(mode="json"), context) == made)


def _read(cls: type[Component], tree: object, context: Any = None) -> Component:
    return cls.model_validate_json(json.dumps(tree), strict=True, context=context)


def _missing(cls: type, kind: Kind) -> list[str]:
    abstract = kind.base.__abstractmethods__
    return [name for name in vars(kind.base) if name in abstract and getattr(cls, name) is getattr(kind.base, name)]


def _tag_fault(kind: Kind, cls: type[Component]) -> str | None:
    name = kind.base.tag
    field = cls.model_fields.get(name)
    if cls.tag != name or field is None or not isinstance(field.default, str):
        return f'needs a field {name}: Literal["…"] = "…" that holds its name'
    if get_origin(field.annotation) is not Literal or get_args(field.annotation) != (field.default,):
        return f'must say {name}: Literal["{field.default}"] = "{field.default}": one word, the same twice'
    if not NAME.fullmatch(field.default):
        return f"is called {field.default!r}; a name is {NAME_WORDS}"
    if field.default in RESERVED:
        return f"is called '{field.default}', which means something else in a recipe; call it otherwise"
    return None


def _page_fault(kind: Kind, cls: type[Component]) -> str | None:
    if not (cls.__dict__.get("__doc__") or "").strip():
        return "has no docstring; it is its page in `ftdd show`"
    return None


def _config_fault(kind: Kind, cls: type[Component]) -> str | None:
    for option, wanted in CONFIG.items():
        given = cls.model_config.get(option, False)
        if given != wanted:
            return f"sets {option} to {given!r} in its model_config; a component leaves it at {wanted!r}"
    return None


def _number_or_none(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value))


def _mappings(value: object) -> bool:
    return isinstance(value, Sequence) and all(isinstance(one, Mapping) for one in value)


CONSTANTS: Sequence[tuple[type[Component], str, Callable[[Any], bool], str]] = (
    (Component, "examples", _mappings, "a sequence of mappings"),
    (Architecture, "memory_format", lambda v: v in ("contiguous", "channels_last"), "contiguous or channels_last"),
    (Pair, "task", lambda v: v in ("classification", "regression"), "classification or regression"),
    (Pair, "data_sets", lambda v: isinstance(v, Sequence) and all(isinstance(d, DataSet) for d in v), "of DataSet"),
    (Pair, "similarity_order", lambda v: isinstance(v, Mapping), "a mapping"),
    (Scheme, "best", _number_or_none, "a finite number or None"),
    (Scheme, "lowest", _number_or_none, "a finite number or None"),
    (Scheme, "symmetric", lambda v: isinstance(v, bool), "true or false"),
    (
        Policy,
        "spared",
        lambda v: isinstance(v, frozenset) and v <= set(get_args(Spared)),
        f"a frozenset of {', '.join(get_args(Spared))}",
    ),
    (Policy, "depth", lambda v: isinstance(v, tuple) and all(isinstance(one, str) for one in v), "a tuple of fields"),
    (Analysis, "rank", lambda v: isinstance(v, int) and not isinstance(v, bool), "a whole number"),
    (Executor, "default", lambda v: isinstance(v, bool), "true or false"),
    (Executor, "patience", lambda v: _number_or_none(v) and (v is None or v > 0), "seconds above zero, or None"),
)
"""What is said of a class by its plain attributes: base, name, whether a value is right, and what would be."""


def _constant_fault(kind: Kind, cls: type[Component]) -> str | None:
    for base, name, right, wanted in CONSTANTS:
        if issubclass(cls, base) and name not in cls.model_fields and not right(getattr(cls, name)):
            return f"has {name} = {getattr(cls, name)!r}; it must be {wanted}"
    unknown = [field for field in getattr(cls, "depth", ()) if field not in cls.model_fields]
    if issubclass(cls, Policy) and unknown:
        return f"has depth = {cls.depth!r}, and no field '{unknown[0]}'"
    return None


def _field_faults(kind: Kind, cls: type[Component]) -> Iterator[str]:
    for name, field in cls.model_fields.items():
        if name in dir(kind.base) and name not in kind.base.model_fields:
            yield f"has a field '{name}', which is the name of something else in every {kind.word}; call it otherwise"
        if field.alias or field.validation_alias or field.serialization_alias:
            yield f"has a field '{name}' with an alias; a recipe calls a field by its own name"
        if unhashable := _unhashable(field.annotation):
            yield f"has a field '{name}' that may be {unhashable}, which cannot be hashed; say tuple[…, ...] or a Value"
        if field.is_required():
            continue
        same, failed = tried(_same_twice, field)
        if failed:
            yield f"has a default of '{name}' that cannot be hashed, or made: {failed}"
        elif not same:
            yield f"has a default of '{name}' that is another one each time, so that ids would change"
    if fault := _defaults_fault(cls):
        yield fault


def _same_twice(field: FieldInfo) -> bool:
    default, again = (field.get_default(call_default_factory=True, validated_data={}) for _ in range(2))
    hash(default)
    return bool(default == again)


def _defaults_fault(cls: type[Component]) -> str | None:
    """Whether the value that has all defaults is right when it is read again: pydantic does not check defaults."""
    if any(field.is_required() for field in cls.model_fields.values()) or _chooses(cls):
        return None
    made, failed = tried(_with_defaults, cls)
    if failed:
        return f"cannot be made with its defaults: {failed}"
    if made is not None:
        _, failed = tried(lambda: _read(cls, made.model_dump(mode="json")))
    return f"refuses its own defaults: {failed}" if failed else None


def _with_defaults(cls: type[Component]) -> Component | None:
    try:
        return cls()
    except ValidationError:  # it needs one of several fields, as its own validator says
        return None


def _chooses(cls: type[BaseModel]) -> bool:
    """Whether a field names another component: that can only be looked up when all plugins are loaded."""
    return any(type(mark).__name__ == "Choice" for field in cls.model_fields.values() for mark in field.metadata)


def _unhashable(annotation: Any) -> str | None:
    """The part of a type whose values cannot be hashed, in a word; None where there is none."""
    origin = get_origin(annotation) or annotation
    if isinstance(annotation, TypeAliasType):
        return _unhashable(annotation.__value__)
    if annotation is Any or annotation is object or isinstance(annotation, (str, ForwardRef)):
        return "anything"
    if origin is Literal or annotation in (None, types.NoneType, Ellipsis):
        return None
    if isinstance(origin, type):
        if issubclass(origin, BaseModel):
            return next(_parts(field.annotation for field in origin.model_fields.values()), None) or (
                None if origin.model_config.get("frozen") else f"a {origin.__name__}, which is not frozen"
            )
        if annotation in (tuple, frozenset):
            return f"a {origin.__name__} of anything"
        if issubclass(origin, (str, bytes, tuple, frozenset)):
            return next(_parts(get_args(annotation)), None)
        if issubclass(origin, (Sequence, Mapping, list, dict, set)) or origin in (Iterable,):
            return f"a {origin.__name__}"
        return None if origin.__hash__ is not None else f"a {origin.__name__}"
    if origin in (Union, types.UnionType) or get_args(annotation):
        return next(_parts(get_args(annotation)), None)
    return None


def _parts(annotations: Iterable[Any]) -> Iterator[str]:
    return (found for one in annotations if (found := _unhashable(one)))
