"""The table over frozen layers that ends a study."""

from itertools import groupby

from rich import box
from rich.markup import escape
from rich.table import Table

from ftdd.cli.screen import number, output, settings_text
from ftdd.study.store import Store


def print_summary(store: Store, name: str) -> None:
    """Print what a study found: test errors over frozen layers, mean and spread over seeds."""
    from ftdd.results.summary import HEADINGS, Spread, summarize

    def spread(value: Spread) -> str:
        deviation = "" if value.deviation is None else f" ± {value.deviation:.3f}"
        return f"{number(value.mean)}{deviation}"

    screen = output()
    rows = summarize(store, name)
    screen.print(f"\n[bold]{escape(store.read_study(name).title)}[/]", soft_wrap=True)
    for settings, group in groupby(rows, key=lambda row: settings_text(row.settings)):
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
                spread(row.final),
                spread(row.best),
                spread(row.peak),
                number(row.final_train.mean),
                epoch,
                f"{row.runs}" if row.runs == row.of else f"{row.runs} of {row.of}",
            )
        screen.print(table)
    if any(row.final.deviation is not None for row in rows):
        screen.print("[dim]mean ± standard deviation over seeds; best and peak look at the test set[/]")
