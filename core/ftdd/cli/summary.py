"""The table over frozen layers that ends a study."""

from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from ftdd.cli.screen import number, output
from ftdd.wording import as_options, mean_and_deviation

if TYPE_CHECKING:
    from ftdd.analysis.study_data import StudyData


def print_summary(study: "StudyData") -> None:
    """Print what a study found: test errors over frozen layers, mean and spread over seeds."""
    from ftdd.results.summary import HEADINGS, summarize

    screen = output()
    rows = summarize(study)
    screen.print(f"\n[bold]{escape(study.record.title)}[/]", soft_wrap=True)
    for settings, group in groupby(rows, key=lambda row: as_options(row.settings)):
        table = Table(title=escape(settings) or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in HEADINGS:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in group:
            epoch = "–" if row.interpolation_epoch is None else f"{row.interpolation_epoch:g}"
            if 0 < row.interpolated < row.runs:
                epoch += f" ({row.interpolated} of {row.runs})"
            table.add_row(
                number(row.frozen_layers),
                number(row.trainable_parameters),
                mean_and_deviation(row.final.mean, row.final.deviation),
                mean_and_deviation(row.best.mean, row.best.deviation),
                mean_and_deviation(row.peak.mean, row.peak.deviation),
                number(row.final_train.mean),
                epoch,
                f"{row.runs}" if row.runs == row.of else f"{row.runs} of {row.of}",
            )
        screen.print(table)
    if any(row.final.deviation is not None for row in rows):
        screen.print("[dim]mean ± standard deviation over seeds; best and peak look at the test set[/]")
