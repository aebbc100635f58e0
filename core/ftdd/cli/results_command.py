"""`ftdd results`: the tables of a study."""

from pathlib import Path

import click

from ftdd.cli.keeping import save
from ftdd.cli.options import NewFile, store_option
from ftdd.cli.studies import read_study, study_argument
from ftdd.cli.summary import print_summary

FORMATS = ("csv", "json", "parquet")


@click.command("results")
@study_argument
@store_option
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV: a row per run.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array: an object per run, null for an empty cell.")
@click.option("--parquet", "as_parquet", is_flag=True, help="Write Parquet; needs --output.")
@click.option("--curves", is_flag=True, help="A row per evaluation instead; CSV where no format is named.")
@click.option(
    "--output",
    "-o",
    type=NewFile(),
    help="Write to a file, not to the screen; its ending (.csv, .json, .parquet) says how, where nothing else does.",
)
def command(
    study: str, store: Path, as_csv: bool, as_json: bool, as_parquet: bool, curves: bool, output: Path | None
) -> int:
    """Show what STUDY measured: a table over frozen layers, or everything for another program.

    STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in any store.

    \b
        ftdd results quickstart                          mean and spread over seeds
        ftdd results quickstart --csv                    a row per run: settings and final numbers
        ftdd results quickstart --json --curves          an object per evaluation
        ftdd results quickstart --curves -o c.parquet    a file, in the format of its ending
    """
    asked = [name for name, given in zip(FORMATS, (as_csv, as_json, as_parquet), strict=True) if given]
    form = _format(asked, curves, output)
    read = read_study(study, store).data
    if form is None:
        print_summary(read)
        return 0
    from ftdd.results.formats import to_json, write_parquet

    table = read.curves if curves else read.runs
    if output is not None and form == "parquet":
        try:
            save(output, lambda path: write_parquet(table, path))
        except LookupError as error:
            raise click.UsageError(str(error.args[0])) from error
    else:
        text = to_json(table) if form == "json" else table.to_csv(index=False)
        if output is None:
            click.echo(text, nl=False)
            return 0
        save(output, lambda path: path.write_text(text, encoding="utf-8"))
    click.echo(f"{output}: {len(table)} rows", err=True)
    return 0


def _format(asked: list[str], curves: bool, output: Path | None) -> str | None:
    """How the table is to be written; None for the summary on the screen. Raises click.UsageError."""
    if len(asked) > 1:
        raise click.UsageError(f"{' and '.join(f'--{name}' for name in asked)}: only one format at a time")
    if asked:
        if asked == ["parquet"] and output is None:
            raise click.UsageError("--parquet is not for the screen: say where to with --output FILE")
        return asked[0]
    if output is not None:
        ending = output.suffix.lower().removeprefix(".")
        if ending not in FORMATS:
            raise click.UsageError(
                f"--output {output}: the ending names no format; end it in .csv, .json or .parquet, "
                "or add --csv, --json or --parquet"
            )
        return ending
    return "csv" if curves else None
