"""What the page's interactive charts draw, as one JSON tree: a point per run, and a thinned curve per line over epochs.

Its numbers are those of the figures: the same runs, means over seeds with their range, interpolation by docs/method.md.
"""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.study import SEEDS
from ftdd.results.epochwise import interpolated_words
from ftdd.results.summary import interpolation_epoch
from ftdd.wording import column_name, format_value, labels_of

CURVE_POINTS = 120
"""Of one curve; an evaluation at 20 epochs a decade has 70 for 4,000 epochs."""
ALL_POINTS = 40_000
"""Of all curves together: the page stays below 5 MB."""
FEWEST_POINTS = 24
DIGITS = 4

MEASURES = (
    ("final_test_error", "test error, final"),
    ("best_test_error", "test error, best epoch"),
    ("peak_test_error", "test error, peak over epochs"),
    ("final_train_error", "train error, final"),
)


def chart_data(study: StudyData) -> dict[str, Any] | None:
    """All that the charts draw; None where no run has ended.

    `settings`: swept settings other than seeds and depth, with the labels of their values, and with numbers where all
    values are numbers; `runs` and `curves` name a value of each by its place in that list.
    """
    if not len(study.done):
        return None
    paths = [path for path in study.groups if study.done[path].nunique(dropna=False) > 1]
    values = {path: _values(study.done[path]) for path in paths}
    squared = study.regression
    return {
        "depth": study.depth.words,
        "interpolates": interpolated_words(study.eps),
        "error": "squared error" if squared else "error",
        "log": bool(study.done["final_test_error"].max() > 1),
        "measures": [{"key": key, "words": f"squared {words}" if squared else words} for key, words in MEASURES],
        "settings": [
            {
                "path": path,
                "words": column_name(path),
                "labels": list(labels_of(values[path]).values()),
                "numbers": _numbers(values[path]),
            }
            for path in paths
        ],
        "runs": _runs(study, values),
        "curves": _curves(study, values),
    }


def script_json(tree: Any) -> str:
    """JSON that may stand inside a script element: nothing in it ends the element or begins another."""
    text = json.dumps(tree, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def rounded(value: Any) -> float | int | None:
    """A number with as many digits as a reader can use; None for what is missing."""
    if value is None or pd.isna(value):
        return None
    short = float(f"{float(value):.{DIGITS}g}")
    return int(short) if short == int(short) else short


def thinned(epochs: Sequence[int], most: int) -> list[int]:
    """Places of so many epochs, the first and the last among them, the others even on a log axis.

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


def _values(column: "pd.Series[Any]") -> list[Any]:
    """Numbers by size; what is not a number as the sweep has it. None stands for what is missing."""
    found = [None if pd.isna(value) else value for value in column.unique()]
    return sorted(found) if _numbers(found) else found


def _numbers(values: Sequence[Any]) -> list[float] | None:
    plain_values = [value.item() if hasattr(value, "item") else value for value in values]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in plain_values):
        return [float(value) for value in plain_values]
    return None


def _places(rows: pd.DataFrame, values: dict[str, list[Any]]) -> list[list[int]]:
    """For each row, the place of its value of every setting."""
    columns = [[known.index(None if pd.isna(cell) else cell) for cell in rows[path]] for path, known in values.items()]
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(len(rows))]


def _runs(study: StudyData, values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """A point for each run."""
    seeds = [path for path in SEEDS if path in study.swept]
    return [
        {
            "id": run["id"],
            "at": at,
            "depth": int(run["depth"]),
            "seed": "/".join(format_value(run[path]) for path in seeds),
            "trainable": rounded(run["trainable_parameters"]),
            "share": rounded(run["trainable_share_of_parameters"]),
            "flops": rounded(run["trainable_share_of_forward_flops"]),
            "interpolates": rounded(run["interpolation_epoch"]),
            "expected": rounded(run["expected_test_error"]),
            "control": str(run["control"]) if "control" in values else "",
            **{key: rounded(run[key]) for key, _ in MEASURES},
        }
        for run, at in zip(study.done.to_dict("records"), _places(study.done, values), strict=True)
    ]


def _curves(study: StudyData, values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """A curve for each depth and setting: mean, smallest and largest error over its seeds at each epoch."""
    runs = study.done.assign(
        depth=study.done["depth"].astype(int),
        at=pd.Series(_places(study.done, values), index=study.done.index, dtype=object),
    )
    runs["line"] = [str((depth, at)) for depth, at in zip(runs["depth"], runs["at"], strict=True)]
    errors = study.curves.merge(runs[["id", "line"]], on="id")
    over = errors.groupby(["line", "epoch"])[["test_error", "train_error"]].agg(["mean", "min", "max"])
    lines = list(runs.groupby("line", sort=False))
    most = min(CURVE_POINTS, max(FEWEST_POINTS, ALL_POINTS // max(len(lines), 1)))
    found = []
    for line, part in lines:
        if line not in over.index:
            continue
        rows = over.loc[line]
        rows = rows.iloc[thinned([int(epoch) for epoch in rows.index], most)]
        several = len(part) > 1
        found.append(
            {
                "at": part["at"].iloc[0],
                "depth": int(part["depth"].iloc[0]),
                "n": len(part),
                "interpolates": rounded(interpolation_epoch(part)),
                "epoch": [int(epoch) for epoch in rows.index],
                **{
                    side: {
                        name: [rounded(value) for value in rows[f"{side}_error"][name]]
                        for name in (("mean", "min", "max") if several else ("mean",))
                    }
                    for side in ("test", "train")
                },
            }
        )
    return sorted(found, key=lambda curve: (curve["at"], curve["depth"]))
