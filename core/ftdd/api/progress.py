"""Progress of a study: in a terminal a line for each worker, in a notebook one line, or none."""

import html
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ftdd.wording import as_options, counted, duration, error

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ftdd.study.conduct import AtWork, Snapshot

QUIET_SECONDS = 60.0
"""Where nobody watches, a line at most this often."""


class Progress:
    """Shows nothing; those below show how far a study has come."""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is shown for the moment."""

    def show(self, snapshot: "Snapshot") -> None:
        """How far the study has come."""

    def say(self, line: str) -> None:
        """A line that stays."""

    def warn(self, line: str) -> None:
        """A line on something that is not as it should be."""
        self.say(f"ftdd: {line}")

    def note(self, line: str) -> None:
        """A line that the next one replaces."""


class TerminalProgress(Progress):
    """On stderr: in place on a terminal, elsewhere a line a minute."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._began = self._last_line = time.monotonic()
        live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._live = live if self._console.is_terminal else None

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, snapshot: "Snapshot") -> None:
        words = in_words(snapshot, time.monotonic() - self._began)
        if self._live:
            self._live.update(_lines(snapshot, words))
        elif time.monotonic() - self._last_line >= QUIET_SECONDS:
            self._last_line = time.monotonic()
            self.say(words)

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        self._console.print(f"ftdd: {line}", markup=False, soft_wrap=True, style="yellow")

    def note(self, line: str) -> None:
        if self._live:
            from rich.text import Text

            self._live.update(Text(line, style="dim"))


class NotebookProgress(Progress):
    """In the output of a notebook's cell: one line that is replaced, and lines that stay above it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._handle: Any = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._update("")

    def show(self, snapshot: "Snapshot") -> None:
        done = f'<progress max="{snapshot.total}" value="{snapshot.done}"></progress> '
        self._update(done + html.escape(in_words(snapshot, time.monotonic() - self._began)))

    def say(self, line: str) -> None:
        print(line)

    def note(self, line: str) -> None:
        self._update(html.escape(line))

    def _update(self, content: str) -> None:
        from IPython.display import HTML, display

        if self._handle is None:
            self._handle = display(HTML(content), display_id=True)
        else:
            self._handle.update(HTML(content))


def progress_for(asked: bool | None) -> Progress:
    """None for what suits where this is called: a notebook, else a terminal; False for none.

    A script without a terminal has a line a minute.
    """
    if asked is False:
        return Progress()
    return NotebookProgress() if _in_notebook() else TerminalProgress()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


def in_words(snapshot: "Snapshot", seconds: float) -> str:
    """`12 of 40 runs, 1 min 03 s so far, about 2 min 20 s left`."""
    words = f"{snapshot.done} of {counted(snapshot.total, 'run')}, {duration(seconds)} so far"
    if snapshot.failed:
        words += f", {snapshot.failed} failed"
    left = snapshot.seconds_left
    return words + (f", about {duration(left)} left" if left is not None else "")


def _lines(snapshot: "Snapshot", words: str) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    total = Table.grid(padding=(0, 1))
    total.add_row(ProgressBar(snapshot.total, snapshot.done, width=30), words)
    return Group(*(_worker_line(one) for one in snapshot.at_work), total)


def _worker_line(one: "AtWork") -> "RenderableType":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 1))
    row.add_row(
        ProgressBar(max(one.status.epochs, 1), one.status.epoch, width=30),
        f"epoch {one.status.epoch}/{one.status.epochs or '…'}",
        f"test error {error(one.test_error)}",
        Text(f"{one.run.ref.role} {as_options(one.run.settings) or one.run.ref.id}", style="dim"),
    )
    return row
