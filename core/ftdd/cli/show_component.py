"""What `ftdd show` says of a component: fields, an architecture's layers, a pair's classes and images."""

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import plugins
from ftdd.cli.keeping import save
from ftdd.cli.screen import messages, output
from ftdd.components import (
    Architecture,
    Component,
    ComponentFailed,
    DataUnavailable,
    Kind,
    Pair,
    Side,
    Unfit,
    own_fields,
)
from ftdd.data.image_shape import ImageShape
from ftdd.recipe.document import NotYaml, parse_value
from ftdd.recipe.mistakes import dotted
from ftdd.recipe.points import said_by
from ftdd.recipe.sweep import SweepError, with_values
from ftdd.study.remarks import remarks_on, repeats_on
from ftdd.values import described_fields
from ftdd.wording import as_recipe

SIDES: tuple[Side, ...] = ("source", "target")


def show_component(kind: Kind, cls: type[Component], name: str) -> None:
    """Its docstring and its fields."""
    screen = output()
    screen.print(f"[bold]{name}[/], {kind.word}\n")
    screen.print("\n\n".join(_paragraphs(cls.__doc__ or "")), markup=False)
    table = Table(title="fields", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("field", "type", "default", "what it means"):
        table.add_column(heading, overflow="fold")
    for field_name in own_fields(cls):
        field = described_fields(cls)[field_name]
        default = "required" if field.is_required() else as_recipe(_plain(field.get_default(call_default_factory=True)))
        kind_of = _type_words(cls.model_json_schema()["properties"][field_name])
        table.add_row(
            f"  [cyan]{field_name}[/]",
            kind_of,
            escape(default),
            escape("\n".join(_paragraphs(field.description or ""))),
        )
    if table.row_count:
        screen.print("", table)


def _paragraphs(text: str) -> list[str]:
    """A docstring's paragraphs, each in one line: the terminal breaks them anew. What is indented stays as it is."""
    parts = inspect.cleandoc(text).split("\n\n")
    return [part if part.startswith(" ") else " ".join(part.split()) for part in parts]


T = TypeVar("T", bound=Component)


def _with_fields(cls: type[T], name: str, fields: tuple[str, ...]) -> T | None:
    """The component with the fields given; None where one that it needs is not, and none is given."""
    tree: dict[str, Any] = {"name": name}
    for text in fields:
        path, _, value = text.partition("=")
        try:
            tree = with_values(tree, {path: parse_value(value)}, {})
        except (NotYaml, SweepError) as error:
            raise click.UsageError(f"--set {text}: {error}") from error
    needed = [path for path, field in cls.model_fields.items() if field.is_required() and path not in tree]
    if needed and not fields:
        output().print(f"\nMore is shown where it is told {' and '.join(needed)}: --set {needed[0]}=…")
        return None
    try:
        return cls.model_validate_json(json.dumps(tree), strict=True, context=plugins())
    except ValidationError as error:
        faults = (f"{dotted(path)}: {message}" for path, message in said_by(error, cls, tree, plugins()))
        raise click.UsageError("; ".join(faults)) from error


def show_pair(cls: type[Pair], name: str, fields: tuple[str, ...], data: Path, sheet: Path | None) -> bool:
    """Classes and counts of both sides, as far as they can be known; the contact sheet where it is asked for."""
    pair = _with_fields(cls, name, fields)
    if pair is None:
        if sheet is not None:
            raise click.UsageError(f"--images: {name} must be told more before there are images to show (--set, above)")
        return True
    table = Table(title=f"images of {pair.image_shape()}", title_justify="left", title_style="bold", box=None)
    for heading in ("side", "classes", "training images", "which"):
        table.add_column(heading, overflow="fold")
    for side in SIDES:
        try:
            classes = pair.classes(side, data)
        except Unfit as error:
            if side == "target":  # a source may be none, the target is always asked for
                raise _wrong_settings(name, error) from error
            table.add_row(f"  {side}", "", "", escape(str(error)))
            continue
        except (DataUnavailable, ComponentFailed) as error:
            table.add_row(f"  {side}", "", "", escape(str(error)))
            continue
        try:
            counts = pair.class_counts(side, data)
            images = f"{sum(counts):,}" + (f", {_range(counts)} a class" if len(counts) > 1 else "")
        except (DataUnavailable, Unfit, ComponentFailed) as error:
            images = "" if isinstance(error, DataUnavailable) else escape(str(error))
        table.add_row(f"  {side}", str(len(classes)), images, escape(", ".join(classes)))
    output().print("", table)
    sides = [(pair, side) for side in SIDES]
    for repeated in repeats_on(sides, data):
        output().print(f"warning: {repeated}", markup=False, soft_wrap=True)
    for remark in remarks_on(sides, data):
        output().print(f"note: {remark}", markup=False, soft_wrap=True)
    return sheet is None or _sheet(pair, name, data, sheet)


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sheet(pair: Pair, name: str, data: Path, sheet: Path) -> bool:
    from ftdd.results.figures.contact_sheet import contact_sheet
    from ftdd.results.figures.style import without_words_on_glyphs

    if pair.task == "regression":
        raise click.UsageError(f"the inputs of {name} are measurements, which are not looked at")
    loaded = []
    try:
        pair.prepare(data, lambda line: messages().print(line, markup=False, soft_wrap=True))
        loaded = [(side, pair.load(side, data).train) for side in SIDES if _there(pair, side, data)]
        with without_words_on_glyphs():
            figure, form = contact_sheet(loaded, name), sheet.suffix.removeprefix(".") or "png"
            save(sheet, lambda path: figure.savefig(path, format=form, dpi=200))
    except Unfit as error:
        raise _wrong_settings(name, error) from error
    except DataUnavailable as error:
        messages().print(f"ftdd: {error}", markup=False, style="red", soft_wrap=True)
        return False
    except ValueError as error:  # a format that matplotlib does not write
        raise click.UsageError(f"--images {sheet}: {error}") from error
    output().print(f"contact sheet: {sheet}", markup=False, soft_wrap=True)
    return True


def _wrong_settings(name: str, error: Unfit) -> click.UsageError:
    where = f"{name}, {error.field}" if error.field else name
    return click.UsageError(f"{where}: {error}")


def _there(pair: Pair, side: Side, data: Path) -> bool:
    """Whether the pair has this side: one without a source is shown without."""
    try:
        pair.classes(side, data)
    except Unfit:
        if side == "target":
            raise
        return False
    return True


def show_layers(cls: type[Architecture], name: str, fields: tuple[str, ...], image: ImageShape, classes: int) -> None:
    """Its layers with their parameters and FLOPs. Raises click.UsageError where it does not fit the images."""
    architecture = _with_fields(cls, name, fields)
    if architecture is None:
        return
    try:
        chain = architecture.build(image, classes)
    except Unfit as error:
        asked = click.get_current_context().get_parameter_source("image")
        if fields or asked is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{name}: {error}") from error
        output().print(f"\nIts layers are shown for images that it takes (--image): {error}", markup=False)
        return
    from ftdd.training.freezing import layer_facts

    facts = layer_facts(chain, image)
    parameters = sum(layer.parameter_count for layer in facts)
    flops = sum(layer.flops for layer in facts)
    table = Table(
        title=f"layers for images of {image} and {classes} classes",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    table.add_column("layer")
    for heading in ("parameters", "forward FLOPs", "frozen below it: parameters", "FLOPs"):
        table.add_column(heading, justify="right")
    below_parameters = below_flops = 0
    for i, layer in enumerate(facts):
        table.add_row(
            f"  {i:>3}  {escape(layer.name)}",
            f"{layer.parameter_count:,}",
            f"{layer.flops:,}",
            f"{below_parameters / max(parameters, 1):.1%}",
            f"{below_flops / max(flops, 1):.1%}",
        )
        below_parameters += layer.parameter_count
        below_flops += layer.flops
    table.add_row("  [bold]all[/]", f"[bold]{parameters:,}[/]", f"[bold]{flops:,}[/]")
    output().print("", table)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type_words(schema: dict[str, Any]) -> str:
    """A field's type as a reader of recipes would say it."""
    if "enum" in schema:
        return " | ".join(as_recipe(option) for option in schema["enum"])
    if "const" in schema:
        return as_recipe(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type_words(option) for option in schema["anyOf"] if option != {"type": "null"})
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true | false"}
    if schema.get("type") == "array":
        return "list of " + _type_words(schema.get("items", {})) + "s"
    return words.get(str(schema.get("type")), str(schema.get("type", "")))
