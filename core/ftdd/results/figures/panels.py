"""From a study to what a figure draws: panels, lines, and means with a band over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.wording import column_name, format_value, labels_of

T = TypeVar("T")

MOST_PANELS = 9
MOST_LINES = 16


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

    def noting(self, sentence: str) -> "Split":
        """The same, with one more sentence on what is left out."""
        return replace(self, left_out="; ".join(filter(None, (sentence, self.left_out))))


@dataclass(frozen=True)
class Band:
    """A mean over seeds with its smallest and largest value, at each x; no range (NaN) where one seed is all."""

    x: "np.ndarray[Any, np.dtype[np.float64]]"
    mean: "np.ndarray[Any, np.dtype[np.float64]]"
    low: "np.ndarray[Any, np.dtype[np.float64]]"
    high: "np.ndarray[Any, np.dtype[np.float64]]"


def seeds_of(study: StudyData) -> tuple[int, int]:
    """The smallest and the largest number of runs that differ in their seeds alone."""
    sizes = study.done.groupby([*study.groups, study.depth.column], dropna=False).size()
    return int(sizes.min()), int(sizes.max())


def split(study: StudyData, line_by: str, panel_by: Sequence[str]) -> Split:
    """The runs as panels of lines. `line_by`: the column that tells lines apart, "" for one line a panel.

    Where there is no room for all, some lines are left out evenly, and the last panels.
    """
    values = in_order(list(study.done[line_by].unique())) if line_by else [""]
    labels = {value: label for value, label in labels_of(values).items() if value in evenly(values, MOST_LINES)}
    parts = _parts(study.done, panel_by)
    panels = [
        Panel(settings, tuple(_line(study, part, line_by, value, label) for value, label in labels.items()))
        for settings, part in parts[:MOST_PANELS]
    ]
    sentences = []
    if len(labels) < len(values):
        sentences.append(f"{len(labels)} of {len(values)} values of {column_name(line_by)} are drawn")
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


def _line(study: StudyData, part: pd.DataFrame, line_by: str, value: Any, label: str) -> Line:
    runs = part[_equal(part[line_by], value)] if line_by else part
    return Line(label, runs, study.curves_of(runs))


def _equal(column: "pd.Series[Any]", value: Any) -> "pd.Series[bool]":
    return column.isna() if pd.isna(value) else column.eq(value).fillna(False).astype(bool)


def _parts(rows: pd.DataFrame, by: Sequence[str]) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    if not by:
        return [((), rows)]
    labels = {column: labels_of(list(rows[column].unique())) for column in by}
    parts = []
    for values, part in rows.groupby(list(by), sort=False, dropna=False):
        named = zip(by, values if isinstance(values, tuple) else (values,), strict=True)
        words = (f"{column_name(column)} {labels[column].get(value, format_value(value))}" for column, value in named)
        parts.append((tuple(words), part))
    return parts


def in_order(values: Sequence[Any]) -> list[Any]:
    """Numbers by size; names, and numbers of which one is missing, as the sweep has them."""
    try:
        return sorted(values, key=float) if not pd.isna(list(values)).any() else list(values)
    except (TypeError, ValueError):
        return list(values)


def evenly(values: Sequence[T], most: int) -> list[T]:
    """The first, the last, and others evenly between them, `most` at most."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / max(most - 1, 1))] for i in range(most)]


def evenly_in_each(rows: pd.DataFrame, by: str, most: int) -> pd.DataFrame:
    """Some rows of each group, evenly chosen, about `most` in all: the same number of each group, at least one."""
    if len(rows) <= most:
        return rows
    groups = rows.groupby(by, sort=False)[by]
    rank, size, kept = groups.cumcount(), groups.transform("size"), max(1, most // groups.ngroups)
    return rows[(size <= kept) | ((rank + 1) * kept // size > rank * kept // size)]


def thinned(epochs: Sequence[int], most: int) -> list[int]:
    """Indices of so many epochs, the first and the last among them, the others even on a log axis.

    What lies between is left out; a curve evaluated at every epoch has most of its points where nothing happens.
    """
    if len(epochs) <= most:
        return list(range(len(epochs)))
    kept = [0]
    span = (epochs[-1] + 1) / (epochs[0] + 1)
    for i, epoch in enumerate(epochs[1:], start=1):
        # the step that is left, shared among the points that are left: dense beginnings cost later points nothing
        left = most - len(kept)
        if left <= 1:
            break
        ratio = (span * (epochs[0] + 1) / (epochs[kept[-1]] + 1)) ** (1 / left)
        if epoch + 1 >= (epochs[kept[-1]] + 1) * ratio:
            kept.append(i)
    return [*kept[: most - 1], len(epochs) - 1] if kept[-1] != len(epochs) - 1 else kept
