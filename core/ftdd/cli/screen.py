"""What is shown to a person: tables on stdout, progress on stderr. Plain where nobody watches."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ftdd.records.status import State
from ftdd.wording import NOTHING, with_minus

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    State.DONE: "green",
    State.DIVERGED: "yellow",
    State.FAILED: "red",
    State.DAMAGED: "red",
    State.CHANGED: "yellow",
    State.RUNNING: "cyan",
    State.INTERRUPTED: "magenta",
    State.WAITING: "dim",
}


def output() -> "Console":
    """For results. As wide as the terminal; 110 columns where there is none. Honours NO_COLOR."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=110)


def messages() -> "Console":
    """For progress and warnings, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def state_text(state: State) -> str:
    """A state in its colour, as rich markup."""
    return f"[{STYLES[state]}]{state}[/]"


def number(value: float | int | None, digits: int = 3) -> str:
    """A measured number, or a dash where there is none."""
    if value is None or value != value:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else with_minus(text)


def warn(lines: Iterable[str]) -> None:
    """Say on stderr what is not as it should be, a line each."""
    for line in lines:
        messages().print(f"ftdd: {line}", markup=False, soft_wrap=True, style="yellow")
