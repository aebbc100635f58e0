"""Curves as several sources and seeds measured them: what analyses compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.study import SEEDS
from ftdd.statistics.replication import Cells
from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.values import Json
from ftdd.wording import format_settings, replication


@dataclass(frozen=True)
class Grid:
    """One curve as several sources and seeds measured it."""

    settings: Mapping[str, Json]
    """What its runs share, of what the study sweeps."""
    over: str
    """The column along which it goes."""
    x: "npt.NDArray[np.float64]"
    """Its places, rising: shape (points,)."""
    cells: Cells
    """Its values, a row for each source and seed."""
    ids: "npt.NDArray[np.object_]"
    """The run of each cell at each place, None where it is missing: shape (cells, points)."""
    sources: int
    """Source networks behind each of its places; 0 where nothing is transferred."""
    shared_test_images: bool = False
    """Whether all its runs are tested on the same images."""

    @property
    def values(self) -> "npt.NDArray[np.float64]":
        """Rows that are independent of each other, see `Cells.margin`: shape (replicates, points)."""
        return self.cells.margin

    @cached_property
    def runs(self) -> tuple[str, ...]:
        """Ids of the runs behind it."""
        return tuple(dict.fromkeys(run for row in self.ids for run in row if isinstance(run, str)))

    @property
    def targets(self) -> int:
        """Target seeds of a source, in the mean over the sources and rounded."""
        return round(len(self.cells.values) / max(len(self.cells.sources), 1))

    @property
    def words(self) -> str:
        """Its settings for a reader; "" where the study has one curve."""
        return format_settings(self.settings)

    @property
    def replication(self) -> str:
        """`3 sources × 5 seeds`."""
        return replication(self.sources, self.targets)


def over_setting(
    study: StudyData, over: str, value: str, by: Sequence[str] | None = None, fewest: int = 2
) -> tuple[Grid, ...]:
    """Curves of a run's number (a column such as `final_test_error`) along a setting, or along `frozen_layers`.

    by: the settings that tell curves apart; all swept ones but `over`, the seeds and, along frozen layers, their count.
    fewest: places that a curve must have.
    """
    if by is None:
        by = _others(study, over)
    runs = study.done[pd.to_numeric(study.done[over], errors="coerce").notna() & _finite(study.done[value])]
    grids = []
    for settings, part in parts_of(runs, by):
        rows = part.assign(_x=pd.to_numeric(part[over]).astype(float), _seed=seed_labels(part))
        rows = rows.drop_duplicates(["_seed", "_x"])
        table = rows.pivot(index="_seed", columns="_x", values=value).sort_index(axis=1)
        if table.shape[1] < fewest:
            continue
        ids = rows.pivot(index="_seed", columns="_x", values="id").reindex(index=table.index, columns=table.columns)
        values = table.to_numpy(dtype=float, na_value=np.nan)
        x = table.columns.to_numpy(dtype=float)
        grids.append(_grid(study, settings, over, x, values, tuple(table.index), ids.to_numpy(dtype=object), rows))
    return tuple(grids)


def over_epochs(study: StudyData, value: str = "test_error", by: Sequence[str] | None = None) -> tuple[Grid, ...]:
    """Curves of what evaluations measured (a column such as `test_error`) along epochs, one for each depth and setting.

    Places are the epochs at which every run of a curve was evaluated. by: as in `over_setting`.
    """
    if by is None:
        by = (*_others(study, "epoch"), *(["frozen_layers"] if study.done["frozen_layers"].nunique() > 1 else []))
    grids = []
    for settings, part in parts_of(study.done, by):
        rows = part.assign(_seed=seed_labels(part)).drop_duplicates("_seed")
        curves = study.curves[study.curves["id"].isin(rows["id"]) & _finite(study.curves[value])]
        curves = curves.drop_duplicates(["id", "epoch"])
        rows = rows[rows["id"].isin(curves["id"])]  # a run whose curve is lost costs itself, not its curve
        table = curves.pivot(index="id", columns="epoch", values=value).sort_index(axis=1).reindex(list(rows["id"]))
        table = table.dropna(axis=1)
        if table.shape[1] < 2 or not len(table):
            continue
        x, values = table.columns.to_numpy(dtype=float), table.to_numpy(dtype=float)
        ids = np.repeat(rows["id"].to_numpy(dtype=object)[:, None], len(x), axis=1)
        grids.append(_grid(study, settings, "epoch", x, values, tuple(rows["_seed"]), ids, rows))
    return tuple(grids)


def compared_cells(study: StudyData, grid: Grid) -> Cells:
    """A curve's values as they are compared: errors as they are, squared errors, of numbers, by their logarithms."""
    if not study.regression:
        return grid.cells
    return replace(grid.cells, values=np.log(np.maximum(grid.cells.values, np.finfo(float).tiny)))


def max_difference(study: StudyData) -> float:
    """How much two of the values that are compared can differ at most: 1, for shares of test images."""
    return np.inf if study.regression else 1.0


def _grid(
    study: StudyData,
    settings: Mapping[str, Json],
    over: str,
    x: "npt.NDArray[np.float64]",
    values: "npt.NDArray[np.float64]",
    seeds: Sequence[tuple[Json, ...]],
    ids: "npt.NDArray[np.object_]",
    runs: pd.DataFrame,
) -> Grid:
    """seeds: of each row `seed` and, where runs have one, `source.seed`."""
    target: tuple[Any, ...] = tuple(seed[0] for seed in seeds)
    source: tuple[Any, ...] = tuple(seed[-1] if len(seed) > 1 else None for seed in seeds)
    networks = _networks(runs, over, len(set(source)))
    source = source if networks else (None,) * len(source)
    shared = not study.regression and _same_test_images(runs)
    return Grid(settings, over, x, Cells(values, source, target), ids, networks, shared)


def _networks(runs: pd.DataFrame, over: str, seeds: int) -> int:
    """Source networks behind each place; weights that come with the architecture are one."""
    if "control" in runs and runs["control"].isin(["random", "scratch"]).all():
        return 0
    if "source_id" not in runs or runs["source_id"].isna().all():
        return seeds
    at = pd.Series(0.0, index=runs.index) if over == "epoch" else runs[over].astype(float)
    return int(runs.groupby(at)["source_id"].nunique().max())


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


def seed_labels(runs: pd.DataFrame) -> "pd.Series[Any]":
    """Of each run its `seed` and, where runs have one, its `source.seed`."""
    columns = [column for column in SEEDS if column in runs]
    rows = runs[columns].astype(object).where(runs[columns].notna(), None)
    return pd.Series([tuple(_plain(cell) for cell in row) for row in rows.itertuples(index=False)], index=runs.index)


def replicate_columns(runs: pd.DataFrame) -> list[str]:
    """Columns by which runs fall into independent replicates; as `Cells.labels` says it of curves."""
    columns = [column for column in SEEDS if column in runs]
    if "source.seed" not in columns:
        return columns
    if runs["source.seed"].nunique() >= FEWEST_SOURCES:
        return ["source.seed"]
    crossed = len(runs[columns].drop_duplicates()) > runs["seed"].nunique()
    return ["seed"] if crossed else columns


def replication_of(runs: pd.DataFrame) -> tuple[int, int]:
    """(source networks, target seeds of each) behind runs that differ in seeds, and in what has one source each."""
    networks = _networks(runs, "frozen_layers", runs["source.seed"].nunique() if "source.seed" in runs else 1)
    pairs = len(runs[[column for column in SEEDS if column in runs]].drop_duplicates())
    return networks, round(pairs / max(runs["source.seed"].nunique() if "source.seed" in runs else 1, 1))


def _finite(values: "pd.Series[Any]") -> "pd.Series[bool]":
    """Where there is a number to compare; squared errors of a network that diverges overflow."""
    return values.notna() & ~values.isin([np.inf, -np.inf])


def _same_test_images(runs: pd.DataFrame) -> bool:
    """Whether seeds are tested on the same images; a subset is drawn anew by each."""
    return "test_digest" in runs and bool(runs["test_digest"].notna().all()) and runs["test_digest"].nunique() == 1


def _plain(value: Any) -> Any:
    """Python's own value for one of a table's cells."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value.item() if hasattr(value, "item") else value
