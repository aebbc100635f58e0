"""The tables of a study: a row per run, a row per evaluation, whatever became of the runs."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ftdd.records.curve import COLUMNS
from ftdd.records.status import State
from ftdd.study.store import Store
from tests.results.from_store import curves_table, runs_table
from tests.results.made_study import DESCENT, MadeRun, made, over_depths


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Depths 0 and 2: one run done, one diverged, one failed, one at work no more, one never begun."""
    store = Store(tmp_path)
    runs = [
        MadeRun({"freezing.count": 0, "seed": 0}, 0),
        MadeRun({"freezing.count": 0, "seed": 1}, 0, DESCENT[:3], State.DIVERGED),
        MadeRun({"freezing.count": 2, "seed": 0}, 2, DESCENT[:2], State.FAILED, "RuntimeError: no memory"),
        MadeRun({"freezing.count": 2, "seed": 1}, 2, DESCENT[:4], State.RUNNING),
        MadeRun({"freezing.count": 2, "seed": 2}, 2, (), State.WAITING),
    ]
    made(store, runs, eps=0.1)
    return store


def test_every_run_has_one_row_sources_first(store: Store) -> None:
    table = runs_table(store, "made")
    assert list(table["id"]) == ["source000", *(f"target{i:03d}" for i in range(5))]
    assert list(table["role"]) == ["source", *["target"] * 5]
    assert list(table["state"]) == ["done", "done", "diverged", "failed", "interrupted", "waiting"]
    assert list(table["source_id"].isna()) == [True, *[False] * 5]


def test_a_run_that_is_done_has_its_numbers(store: Store) -> None:
    """DESCENT has train error 0.1 at epoch 10, which is eps; its best test error is its last, its peak 0.5."""
    row = runs_table(store, "made").set_index("id").loc["target000"]
    assert row["interpolation_epoch"] == 10
    assert (row["final_train_error"], row["final_test_error"], row["final_test_loss"]) == (0.02, 0.25, 0.75)
    assert row["final_test_error_noisy"] == 0.30
    assert (row["best_test_error"], row["best_epoch"]) == (0.25, 100)
    assert (row["peak_test_error"], row["peak_epoch"]) == (0.5, 10)
    assert (row["frozen_layers"], row["layers"]) == (0, 4)
    assert (row["trainable_parameters"], row["parameters"]) == (432_100, 432_100)
    assert (row["epoch"], row["seconds"], row["cache"], row["label_noise_realised"]) == (100, 60.0, "memory", 0.2)


def test_what_is_not_over_has_no_final_numbers(store: Store) -> None:
    """The last evaluation of half a training is no final error; the curve has it all the same."""
    table = runs_table(store, "made").set_index("id")
    for run in ("target002", "target003", "target004"):
        assert table.loc[run, ["final_test_error", "best_test_error", "peak_test_error", "frozen_layers"]].isna().all()
    assert table.loc["target002", "error"] == "RuntimeError: no memory"
    assert (curves_table(store, "made")["id"] == "target003").sum() == 4


def test_types_are_the_same_where_nothing_was_measured(store: Store, tmp_path: Path) -> None:
    empty = Store(tmp_path / "empty")
    made(empty, [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    for table in (runs_table(store, "made"), runs_table(empty, "made")):
        for column in ("interpolation_epoch", "frozen_layers", "trainable_parameters", "peak_epoch", "epoch"):
            assert table[column].dtype == pd.Int64Dtype(), column
        for column in ("final_test_error", "trainable_share_of_parameters", "label_noise_realised", "seconds"):
            assert table[column].dtype == "float64", column
    assert list(curves_table(empty, "made").columns) == ["id", "role", "seed", *COLUMNS]


def test_all_settings_are_columns_by_their_dotted_paths(store: Store) -> None:
    """The swept ones before the measured ones, the others after; lists are JSON."""
    table = runs_table(store, "made")
    columns = list(table.columns)
    assert columns[:6] == ["id", "role", "source_id", "state", "freezing.count", "seed"]
    assert columns.index("seed") < columns.index("final_test_error") < columns.index("architecture.width")
    assert len(columns) == len(set(columns))
    targets = table[table["role"] == "target"]
    assert json.loads(targets["target.training.milestones"].iloc[0]) == [50, 75]
    assert set(targets["target.images"]) == {500}


def test_a_path_that_one_part_of_a_sweep_leaves_alone_has_the_value_of_the_spec(tmp_path: Path) -> None:
    """`source: none` beside depths: the control's empty cell must not look like the others."""
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": 2}, 2), MadeRun({"source": None})])
    targets = runs_table(store, "made").set_index("id")
    assert json.loads(str(targets.loc["target000", "source"]))["images"] == 500
    assert pd.isna(targets.loc["target001", "source"])
    assert list(targets.loc[["target000", "target001"], "freezing.count"]) == [2, 0]


def test_sources_have_their_swept_settings_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"source.images": 500, "seed": 0})])
    source = runs_table(store, "made").iloc[0]
    assert (source["role"], source["source.images"]) == ("source", 500)
    assert pd.isna(source["seed"])


@pytest.mark.parametrize("file", ["curve.csv", "ledger.json", "spec.json"])
def test_a_file_that_cannot_be_read_costs_one_run_its_numbers_and_is_named(file: str, store: Store) -> None:
    (store.run("target000").path / file).write_text("{ torn")
    table = runs_table(store, "made").set_index("id")
    assert len(table) == 6
    assert f"{file} cannot be read" in str(table.loc["target000", "error"])
    assert table.loc["source000", "final_test_error"] == 0.25


def test_csv_gives_every_number_back(store: Store) -> None:
    curves = curves_table(store, "made")
    curves["test_error"] = 1 / (3 + curves["test_error"])
    back = list(csv.DictReader(io.StringIO(curves.to_csv(index=False))))
    assert [float(row["test_error"]) for row in back] == list(curves["test_error"])
    assert [int(row["epoch"]) for row in back] == list(curves["epoch"])


def test_curves_have_the_swept_settings_beside_each_evaluation(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 2)))
    curves = curves_table(store, "made")
    assert list(curves.columns) == ["id", "role", "freezing.count", "seed", *COLUMNS]
    assert len(curves) == (4 + 1) * len(DESCENT)
    part = curves[(curves["freezing.count"] == 2) & (curves["seed"] == 1)]
    assert list(part["epoch"]) == [0, 1, 10, 50, 100]
    assert part["test_error"].iloc[-1] == 0.26


def test_importing_results_loads_neither_pandas_nor_matplotlib_nor_torch() -> None:
    code = "import sys, ftdd.results; print({'pandas', 'matplotlib', 'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
