"""What is shown to a person: tables on stdout, progress on stderr. Plain where nobody watches."""

from collections.abc import Mapping

from rich.console import Console

from ftdd.study.store import State
from ftdd.values import Json

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


def output() -> Console:
    """For results. As wide as the terminal; 110 columns where there is none. Honours NO_COLOR."""
    console = Console(highlight=False, emoji=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=110)


def messages() -> Console:
    """For progress and warnings, on stderr."""
    return Console(stderr=True, highlight=False, emoji=False)


def state_text(state: State) -> str:
    """A state in its colour, as rich markup."""
    return f"[{STYLES[state]}]{state}[/]"


def settings_text(settings: Mapping[str, Json]) -> str:
    """Swept settings in a line: `freezing.count=3 seed=0`."""
    return " ".join(f"{path}={shown(value)}" for path, value in settings.items())


def shown(value: Json) -> str:
    """A value as it would be written in a recipe."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """A length of time: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: float | int | None, digits: int = 3) -> str:
    """A measured number, or a dash where there is none."""
    if value is None or value != value:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text
