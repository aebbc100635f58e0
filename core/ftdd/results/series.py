"""From the tables to what a figure shows: panels, lines, and means with a band over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ftdd.results.summary import groups_of
from ftdd.results.table import curves_table, runs_table
from ftdd.study.store import Store, StudyRecord

MOST_PANELS = 6
MOST_LINES = 24


@dataclass(frozen=True)
class Line:
    """Runs that differ in their seed alone."""

    label: str
    runs: pd.DataFrame
    """Rows of the runs' table."""
    curves: pd.DataFrame
    """Rows of the curves' table."""


@dataclass(frozen=True)
class Panel:
    """Lines that share all settings but the one that tells them apart."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Band:
    """A mean over seeds with its smallest and largest value, at each x."""

    x: "np.ndarray[Any, np.dtype[np.float64]]"
    mean: "np.ndarray[Any, np.dtype[np.float64]]"
    low: "np.ndarray[Any, np.dtype[np.float64]]"
    high: "np.ndarray[Any, np.dtype[np.float64]]"


@dataclass(frozen=True)
class Series:
    """A study as figures need it."""

    study: StudyRecord
    runs: pd.DataFrame
    """Target runs with a curve."""
    curves: pd.DataFrame
    missing: int
    """Target runs that have not ended."""
    groups: tuple[str, ...]
    """Swept settings that are neither seeds nor the count of frozen layers."""

    @property
    def most_seeds(self) -> int:
        """The largest number of runs that differ in their seed alone."""
        by = [*self.groups, "frozen_layers"]
        return int(self.runs.groupby(by, dropna=False).size().max()) if len(self.runs) else 0


def read_series(store: Store, name: str) -> Series:
    """A study's target runs that have measured something. Raises LookupError where there is no such study."""
    study = store.read_study(name)
    table, curves = runs_table(store, name), curves_table(store, name)
    targets = table[table["role"] == "target"]
    ended = targets[targets["final_test_error"].notna() & targets["frozen_layers"].notna()]
    groups = groups_of(ended, study.swept) if len(ended) else ()
    return Series(study, ended, curves[curves["id"].isin(ended["id"])], len(targets) - len(ended), groups)


def panels(series: Series, line_by: str, panel_by: Sequence[str]) -> tuple[Panel, ...]:
    """The runs as panels of lines. `line_by`: the column that tells lines apart, "" for one line a panel."""
    found = []
    for title, part in _parts(series.runs, panel_by):
        lines = [
            Line(label, rows, series.curves[series.curves["id"].isin(rows["id"])])
            for label, rows in _parts(part, [line_by] if line_by else [])
        ]
        found.append(Panel(title, tuple(lines[:MOST_LINES])))
    return tuple(found[:MOST_PANELS])


def band(points: pd.DataFrame, x: str, y: str) -> Band:
    """The mean of y over the rows that share an x, and its range."""
    grouped = points.dropna(subset=[y]).groupby(x)[y]
    mean = grouped.mean()
    return Band(
        mean.index.to_numpy(dtype=float),
        mean.to_numpy(dtype=float),
        grouped.min().to_numpy(dtype=float),
        grouped.max().to_numpy(dtype=float),
    )


def plain(column: str) -> str:
    """A column's name for a reader: `target.images` → `target images`."""
    return column.replace("_", " ").replace(".", " ")


def _parts(rows: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    if not by:
        return [("", rows)]
    parts = []
    for values, part in rows.groupby(list(by), sort=False, dropna=False):
        named = zip(by, values if isinstance(values, tuple) else (values,), strict=True)
        parts.append((", ".join(f"{plain(column)} {_shown(value)}" for column, value in named), part))
    return parts


def _shown(value: Any) -> str:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
