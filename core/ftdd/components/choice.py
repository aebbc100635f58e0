"""Fields that take one of several values by name, and fields of more than one form, with one clear message each."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    WrapValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ftdd.values import Value

PLACEHOLDER = "ftdd choice"
"""Stands in a field's JSON schema, with the kind, for the options, which the whole schema lists once."""

Options = Mapping[str, type[Value]]
Find = Callable[[str, Any], type[Value]]


class Choice:
    """Marks a field whose value is a class found by its name: `adam`, or `{name: adam, lr: 0.001}`.

    kind: the word for messages and for the JSON schema.   tag: the field that holds the name.
    find: gives the class for (name, validation context); raises LookupError with a sentence.
    options: the classes by name where they are known beforehand.   words: values that are no class, taken as they are.
    """

    def __init__(
        self, kind: str, find: Find, tag: str = "name", options: Options | None = None, words: Sequence[str] = ()
    ) -> None:
        self.kind = kind
        self.words = tuple(words)
        self.tag = tag
        self.find = find
        self.options = options

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(
            self._validate,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(_dump),
        )

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        chosen = {PLACEHOLDER: self.kind}
        return {"anyOf": [{"enum": list(self.words)}, chosen]} if self.words else chosen

    def _validate(self, given: Any, _: Any, info: ValidationInfo) -> Any:
        if isinstance(given, Value) or given in self.words:
            return given
        if isinstance(given, str):
            given = {self.tag: given}
        if not isinstance(given, dict):
            raise PydanticCustomError(
                "form",
                "must be the name of {article} {kind}, or a mapping with '{tag}'",
                {"article": "an" if self.kind[0] in "aeiou" else "a", "kind": self.kind, "tag": self.tag},
            )
        name = given.get(self.tag)
        if not isinstance(name, str):
            raise PydanticCustomError(
                "choice", "needs '{tag}': which {kind} it is", {"kind": self.kind, "tag": self.tag}
            )
        try:
            cls = self.find(name, info.context)
        except LookupError as error:
            words = f"; or {', '.join(self.words)}" if self.words else ""
            raise PydanticCustomError("choice", "{reason}", {"reason": f"{error.args[0]}{words}"}) from None
        try:
            return cls.model_validate_json(json.dumps(given), strict=True, context=info.context)
        except ValidationError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's own validator may raise anything
            said = " ".join(str(error).split())[:300]
            reason = f"{self.kind} '{name}' failed while its fields were checked: {type(error).__name__}: {said}"
            raise PydanticCustomError("choice", "{reason}", {"reason": reason}) from error


def component_choice(kind: str, tag: str = "name", words: Sequence[str] = ()) -> Choice:
    """A component by its name, or by a mapping with its fields; words are taken as they are."""

    def find(name: str, plugins: Any) -> type[Value]:
        cls: type[Value] = plugins.named(kind, name)
        return cls

    return Choice(kind, find, tag, words=words)


def among(kind: str, *options: type[Value]) -> Choice:
    """A choice among classes that ship with ftdd itself."""
    known = {str(option.model_fields["name"].default): option for option in options}

    def find(name: str, _: Any) -> type[Value]:
        if name not in known:
            raise LookupError(f"no {kind} '{name}'; there are: {', '.join(sorted(known))}")
        return known[name]

    return Choice(kind, find, options=known)


def or_else(message: str) -> WrapValidator:
    """Say this one message where a value fits none of a field's forms."""

    def validate(given: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(given)
        except ValidationError as error:
            raise PydanticCustomError("form", "{message}", {"message": message}) from error

    return WrapValidator(validate)


def _dump(value: Value | str) -> Any:
    return value if isinstance(value, str) else value.model_dump(mode="json")
