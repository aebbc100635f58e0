"""`ftdd advise`: how many layers to freeze."""

import json
from pathlib import Path

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from ftdd.analysis.advice import Advice, DepthChoice, advice_in
from ftdd.api.environment import plugins
from ftdd.cli.options import store_option
from ftdd.cli.screen import number, output, warn
from ftdd.cli.studies import read_study, study_argument
from ftdd.components import KINDS, Analysis
from ftdd.wording import as_options

MAY_BE_BEST = {True: "may be the best", False: "", None: "cannot tell"}


@click.command("advise")
@study_argument
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
def command(study: str, store: Path, as_json: bool) -> int:
    """Say how many layers to freeze, by the runs of STUDY.

    Where that cannot be told yet, the first line says so, with the command that would settle it and its price. Then
    what each number costs over the best one, at least and at most; how near the interpolation peak is; how optimistic
    the error is; and what would help: more data, early stopping, soft freezing.

    STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in any store.

    For images of your own, copy the recipe how_many_layers (`ftdd show how_many_layers > my.yaml`), name your folder in
    it, and run it.
    """
    from ftdd.results.findings import find

    read = read_study(study, store)
    own = [one for one in read.analyses() if KINDS["analysis"].name_of(one) == "advise"]
    try:
        installed = plugins().named("analysis", "advise")()
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    own += [installed] if isinstance(installed, Analysis) and not own else []
    found = advice_in(find(own, read.data, lambda line: warn([line])))
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], indent=2))
        return 0
    if not found:
        click.echo(
            f"{read.folder.name} has no finished runs with different numbers of frozen layers: nothing to advise on",
            err=True,
        )
        return 1
    for advice in found:
        _print(advice)
    return 0


def _print(advice: Advice) -> None:
    screen = output()
    if advice.settings:
        screen.print(f"\n[bold]{escape(as_options(advice.settings))}[/]", soft_wrap=True)
    first, *others = advice.text
    screen.print(f"[bold]{escape(first)}[/]", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (
        "frozen\nlayers",
        "test\nerror",
        "costs",
        "at\nleast",
        "at\nmost",
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
            _mark(advice, choice),
        )
    screen.print(table)
    for sentence in others:
        screen.print(f"· {escape(sentence)}", soft_wrap=True)


def _mark(advice: Advice, choice: DepthChoice) -> str:
    if choice.frozen_layers == advice.recommended:
        return "recommended"
    return "lowest" if choice.frozen_layers == advice.best else MAY_BE_BEST[choice.as_good]
