"""The page's table of runs."""

from typing import Any

import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.records.status import State
from ftdd.results.figures.panels import evenly

MOST_ROWS = 1_000


def run_rows(study: StudyData) -> list[dict[str, Any]]:
    """A mapping for each run, None for an empty cell; of many runs those that are not done first, others evenly."""
    table = _some(study.runs)
    columns = ["id", "role", "state", *study.swept, "frozen_layers", "trainable_parameters", "epoch"]
    columns += ["interpolation_epoch", "best_test_error", "peak_test_error", "final_test_error"]
    columns += ["final_train_error", "seconds", "error"]
    cells = table[columns].astype(object).where(table[columns].notna(), None)
    return [dict(zip(columns, row, strict=True)) for row in cells.itertuples(index=False)]


def _some(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_ROWS:
        return table
    done = table["state"].eq(str(State.DONE))
    others = table[~done].head(MOST_ROWS)
    if len(others) == MOST_ROWS:
        return others
    chosen = evenly(range(int(done.sum())), MOST_ROWS - len(others))
    return pd.concat([others, table[done].iloc[chosen]])
