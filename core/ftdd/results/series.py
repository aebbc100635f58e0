"""From the tables to what a figure shows: panels, lines, and means with a band over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ftdd.analysis.evidence import groups_of
from ftdd.results.table import curves_table, runs_table
from ftdd.results.words import plain, shown
from ftdd.study.store import State, Store, StudyRecord

MOST_PANELS = 9
MOST_LINES = 16


@dataclass(frozen=True)
class Series:
    """A study as figures need it."""

    study: StudyRecord
    runs: pd.DataFrame
    """Target runs that are done."""
    curves: pd.DataFrame
    """Their evaluations."""
    asked: int
    """Target runs of the study."""
    diverged: int
    """Those whose loss was not finite: their last error says nothing, so no mean has it."""
    groups: tuple[str, ...]
    """Swept settings that are neither seeds nor the count of frozen layers."""
    depth: str = "frozen layers"
    """What the column `frozen_layers` counts: transferred layers, in a study of how many to transfer."""

    @property
    def missing(self) -> int:
        """Target runs that have not ended, or failed."""
        return self.asked - self.diverged - len(self.runs)

    @property
    def seeds(self) -> tuple[int, int]:
        """The smallest and the largest number of runs that differ in their seeds alone."""
        sizes = self.runs.groupby([*self.groups, "frozen_layers"], dropna=False).size()
        return int(sizes.min()), int(sizes.max())


@dataclass(frozen=True)
class Line:
    """Runs that differ in their seeds alone."""

    label: str
    """Its value on the setting that tells lines apart; "" where nothing does."""
    runs: pd.DataFrame
    """Rows of the runs' table."""
    curves: pd.DataFrame
    """Rows of the curves' table."""


@dataclass(frozen=True)
class Panel:
    """Lines that share all settings but the one that tells them apart."""

    settings: tuple[str, ...]
    """Those that its runs share, in words; nothing where no panel differs from another."""
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Split:
    """The runs of a study as panels of lines."""

    panels: tuple[Panel, ...]
    labels: tuple[str, ...]
    """Of all lines of all panels, in order: a label means the same line, and colour, in each panel."""
    left_out: str
    """What there was no room for, as a sentence; "" where all is drawn."""


@dataclass(frozen=True)
class Band:
    """A mean over seeds with its smallest and largest value, at each x; no range (NaN) where one seed is all."""

    x: "np.ndarray[Any, np.dtype[np.float64]]"
    mean: "np.ndarray[Any, np.dtype[np.float64]]"
    low: "np.ndarray[Any, np.dtype[np.float64]]"
    high: "np.ndarray[Any, np.dtype[np.float64]]"


def read_series(store: Store, name: str) -> Series:
    """A study's target runs that are done. Raises LookupError where there is no such study."""
    study = store.read_study(name)
    table, curves = runs_table(store, name), curves_table(store, name)
    targets = table[table["role"] == "target"]
    done = targets[
        targets["state"].eq(str(State.DONE)) & targets[["final_test_error", "frozen_layers"]].notna().all(axis=1)
    ]
    return Series(
        study=study,
        runs=done,
        curves=curves[curves["id"].isin(done["id"])],
        asked=len(targets),
        diverged=int(targets["state"].eq(str(State.DIVERGED)).sum()),
        groups=groups_of(done, study.swept),
    )


TRANSFERRED = "transfer.first_layers"


def over_transfer(series: Series) -> Series:
    """The same, with depth counting transferred layers, where a study sweeps their number; else as it is.

    Runs in which just the transferred layers are frozen, and runs in which they are trained, become two groups.
    """
    if TRANSFERRED not in series.groups:
        return series
    given = series.runs[TRANSFERRED]
    counts = pd.to_numeric(given, errors="coerce")
    if counts.nunique() < 2:
        return series
    frozen = given.eq("frozen")
    runs = series.runs[frozen | counts.notna()]
    runs = runs.assign(
        frozen_layers=counts.where(~frozen, runs["frozen_layers"]).astype("Int64"),
        transferred=frozen.map({True: "and frozen", False: "and trained"}),
    )
    groups = tuple("transferred" if group == TRANSFERRED else group for group in series.groups)
    curves = series.curves[series.curves["id"].isin(runs["id"])]
    return replace(series, runs=runs, curves=curves, groups=groups, depth="transferred layers")


def split(series: Series, line_by: str, panel_by: Sequence[str]) -> Split:
    """The runs as panels of lines. `line_by`: the column that tells lines apart, "" for one line a panel.

    Where there is no room for all, some lines are left out evenly, and the last panels.
    """
    values = in_order(list(series.runs[line_by].unique())) if line_by else [""]
    labels = {value: label for value, label in labels_of(values).items() if value in _evenly(values, MOST_LINES)}
    parts = _parts(series.runs, panel_by)
    panels = [
        Panel(settings, tuple(_line(series, part, line_by, value, label) for value, label in labels.items()))
        for settings, part in parts[:MOST_PANELS]
    ]
    sentences = []
    if len(labels) < len(values):
        sentences.append(f"{len(labels)} of {len(values)} values of {plain(line_by)} are drawn")
    if len(panels) < len(parts):
        sentences.append(f"{len(panels)} of {len(parts)} panels are drawn")
    there = [Panel(panel.settings, tuple(line for line in panel.lines if len(line.runs))) for panel in panels]
    return Split(tuple(there), tuple(labels.values()), "; ".join(sentences))


def band(points: pd.DataFrame, x: str, y: str) -> Band:
    """The mean of y over the rows that share an x, and its range."""
    grouped = points.dropna(subset=[y]).groupby(x)[y]
    mean, several = grouped.mean(), grouped.size() > 1
    return Band(
        mean.index.to_numpy(dtype=float),
        mean.to_numpy(dtype=float),
        grouped.min().where(several).to_numpy(dtype=float),
        grouped.max().where(several).to_numpy(dtype=float),
    )


def _line(series: Series, part: pd.DataFrame, line_by: str, value: Any, label: str) -> Line:
    runs = part[_equal(part[line_by], value)] if line_by else part
    return Line(label, runs, series.curves[series.curves["id"].isin(runs["id"])])


def _equal(column: "pd.Series[Any]", value: Any) -> "pd.Series[bool]":
    return column.isna() if pd.isna(value) else column.eq(value).fillna(False).astype(bool)


def _parts(rows: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    if not by:
        return [((), rows)]
    labels = {column: labels_of(list(rows[column].unique())) for column in by}
    parts = []
    for values, part in rows.groupby(list(by), sort=False, dropna=False):
        named = zip(by, values if isinstance(values, tuple) else (values,), strict=True)
        words = (f"{plain(column)} {labels[column].get(value, shown(value))}" for column, value in named)
        parts.append((tuple(words), part))
    return parts


def labels_of(values: Sequence[Any]) -> dict[Any, str]:
    """Each value as a reader is shown it; in full where two would look the same."""
    labels = [shown(value) for value in values]
    return {
        value: label if labels.count(label) == 1 else str(value) for value, label in zip(values, labels, strict=True)
    }


def in_order(values: Sequence[Any]) -> list[Any]:
    """Numbers by size; names, and numbers of which one is missing, as the sweep has them."""
    try:
        return sorted(values, key=float) if not pd.isna(list(values)).any() else list(values)
    except (TypeError, ValueError):
        return list(values)


def _evenly(values: Sequence[Any], most: int) -> list[Any]:
    """The first, the last, and others evenly between them, `most` at most."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]
