"""`ftdd list`: what a recipe may name, and what there is."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.cli.commands import COMMANDS
from ftdd.cli.options import store_option
from ftdd.cli.screen import output
from ftdd.cli.surroundings import plugins, shipped_recipes, warn_of_plugins
from ftdd.components import KINDS, Kind
from ftdd.components.plugins import plugin_commands
from ftdd.study.store import Store, Unreadable

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
        _studies(Store(store))
    if topic in (None, "plugins"):
        _plugins()
    return 0


def first_line(component: type) -> str:
    """The first sentence of a component's docstring."""
    return (component.__doc__ or "").strip().split("\n")[0]


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", box=None, pad_edge=False, title_style="bold", show_header=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _components(kind: Kind) -> None:
    owners = {
        brought: info.distribution for info in plugins().infos for brought in info.brings if info.state == "loaded"
    }
    table = _table(kind.plural, "name", "what", "from")
    known = plugins().components[kind.word]
    for name, cls in known.items():
        table.add_row(
            f"  [cyan]{escape(name)}[/]", escape(first_line(cls)), f"[dim]{owners.get(f'{kind.word} {name}', '')}[/]"
        )
    if not known:
        table.add_row("  [dim]none[/]", "", "")
    output().print(table, "")


def _recipes() -> None:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with it
    table = _table("recipes", "name", "question")
    for name, path in shipped_recipes().items():
        tree = yaml.load(path.read_text(encoding="utf-8"), loader)
        table.add_row(f"  [cyan]{name}[/]", escape(str(tree.get("question") or tree.get("title") or "")))
    output().print(table, "")


def _studies(store: Store) -> None:
    output().print(f"[bold]studies in {escape(str(store.path))}[/]", soft_wrap=True)
    table = _table("", "name", "question", "runs")
    names = store.studies()
    for name in names:
        try:
            record = store.read_study(name)
        except Unreadable as error:
            table.add_row(f"  [cyan]{escape(name)}[/]", f"[red]{escape(str(error))}[/]", "")
            continue
        table.add_row(f"  [cyan]{name}[/]", escape(record.question or record.title), f"{len(record.run_ids)} runs")
    if not names:
        table.add_row("  [dim]none yet[/]", "", "")
    output().print(table, "")


def _plugins() -> None:
    table = _table("plugins", "name", "state", "from", "brings")
    styles = {"loaded": "green", "disabled": "yellow", "broken": "red"}
    for info in plugins().infos:
        state = f"[{styles[info.state]}]{info.state}[/]"
        table.add_row(
            f"  [cyan]{escape(info.name)}[/]", state, escape(info.distribution), escape(", ".join(info.brings))
        )
    screen = output()
    screen.print(table)
    _, wrong_commands = plugin_commands(plugins(), tuple(COMMANDS))
    for problem in (*plugins().problems, *wrong_commands):
        screen.print(f"[yellow]problem:[/] {escape(problem)}", soft_wrap=True)
