"""The two tables of a study: a row for each run, and a row for each evaluation."""

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd

from ftdd.analysis.columns import MEASURED, RUN_COLUMNS, kind_of
from ftdd.records.curve import COLUMNS
from ftdd.records.run import Run
from ftdd.records.status import State
from ftdd.values import Json, flat


def runs_table(
    runs: Sequence[Run], swept: Sequence[str], eps: float, scores: Mapping[str, Mapping[str, float]] | None = None
) -> pd.DataFrame:
    """A row for each run, with the columns of `ftdd.analysis.columns`, then all other settings.

    Numbers are those of runs that have ended, done or diverged; all others have empty cells. What makes a run's files
    unreadable, and what differs in its inputs, stands in its `error`.

    scores: similarity scores of target runs, by id and column.
    """
    final = {run.id: run.curve.last.test_error for run in runs if run.ended and len(run.curve)}
    rows = [run_row(run, eps, swept, final.get(run.source_id or ""), (scores or {}).get(run.id, {})) for run in runs]
    names = dict.fromkeys(name for row in rows for name in row) or [column.name for column in RUN_COLUMNS]
    return _frame({name: [row.get(name) for row in rows] for name in names})


def curves_table(runs: Sequence[Run], swept: Sequence[str]) -> pd.DataFrame:
    """A row for each evaluation: the run's id, role and swept settings, then what was measured.

    Of running and failed runs too, as far as they came; not of those whose inputs are not the study's.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "role", *swept, *COLUMNS)}
    for run in runs:
        if run.state is State.CHANGED:
            continue
        count = len(run.curve)
        for name, value in {"id": run.id, "role": run.role, **_swept(run, swept)}.items():
            columns[name] += [value] * count
        for name in COLUMNS:
            columns[name] += [getattr(record, name) for record in run.curve.records]
    return _frame(columns)


def measured(run: Run, eps: float, ledger: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A run's numbers, by the names of `ftdd.analysis.columns.MEASURED`; None where there is none (yet).

    ledger: the run's, where it is parsed already.
    """
    ledger, curve = run.ledger if ledger is None else ledger, run.curve
    last, best = (curve.last, curve.best) if len(curve) else (None, None)
    peak, reached = curve.peak, curve.interpolation(eps)
    validated = last is not None and last.validation_error is not None
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
        "final_validation_error": last.validation_error if last else None,
        "best_validation_epoch": best.epoch if validated and best else None,
        "test_error_at_best_validation": best.test_error if validated and best else None,
        "peak_test_error": peak.test_error if peak else None,
        "peak_epoch": peak.epoch if peak else None,
    }


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def run_row(
    run: Run,
    eps: float,
    swept: Sequence[str] = (),
    source_test_error: float | None = None,
    scores: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Any]:
    """A run's cell in each column.

    source_test_error: of the run's source, on its own task.   scores: similarity scores by column.
    """
    ledger = run.ledger if run.ended else {}
    facts, phases = run.status.facts, ledger.get("phases")
    data = facts.get("data", {})
    known = {"version", "role", *swept}
    return {
        "id": run.id,
        "role": run.role,
        "source_id": run.source_id,
        "state": str(run.state),
        **_swept(run, swept),
        **(measured(run, eps, ledger) if run.ended else _NOTHING),
        "freezing_changes": len(phases) - 1 if run.ended and phases else None,
        "regime": run.curve.regime(eps) if run.ended else None,
        "expected_test_error": facts.get("expected_test_error"),
        "source_test_error": source_test_error,
        **scores,
        "epoch": run.status.epoch,
        "seconds": run.status.seconds,
        "test_digest": data.get("test_digest"),
        "test_images": data.get("test_images"),
        "validation_images": data.get("validation_images"),
        "label_noise_realised": data.get("label_noise_realised"),
        "cache": facts.get("cache"),
        "device": facts.get("device"),
        "error": "; ".join(filter(None, [run.status.error, *run.faults])),
        **{path: _cell(value) for path, value in flat(dict(run.spec)).items() if path not in known},
    }


_NOTHING: dict[str, Any] = dict.fromkeys(column.name for column in MEASURED)
"""The last evaluation of half a training is no final error."""


def _frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Measured columns have the same types in every study; settings that are whole numbers stay whole."""
    return pd.DataFrame({name: _column(name, values) for name, values in columns.items()}, columns=list(columns))


def _column(name: str, values: list[Any]) -> "pd.Series[Any]":
    kind = kind_of(name)
    if kind == "text":
        given = [value for value in values if value is not None]
        whole = bool(given) and all(isinstance(value, int) and not isinstance(value, bool) for value in given)
        return pd.Series(values, dtype="Int64" if whole else None if given else object)
    if kind == "number":
        return pd.Series([math.nan if value is None else value for value in values], dtype="float64")
    return pd.Series(values, dtype="Int64")


def _swept(run: Run, swept: Sequence[str]) -> dict[str, Json]:
    """The run's value on each swept path: what the sweep gave it, and where it gave nothing, what its spec says."""
    return {path: _cell(run.settings[path] if path in run.settings else _at(run.spec, path)) for path in swept}


def _at(tree: Any, path: str) -> Json:
    """What stands at a dotted path; None where nothing does."""
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    found: Json = tree
    return found


def _cell(value: Json) -> Json:
    """A cell of a table: lists and mappings as JSON."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value
