"""Tables for other programs: JSON and Parquet give back what was measured."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from ftdd.records.status import State
from ftdd.results import formats
from ftdd.results.formats import of_one_type, records, to_json, write_parquet
from ftdd.study.store import Store
from tests.results.from_store import curves_table, runs_table
from tests.results.made_study import DESCENT, MadeRun, made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A setting that is now a number, now a word, now nothing; one run that waits, one whose loss is not finite."""
    store = Store(tmp_path / "store")
    runs = [
        MadeRun({"transfer.first_layers": "frozen", "seed": 0}),
        MadeRun({"transfer.first_layers": 3, "seed": 0}, rows=(), state=State.WAITING),
        MadeRun(
            {"transfer.first_layers": None, "seed": 0}, 0, [*DESCENT[:2], (10, math.nan, math.nan)], State.DIVERGED
        ),
    ]
    made(store, runs)
    return store


def test_json_has_an_object_per_run_with_numbers_and_nulls(store: Store) -> None:
    table = runs_table(store, "made")
    rows = json.loads(to_json(table))
    assert [list(row) for row in rows] == [list(table.columns)] * 4
    done, waiting = rows[1], rows[2]
    assert (done["final_test_error"], done["interpolation_epoch"], done["seed"]) == (0.25, 50, 0)
    assert type(done["interpolation_epoch"]) is int
    assert (done["transfer.first_layers"], waiting["transfer.first_layers"]) == ("frozen", 3)
    assert (waiting["final_test_error"], waiting["frozen_layers"], waiting["cache"]) == (None, None, None)


def test_json_gives_every_bit_of_a_number_back_and_has_no_nan(store: Store) -> None:
    curves = curves_table(store, "made")
    curves["seconds"] = 1 / (3 + curves["seconds"])
    rows = json.loads(to_json(curves), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert [row["seconds"] for row in rows] == list(curves["seconds"])
    assert rows[-1]["test_error"] is None
    assert records(pd.DataFrame({"loss": [math.inf, 1.5]})) == [{"loss": None}, {"loss": 1.5}]


def test_an_empty_table_is_an_empty_array() -> None:
    assert json.loads(to_json(pd.DataFrame(columns=["id"]))) == []


@pytest.mark.parametrize("table", [runs_table, curves_table])
def test_parquet_gives_the_table_back(table: object, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    given = runs_table(store, "made") if table is runs_table else curves_table(store, "made")
    write_parquet(given, tmp_path / "table.parquet")
    back = pd.read_parquet(tmp_path / "table.parquet")
    assert list(back.columns) == list(given.columns)
    assert len(back) == len(given)
    for column in ("id", "seed", "epoch", "transfer.first_layers"):
        same = given[column].notna()
        assert list(back[column].notna()) == list(same), column
        assert list(back[column][same].astype(str)) == list(given[column][same].astype(str)), column


def test_a_column_of_mixed_types_becomes_text_and_others_keep_theirs() -> None:
    table = pd.DataFrame(
        {
            "mixed": pd.Series(["all", 3, None, True], dtype=object),
            "numbers": pd.Series([1, 2.5, None, 3], dtype=object),
            "flags": pd.Series([True, None, False, True], dtype=object),
            "empty": pd.Series([None] * 4, dtype=object),
        }
    )
    found = of_one_type(table)
    assert list(found["mixed"][[0, 1, 3]]) == ["all", "3", "true"]
    assert (str(found["numbers"].dtype), str(found["flags"].dtype)) == ("float64", "boolean")
    assert found["empty"].isna().all()


def test_without_pyarrow_a_sentence_says_what_to_install(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(LookupError, match="Parquet needs pyarrow: pip install pyarrow"):
        write_parquet(runs_table(store, "made"), tmp_path / "table.parquet")
