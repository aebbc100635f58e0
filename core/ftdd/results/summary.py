"""What a study found, in a few rows: means and spreads over seeds, for every setting that is not a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.status import State
from ftdd.records.study import SEEDS

HEADINGS = (
    "frozen\nlayers",
    "trainable\nparameters",
    "final\ntest error",
    "best\ntest error",
    "peak\ntest error",
    "final\ntrain error",
    "interpolates\nat epoch",
    "runs",
)
"""Of the columns that show these rows, in a terminal and in a notebook."""


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
    """None where no run of the combination has ended, so that no ledger says."""
    trainable_parameters: int | None
    runs: int
    """That are done, and whose curves can be read: those over which the numbers go. A run that diverged has no final
    error to speak of."""
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


def summarize(study: StudyData) -> tuple[SummaryRow, ...]:
    """The rows of a study, in the order of its sweep and of frozen layers."""
    groups = study.groups
    targets = study.targets.assign(frozen_layers=_depths(study.targets, study.swept, groups))
    by = [*groups, "frozen_layers"]
    rows = []
    for values, part in targets.groupby(by, sort=False, dropna=False):
        keys = dict(zip(by, values if isinstance(values, tuple) else (values,), strict=True))
        rows.append(_row(keys, part))
    order = {setting: i for i, setting in enumerate(dict.fromkeys(str(row.settings) for row in rows))}
    last = 1 + max((row.frozen_layers or 0 for row in rows), default=0)
    return tuple(
        sorted(
            rows,
            key=lambda row: (order[str(row.settings)], last if row.frozen_layers is None else row.frozen_layers),
        )
    )


def interpolation_epoch(runs: pd.DataFrame) -> float | None:
    """The median interpolation epoch over the runs that interpolate; None where fewer than half of them do."""
    reached = runs["interpolation_epoch"].dropna().astype(float)
    return float(reached.median()) if len(reached) and 2 * len(reached) >= len(runs) else None


def _depths(targets: pd.DataFrame, swept: Sequence[str], groups: Sequence[str]) -> "pd.Series[Any]":
    """The number of frozen layers of each run; of one without a ledger, that of runs with the same settings."""
    depths = targets["frozen_layers"]
    settings = [path for path in swept if path not in SEEDS]
    for by in (settings, [path for path in settings if path not in groups]):
        if by:
            same = targets.groupby(by, dropna=False)["frozen_layers"]
            depths = depths.fillna(same.transform("first").where(same.transform("nunique") == 1))
    return depths


def _row(keys: dict[str, Any], part: pd.DataFrame) -> SummaryRow:
    done = part[part["state"].eq(str(State.DONE)) & part["final_test_error"].notna()]
    frozen = keys.pop("frozen_layers")
    parameters = part["trainable_parameters"].dropna()
    return SummaryRow(
        settings={path: plain(value) for path, value in keys.items()},
        frozen_layers=None if pd.isna(frozen) else int(frozen),
        trainable_parameters=int(parameters.iloc[0]) if len(parameters) else None,
        runs=len(done),
        of=len(part),
        final=_spread(done["final_test_error"]),
        best=_spread(done["best_test_error"]),
        peak=_spread(done["peak_test_error"]),
        final_train=_spread(done["final_train_error"]),
        interpolated=int(done["interpolation_epoch"].notna().sum()),
        interpolation_epoch=interpolation_epoch(done),
    )


def plain(value: Any) -> Any:
    """Python's own value for one of a table's cells."""
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _spread(column: "pd.Series[Any]") -> Spread:
    values = column.dropna().astype(float)
    return Spread(float(values.mean()) if len(values) else None, float(values.std(ddof=1)) if len(values) > 1 else None)
