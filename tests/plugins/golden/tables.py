"""Tables of real studies, kept small, and what all analyses say of them."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from ftdd.analysis.columns import kind_of
from ftdd.analysis.study_data import StudyData
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.results.findings import find
from ftdd.study.reading import read_study_data
from ftdd.study.store import Store
from tests.installed import installed_plugins

HERE = Path(__file__).parent
STUDIES = ("digits", "theory")
TABLES = ("runs", "sources", "curves")
EMPTY = ("peak_epoch", "interpolation_epoch", "final_train_error_mislabelled", "train_error_mislabelled")
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
    study = read_study_data(Store(store), name)
    folder = HERE / name
    for table, whole in (("runs", study.done), ("sources", study.sources), ("curves", study.curves)):
        kept = whole.drop(columns=[column for column in UNUSED if column in whole]).dropna(axis=1, how="all")
        text = kept.to_csv(index=False)
        # No time in it: the same tables make the same file
        (folder / f"{table}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    record = study.record
    rest = {"swept": record.swept, "eps": record.eps, "similarity_order": record.similarity_order, "task": record.task}
    text = json.dumps({**rest, "settings": study.settings})
    (folder / "study.json").write_text(text + "\n", encoding="utf-8")


def read_tables(name: str) -> StudyData:
    folder = HERE / name
    runs, sources, curves = (_typed(_csv(folder / f"{table}.csv.gz")) for table in TABLES)
    rest = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    swept = tuple(rest["swept"])
    entries = tuple(StudyEntry(run_id, None, settings) for run_id, settings in rest["settings"].items())
    record = StudyRecord(
        name, "", "", rest["eps"], swept, entries, task=rest["task"], similarity_order=rest["similarity_order"]
    )
    groups = tuple(path for path in swept if path not in ("seed", "source.seed", "freezing.count"))
    return StudyData(record, pd.concat([sources, runs], ignore_index=True), curves, groups)


def _csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(StringIO(gzip.decompress(path.read_bytes()).decode()))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Types as `ftdd.analysis.tables` has them."""
    for column in table.columns:
        values = table[column].dropna()
        numbers = pd.api.types.is_numeric_dtype(table[column]) and not pd.api.types.is_bool_dtype(table[column])
        whole = kind_of(column) == "whole" or (
            kind_of(column) == "text" and (values % 1 == 0).all() if numbers else False
        )
        if numbers and whole:
            table[column] = table[column].astype("Int64")
    for column in (*EMPTY, "seconds"):
        if column not in table:  # it was empty, and was not kept
            kind = "Int64" if kind_of(column) == "whole" else "Float64"
            table[column] = pd.Series(pd.NA, index=table.index, dtype=kind)
    return table


def found(study: StudyData) -> list[dict[str, Any]]:
    """What all analyses say with their defaults, as it stands in findings.json."""
    analyses = [cls() for cls in installed_plugins().components["analysis"].values()]
    own = [one for one in analyses if type(one).__module__.startswith("ftdd_plugins.")]
    return json.loads(json.dumps([finding.to_json() for finding in find(own, study)]))


def write_findings(name: str, findings: list[dict[str, Any]]) -> None:
    text = json.dumps([_short(one) for one in findings], indent=1, ensure_ascii=False)
    (HERE / name / "findings.json").write_text(text + "\n", encoding="utf-8")


def read_findings(name: str) -> list[dict[str, Any]]:
    return json.loads((HERE / name / "findings.json").read_text(encoding="utf-8"))


def _short(finding: dict[str, Any]) -> dict[str, Any]:
    """Of the runs how many: their ids are in the tables."""
    return finding | {"runs": len(finding["runs"])}
