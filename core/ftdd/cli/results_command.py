"""`ftdd results`: the tables of a study."""

from pathlib import Path

import click

from ftdd.cli.options import store_option
from ftdd.cli.summary import print_summary
from ftdd.study.store import Store


@click.command("results")
@click.argument("study")
@store_option
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV: a row per run.")
@click.option("--curves", is_flag=True, help="With --csv: a row per evaluation instead.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file, not to the screen.",
)
def command(study: str, store: Path, as_csv: bool, curves: bool, output: Path | None) -> int:
    """Show what STUDY measured: a table over frozen layers, or everything as CSV.

    \b
        ftdd results quickstart                     mean and spread over seeds
        ftdd results quickstart --csv               a row per run: settings and final numbers
        ftdd results quickstart --csv --curves      a row per evaluation
    """
    place = Store(store)
    try:
        place.read_study(study)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    if not as_csv and not curves and output is None:
        print_summary(place, study)
        return 0
    from ftdd.results.table import curves_table, runs_table

    table = curves_table(place, study) if curves else runs_table(place, study)
    text = table.to_csv(index=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        click.echo(f"{output}: {len(table)} rows", err=True)
    return 0
