"""Tables of real studies, kept small, and what all analyses say of them."""

import gzip
import json
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from ftdd.analysis.evidence import Evidence
from ftdd.results.findings import find, read_evidence
from ftdd.results.table import FRACTIONAL, WHOLE
from ftdd.study.store import Store
from tests.installed import installed_plugins

HERE = Path(__file__).parent
STUDIES = ("digits", "theory")
TABLES = ("runs", "sources", "curves")
UNUSED = (
    "seconds",
    "learning_rate",
    "train_loss",
    "test_loss",
    "test_error_noisy",
    "final_test_loss",
    "error",
    "cache",
)
"""Columns that no analysis looks at."""


def keep_tables(store: Path, name: str) -> None:
    evidence = read_evidence(Store(store), name)
    folder = HERE / name
    for table in TABLES:
        whole = getattr(evidence, table)
        kept = whole.drop(columns=[column for column in UNUSED if column in whole]).dropna(axis=1, how="all")
        text = kept.to_csv(index=False)
        # No time in it: the same tables make the same file
        (folder / f"{table}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    rest = {key: value for key, value in asdict(evidence).items() if key not in TABLES}
    (folder / "study.json").write_text(json.dumps(rest) + "\n", encoding="utf-8")


def read_tables(name: str) -> Evidence:
    folder = HERE / name
    tables = {table: _typed(_csv(folder / f"{table}.csv.gz")) for table in TABLES}
    rest = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    return Evidence(**tables, **{**rest, "swept": tuple(rest["swept"])})


def _csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(StringIO(gzip.decompress(path.read_bytes()).decode()))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Types as ftdd.results.table has them."""
    for column in table.columns:
        values = table[column].dropna()
        numbers = pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_bool_dtype(table[column])
        if numbers and column not in FRACTIONAL and (column in WHOLE or (values % 1 == 0).all()):
            table[column] = table[column].astype("Int64")
    for column in ("peak_epoch", "interpolation_epoch", "final_train_error_mislabelled", "train_error_mislabelled"):
        if column not in table:  # it was empty, and was not kept
            table[column] = pd.Series(pd.NA, index=table.index, dtype="Int64" if column in WHOLE else "Float64")
    return table


def found(evidence: Evidence) -> list[dict[str, Any]]:
    """What all analyses say with their defaults, as it stands in findings.json."""
    analyses = [cls() for cls in installed_plugins().components["analysis"].values()]
    own = [one for one in analyses if type(one).__module__.startswith("ftdd_plugins.")]
    return json.loads(json.dumps([finding.to_json() for finding in find(own, evidence)]))


def write_findings(name: str, findings: list[dict[str, Any]]) -> None:
    text = json.dumps([_short(one) for one in findings], indent=1, ensure_ascii=False)
    (HERE / name / "findings.json").write_text(text + "\n", encoding="utf-8")


def read_findings(name: str) -> list[dict[str, Any]]:
    return json.loads((HERE / name / "findings.json").read_text(encoding="utf-8"))


def _short(finding: dict[str, Any]) -> dict[str, Any]:
    """Of the runs how many: their ids are in the tables."""
    return finding | {"runs": len(finding["runs"])}
