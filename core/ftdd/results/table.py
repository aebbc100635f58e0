"""The tidy tables of a study, as pandas: a row per run, and a row per evaluation."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ftdd.curve import COLUMNS, Curve
from ftdd.study.store import Store, StudyEntry, StudyRecord
from ftdd.values import Json, flat


def runs_table(store: Store, name: str) -> pd.DataFrame:
    """A row per run, sources first: id, role, state, swept settings, measured numbers, then all other settings.

    Runs that have measured nothing yet have empty cells. Raises LookupError where there is no such study.
    """
    study = store.read_study(name)
    rows = [_row(store, study, None, source_id) for source_id in study.source_ids]
    rows += [_row(store, study, entry, entry.id) for entry in study.entries]
    return _frame(rows)


def curves_table(store: Store, name: str) -> pd.DataFrame:
    """A row per evaluation: the run's id, role and swept settings, then what was measured.

    Raises LookupError where there is no such study.
    """
    study = store.read_study(name)
    settings = {entry.id: entry.settings for entry in study.entries}
    rows = []
    for run_id in study.run_ids:
        role = "target" if run_id in settings else "source"
        start = {"id": run_id, "role": role, **_swept(study, settings.get(run_id, {}))}
        for record in _curve(store, run_id).records:
            rows.append(start | {column: getattr(record, column) for column in COLUMNS})
    return _frame(rows, ["id", "role", *study.swept, *COLUMNS])


def measured(store: Store, run_id: str, eps: float) -> dict[str, Any]:
    """A run's numbers by the names of docs/method.md; None where there is none (yet)."""
    folder = store.run(run_id)
    ledger, curve = folder.read_ledger(), _curve(store, run_id)
    last = curve.last if len(curve) else None
    best = curve.best if len(curve) else None
    peak = curve.peak
    return {
        "frozen_layers": ledger.get("frozen_layers"),
        "layers": ledger.get("layers"),
        "trainable_parameters": ledger.get("trainable_parameters"),
        "parameters": ledger.get("parameters"),
        "frozen_share_of_parameters": ledger.get("frozen_share_of_parameters"),
        "frozen_share_of_forward_flops": ledger.get("frozen_share_of_forward_flops"),
        "interpolation_epoch": curve.interpolation_epoch(eps),
        "final_train_error": last.train_error if last else None,
        "final_train_error_mislabelled": last.train_error_mislabelled if last else None,
        "final_test_error": last.test_error if last else None,
        "final_test_loss": last.test_loss if last else None,
        "final_test_error_noisy": last.test_error_noisy if last else None,
        "best_test_error": best.test_error if best else None,
        "best_epoch": best.epoch if best else None,
        "peak_test_error": peak.test_error if peak else None,
        "peak_epoch": peak.epoch if peak else None,
    }


def _frame(rows: list[dict[str, Any]], columns: list[str] | None = None) -> pd.DataFrame:
    """A table in which a column of whole numbers stays one, also where some cells are empty."""
    table = pd.DataFrame(rows, columns=columns)
    for column in table.columns:
        values = [value for row in rows if (value := row.get(column)) is not None]
        if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            table[column] = table[column].astype("Int64")
    return table


def _row(store: Store, study: StudyRecord, entry: StudyEntry | None, run_id: str) -> dict[str, Any]:
    folder = store.run(run_id)
    status = folder.status()
    spec = flat(folder.read_spec())
    known = {"version", "role", *study.swept}
    others = {path: _cell(value) for path, value in spec.items() if path not in known}
    return {
        "id": run_id,
        "role": "target" if entry else "source",
        "source_id": entry.source_id if entry else None,
        "state": str(status.state),
        **_swept(study, entry.settings if entry else {}),
        **measured(store, run_id, study.eps),
        "epoch": status.epoch,
        "seconds": status.seconds,
        "label_noise_realised": status.facts.get("data", {}).get("label_noise_realised"),
        "cache": status.facts.get("cache"),
        "device": status.facts.get("device"),
        "error": status.error,
        **others,
    }


def _swept(study: StudyRecord, settings: Mapping[str, Json]) -> dict[str, Json]:
    return {path: _cell(settings.get(path)) for path in study.swept}


def _cell(value: Json) -> Json:
    """A cell of a table: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _curve(store: Store, run_id: str) -> Curve:
    try:
        return store.run(run_id).curve()
    except ValueError:  # someone's editor has been at the file; the other runs still have their table
        return Curve()
