"""`ftdd advise`: how many layers to freeze."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from ftdd.cli.damage import warn_of_damage
from ftdd.cli.keeping import said_where_not_kept
from ftdd.cli.options import store_option
from ftdd.cli.screen import number, output, settings_text
from ftdd.cli.studies import find_study, study_argument

if TYPE_CHECKING:
    from ftdd.results.advice import Advice

AS_GOOD = {True: "as good", False: "", None: "cannot tell"}


@click.command("advise")
@study_argument
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
def command(study: str, store: Path, as_json: bool) -> int:
    """Say how many layers to freeze, by the runs of STUDY.

    With how sure that is, what it costs to be wrong by one, how near the interpolation peak is, and what would help:
    more data, early stopping, soft freezing. STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in
    any store.

    For images of your own, copy the recipe how_many_layers (`ftdd show how_many_layers > my.yaml`), name your folder in
    it, and run it.
    """
    from ftdd.results.advice import advise, keep_advice

    place, study = find_study(study, store)
    found = advise(place, study)
    warn_of_damage(place, study)
    with said_where_not_kept(place.study_folder(study)):
        keep_advice(place, study, found)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return 0
    if not found:
        click.echo(
            f"{study} has no finished runs with different numbers of frozen layers: nothing to advise on", err=True
        )
        return 1
    for advice in found:
        _print(advice)
    return 0


def _print(advice: "Advice") -> None:
    screen = output()
    if advice.settings:
        screen.print(f"\n[bold]{escape(settings_text(advice.settings))}[/]", soft_wrap=True)
    first, *others = advice.text
    screen.print(f"[bold]{escape(first)}[/]")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (
        "frozen\nlayers",
        "test\nerror",
        "costs",
        "at least",
        "at most",
        "trainable\nparameters",
        "seconds\na run",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for choice in advice.choices:
        low, high = choice.interval or (None, None)
        table.add_row(
            number(choice.frozen_layers),
            number(choice.test_error),
            number(choice.cost),
            number(low),
            number(high),
            number(choice.trainable_parameters),
            "–" if choice.seconds is None else f"{choice.seconds:.1f}",
            "best" if choice.frozen_layers == advice.best else AS_GOOD[choice.as_good],
        )
    screen.print(table)
    for sentence in others:
        screen.print(f"· {escape(sentence)}")
