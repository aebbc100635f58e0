"""`ftdd watch`: a running study, live in the terminal."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ftdd.cli.options import store_option
from ftdd.cli.screen import STYLES, number, output
from ftdd.cli.studies import find_study, study_argument
from ftdd.records.status import State
from ftdd.values import Json
from ftdd.wording import as_recipe, duration

if TYPE_CHECKING:
    from ftdd.records.run import Run
    from ftdd.results.watching import View

ORDER = (
    *(State.RUNNING, State.DONE, State.DIVERGED, State.FAILED, State.DAMAGED, State.CHANGED),
    *(State.INTERRUPTED, State.WAITING),
)
LONGEST_SPARKLINE, SHORTEST_SPARKLINE = 32, 10
NUMBERS = 11 + 9 + 5 + 5 + 5 + 6 + 7
"""Columns of all that is neither settings nor sparkline, with a blank after each."""
AROUND = 5
"""Lines that are not runs: title, counts, headings, what is not shown, what the blocks mean."""


@click.command("watch")
@study_argument
@store_option
@click.option("--once", is_flag=True, help="Print the table once and end.")
@click.option(
    "--every",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait between two looks.",
)
def command(study: str, store: Path, once: bool, every: float) -> int:
    """Watch the runs of STUDY while `ftdd run` executes them in another terminal.

    A line for each run: those running first, then those that ended last. The sparkline is the test error over epochs,
    on a log axis of epochs; all targets share one scale, and all sources another, which the last line gives. `left`
    is the time left at the pace so far, in minutes:seconds.

    It only reads the run folders. It ends when all runs have ended, or at Ctrl-C, which ends the watching and not the
    study: exit code 0 in both cases. Where the output is no terminal it prints once and ends.

    STUDY is a name in the store, or a study's folder, STORE/studies/NAME, in any store.

    \b
        ftdd watch quickstart
        ftdd watch quickstart --every 10
        ftdd watch quickstart --once
    """
    from ftdd.results.watching import look

    place, study = find_study(study, store)
    screen = output()
    try:
        view = look(place, study)
        if once or not screen.is_terminal or view.ended:
            screen.print(table_of(view, screen, None))
            return 0
        with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(table_of(view, screen, screen.height - 1), refresh=True)
                if view.ended:
                    break
                time.sleep(every)
                view = look(place, study, view)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error
    except KeyboardInterrupt:  # who watches has seen enough; nothing was cut off by it
        pass
    return 0


def table_of(view: "View", screen: Console, height: int | None) -> RenderableType:
    """A study as it is now, fitted to a screen's width.

    height: lines that there are; rows that have no room are counted instead. None for as many as it takes.
    """
    rows = view.rows if height is None else view.rows[: max(height - AROUND, 1)]
    settings = _settings(view.rows)
    room = screen.width - NUMBERS - 1
    longest = max((len(text) for text in settings.values()), default=0)
    spark = min(max(room - longest, SHORTEST_SPARKLINE), LONGEST_SPARKLINE)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim", width=None)
    table.add_column("state", width=11, no_wrap=True)
    table.add_column("run", width=max(min(longest, room - spark), 3), no_wrap=True, overflow="ellipsis")
    table.add_column("epoch", width=9, no_wrap=True, justify="right")
    table.add_column("test error over epochs" if spark >= 22 else "test error", width=spark, no_wrap=True)
    for heading, width in (("train", 5), ("test", 5), ("best", 5), ("left", 6)):
        table.add_column(heading, width=width, no_wrap=True, justify="right")
    for row in rows:
        table.add_row(*_cells(row, settings[row.id], view, spark))
    lines: list[RenderableType] = [
        Text(view.title, style="bold", no_wrap=True, overflow="ellipsis"),
        _counts(view),
        table,
    ]
    if len(rows) < len(view.rows):
        hidden = Counter(row.state for row in view.rows[len(rows) :])
        words = ", ".join(f"{hidden[state]} {state}" for state in ORDER if hidden[state])
        lines.append(Text(f"and {len(view.rows) - len(rows)} more: {words}", style="dim", no_wrap=True))
    if view.scales:
        ends = [
            f"{role}s ▁ {_short(scale.low)} to █ {_short(scale.high)} or more" for role, scale in view.scales.items()
        ]
        lines.append(Text("; ".join(ends), style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*lines)


def _cells(row: "Run", settings: str, view: "View", spark: int) -> Sequence[RenderableType]:
    from ftdd.results.watching import seconds_left, sparkline

    status, curve = row.status, row.curve
    scale = view.scales.get(row.role)
    blocks = sparkline(curve, status.epochs, scale, spark) if scale else ""
    last = curve.last if len(curve) else None
    left = seconds_left(row)
    return (
        f"[{STYLES[row.state]}]{row.state}[/]",
        escape(settings),
        "" if row.state is State.WAITING else f"{status.epoch}/{status.epochs or '…'}",
        Text(blocks, style="cyan" if row.state is State.RUNNING else ""),
        _short(last.train_error) if last else "",
        _short(last.test_error) if last else "",
        _short(curve.best.test_error) if last else "",
        "" if left is None else _clock(left),
    )


def _counts(view: "View") -> Text:
    """How many runs are in which state, and how long it will take: `3 running · 7 done · 10 runs · about 40 s left`."""
    line = Text(no_wrap=True, overflow="ellipsis")
    counts = view.counts
    for state in ORDER:
        if counts[state]:
            line.append(f"{counts[state]} {state}", style=STYLES[state])
            line.append(" · ")
    line.append(f"{len(view.rows)} runs")
    left = view.seconds_left
    if view.ended:
        line.append(" · ended")
    elif not counts[State.RUNNING]:
        line.append(" · no run is being executed")
    elif left is not None:
        line.append(f" · about {duration(left)} left")
    return line


def _settings(rows: Sequence["Run"]) -> Mapping[str, str]:
    """What tells each run apart, short: the last word of each path where that is enough."""
    paths = list(dict.fromkeys(path for row in rows for path in row.settings))
    ends = [path.rpartition(".")[2] for path in paths]
    words = {path: end if ends.count(end) == 1 else path for path, end in zip(paths, ends, strict=True)}
    return {row.id: _words(row.settings, words) if row.role == "target" else f"source {row.id[:6]}" for row in rows}


def _words(settings: Mapping[str, Json], words: Mapping[str, str]) -> str:
    return " ".join(f"{words[path]} {as_recipe(value)}" for path, value in settings.items()) or "target"


def _short(error: float) -> str:
    """In five columns: squared errors may be large."""
    return number(error) if abs(error) < 10 else f"{error:.3g}"


def _clock(seconds: float) -> str:
    """In six columns: `0:45`, `12:05`, `3 h`."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}" if whole < 6000 else f"{whole / 3600:.0f} h"
