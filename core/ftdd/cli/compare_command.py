"""`ftdd compare`: several studies in one figure and one table."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from ftdd.cli.options import NewFile, store_option
from ftdd.cli.screen import messages, number, output
from ftdd.cli.studies import StudyName, find_study

if TYPE_CHECKING:
    from ftdd.results.compare import Overlay

VALUES = ("final_test_error", "best_test_error", "peak_test_error", "interpolation_epoch")
ENDINGS = (".png", ".svg")
MOST_NAMES = 3
"""In the name of a file."""


@click.command("compare")
@click.argument("studies", type=StudyName(), nargs=-1, required=True, metavar="STUDY...")
@store_option
@click.option("--by", default="", metavar="SETTING", help="A line for each value of this setting, in each study.")
@click.option(
    "--value",
    type=click.Choice(VALUES),
    default=VALUES[0],
    show_default=True,
    help="What is compared.",
    metavar="VALUE",
)
@click.option(
    "--over",
    default="frozen_layers",
    show_default=True,
    metavar="COLUMN",
    help="The horizontal axis: frozen_layers, trainable_parameters, trainable_share_of_parameters, "
    "trainable_share_of_forward_flops, epoch, or a setting of numbers.",
)
@click.option(
    "--output",
    "-o",
    type=NewFile(),
    help="The figure's file; PNG and SVG are written side by side.  [default: ./compare_STUDY_STUDY.png]",
)
def command(studies: tuple[str, ...], store: Path, by: str, value: str, over: str, output: Path | None) -> int:
    """Overlay studies: a figure with a line for each, and a table of their differences.

    STUDY is the name of a study in the store, or a study's folder (STORE/studies/NAME) in any store. Lines are means
    over seeds, bands their range; other settings that vary make panels. A setting may be written by its end: --by
    similarity means pair.similarity. --value is one of final_test_error, best_test_error, peak_test_error and
    interpolation_epoch; along epochs it is the test error of every evaluation.

    Where runs of two lines have the same seeds, they saw the same images, noise and order, so the table gives the mean
    of their paired differences ± its standard error: to the first study, or, of one study, to its first line. A run
    that several studies have is counted in the first of them. Studies whose images or weights differ where recipes are
    the same are not paired, and it is said what differs.

    \b
        ftdd compare vit_freeze resnet_freeze
        ftdd compare likeness --by similarity
        ftdd compare mine ../theirs/ftdd-runs/studies/mine --over trainable_parameters
        ftdd compare small large --over epoch --by frozen_layers -o epochs.svg
    """
    from ftdd.api.compare import StudyComparison
    from ftdd.results.compare import names_of, overlay
    from ftdd.results.figures.style import save
    from ftdd.study.reading import read_study_data

    if output is not None and output.suffix.lower() not in ENDINGS:
        raise click.UsageError(f"--output {output}: must end in .png or .svg (both are written)")
    if over == "epoch" and value != VALUES[0]:
        raise click.UsageError(f"--over epoch shows every test error there is: leave --value {value} out")
    places = [find_study(study, store) for study in studies]
    folders = [place.study_folder(name) for place, name in places]
    if len(set(folders)) < len(folders):
        raise click.UsageError("one study is named twice: name each once")
    names = names_of(folders)
    read = {label: read_study_data(*place) for label, place in zip(names, places, strict=True)}
    try:
        laid = overlay(read, by=by, over=over, value=value)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    if laid is None:
        click.echo("no run of these studies is done yet, so there is nothing to compare", err=True)
        return 0
    _tell(laid, names)
    _print(laid)
    for path in save(StudyComparison(laid).figure(), (output or Path(_file_name(studies))).absolute().with_suffix("")):
        click.echo(f"figure: {path}")
    return 0


def _tell(laid: "Overlay", labels: Sequence[str]) -> None:
    """What a reader of table and figure must know: on stderr."""
    screen = messages()
    empty = [label for label in labels if not (laid.merged.done["study"] == label).any()]
    if empty:
        screen.print(f"no run of its own that is done, so not shown: {', '.join(empty)}", markup=False, soft_wrap=True)
    if laid.shared:
        runs = "1 run is" if laid.shared == 1 else f"{laid.shared} runs are"
        screen.print(f"{runs} in several studies, and counted in the first of them", soft_wrap=True)
    for label, phrases in laid.other_inputs.items():
        for phrase in phrases:
            line = f"{label} has other inputs, and is paired with no other study: {phrase}"
            screen.print(line, markup=False, soft_wrap=True)
    for path, words in laid.differing.items():
        text = ", ".join(f"{word} in {label}" for label, word in words.items())
        screen.print(f"the studies differ in {path}: {text}", markup=False, soft_wrap=True)


def _print(laid: "Overlay") -> None:
    """A table for each panel: every line at every position, with its difference."""
    from ftdd.results.compare import cells

    screen = output()
    found = cells(laid)
    epochs = laid.value == "interpolation_epoch"
    digits = 1 if epochs else 3
    for panel, group in groupby(found, key=lambda cell: cell.panel):
        table = Table(title=escape(", ".join(panel)) or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(escape(laid.positions), justify="right")
        table.add_column("", overflow="fold")
        for heading in (escape(laid.measure), "runs", "difference", "pairs"):
            table.add_column(heading, justify="right", no_wrap=heading in ("runs", "pairs"))
        last: float | None = None
        for cell in group:
            apart = cell.difference
            table.add_row(
                "" if cell.position == last else f"{cell.position:g}",
                escape(cell.line),
                _with_error(number(cell.mean, digits), cell.deviation, digits),
                f"{cell.runs}" if cell.runs == cell.of else f"{cell.runs} of {cell.of}",
                ""
                if apart is None
                else _with_error(f"{apart.mean:+.{digits}f}".replace("-", "−"), apart.error, digits),
                "" if apart is None else str(apart.pairs),
            )
            last = cell.position
        screen.print(table)
    to = {cell.difference.to for cell in found if cell.difference}
    words = f"; difference to {escape(to.pop())}" if len(to) == 1 else "; difference to the first study" if to else ""
    error = ": mean over pairs of runs of the same seeds ± standard error" if words else ""
    screen.print(f"[dim]mean ± standard deviation over seeds{words}{error}[/]")


def _with_error(text: str, error: float | None, digits: int) -> str:
    return text if error is None else f"{text} ± {error:.{digits}f}"


def _file_name(studies: Sequence[str]) -> str:
    """`compare_one_two.png`, with the names of the first studies in a form that every system takes."""
    names = [re.sub(r"[^\w-]+", "-", Path(study).name) for study in studies]
    more = [f"and_{len(names) - MOST_NAMES}_more"] if len(names) > MOST_NAMES else []
    return "_".join(["compare", *names[:MOST_NAMES], *more]) + ".png"
