"""The progress of a study on a terminal: a line for each worker, and the study's total with time left."""

import time
from types import TracebackType

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ftdd.cli.screen import duration, messages, number, settings_text
from ftdd.study.conduct import AtWork, Snapshot

QUIET_SECONDS = 60.0
"""Where nobody watches, a line at most this often."""


class Progress:
    """Shows snapshots; on a terminal in place, elsewhere as a line a minute."""

    def __init__(self) -> None:
        self._console = messages()
        self._began = time.monotonic()
        self._live = (
            Live(console=self._console, refresh_per_second=4, transient=True) if self._console.is_terminal else None
        )
        self._last_line = time.monotonic()

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Show how far the study has come."""
        if self._live:
            self._live.update(Group(*(_worker_line(one) for one in snapshot.at_work), self._total(snapshot)))
        elif time.monotonic() - self._last_line >= QUIET_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(self._words(snapshot), markup=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, soft_wrap=True)

    def note(self, line: str) -> None:
        """A line for who watches, gone when the next comes."""
        if self._live:
            self._live.update(Text(line, style="dim"))

    def _total(self, snapshot: Snapshot) -> RenderableType:
        row = Table.grid(padding=(0, 1))
        row.add_row(ProgressBar(snapshot.total, snapshot.done, width=30), self._words(snapshot))
        return row

    def _words(self, snapshot: Snapshot) -> str:
        words = f"{snapshot.done} of {snapshot.total} runs, {duration(time.monotonic() - self._began)} so far"
        if snapshot.failed:
            words += f", {snapshot.failed} failed"
        left = snapshot.seconds_left
        return words + (f", about {duration(left)} left" if left is not None else "")


def _worker_line(one: AtWork) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    epochs = max(one.status.epochs, 1)
    row.add_row(
        ProgressBar(epochs, one.status.epoch, width=30),
        f"epoch {one.status.epoch}/{one.status.epochs or '…'}",
        f"test error {number(one.test_error)}",
        Text(f"{one.run.ref.role} {settings_text(one.run.settings) or one.run.ref.id}", style="dim"),
    )
    return row
