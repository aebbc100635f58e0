"""`ftdd report`: figures and page of a study, from its run folders."""

from pathlib import Path

import click

from ftdd.cli.chosen import analyses_of
from ftdd.cli.damage import warn_of_damage
from ftdd.cli.options import store_option
from ftdd.cli.studies import find_study, study_argument


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
    from ftdd.results.advice import write_advice
    from ftdd.results.figures import draw_figures
    from ftdd.results.findings import write_findings
    from ftdd.results.report import write_report

    place, study = find_study(study, store)
    record = place.read_study(study)
    warn_of_damage(place, study)
    write_findings(place, study, analyses_of(record), lambda line: click.secho(f"ftdd: {line}", fg="yellow", err=True))
    write_advice(place, study)
    figures = draw_figures(place, study)
    if over is not None:
        figures = (*figures, *draw_figures(place, study, over))
    for figure in (*figures, write_report(place, study)):
        click.echo(str(figure))
    if not figures:
        click.echo("no run has measured anything yet, so there are no figures", err=True)
    return 0
