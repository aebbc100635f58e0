"""What all kinds of component share: the base class, the two refusals, and who brought a class."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from unicodedata import category

from ftdd.values import Json, Value


def in_one_line(message: str) -> str:
    """The message with line breaks, control characters and what is not UTF-8 written as `\\n`, `\\x1b`, `\\udce9`.

    Names of files may have them: they would break a list of mistakes apart, or tell a terminal what to do.
    """
    escaped = (c.encode("unicode_escape").decode() if category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in message)
    return "".join(escaped)


class Unfit(ValueError):
    """A component's setting does not fit what it is used with; `field` names the setting, "" the whole."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(in_one_line(message))
        self.field = field


class DataUnavailable(Exception):
    """Images or weights are not available: the message says which, where, and what to do.

    field: the setting that names what is missing; "" where none does.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(in_one_line(message))
        self.field = field


class ComponentFailed(Exception):
    """A component raised what it must not, or gave what it must not: a sentence with plugin, package and component."""


def error_words(error: BaseException) -> str:
    """What a stranger's exception says, in one line of 300 characters at most: `TypeError: no such thing`."""
    try:
        said = " ".join(str(error).split()).split(" For further information visit ")[0]  # as pydantic ends
    except Exception:  # an exception's own words may be what is broken
        said = "its message cannot be shown"
    said = in_one_line(said if len(said) <= 300 else f"{said[:299]}…")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def tried(work: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """What a stranger's code gives, and ""; or None, and what it raised, in words. Ctrl-C goes through."""
    try:
        return work(*arguments), ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # libraries of other languages raise what is no Exception
        return None, error_words(error)


def brief(given: object) -> str:
    """A stranger's value as it is written; its type where that is long or broken."""
    try:
        words = " ".join(repr(given).split())
    except Exception:
        words = ""
    return words if 0 < len(words) <= 60 else f"a {type(given).__name__}"


@dataclass(frozen=True)
class Owner:
    """The plugin that a component or a command came with."""

    plugin: str
    package: str
    """The name of its distribution."""
    version: str = ""

    @property
    def distribution(self) -> str:
        """Name and version of the package, for example `ftdd 0.1.0`."""
        return f"{self.package} {self.version}".strip()

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of {self.distribution}"


@dataclass(frozen=True)
class Every:
    """Marks a field for which a sweep may say `all`: the values that stand for all of them.

    count: Annotated[int, Every(lambda layers: range(len(layers)))]
    """

    values: Callable[[tuple[str, ...]], Sequence[Json]]
    """From the names of the network's layers, input first."""


class Component(Value):
    """What all kinds of component share."""

    tag: ClassVar[str] = "name"
    """The field that says which component it is."""
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """Settings of small ones, with which the checks of `ftdd.testing` try the class."""
    brought_by: ClassVar[Owner | None] = None
    """The plugin that it came with; written when the class is loaded."""
