"""Tables as files that other programs read: JSON and Parquet."""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from ftdd.values import Json


def records(table: pd.DataFrame) -> list[dict[str, Json]]:
    """A mapping for each row; None for an empty cell, and for a number that is not finite: JSON has none."""
    cells = table.astype(object).where(table.notna(), None)
    columns = [str(column) for column in table.columns]
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in cells.itertuples(index=False)]


def to_json(table: pd.DataFrame) -> str:
    """The rows as a JSON array with a line each; floats in the shortest form that reads back as the same bits."""
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records(table)]
    return "[" + ",".join(f"\n{line}" for line in lines) + "\n]\n"


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file. Raises LookupError with a sentence where pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise LookupError("Parquet needs pyarrow: pip install pyarrow")
    of_one_type(table).to_parquet(path, engine="pyarrow", index=False)


def of_one_type(table: pd.DataFrame) -> pd.DataFrame:
    """The table with one type in each column, as Parquet has it; what is now a number, now a word, becomes text."""
    columns = {column: _one_type(table[column]) for column in table.columns if table[column].dtype == object}
    return table.assign(**columns)


def _one_type(column: "pd.Series[Any]") -> "pd.Series[Any]":
    kinds = {type(_plain(value)) for value in column.dropna()}
    if kinds == {bool}:
        return column.astype("boolean")
    if kinds and kinds <= {int, float}:
        return column.astype("Int64" if kinds == {int} else "float64")
    plain = [None if pd.isna(value) else _plain(value) for value in column]
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in plain]
    return pd.Series(texts, index=column.index, dtype="string")


def _plain(value: Any) -> Json:
    """Python's own value for a cell."""
    found: Json = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found
