"""`ftdd report`: figures and page of a study, from its run folders."""

from pathlib import Path

import click

from ftdd.cli.options import store_option
from ftdd.study.store import Store


@click.command("report")
@click.argument("study")
@store_option
def command(study: str, store: Path) -> int:
    """Draw the figures of STUDY again, and write its page: one HTML file that opens from disk.

    Works from the run folders alone, also while the study is running or when some of its runs failed.
    """
    from ftdd.results.figures import draw_figures
    from ftdd.results.report import write_report

    place = Store(store)
    try:
        place.read_study(study)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    figures = draw_figures(place, study)
    for figure in (*figures, write_report(place, study)):
        click.echo(str(figure))
    if not figures:
        click.echo("no run has measured anything yet, so there are no figures", err=True)
    return 0
