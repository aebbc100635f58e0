"""`ftdd data`: which data sets are there, which are missing, and how to get them."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import data_path, plugins, warn_of_plugins
from ftdd.cli.options import data_option
from ftdd.cli.screen import messages, output
from ftdd.components import DataSet, DataUnavailable, Pair
from ftdd.components.plugins import nearest

STATES = {
    "there": "[green]there[/]",
    "modified": "[yellow]not the official files[/]",
    "incomplete": "[yellow]incomplete[/]",
    "missing": "[dim]missing[/]",
}


@click.group("data", invoke_without_command=True)
@data_option
@click.pass_context
def command(context: click.Context, data: Path | None) -> int:
    """List the data sets that pairs read: what is there, what is missing, how to get it.

    Data sets lie in one folder. A set whose files are not the official ones is read only where a recipe says
    `pair.allow_modified: true`.

    \b
        ftdd data
        ftdd data get cifar10
    """
    folder = data_path(data)
    context.obj = folder
    if context.invoked_subcommand is not None:
        return 0
    warn_of_plugins()
    screen = output()
    screen.print(f"data folder: {folder}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("data set", "state", "what it is", "pairs"):
        table.add_column(heading, overflow="fold")
    notes = []
    unreadable = []
    for data_set, pairs in _data_sets().items():
        try:
            presence = data_set.presence(folder)
        except (OSError, DataUnavailable) as error:
            table.add_row(data_set.name, "[red]cannot be read[/]", escape(data_set.about), ", ".join(pairs))
            unreadable.append(f"{data_set.name}: {_reason(error, folder)}")
            continue
        table.add_row(data_set.name, STATES[presence.state], escape(data_set.about), ", ".join(pairs))
        if presence.files and presence.state != "missing":
            notes.append(f"{data_set.name}: {', '.join(presence.files)}")
        if presence.state == "missing":
            notes.append(
                f"{data_set.name}: ftdd data get {data_set.name}" + f"  (from {data_set.home})" * bool(data_set.home)
            )
    screen.print(table)
    for note in notes:
        screen.print(note, markup=False, soft_wrap=True)
    for line in unreadable:
        messages().print(f"ftdd: {line}", markup=False, style="red", soft_wrap=True)
    return int(bool(unreadable))


@command.command("get")
@click.argument("name")
@data_option
@click.pass_obj
def get(folder: Path, name: str, data: Path | None) -> int:
    """Bring the data set NAME into the data folder: fetch what is missing, check it, decode it.

    Goes on where a download was cut off. Files that are there are left as they are.
    """
    known = {data_set.name: data_set for data_set in _data_sets()}
    if name not in known:
        raise click.UsageError(f"no data set '{name}'; {nearest(name, known, 'ftdd data')}")
    screen = messages()
    folder = folder if data is None else data_path(data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known[name].get(folder, lambda line: screen.print(line, markup=False, soft_wrap=True))
    except DataUnavailable as error:
        screen.print(f"ftdd: {error}", markup=False, style="red", soft_wrap=True)
        return 1
    output().print(f"{name}: there, in {folder}", markup=False, soft_wrap=True)
    return 0


def _reason(error: OSError | DataUnavailable, folder: Path) -> str:
    if isinstance(error, DataUnavailable):
        return str(error)
    return f"{error.filename or folder} cannot be read ({error.strerror or error}); make it readable, or take it away"


def _data_sets() -> dict[DataSet, list[str]]:
    """Every data set of every registered pair, with the pairs that read it; sorted by name."""
    found: dict[DataSet, list[str]] = {}
    for name, cls in plugins().components["pair"].items():
        if issubclass(cls, Pair):
            for data_set in cls.data_sets:
                found.setdefault(data_set, []).append(name)
    return dict(sorted(found.items(), key=lambda item: item[0].name))
