"""Curves as several seeds measured them: what analyses compare."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.study import SEEDS
from ftdd.values import Json
from ftdd.wording import format_settings

FEWEST_SOURCES = 3


@dataclass(frozen=True)
class Grid:
    """One curve as several seeds measured it."""

    settings: Mapping[str, Json]
    """What its runs share, of what the study sweeps."""
    over: str
    """The column along which it goes."""
    x: "npt.NDArray[np.float64]"
    """Its places, rising: shape (points,)."""
    values: "npt.NDArray[np.float64]"
    """Shape (seeds, points); NaN where a run is missing."""
    seeds: tuple[tuple[Json, ...], ...]
    """Of each row: `seed` and `source.seed`."""
    runs: tuple[str, ...]
    """Ids of the runs behind it."""
    test_images: "npt.NDArray[np.float64] | None" = None
    """At each place, how many test images an error is the mean over, where all seeds have the same; None elsewhere."""

    @property
    def words(self) -> str:
        """Its settings for a reader; "" where the study has one curve."""
        return format_settings(self.settings)


def over_setting(
    study: StudyData, over: str, value: str, by: Sequence[str] | None = None, fewest: int = 2
) -> tuple[Grid, ...]:
    """Curves of a run's number (a column such as `final_test_error`) along a setting, or along `frozen_layers`.

    by: the settings that tell curves apart; all swept ones but `over`, the seeds and, along frozen layers, their count.
    fewest: places that a curve must have.

    Where there are three source seeds or more, and more target seeds, the rows are means over the targets of a source:
    those share its seed effect, so they are no replicates of transfer.
    """
    if by is None:
        by = _others(study, over)
    runs = study.done[pd.to_numeric(study.done[over], errors="coerce").notna() & _finite(study.done[value])]
    grids = []
    for settings, part in parts_of(runs, by):
        rows = part.assign(_x=pd.to_numeric(part[over]).astype(float), _seed=_seeds(part))
        rows = rows.drop_duplicates(["_seed", "_x"])
        table = rows.pivot(index="_seed", columns="_x", values=value).sort_index(axis=1)
        if table.shape[1] < fewest:
            continue
        images = rows.groupby("_x")["test_images"].min() if _same_test_images(rows) else None
        grids.append(
            Grid(
                settings,
                over,
                table.columns.to_numpy(dtype=float),
                table.to_numpy(dtype=float, na_value=np.nan),
                tuple(table.index),
                tuple(rows["id"]),
                _images(images, study),
            )
        )
    return tuple(_by_source(grid) for grid in grids)


def over_epochs(study: StudyData, value: str = "test_error", by: Sequence[str] | None = None) -> tuple[Grid, ...]:
    """Curves of what evaluations measured (a column such as `test_error`) along epochs, one for each depth and setting.

    Places are the epochs at which every run of a curve was evaluated. by: as in `over_setting`.
    """
    if by is None:
        by = (*_others(study, "epoch"), *(["frozen_layers"] if study.done["frozen_layers"].nunique() > 1 else []))
    grids = []
    for settings, part in parts_of(study.done, by):
        rows = part.assign(_seed=_seeds(part)).drop_duplicates("_seed")
        curves = study.curves[study.curves["id"].isin(rows["id"]) & _finite(study.curves[value])]
        curves = curves.drop_duplicates(["id", "epoch"])
        rows = rows[rows["id"].isin(curves["id"])]  # a run whose curve is lost costs itself, not its curve
        table = curves.pivot(index="id", columns="epoch", values=value).sort_index(axis=1).reindex(list(rows["id"]))
        table = table.dropna(axis=1)
        if table.shape[1] < 2 or not len(table):
            continue
        images = float(rows["test_images"].min()) if _same_test_images(rows) else np.nan
        grids.append(
            Grid(
                settings,
                "epoch",
                table.columns.to_numpy(dtype=float),
                table.to_numpy(dtype=float),
                tuple(rows["_seed"]),
                tuple(rows["id"]),
                _images(pd.Series(images, index=table.columns), study),
            )
        )
    return tuple(_by_source(grid) for grid in grids)


def compared_values(study: StudyData, grid: Grid) -> "npt.NDArray[np.float64]":
    """A curve's values as they are compared: errors as they are, squared errors, of numbers, by their logarithms."""
    if not study.regression:
        return grid.values
    return np.asarray(np.log(np.maximum(grid.values, np.finfo(float).tiny)))


def max_difference(study: StudyData) -> float:
    """How much two of the values that are compared can differ at most: 1, for shares of test images."""
    return np.inf if study.regression else 1.0


def _by_source(grid: Grid) -> Grid:
    """A row for each source, where there are enough of them and more rows."""
    sources = list(dict.fromkeys(seed[-1] for seed in grid.seeds if len(seed) > 1))
    if not FEWEST_SOURCES <= len(sources) < len(grid.seeds):
        return grid
    rows = [grid.values[[seed[-1] == source for seed in grid.seeds]] for source in sources]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a place that a source has no run at stays empty
        values = np.array([np.nanmean(row, axis=0) for row in rows])
    return replace(grid, values=values, seeds=tuple((None, source) for source in sources))


def _others(study: StudyData, over: str) -> tuple[str, ...]:
    """The swept settings that tell curves along `over` apart."""
    groups = tuple(path for path in study.groups if path != over)
    if over in ("frozen_layers", "epoch"):
        return groups
    depths = [path for path in study.swept if path not in (*groups, *SEEDS, over)]
    return (*groups, *depths)


def parts_of(runs: pd.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Json], pd.DataFrame]]:
    """The runs apart by settings: what each part shares, and its rows."""
    if not by:
        return [({}, runs)] if len(runs) else []
    parts = []
    for values, part in runs.groupby(list(by), sort=False, dropna=False):
        keys = values if isinstance(values, tuple) else (values,)
        parts.append(({path: _plain(value) for path, value in zip(by, keys, strict=True)}, part))
    return parts


def _seeds(runs: pd.DataFrame) -> "pd.Series[Any]":
    columns = [column for column in SEEDS if column in runs]
    rows = runs[columns].astype(object).where(runs[columns].notna(), None)
    return pd.Series([tuple(_plain(cell) for cell in row) for row in rows.itertuples(index=False)], index=runs.index)


def _finite(values: "pd.Series[Any]") -> "pd.Series[bool]":
    """Where there is a number to compare; squared errors of a network that diverges overflow."""
    return values.notna() & ~values.isin([np.inf, -np.inf])


def _same_test_images(runs: pd.DataFrame) -> bool:
    """Whether seeds are tested on the same images; a subset is drawn anew by each."""
    return "test_digest" in runs and bool(runs["test_digest"].notna().all()) and runs["test_digest"].nunique() == 1


def _images(counts: "pd.Series[Any] | None", study: StudyData) -> "npt.NDArray[np.float64] | None":
    if counts is None or study.regression or counts.isna().any():
        return None
    return counts.to_numpy(dtype=float)


def _plain(value: Any) -> Any:
    """Python's own value for one of a table's cells."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value.item() if hasattr(value, "item") else value
