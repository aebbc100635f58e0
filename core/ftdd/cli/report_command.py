"""`ftdd report`: figures and page of a study, from its run folders."""

from pathlib import Path

import click

from ftdd.cli.options import store_option
from ftdd.cli.screen import warn
from ftdd.cli.studies import read_study, study_argument


@click.command("report")
@study_argument
@store_option
@click.option(
    "--over",
    type=click.Choice(["trainable_parameters", "trainable_share_of_parameters", "trainable_share_of_forward_flops"]),
    help="Draw one more figure: errors over this instead of frozen layers.",
)
def command(study: str, store: Path, over: str | None) -> int:
    """Draw the figures of STUDY again, and write its page: one HTML file that opens from disk.

    Works from the run folders alone, also while the study is running or when some of its runs failed. Findings and
    advice are computed anew. STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in any store.
    """
    from ftdd.results.figures.draw import draw_over
    from ftdd.results.findings import find
    from ftdd.results.write import write_results

    read = read_study(study, store)
    found = find(read.analyses(), read.data, lambda line: warn([line]))
    *figures, page = write_results(read.folder, read.data, found)
    if over is not None:
        figures += draw_over(read.data, read.folder / "figures", over)
    for path in (*figures, page):
        click.echo(str(path))
    if not figures:
        click.echo("no run has measured anything yet, so there are no figures", err=True)
    return 0
