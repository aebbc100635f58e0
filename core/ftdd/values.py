"""The frozen base value, its canonical JSON, and ids made from it."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

ID_LENGTH = 12
"""Hex digits of an id: 48 bits, one chance in a thousand of a clash at 750,000 runs in a store."""


LARGEST_WHOLE = 2**63 - 1
"""What a table's column of whole numbers can hold."""


class Value(BaseModel):
    """A value that never changes after it was made; unknown fields, infinities and NaN are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, defer_build=True
    )

    @field_validator("*")
    @classmethod
    def _fits_a_table(cls, value: Any) -> Any:
        """Settings end in tables, whatever class they are of, and whole numbers have 64 bits there."""
        if (too_large := _too_large(value)) is not None:
            raise PydanticCustomError("too_large", "{number} has more than 64 bits", {"number": str(too_large)})
        return value


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
