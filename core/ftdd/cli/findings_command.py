"""`ftdd findings`: what a study shows, by its analyses."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
from pydantic import ValidationError
from rich.markup import escape

from ftdd.api.environment import plugins, warn_of_plugins
from ftdd.cli.answers import WIDTH, print_findings
from ftdd.cli.keeping import said_where_not_kept
from ftdd.cli.options import store_option
from ftdd.cli.screen import output, warn
from ftdd.cli.studies import ReadStudy, read_study, study_argument
from ftdd.components import KINDS, Analysis
from ftdd.components.plugins import nearest
from ftdd.records.study import StudyRecord


@click.command("findings")
@study_argument
@store_option
@click.option(
    "--analysis", "names", multiple=True, metavar="NAME", help="Only this analysis; may be given again and again."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the findings as CSV: a row each.")
def command(study: str, store: Path, names: tuple[str, ...], as_json: bool, as_csv: bool) -> int:
    """Say what STUDY shows: seen, not seen, or cannot tell, with effect, interval and number of seeds.

    Computed anew from the run folders, by the analyses that the recipe chooses or all there are (ftdd list analyses),
    and kept in the study's findings.json and findings.csv, unless only some analyses are asked for.
    STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in any store.

    \b
        ftdd findings quickstart
        ftdd findings quickstart --analysis freezingwise --json
    """
    warn_of_plugins()
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    from ftdd.results.findings import find, findings_table, keep_findings

    read = read_study(study, store)
    failures: list[str] = []
    found = find(_asked(read, names), read.data, failures.append)
    if not names:
        with said_where_not_kept(read.folder):
            keep_findings(read.folder, found)
    warn(failures)
    if as_json:
        click.echo(json.dumps([finding.to_json() for finding in found], indent=2, ensure_ascii=False))
    elif as_csv:
        click.echo(findings_table(found).to_csv(index=False), nl=False)
    elif not len(read.data.done):
        ended = f": of {read.data.asked}, {read.data.failed} failed and {read.data.diverged} diverged"
        how = ended if read.data.failed or read.data.diverged else " yet"
        click.echo(f"no run of {read.folder.name} is done{how}, so there is nothing to find", err=True)
    else:
        output().print(f"[bold]{escape(read.data.record.title)}[/]", soft_wrap=True)
        if not found:
            output().print("no analysis has anything to say of this study", markup=False)
        print_findings(found)
        _tell_of_looks(read.data.record)
    return 1 if failures else 0


def _asked(read: ReadStudy, names: Sequence[str]) -> tuple[Analysis, ...]:
    """The analyses of the recipe, less those that are not asked for. Raises click.UsageError for a wrong name."""
    chosen = read.analyses()
    if not names:
        return chosen
    known = plugins().components["analysis"]
    by_name = [(KINDS["analysis"].name_of(one), one) for one in chosen]
    asked: list[Analysis] = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise click.UsageError(f"--analysis: no analysis '{name}'; {nearest(name, known, 'ftdd list analyses')}")
        own = [one for key, one in by_name if key == name]
        try:
            asked += own or [one for one in [known[name]()] if isinstance(one, Analysis)]
        except ValidationError as error:
            raise click.UsageError(
                f"--analysis: {name} needs settings of its own: name it in the recipe's `analyses`"
            ) from error
    return tuple(asked)


def _tell_of_looks(record: StudyRecord) -> None:
    added = sum(entry.added for entry in record.entries)
    if added:
        screen = output()
        screen.width = min(screen.width, WIDTH)
        screen.print(
            f"\n{added} of {len(record.entries)} target runs were added after a look at the others, where an answer "
            "was open. Confidence levels hold for one look, not for all looks together.",
            markup=False,
        )
