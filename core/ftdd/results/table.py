"""The tidy tables of a study, as pandas: a row per run, and a row per evaluation."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ftdd.records.curve import COLUMNS, Curve
from ftdd.study.inputs import statuses
from ftdd.study.scores import read_scores, scores_of_run
from ftdd.study.store import State, Status, Store, StudyRecord
from ftdd.values import Json, flat

WHOLE = (
    "frozen_layers",
    "freezing_changes",
    "layers",
    "trainable_parameters",
    "parameters",
    "interpolation_epoch",
    "interpolation_step",
    "best_epoch",
    "peak_epoch",
    "epoch",
    "step",
    "test_images",
)
"""Measured columns of whole numbers: `Int64`, which has empty cells."""

FRACTIONAL = (
    "trainable_share_of_parameters",
    "trainable_share_of_forward_flops",
    "final_train_error",
    "final_train_error_mislabelled",
    "final_test_error",
    "final_test_loss",
    "final_test_error_noisy",
    "best_test_error",
    "peak_test_error",
    "expected_test_error",
    "source_test_error",
    "seconds",
    "label_noise_realised",
    *(column for column in COLUMNS if column not in WHOLE),
)
"""Measured columns that are `float64`, also where every cell is empty."""


def runs_table(store: Store, name: str) -> pd.DataFrame:
    """A row per run, sources first: id, role, state, swept settings, measured numbers, then all other settings.

    Numbers are those of runs that have ended, done or diverged; runs that wait, are at work or failed, and those whose
    inputs are not the study's, have empty cells. What makes a run's files unreadable, and what differs in its inputs,
    stands in its `error`. Raises LookupError where there is no such
    study.
    """
    study = store.read_study(name)
    rows = read_scores(store, name)
    scores = {run_id: scores_of_run(rows, run_id) for run_id in study.run_ids}
    found = statuses(store, study)
    return _frame([_row(store, study, run_id, found, scores[run_id]) for run_id in study.run_ids])


def curves_table(store: Store, name: str) -> pd.DataFrame:
    """A row per evaluation: the run's id, role and swept settings, then what was measured.

    Of runs at work and failed too, as far as they came; not of those whose inputs are not the study's. Raises
    LookupError where there is no such study.
    """
    study = store.read_study(name)
    rows = []
    for run_id, status in statuses(store, study).items():
        if status.state is State.CHANGED:
            continue
        role = "source" if run_id in study.source_ids else "target"
        spec, _ = _spec(store, run_id)
        start = {"id": run_id, "role": role, **_swept(study, run_id, spec)}
        for record in _curve(store, run_id)[0].records:
            rows.append(start | {column: getattr(record, column) for column in COLUMNS})
    return _frame(rows, ["id", "role", *study.swept, *COLUMNS])


def measured(store: Store, run_id: str, eps: float) -> dict[str, Any]:
    """A run's numbers by the names of docs/method.md; None where there is none (yet)."""
    ledger, _ = _ledger(store, run_id)
    curve, _ = _curve(store, run_id)
    last = curve.last if len(curve) else None
    best = curve.best if len(curve) else None
    peak = curve.peak
    reached = curve.interpolation(eps)
    return {
        "frozen_layers": ledger.get("frozen_layers"),
        "layers": ledger.get("layers"),
        "trainable_parameters": ledger.get("trainable_parameters"),
        "parameters": ledger.get("parameters"),
        "trainable_share_of_parameters": _rest(ledger.get("frozen_share_of_parameters")),
        "trainable_share_of_forward_flops": _rest(ledger.get("frozen_share_of_forward_flops")),
        "interpolation_epoch": reached.epoch if reached else None,
        "interpolation_step": reached.step if reached else None,
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


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _row(
    store: Store, study: StudyRecord, run_id: str, found: Mapping[str, Status], scores: dict[str, float]
) -> dict[str, Any]:
    status = found[run_id]
    spec, *unreadable = _spec(store, run_id)
    numbers = measured(store, run_id, study.eps)
    if status.state.final:
        unreadable += [_ledger(store, run_id)[1], _curve(store, run_id)[1]]
    else:  # the last evaluation of half a training is no final error
        numbers = dict.fromkeys(numbers)
    known = {"version", "role", *study.swept}
    sources = {entry.id: entry.source_id for entry in study.entries}
    return {
        "id": run_id,
        "role": "target" if run_id in sources else "source",
        "source_id": sources.get(run_id),
        "state": str(status.state),
        **_swept(study, run_id, spec),
        **numbers,
        "freezing_changes": _freezing_changes(store, run_id) if status.state.final else None,
        "regime": _curve(store, run_id)[0].regime(study.eps) if status.state.final else None,
        "expected_test_error": status.facts.get("expected_test_error"),
        "source_test_error": _final_test_error(store, found, sources.get(run_id)),
        **scores,
        "epoch": status.epoch,
        "seconds": status.seconds,
        "test_digest": status.facts.get("data", {}).get("test_digest"),
        "test_images": status.facts.get("data", {}).get("test_images"),
        "label_noise_realised": status.facts.get("data", {}).get("label_noise_realised"),
        "cache": status.facts.get("cache"),
        "device": status.facts.get("device"),
        "error": "; ".join(filter(None, [status.error, *unreadable])),
        **{path: _cell(value) for path, value in flat(spec).items() if path not in known},
    }


def _freezing_changes(store: Store, run_id: str) -> int | None:
    """How often other layers were frozen after the first epoch: 0 where one set was frozen all along."""
    phases = _ledger(store, run_id)[0].get("phases")
    return len(phases) - 1 if phases else None


def _final_test_error(store: Store, found: Mapping[str, Status], run_id: str | None) -> float | None:
    """Of a source that has ended: how good it is at its own task. Every score of a source network hangs on it."""
    if run_id is None or not found[run_id].state.final:
        return None
    curve, _ = _curve(store, run_id)
    return curve.last.test_error if len(curve) else None


def _frame(rows: list[dict[str, Any]], columns: list[str] | None = None) -> pd.DataFrame:
    """A table whose measured columns have the same types in every study, and whole numbers stay whole."""
    table = pd.DataFrame(rows, columns=columns)
    for column in table.columns:
        values = [value for row in rows if (value := row.get(column)) is not None]
        whole = values and all(isinstance(value, int) and not isinstance(value, bool) for value in values)
        if column in FRACTIONAL or str(column).startswith("similarity."):
            table[column] = table[column].astype("float64")
        elif column in WHOLE or whole:
            table[column] = table[column].astype("Int64")
    return table


def _swept(study: StudyRecord, run_id: str, spec: dict[str, Json]) -> dict[str, Json]:
    """The run's value on each swept path: what the sweep gave it, and where it gave nothing, what its spec says."""
    settings = next((entry.settings for entry in study.entries if entry.id == run_id), {})
    return {path: _cell(settings[path] if path in settings else _at(spec, path)) for path in study.swept}


def _at(tree: Json, path: str) -> Json:
    """What stands at a dotted path; None where nothing does."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _cell(value: Json) -> Json:
    """A cell of a table: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


# A file that someone's editor has been at, or another version wrote, costs its run its numbers, not the study its
# table: each is read as (content, what is wrong with it).


def _spec(store: Store, run_id: str) -> tuple[dict[str, Json], str]:
    try:
        return store.run(run_id).read_spec(), ""
    except ValueError as error:
        return {}, str(error)


def _ledger(store: Store, run_id: str) -> tuple[dict[str, Any], str]:
    try:
        return store.run(run_id).read_ledger(), ""
    except ValueError as error:
        return {}, str(error)


def _curve(store: Store, run_id: str) -> tuple[Curve, str]:
    try:
        return store.run(run_id).curve(), ""
    except ValueError as error:
        return Curve(), str(error)
