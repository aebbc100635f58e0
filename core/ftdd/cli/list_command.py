"""`ftdd list`: what a recipe may name, and what there is."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click

from ftdd.api.environment import plugins, shipped_recipes, warn_of_plugins
from ftdd.cli.commands import COMMANDS
from ftdd.cli.options import store_option
from ftdd.components import KINDS, Kind
from ftdd.components.plugins import plugin_commands
from ftdd.study.files import Unreadable

TOPICS = (*(kind.plural for kind in KINDS.values()), "plugins", "recipes", "studies")


@click.command("list")
@click.argument("topic", type=click.Choice(TOPICS), required=False)
@store_option
def command(topic: str | None, store: Path) -> int:
    """List components of a kind, plugins, recipes that ship with ftdd, or studies; everything where no TOPIC is named.

    `ftdd show NAME` tells more of each.
    """
    if topic not in (None, "plugins"):
        warn_of_plugins()
    for kind in KINDS.values():
        if topic in (None, kind.plural) and (topic or plugins().components[kind.word]):
            _components(kind)
    if topic in (None, "recipes"):
        _recipes()
    if topic in (None, "studies"):
        _studies(store)
    if topic in (None, "plugins"):
        _plugins()
    return 0


def first_line(component: type) -> str:
    """The first sentence of a component's docstring."""
    return (component.__doc__ or "").strip().split("\n")[0]


def _print_table(title: str, rows: Sequence[tuple[str, ...]], wide: int = 1, none: str = "none") -> None:
    """Rows in columns, the one at `wide` wrapped to what the others leave of the screen.

    By hand: rich's tables take a quarter of the time of the whole command.
    """
    click.secho(title, bold=True)
    if not rows:
        click.secho(f"  {none}\n", dim=True)
        return
    screen = shutil.get_terminal_size().columns if sys.stdout.isatty() else 110
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    others = sum(2 + width for number, width in enumerate(widths) if number != wide)
    widths[wide] = min(widths[wide], max(screen - others - 2, 20))
    for row in rows:
        lines = textwrap.wrap(row[wide], widths[wide]) or [""]
        for number, line in enumerate(lines):
            cells = [cell if number == 0 else "" for cell in row]
            cells[wide] = line
            name, *rest = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            click.echo(f"  {click.style(name, fg='cyan')}  {'  '.join(rest)}".rstrip())
    click.echo()


def _components(kind: Kind) -> None:
    owners = {brought: info.distribution for info in plugins().infos for brought in info.brings}
    known = plugins().components[kind.word]
    rows = [(name, first_line(cls), owners[f"{kind.word} {name}"]) for name, cls in known.items()]
    _print_table(kind.plural, rows)


def _recipes() -> None:
    rows = []
    for name, path in shipped_recipes().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        asked = (line.removeprefix("question: ") for line in lines if line.startswith("question: "))
        rows.append((name, next(asked, "")))
    _print_table("recipes", rows)


def _studies(path: Path) -> None:
    rows = []
    if path.is_dir():
        from ftdd.study.store import Store

        store = Store(path)
        for name in store.studies():
            try:
                record = store.read_study(name)
            except Unreadable as error:
                rows.append((name, str(error), ""))
            else:
                rows.append((name, record.question or record.title, f"{len(record.run_ids)} runs"))
    _print_table(f"studies in {path}", rows, none="none yet")


def _plugins() -> None:
    rows = [(info.name, info.state, info.distribution, ", ".join(info.brings)) for info in plugins().infos]
    _print_table("plugins", rows, wide=3)
    _, wrong_commands = plugin_commands(plugins(), tuple(COMMANDS))
    for problem in (*plugins().problems, *wrong_commands):
        click.echo(f"{click.style('problem:', fg='yellow')} {problem}")
