"""What a study found, in a few rows: means and spreads over seeds, for every setting that is not a seed."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ftdd.results.table import runs_table
from ftdd.study.store import State, Store

SEEDS = ("seed", "source.seed")
"""Settings that only repeat a run; everything else that is swept makes a row of its own."""


@dataclass(frozen=True)
class Spread:
    """A mean over seeds with their sample standard deviation (n − 1 in the denominator)."""

    mean: float | None
    deviation: float | None
    """None for fewer than two seeds."""


@dataclass(frozen=True)
class SummaryRow:
    """One combination of settings, over its seeds."""

    settings: dict[str, Any]
    """Swept settings other than seeds and the frozen count."""
    frozen_layers: int | None
    trainable_parameters: int | None
    runs: int
    """That have ended with a curve."""
    of: int
    """That were asked for."""
    final: Spread
    best: Spread
    peak: Spread
    final_train: Spread
    interpolated: int
    """Runs that reached the interpolation threshold."""
    interpolation_epoch: float | None
    """The median over those that did; None where fewer than half of the runs did."""


def groups_of(table: pd.DataFrame, swept: tuple[str, ...]) -> tuple[str, ...]:
    """The swept settings by which lines and rows are told apart: all but seeds and the count of frozen layers."""
    depth = table.groupby("frozen_layers", dropna=True)
    counts = [
        path
        for path in swept
        if path.startswith("freezing.") and table["frozen_layers"].notna().any() and (depth[path].nunique() <= 1).all()
    ]
    return tuple(path for path in swept if path not in SEEDS and path not in counts)


def summarize(store: Store, name: str) -> tuple[SummaryRow, ...]:
    """The rows of a study, in the order of its sweep. Raises LookupError where there is no such study."""
    study = store.read_study(name)
    table = runs_table(store, name)
    targets = table[table["role"] == "target"]
    groups = groups_of(targets, study.swept)
    by = [path for path in study.swept if path not in SEEDS]
    if not by:
        return (_row({}, targets),)
    rows = []
    for values, part in targets.groupby(by, sort=False, dropna=False):
        keys = dict(zip(by, values if isinstance(values, tuple) else (values,), strict=True))
        rows.append(_row({path: keys[path] for path in groups}, part))
    order = {setting: i for i, setting in enumerate(dict.fromkeys(str(row.settings) for row in rows))}
    return tuple(sorted(rows, key=lambda row: order[str(row.settings)]))


def _row(settings: dict[str, Any], part: pd.DataFrame) -> SummaryRow:
    ended = part[part["state"].isin([str(State.DONE), str(State.DIVERGED)])]
    reached = ended["interpolation_epoch"].dropna()
    return SummaryRow(
        settings=settings,
        frozen_layers=_first(ended["frozen_layers"]),
        trainable_parameters=_first(ended["trainable_parameters"]),
        runs=len(ended),
        of=len(part),
        final=_spread(ended["final_test_error"]),
        best=_spread(ended["best_test_error"]),
        peak=_spread(ended["peak_test_error"]),
        final_train=_spread(ended["final_train_error"]),
        interpolated=len(reached),
        interpolation_epoch=float(reached.median()) if len(reached) and 2 * len(reached) >= len(ended) else None,
    )


def _first(column: "pd.Series[Any]") -> int | None:
    values = column.dropna()
    return int(values.iloc[0]) if len(values) else None


def _spread(column: "pd.Series[Any]") -> Spread:
    values = column.dropna().astype(float)
    return Spread(float(values.mean()) if len(values) else None, float(values.std(ddof=1)) if len(values) > 1 else None)
