"""The frozen base value, its canonical JSON, and ids made from it."""

import ast
import hashlib
import inspect
import json
import textwrap
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, PydanticCustomError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

ID_LENGTH = 12
"""Hex digits of an id: 48 bits, one chance in a thousand of a clash at 750,000 runs in a store."""


LARGEST_WHOLE = 2**63 - 1
"""What a table's column of whole numbers can hold."""


class Value(BaseModel):
    """A value that never changes after it was made; unknown fields, infinities and NaN are refused."""

    # the schema is built when first used: most commands need few of the classes that plugins bring
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @field_validator("*")
    @classmethod
    def _fits_a_table(cls, value: Any) -> Any:
        """Settings end in tables, whatever class they are of, and whole numbers have 64 bits there."""
        if (too_large := _too_large(value)) is not None:
            raise PydanticCustomError("too_large", "{number} has more than 64 bits", {"number": str(too_large)})
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in described_fields(cls).items():
            if name in properties and field.description:
                properties[name].setdefault("description", field.description)
        return schema


@cache
def described_fields(cls: type[Value]) -> "Mapping[str, FieldInfo]":
    """The class's fields, each described by the docstring below it, unless it has a description of its own.

    pydantic's `use_attribute_docstrings` parses the source of every class when it is defined, which takes longer than
    all else that a short command does.
    """
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Value):
            texts |= _docstrings(base)
    for name, field in cls.model_fields.items():
        field.description = field.description or texts.get(name) or None
    return cls.model_fields


def _docstrings(cls: type) -> dict[str, str]:
    """What stands below each annotated name of the class body; "" where nothing does."""
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # no source, as of a class made at a prompt
        return {}
    texts: dict[str, str] = {}
    for one, below in zip(body.body, [*body.body[1:], None], strict=True) if isinstance(body, ast.ClassDef) else ():
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            said = below.value if isinstance(below, ast.Expr) else None
            text = said.value if isinstance(said, ast.Constant) else None
            texts[one.target.id] = inspect.cleandoc(text) if isinstance(text, str) else ""
    return texts


def _too_large(value: object) -> int | None:
    """The first whole number in a value, or in a list or mapping, that has more than 64 bits."""
    if isinstance(value, int):
        return None if -LARGEST_WHOLE - 1 <= value <= LARGEST_WHOLE else value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return next((found for part in parts if (found := _too_large(part)) is not None), None)


def canonical_json(value: Value) -> str:
    """One text for one value: keys sorted, no blanks, strings composed (NFC), -0.0 written as 0.0.

    Taken after validation, so `1` and `1.0` in a float field are the same text.
    """
    return _text(value.model_dump(mode="json"))


def identity(value: Value) -> str:
    """The value's id: the first hex digits of the SHA-256 of its canonical JSON."""
    return tree_identity(value.model_dump(mode="json"))


def tree_identity(tree: Json) -> str:
    """The same of plain values, as they are after validation."""
    return hashlib.sha256(_text(tree).encode()).hexdigest()[:ID_LENGTH]


def flat(tree: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """A tree as dotted paths to its leaves; lists are leaves."""
    leaves: dict[str, Json] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            leaves |= flat(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves


def _text(tree: Json) -> str:
    return json.dumps(_canonical(tree), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(tree: Json) -> Json:
    if isinstance(tree, dict):
        return {unicodedata.normalize("NFC", key): _canonical(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_canonical(item) for item in tree]
    if isinstance(tree, str):
        return unicodedata.normalize("NFC", tree)
    if isinstance(tree, float) and tree == 0.0:
        return 0.0
    return tree
