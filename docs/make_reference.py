"""Rewrite the tables of docs/reference/recipes.md and docs/method.md from the classes and columns that they are of.

    python docs/make_reference.py            rewrite the files
    python docs/make_reference.py --check    say what would change; exit code 1 if anything would

A table stands between `<!-- generated: KEY -->` and `<!-- end -->`, in the page that has it.
"""

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ftdd.analysis.columns import RUN_COLUMNS
from ftdd.components import KINDS, Component
from ftdd.components.choice import PLACEHOLDER
from ftdd.components.plugins import installed_plugins
from ftdd.recipe.recipe import Header
from ftdd.recipe.specs import SourceSettings, TargetSpec, TaskSettings, Transfer
from ftdd.training.settings import (
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    CropAndFlip,
    InverseSquareRoot,
    LeastSquares,
    NoAugmentation,
    SoftFreezing,
    Step,
    Training,
)
from ftdd.values import Value, described_fields

RECIPES, METHOD = Path(__file__).parent / "reference" / "recipes.md", Path(__file__).parent / "method.md"
BLOCK = re.compile(r"(<!-- generated: (?P<key>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)

FIELDS: Mapping[str, tuple[type[Value], tuple[str, ...]]] = {
    "header": (Header, ()),
    "setting": (TargetSpec, ("version", "role")),
    "side": (TaskSettings, ()),
    "source": (SourceSettings, tuple(TaskSettings.model_fields)),
    "training": (Training, ()),
    "transfer": (Transfer, ()),
    "soft freezing": (SoftFreezing, ()),
}
"""Key → class, and the fields that its table leaves out."""

OPTIONS: Mapping[str, tuple[type[Value], ...]] = {
    "optimizers": (Adam, AdamW, SGD, LeastSquares),
    "schedules": (Constant, Cosine, InverseSquareRoot, Step),
    "augmentations": (NoAugmentation, CropAndFlip),
}
"""Key → classes among which a field chooses by name."""

COMPONENTS = ("pairs", "architectures", "policies", "schemes", "analyses")
"""Keys of the components that ship with ftdd; each is a kind's plural."""


def main() -> int:
    """Rewrite or check the pages; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if the page is not current")
    check = parser.parse_args().check
    stale = False
    for page, tables in ((RECIPES, recipe_tables()), (METHOD, {"columns": column_table()})):
        old = page.read_text(encoding="utf-8")
        new = regenerated(old, tables, page.name)
        stale |= old != new
        if check:
            lines = old.splitlines(True), new.splitlines(True)
            sys.stdout.writelines(difflib.unified_diff(*lines, f"committed {page.name}", "current"))
        else:
            page.write_text(new, encoding="utf-8")
    return int(check and stale)


def regenerated(page: str, tables: Mapping[str, str], name: str) -> str:
    """The page with every table made again. Raises SystemExit where a table has no place in it."""
    places = {match["key"] for match in BLOCK.finditer(page)}
    if places != set(tables):
        raise SystemExit(f"{name}: tables without a place or places without a table: {places ^ set(tables)}")
    return BLOCK.sub(lambda match: f"{match[1]}\n{tables[match['key']]}\n{match[3]}", page)


def column_table() -> str:
    """The columns of the table of runs that every study has."""
    rows = [f"| `{one.name}` | {one.meaning} |" for one in RUN_COLUMNS]
    return "\n".join(["| column | meaning |", "| --- | --- |", *rows, ""])


def recipe_tables() -> dict[str, str]:
    """Every table of the reference of recipes by its key, as Markdown."""
    tables = {key: field_table(cls, leave_out) for key, (cls, leave_out) in FIELDS.items()}
    tables |= {key: "\n".join(option_section(cls, "name") for cls in classes) for key, classes in OPTIONS.items()}
    for kind in KINDS.values():
        if kind.plural in COMPONENTS:
            sections = (option_section(cls, kind.base.tag) for cls in shipped(kind.word))
            tables[kind.plural] = "\n".join(sections)
    return tables


def shipped(word: str) -> Iterable[type[Component]]:
    """The components of a kind that come with ftdd itself."""
    plugins = installed_plugins()
    own = {brought for info in plugins.infos if info.distribution.startswith("ftdd ") for brought in info.brings}
    return (cls for name, cls in plugins.components[word].items() if f"{word} {name}" in own)


def option_section(cls: type[Value], tag: str) -> str:
    """A class that is chosen by its name: what it is, and its fields."""
    name = cls.model_fields[tag].default
    words = " ".join(inspect.cleandoc(cls.__doc__ or "").split())
    table = field_table(cls, (tag,))
    return f"**`{name}`**: {words}\n" + (f"\n{table}" if table else "")


def field_table(cls: type[Value], leave_out: tuple[str, ...]) -> str:
    """The fields of a class as a Markdown table; nothing where there is none to show."""
    schema = cls.model_json_schema()
    rows = []
    for name, field in described_fields(cls).items():
        if name in leave_out:
            continue
        default = "required" if field.is_required() else plain(field.get_default(call_default_factory=True))
        said = " ".join((field.description or "").split())
        cells = (f"`{name}`", type_words(required_none(schema["properties"][name], field.is_required())), default, said)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if not rows:
        return ""
    return "\n".join(["| field | type | default | what it means |", "| --- | --- | --- | --- |", *rows, ""])


def required_none(schema: Mapping[str, Any], required: bool) -> Mapping[str, Any]:
    """Nothing is a value of its own where a field must be given; elsewhere it means that the field is left out."""
    if not required or "anyOf" not in schema:
        return schema
    nothing = {"type": "null"}
    return {"anyOf": [{"const": "none"} if option == nothing else option for option in schema["anyOf"]]}


def plain(value: Any) -> str:
    """A default as a recipe would write it; a dash for a field that is simply left out."""
    if value is None or value == "":
        return "–"
    if isinstance(value, Value):
        fields = value.model_dump()
        return (
            f"`{fields['name']}`" if "name" in fields else f"`{{{', '.join(f'{k}: {v}' for k, v in fields.items())}}}`"
        )
    if isinstance(value, (tuple, list)):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def type_words(schema: Mapping[str, Any]) -> str:
    """A field's type, with its range, as a reader of recipes would say it."""
    if PLACEHOLDER in schema:
        return f"{schema[PLACEHOLDER]}, by name"
    if "$ref" in schema:
        return "mapping"
    if "enum" in schema:
        return ", ".join(map(plain, schema["enum"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        forms = [type_words(option) for option in schema["anyOf"] if option != {"type": "null"}]
        return " or ".join(sorted(forms, key=lambda form: not form.startswith("`")))
    if schema.get("type") == "array":
        items = schema.get("items") or schema["prefixItems"][0]
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        length = str(least) if least == most else f"{least} or more"
        return f"list of {length}: {type_words(items)}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return words[str(schema["type"])] + bounds(schema)


def bounds(schema: Mapping[str, Any]) -> str:
    """The range of a number in words."""
    whole = schema.get("type") == "integer"
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if whole and above is not None:
        least, above = above + 1, None
    words = []
    if least is not None:
        words.append(f"{least:g} or more")
    if above is not None:
        words.append(f"above {above:g}")
    if most is not None:
        words.append(f"at most {most:g}")
    if below is not None:
        words.append(f"below {below:g}")
    if least is not None and most is not None:
        words = [f"from {least:g} to {most:g}"]
    return f", {', '.join(words)}" if words else ""


if __name__ == "__main__":
    sys.exit(main())
