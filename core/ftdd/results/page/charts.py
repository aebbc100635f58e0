"""What the page's interactive charts draw, as one JSON tree: numbers are computed here, the page's scripts only draw.

The numbers are those of the figures: the same runs, means over all seeds with their range, interpolation by
docs/method.md. Single runs, and evaluations of a curve, are thinned out where there are many; no mean is.
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.study import SEEDS
from ftdd.results.figures.epochwise import height_at, interpolated_words
from ftdd.results.figures.freezingwise import edges
from ftdd.results.figures.panels import band, evenly, evenly_in_each, thinned
from ftdd.results.summary import interpolation_epoch
from ftdd.wording import column_name, format_value, labels_of

MOST_POINTS = 2_000
"""Single runs of the chart of errors at the end."""
MOST_CELLS = 1_000
"""Runs that differ in their seeds alone are one cell: a position of one line, and a curve over epochs."""
CURVE_POINTS, FEWEST_POINTS, ALL_POINTS = 120, 12, 12_000
"""Of one curve, at most and at least; of all curves together. 20 evaluations a decade are 70 for 4,000 epochs."""
FEW_SEEDS = 8
"""So many are listed one by one."""
WIDE = 8
"""A setting whose largest value is so many times its smallest has a log axis."""
DIGITS = 4

MEASURES = (
    ("final_test_error", "test error, final"),
    ("best_test_error", "test error, best epoch"),
    ("peak_test_error", "test error, peak over epochs"),
    ("final_train_error", "train error, final"),
)

Warp = tuple[Callable[[float], float], Callable[[float], float]]
SCALES: dict[str, Warp] = {
    "linear": (float, float),
    "log": (math.log10, lambda at: 10.0**at),
    # 0 has a position: linear up to 1
    "logzero": (
        lambda value: 0.35 * value if value <= 1 else 0.35 + math.log10(value),
        lambda at: at / 0.35 if at <= 0.35 else 10.0 ** (at - 0.35),
    ),
}
"""From a value to its position on an axis, and back."""


def chart_data(study: StudyData) -> dict[str, Any] | None:
    """All that the charts draw; None where no run has ended.

    `settings`: swept settings other than seeds and depth, with the labels of their values; cells and curves name a
    value of each by its index in that list.   `axes`: what may stand on the horizontal axis; a cell's `x` has a number
    for each.   `cells`: runs that differ in their seeds alone, with `values` of each measure: mean, smallest, largest,
    sample standard deviation, number of runs.   `curves`: one for each cell.   `left_out`: a sentence, or "".
    """
    if not len(study.done):
        return None
    paths = [path for path in study.groups if study.done[path].nunique(dropna=False) > 1]
    values = {path: _values(study.done[path]) for path in paths}
    runs = study.done.assign(depth=study.done["depth"].astype(int))
    runs["at"] = _indices(runs, values)
    runs["cell"] = list(zip(runs["at"], runs["depth"], strict=True))
    lines = sorted(set(runs["at"]))
    some = set(evenly(lines, max(1, MOST_CELLS * len(lines) // max(MOST_CELLS, runs["cell"].nunique()))))
    runs = runs[runs["at"].isin(some)]
    dots = evenly_in_each(runs, "cell", MOST_POINTS)
    numbers = {path: found for path, known in values.items() if (found := _numbers(known))}
    cells = _cells(study, runs, dots, paths, numbers)
    squared = "squared " if study.regression else ""
    return {
        "depth": study.depth.words,
        "interpolates": interpolated_words(study.eps),
        "error": f"{squared}error",
        "log": bool(study.done["final_test_error"].max() > 1),
        "measures": [{"key": key, "words": squared + words} for key, words in MEASURES if runs[key].notna().any()],
        "settings": [
            {
                "path": path,
                "words": column_name(path),
                "labels": list(labels_of(values[path]).values()),
                "ordered": path in numbers,
            }
            for path in paths
        ],
        "axes": _axes(study, cells, list(numbers)),
        "seeded": any(path in study.swept for path in SEEDS),
        "cells": cells,
        "curves": _curves(study, runs),
        "left_out": _left_out(len(some), len(lines), len(dots), runs),
    }


def script_json(tree: Any) -> str:
    """JSON that may stand inside a script element: nothing in it ends the element or begins another."""
    text = json.dumps(tree, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def rounded(value: Any) -> float | int | None:
    """A number with as many digits as a reader can use; None for what is missing or not finite."""
    if value is None or pd.isna(value) or not math.isfinite(value):
        return None
    short = float(f"{float(value):.{DIGITS}g}")
    return int(short) if short == int(short) else short


def _left_out(some: int, lines: int, dots: int, runs: pd.DataFrame) -> str:
    sentences = []
    if some < lines:
        sentences.append(f"{some:,} of {lines:,} lines are drawn, evenly chosen.")
    if dots < len(runs):
        sentences.append(
            f"{dots:,} of {len(runs):,} single runs are drawn, evenly chosen; means and ranges are over all."
        )
    return " ".join(sentences)


def _values(column: "pd.Series[Any]") -> list[Any]:
    """Numbers by size; what is not a number as the sweep has it. None stands for what is missing."""
    found = [None if pd.isna(value) else value for value in column.unique()]
    return sorted(found) if _numbers(found) else found


def _numbers(values: Sequence[Any]) -> list[float] | None:
    plain_values = [value.item() if hasattr(value, "item") else value for value in values]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in plain_values):
        return [float(value) for value in plain_values]
    return None


def _indices(rows: pd.DataFrame, values: dict[str, list[Any]]) -> list[tuple[int, ...]]:
    """For each row, the index of its value of every setting."""
    columns = [[known.index(None if pd.isna(cell) else cell) for cell in rows[path]] for path, known in values.items()]
    return list(zip(*columns, strict=True)) if columns else [()] * len(rows)


def _cells(
    study: StudyData, runs: pd.DataFrame, dots: pd.DataFrame, paths: Sequence[str], numbers: dict[str, list[float]]
) -> list[dict[str, Any]]:
    keys = [key for key, _ in MEASURES if runs[key].notna().any()]
    seeds = [path for path in SEEDS if path in study.swept]
    single: dict[Any, pd.DataFrame] = dict(iter(dots.groupby("cell", sort=False)))
    found = []
    for _, part in runs.groupby("cell", sort=True):
        at, depth = part["cell"].iloc[0]
        columns = [part[key].dropna().astype(float) for key in keys]
        expected = part["expected_test_error"]
        there = single[at, depth]
        few = len(part) <= FEW_SEEDS and len(there) == len(part)
        x = [part["depth"], part["trainable_parameters"], part["trainable_share_of_forward_flops"]]
        found.append(
            {
                "at": at,
                "depth": depth,
                "n": len(part),
                "control": str(part["control"].iloc[0]) if "control" in paths else "",
                "x": [
                    *(rounded(column.astype(float).mean()) for column in x),
                    *(rounded(known[at[paths.index(path)]]) for path, known in numbers.items()),
                ],
                "interpolates": bool(part["interpolation_epoch"].notna().all()),
                "epochs": _epochs(part),
                "expected": rounded(expected.mean()) if expected.notna().all() else None,
                "values": [_five(column) for column in columns],
                "runs": [
                    [rounded(value) for value in row] for row in there[keys].to_numpy(dtype=float, na_value=np.nan)
                ],
                "labels": [
                    "/".join(format_value(run[path]) for path in seeds) or run["id"]
                    for run in (there.to_dict("records") if few else ())
                ],
            }
        )
    return found


def _five(column: "pd.Series[float]") -> list[float | int | None] | None:
    """Mean, smallest, largest, sample standard deviation, number; None where there is nothing."""
    if not len(column):
        return None
    several = len(column) > 1
    low, high, deviation = (column.min(), column.max(), column.std(ddof=1)) if several else (None, None, None)
    return [*map(rounded, (column.mean(), low, high, deviation)), len(column)]


def _epochs(part: pd.DataFrame) -> str:
    """When runs interpolate, in words."""
    reached = sorted({int(epoch) for epoch in part["interpolation_epoch"].dropna()})
    if not reached:
        return "does not interpolate"
    some = int(part["interpolation_epoch"].notna().sum())
    epochs = ", ".join(map(str, reached)) if len(reached) <= FEW_SEEDS else f"{reached[0]} to {reached[-1]}"
    return f"interpolates at epoch {epochs}" + (f" ({some} of {len(part)})" if some < len(part) else "")


def _axes(study: StudyData, cells: Sequence[dict[str, Any]], numeric: Sequence[str]) -> list[dict[str, Any]]:
    """Each horizontal axis: its scale and ends, the positions that cells have, and the edges between these."""
    given = [
        ("depth", study.depth.words, study.depth.words),
        ("trainable", "trainable parameters", "trainable parameters"),
        ("flops", "trainable share of forward FLOPs", "share of FLOPs"),
        *((path, column_name(path), column_name(path)) for path in numeric),
    ]
    axes = []
    for i, (key, words, button) in enumerate(given):
        positions = sorted({cell["x"][i] for cell in cells if cell["x"][i] is not None})
        if not positions:
            positions = [0]
        low, high = positions[0], positions[-1]
        scale = "linear"
        if key == "trainable":
            scale = "log" if low > 0 else "logzero"
        elif key in numeric and low > 0 and high >= WIDE * low:
            scale = "log"
        warp, back = SCALES[scale]
        room = 0.04 * (warp(high) - warp(low)) or (0.5 if scale == "linear" else 0.15)
        axes.append(
            {
                "key": key,
                "words": words,
                "button": button,
                "scale": scale,
                "low": 0 if scale == "logzero" else back(warp(low) - room),
                "high": back(warp(high) + room),
                "positions": positions,
                "edges": edges(positions, warp, back),
            }
        )
    return axes


def _curves(study: StudyData, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A curve for each cell: mean, smallest and largest error over its seeds at each epoch."""
    numbered = runs.assign(line=runs.groupby("cell", sort=True).ngroup())
    errors = study.curves.merge(numbered[["id", "line"]], on="id")
    cells = list(numbered.groupby("line", sort=True))
    most = min(CURVE_POINTS, max(FEWEST_POINTS, ALL_POINTS // max(len(cells), 1)))
    by_line = dict(iter(errors.groupby("line", sort=False)))
    found = []
    for line, part in cells:
        if line not in by_line:
            continue
        over = {side: band(by_line[line], "epoch", f"{side}_error") for side in ("test", "train")}
        kept = thinned([int(epoch) for epoch in over["test"].x], most)
        epoch = interpolation_epoch(part)
        several = ("mean", "low", "high") if len(part) > 1 else ("mean",)
        at, depth = part["cell"].iloc[0]
        found.append(
            {
                "at": at,
                "depth": depth,
                "n": len(part),
                "epoch": [int(one) for one in over["test"].x[kept]],
                "interpolates": rounded(epoch),
                **{
                    side: {
                        **{name: [rounded(value) for value in getattr(curve, name)[kept]] for name in several},
                        "mark": None if epoch is None else rounded(height_at(curve, epoch)),
                    }
                    for side, curve in over.items()
                },
            }
        )
    return found
