"""What a study's advice.json says, as the page shows it: for each setting sentences, and a table of the choices."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdd.results.words import plain, shown


@dataclass(frozen=True)
class Choice:
    """A row of the table."""

    cells: tuple[str, ...]
    mark: str
    """`best`, `cheapest`, or ""."""


@dataclass(frozen=True)
class Advised:
    """The advice for one setting of the study."""

    settings: tuple[tuple[str, str], ...]
    text: tuple[str, ...]
    columns: tuple[str, ...]
    choices: tuple[Choice, ...]


def read_advice(folder: Path) -> tuple[Advised, ...]:
    """What the advice.json of a study's folder says; nothing where there is none, or none that can be read."""
    try:
        tree = json.loads((folder / "advice.json").read_text(encoding="utf-8"))
        return tuple(_advised(one) for one in tree)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _advised(one: Mapping[str, Any]) -> Advised:
    rows = one.get("choices", [])
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    marks = {one.get("cheapest"): "cheapest", one.get("best"): "best"}
    return Advised(
        settings=tuple((plain(path), shown(value)) for path, value in one.get("settings", {}).items()),
        text=tuple(one["text"]),
        columns=tuple(plain(column) for column in columns),
        choices=tuple(
            Choice(tuple(_cell(row.get(column)) for column in columns), marks.get(row.get("frozen_layers", ""), ""))
            for row in rows
        ),
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(_cell(one) for one in value)
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}".replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else str(value)
