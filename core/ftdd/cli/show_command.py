"""`ftdd show`: a component, a recipe, or a run."""

import inspect
import json
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from ftdd.cli.options import store_option
from ftdd.cli.screen import number, output, shown, state_text
from ftdd.cli.surroundings import plugins, shipped_recipes, warn_of_plugins
from ftdd.components import KINDS, Architecture, Component, Kind, Unfit, own_fields
from ftdd.image_shape import ImageShape
from ftdd.plugins import nearest
from ftdd.recipe.document import NotYaml, parse_value
from ftdd.recipe.mistakes import sentence
from ftdd.study.store import RunFolder, Store


class Image(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """An image shape such as 3x32x32."""

    name = "CxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ImageShape:
        """From text such as `3x32x32`."""
        try:
            channels, height, width = (int(part) for part in str(value).lower().replace("×", "x").split("x"))
        except ValueError:
            self.fail(f"'{value}' is not channels x height x width, such as 3x32x32", param, ctx)
        return ImageShape(channels, height, width)


@click.command("show")
@click.argument("name")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Set a field, such as width=8.")
@click.option("--image", type=Image(), default="3x32x32", show_default=True, help="For an architecture's layers.")
@click.option("--classes", type=click.IntRange(2), default=10, show_default=True, help="Likewise.")
@store_option
def command(name: str, fields: tuple[str, ...], image: ImageShape, classes: int, store: Path) -> int:
    """Show NAME: a component (fields, defaults, what they mean), a recipe that ships with ftdd, or a run by its id.

    Of an architecture it shows the layers too, with their parameters; of a run, what was frozen.

    \b
        ftdd show resnet --set width=8 --image 3x16x16 --classes 5
        ftdd show first_layers
        ftdd show quickstart
    """
    warn_of_plugins()
    found = [
        (kind, cls)
        for kind in KINDS.values()
        for known, cls in plugins().components[kind.word].items()
        if known == name
    ]
    for kind, cls in found:
        _component(kind, cls, name, fields, image, classes)
    run = Store(store).run(name)
    if not found and name in shipped_recipes():
        click.echo(shipped_recipes()[name].read_text(encoding="utf-8"), nl=False)
    elif not found and run.spec.exists():
        _run(run, name)
    elif not found:
        known_names = {key for components in plugins().components.values() for key in components}
        known_names |= set(shipped_recipes())
        raise click.UsageError(f"no component, recipe or run '{name}'; {nearest(name, known_names, 'ftdd list')}")
    return 0


def _component(
    kind: Kind, cls: type[Component], name: str, fields: tuple[str, ...], image: ImageShape, classes: int
) -> None:
    screen = output()
    screen.print(f"[bold]{name}[/], {kind.word}\n")
    screen.print(inspect.cleandoc(cls.__doc__ or ""), markup=False)
    table = Table(title="fields", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("field", "type", "default", "what it means"):
        table.add_column(heading, overflow="fold")
    for field_name in own_fields(cls):
        field = cls.model_fields[field_name]
        default = "required" if field.is_required() else shown(_plain(field.get_default(call_default_factory=True)))
        kind_of = _type_words(cls.model_json_schema()["properties"][field_name])
        table.add_row(
            f"  [cyan]{field_name}[/]", kind_of, escape(default), escape(inspect.cleandoc(field.description or ""))
        )
    if table.row_count:
        screen.print("", table)
    if issubclass(cls, Architecture):
        _layers(cls, name, fields, image, classes)


def _layers(cls: type[Architecture], name: str, fields: tuple[str, ...], image: ImageShape, classes: int) -> None:
    tree: dict[str, Any] = {"name": name}
    for text in fields:
        path, _, value = text.partition("=")
        try:
            tree[path] = parse_value(value)
        except NotYaml as error:
            raise click.UsageError(f"--set {text}: {error}") from error
    needed = [path for path, field in cls.model_fields.items() if field.is_required() and path not in tree]
    if needed and not fields:
        output().print(f"\nIts layers are shown where it is told {' and '.join(needed)}: --set {needed[0]}=…")
        return
    try:
        architecture = cls.model_validate_json(json.dumps(tree), strict=True)
        chain = architecture.build(image, classes)
    except ValidationError as error:
        faults = (f"{one['loc'][0]}: {sentence(one, cls, tree, plugins())}" for one in error.errors())
        raise click.UsageError("; ".join(faults)) from error
    except Unfit as error:
        raise click.UsageError(f"{name}: {error}") from error
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


def _run(folder: RunFolder, run_id: str) -> None:
    screen = output()
    status, ledger = folder.status(), folder.read_ledger()
    screen.print(
        f"[bold]run {run_id}[/], {status.facts.get('role', '')}: {state_text(status.state)} {escape(status.error)}",
        soft_wrap=True,
    )
    screen.print(f"folder: {folder.path}", markup=False, soft_wrap=True)
    screen.print_json(folder.spec.read_text())
    curve = folder.curve()
    if len(curve):
        last = curve.last
        screen.print(
            f"epoch {last.epoch}: train error {number(last.train_error)}, test error {number(last.test_error)}; "
            f"best {number(curve.best.test_error)} at epoch {curve.best.epoch}"
        )
    if not ledger:
        return
    proof = "unchanged, by their hashes" if ledger["unchanged"] else "[red]CHANGED[/]"
    screen.print(
        f"{ledger['frozen_layers']} of {ledger['layers']} layers frozen, {proof}: "
        f"{ledger['frozen_share_of_parameters']:.1%} of {ledger['parameters']:,} parameters, "
        f"{ledger['frozen_share_of_forward_flops']:.1%} of forward FLOPs"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("layer", "", "hash before", "hash after"):
        table.add_column(heading)
    for layer in ledger["phases"][-1]["layers"]:
        state = "frozen" if layer["frozen"] else "trained"
        table.add_row(escape(layer["name"]), state, layer["hash_before"][:12], layer["hash_after"][:12])
    screen.print(table)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type_words(schema: dict[str, Any]) -> str:
    """A field's type as a reader of recipes would say it."""
    if "enum" in schema:
        return " | ".join(shown(option) for option in schema["enum"])
    if "const" in schema:
        return shown(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type_words(option) for option in schema["anyOf"] if option != {"type": "null"})
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true | false"}
    if schema.get("type") == "array":
        return "list of " + _type_words(schema.get("items", {})) + "s"
    return words.get(str(schema.get("type")), str(schema.get("type", "")))
