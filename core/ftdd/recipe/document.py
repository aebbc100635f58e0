"""YAML with positions: a recipe's text as plain values, and for every path the line where it stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from ftdd.values import Json

Path = tuple["str | int", ...]

LARGEST_BYTES = 1_000_000
DEEPEST = 50
MOST_NODES = 20_000
"""Keys, values, lists and mappings; reading so many takes a third of a second."""
LONGEST_TEXT = 10_000
"""Characters of one value."""
LONGEST_KEY = 250


@dataclass(frozen=True)
class Document:
    """A parsed text. `lines` has the line (from 1) of every path in `tree`."""

    tree: Json
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class NotYaml(Exception):
    """The text cannot be read; says what, and `line` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `1e-4` is a number, `no` and `2001-01-01` are strings.

    What is too much is refused where it begins to be, and not after all of it was read.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own form)
    _nodes = 0
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """PyYAML's, counted. Raises NotYaml."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise NotYaml(f"a recipe has at most {MOST_NODES:,} keys and values, and there are more from here on", line)
        if self._depth > 2 * DEEPEST:
            raise NotYaml("nested too deeply", line)
        if isinstance(event, yaml.AliasEvent):
            named = self.anchors.get(event.anchor)
            message = "anchors and aliases (&, *) are not used in recipes: write the value out"
            raise NotYaml(message, named.start_mark.line + 1 if named else line)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_FORMS = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
for _tag, _first in (
    ("bool", "tTfF"),
    ("null", ["~", "n", "N", ""]),
    ("int", "-+0123456789"),
    ("float", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_FORMS[_tag]})$"), list(_first))


def parse(text: str) -> Document:
    """Read a text. Raises NotYaml for what is not YAML, and for YAML that a recipe has no use for."""
    if len(text.encode()) > LARGEST_BYTES:
        raise NotYaml(f"a recipe has at most {LARGEST_BYTES:,} bytes", 1)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(f"not YAML: {str(error.problem)[:LONGEST_KEY]}", mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        character = error.character if isinstance(error.character, str) else chr(error.character)
        raise NotYaml(f"not YAML: the character {character!r} is not allowed", line) from error
    except RecursionError:
        raise NotYaml("nested too deeply", 1) from None
    if root is None:
        return Document({}, {(): 1})
    lines: dict[Path, int] = {}
    return Document(_value(root, (), lines), lines)


def parse_value(text: str) -> Json:
    """One value as it would be read in a recipe: `1e-4`, `[1, 2]`, `{name: resnet}`. Raises NotYaml."""
    return parse(text).tree if text.strip() else None


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Json:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > DEEPEST:
        raise NotYaml("nested too deeply", line)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        _refuse_tag(node, "tag:yaml.org,2002:seq", line)
        return [_value(item, (*path, i), lines) for i, item in enumerate(node.value)]
    return _scalar(node, line)


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> Json:
    _refuse_tag(node, "tag:yaml.org,2002:map", node.start_mark.line + 1)
    tree: dict[str, Json] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
            raise NotYaml("a key must be a plain word", line)
        key = _text(key_node, line)
        if len(key) > LONGEST_KEY:
            raise NotYaml(f"a key of {len(key):,} characters; {LONGEST_KEY} are allowed", line)
        here = (*path, key)
        if key in tree:
            raise NotYaml(f"'{key}' stands here again; it stands in line {lines[here]} already", line)
        lines[here] = line
        tree[key] = _value(value_node, here, lines)
    return tree


def _scalar(node: yaml.Node, line: int) -> Json:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    text = _text(node, line)
    if kind == "str":
        return text
    if kind in _FORMS and not re.fullmatch(_FORMS[kind], text):
        raise NotYaml(f"'{text[:LONGEST_KEY]}' is not what its tag !!{kind} says", line)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        if len(text) > 40:
            raise NotYaml("a whole number of more than 40 digits", line)
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text[2:] if base != 10 else text, base)
    if kind == "float":
        return float(
            text.replace(".inf", "inf")
            .replace(".Inf", "inf")
            .replace(".INF", "inf")
            .replace(".nan", "nan")
            .replace(".NaN", "nan")
            .replace(".NAN", "nan")
        )
    raise NotYaml(f"the tag {node.tag[:LONGEST_KEY]} is not used in recipes", line)


def _text(node: yaml.Node, line: int) -> str:
    text = str(node.value)
    if len(text) > LONGEST_TEXT:
        raise NotYaml(f"a value of {len(text):,} characters; {LONGEST_TEXT:,} are allowed", line)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise NotYaml("half a character (\\ud800 to \\udfff) is not text", line)
    return text


def _refuse_tag(node: yaml.Node, plain: str, line: int) -> None:
    if node.tag != plain:
        raise NotYaml(f"the tag {node.tag[:LONGEST_KEY]} is not used in recipes", line)
