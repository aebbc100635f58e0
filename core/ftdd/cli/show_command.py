"""`ftdd show`: a component, a recipe, or a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import data_path, plugins, shipped_recipes, warn_of_plugins
from ftdd.cli.options import NewFile, data_option, store_option
from ftdd.cli.screen import number, output, state_text
from ftdd.cli.show_component import show_component, show_layers, show_pair
from ftdd.components import KINDS, Architecture, Pair
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import ImageShape
from ftdd.study.remarks import remarks_of_runs, repeats_of_runs
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
@click.option(
    "--images",
    "sheet",
    type=NewFile(),
    help="For a pair: write a contact sheet, some images of every class, as PNG, SVG or PDF.",
)
@data_option
@store_option
def command(
    name: str,
    fields: tuple[str, ...],
    image: ImageShape,
    classes: int,
    sheet: Path | None,
    data: Path | None,
    store: Path,
) -> int:
    """Show NAME: a component (fields, defaults, what they mean), a recipe that ships with ftdd, or a run by its id.

    Of an architecture it shows the layers too, with their parameters; of a pair, its classes and how many images there
    are; of a run, what was frozen.

    \b
        ftdd show resnet --set width=8 --image 3x16x16 --classes 5
        ftdd show cifar100_superclasses --set similarity=less_related --images sheet.png
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
    if sheet is not None and not any(issubclass(cls, Pair) for _, cls in found):
        raise click.UsageError(f"--images shows the images of a pair; '{name}' is none (ftdd list pairs)")
    for kind, cls in found:
        show_component(kind, cls, name)
        if issubclass(cls, Architecture):
            show_layers(cls, name, fields, image, classes)
        elif issubclass(cls, Pair) and not show_pair(cls, name, fields, data_path(data), sheet):
            return 1
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


def _at_first(ledger: Mapping[str, Any]) -> str:
    changes = len(ledger["phases"]) - 1
    return f" at first (other layers later, {changes} time{'s' if changes > 1 else ''})" if changes else ""


def _run(folder: RunFolder, run_id: str) -> None:
    screen = output()
    status, ledger, spec = folder.status(), folder.read_ledger(), folder.read_spec()
    screen.print(
        f"[bold]run {run_id}[/], {status.facts.get('role', '')}: {state_text(status.state)} {escape(status.error)}",
        soft_wrap=True,
    )
    screen.print(f"folder: {folder.path}", markup=False, soft_wrap=True)
    screen.print_json(data=spec)
    for repeated in repeats_of_runs([status]):
        screen.print(f"warning: {repeated}", markup=False, soft_wrap=True)
    for remark in remarks_of_runs([status]):
        screen.print(f"note: {remark}", markup=False, soft_wrap=True)
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
        f"{ledger['frozen_layers']} of {ledger['layers']} layers frozen{_at_first(ledger)}, {proof}: "
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
