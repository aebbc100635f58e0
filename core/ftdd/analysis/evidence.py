"""Evidence: what analyses look at, as curves that several seeds have measured."""

import json
import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ftdd.values import Json

SEEDS = ("seed", "source.seed")
"""Settings that only repeat a run; everything else that is swept makes a curve of its own."""

FEWEST_SOURCES = 3


@dataclass(frozen=True)
class Evidence:
    """A study as analyses see it: the tables of `ftdd.results`, and how to read them."""

    runs: pd.DataFrame
    """A row for each target run that is done; those that diverged have no final error to speak of."""
    sources: pd.DataFrame
    """A row for each source run that is done."""
    curves: pd.DataFrame
    """A row for each evaluation of these runs, of both roles."""
    swept: tuple[str, ...]
    """Dotted paths."""
    eps: float = 0.0
    """A run interpolates when its train error is at or below this."""
    likeness: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the pair by which source and target are more or less alike; see `ftdd.components.Pair.likeness`."""
    labels: Literal["classes", "numbers"] = "classes"
    """What is learned. Errors of numbers are squared ones, without an upper end."""
    settings: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """What the sweep gave each target run, by its id."""
    asked: int = 0
    """Target runs of the study, those that are not done included."""
    failed: int = 0
    diverged: int = 0

    def copy(self) -> "Evidence":
        """The same, for one who may write into it."""
        return deepcopy(self)

    @property
    def groups(self) -> tuple[str, ...]:
        """The swept settings that tell curves over frozen layers apart."""
        return groups_of(self.runs, self.swept)


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
        return worded(self.settings)


def groups_of(targets: pd.DataFrame, swept: Sequence[str]) -> tuple[str, ...]:
    """The swept settings by which lines and rows are told apart: all but seeds and the count of frozen layers."""
    counts = [path for path in swept if path.startswith("freezing.") and _is_depth(targets, path)]
    return tuple(path for path in swept if path not in SEEDS and path not in counts)


def _is_depth(targets: pd.DataFrame, path: str) -> bool:
    """Whether a setting of the freezing is the number of frozen layers, as ledgers have it, under another name.

    Each number comes from one value of it alone; or it is a number itself, a share of the layers say, that sets depths
    in their order, two values of which may come to the same.
    """
    there = targets[targets["frozen_layers"].notna() & targets[path].notna()]
    if not len(there):
        return bool(targets["frozen_layers"].notna().any())
    if (there.groupby("frozen_layers")[path].nunique() <= 1).all():
        return True
    values = pd.to_numeric(there[path], errors="coerce")
    if values.isna().any():
        return False
    by_value = there["frozen_layers"].astype(float).groupby(values)
    depths = by_value.first()
    in_order = depths.is_monotonic_increasing or depths.is_monotonic_decreasing
    return bool((by_value.nunique() <= 1).all() and depths.nunique() > 1 and in_order)


def over_setting(
    evidence: Evidence, over: str, value: str, by: Sequence[str] | None = None, fewest: int = 2
) -> tuple[Grid, ...]:
    """Curves of a run's number (a column such as `final_test_error`) along a setting, or along `frozen_layers`.

    by: the settings that tell curves apart; all swept ones but `over`, the seeds and, along frozen layers, their count.
    fewest: places that a curve must have.

    Where there are three source seeds or more, and more target seeds, the rows are means over the targets of a source:
    those share its luck, so they are no replicates of transfer.
    """
    if by is None:
        by = _others(evidence, over)
    runs = evidence.runs[pd.to_numeric(evidence.runs[over], errors="coerce").notna() & _finite(evidence.runs[value])]
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
                _images(images, evidence),
            )
        )
    return tuple(_by_source(grid) for grid in grids)


def over_epochs(evidence: Evidence, value: str = "test_error", by: Sequence[str] | None = None) -> tuple[Grid, ...]:
    """Curves of what evaluations measured (a column such as `test_error`) along epochs, one for each depth and setting.

    Places are the epochs at which every run of a curve was evaluated. by: as in `over_setting`.
    """
    if by is None:
        by = (*_others(evidence, "epoch"), *(["frozen_layers"] if evidence.runs["frozen_layers"].nunique() > 1 else []))
    grids = []
    for settings, part in parts_of(evidence.runs, by):
        rows = part.assign(_seed=_seeds(part)).drop_duplicates("_seed")
        curves = evidence.curves[evidence.curves["id"].isin(rows["id"]) & _finite(evidence.curves[value])]
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
                _images(pd.Series(images, index=table.columns), evidence),
            )
        )
    return tuple(_by_source(grid) for grid in grids)


def compared_values(evidence: Evidence, grid: Grid) -> "npt.NDArray[np.float64]":
    """A curve's values as they are compared: errors as they are, squared errors, of numbers, by their logarithms."""
    if evidence.labels != "numbers":
        return grid.values
    return np.asarray(np.log(np.maximum(grid.values, np.finfo(float).tiny)))


def most_different(evidence: Evidence) -> float:
    """How much two of the values that are compared can differ at most: 1, for shares of test images."""
    return np.inf if evidence.labels == "numbers" else 1.0


def worded(settings: Mapping[str, Json]) -> str:
    """Settings for a reader: `control random, 200 target images, 3 frozen layers`."""
    return ", ".join(_setting(path, value) for path, value in settings.items())


def _setting(path: str, value: Json) -> str:
    if path == "frozen_layers" and value is not None:
        return f"{shown(value)} frozen layer{'' if value == 1 else 's'}"
    if path in ("target.images", "source.images") and value is not None:
        return f"{f'{value:,}' if isinstance(value, int) else shown(value)} {path.replace('.', ' ')}"
    return f"{path} {shown(value)}"


def shown(value: Any) -> str:
    """A setting's value for a reader; a component that is written out by its name and what else it says."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith("{"):
        tree = json.loads(value)
        name = tree.pop("name", tree.pop("policy", ""))
        return " ".join(part for part in (str(name), *(f"{key} {shown(item)}" for key, item in tree.items())) if part)
    return f"{value:g}" if isinstance(value, float) else str(value)


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


def _others(evidence: Evidence, over: str) -> tuple[str, ...]:
    """The swept settings that tell curves along `over` apart."""
    groups = tuple(path for path in evidence.groups if path != over)
    if over in ("frozen_layers", "epoch"):
        return groups
    depths = [path for path in evidence.swept if path not in (*groups, *SEEDS, over)]
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


def _images(counts: "pd.Series[Any] | None", evidence: Evidence) -> "npt.NDArray[np.float64] | None":
    if counts is None or evidence.labels == "numbers" or counts.isna().any():
        return None
    return counts.to_numpy(dtype=float)


def _plain(value: Any) -> Any:
    """Python's own value for one of a table's cells."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value.item() if hasattr(value, "item") else value
