"""What the mirror should say of a run, read from its folder: a value, compared with what MLflow has."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from ftdd.curve import COLUMNS
from ftdd.results.table import measured
from ftdd.study.scores import read_scores, scores_of_run
from ftdd.study.store import State, Store, StudyRecord
from ftdd.values import Json, flat

STATUS = {
    State.WAITING: "SCHEDULED",
    State.RUNNING: "RUNNING",
    State.INTERRUPTED: "KILLED",
    State.DONE: "FINISHED",
    State.DIVERGED: "FINISHED",
    State.FAILED: "FAILED",
}
"""MLflow's word for each state; a run that diverged has the tag ftdd.state = diverged."""

NOT_MIRRORED = (".safetensors", ".pt", ".npy")
LONGEST_PARAM = 6000


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    key: str
    value: float
    timestamp: int
    """Milliseconds since 1970, made from the curve: the same each time it is read."""
    step: int


@dataclass(frozen=True)
class Content:
    """All that the mirror should have of a run."""

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[Point, ...]
    """Of the curve, stepped by epoch."""
    finals: tuple[Point, ...]
    """One value each, of runs that have ended."""
    status: str
    started: int
    ended: int | None
    files: tuple[Path, ...]
    """The folder's plain files, of runs that have ended."""


def content(store: Store, study: StudyRecord, run_id: str) -> Content:
    """What the folder of a run says."""
    folder = store.run(run_id)
    status = folder.status()
    spec = folder.read_spec()
    entry = next((entry for entry in study.entries if entry.id == run_id), None)
    settings = entry.settings if entry else {}
    tags = {
        "ftdd.role": "target" if entry else "source",
        "ftdd.id": run_id,
        "ftdd.study": study.name,
        "ftdd.state": str(status.state),
        "ftdd.started": repr(status.started),
    }
    if entry and entry.source_id:
        tags["ftdd.source_id"] = entry.source_id
    if status.error:
        tags["mlflow.note.content"] = status.error
    over = status.state.final or status.state is State.FAILED
    started = int(status.started * 1000)
    files = [path for path in folder.path.iterdir() if path.is_file()] if over else []
    return Content(
        name=" ".join(f"{path}={_text(value)}" for path, value in settings.items()) or f"{tags['ftdd.role']} {run_id}",
        tags=tags,
        params=_params(spec),
        points=tuple(_points(store, run_id, started)),
        finals=tuple(_finals(store, study, run_id, int(status.updated * 1000))) if over else (),
        status=STATUS[status.state],
        started=started,
        ended=int(status.updated * 1000) if over or status.state is State.INTERRUPTED else None,
        files=tuple(
            path
            for path in sorted(files)
            if path.name != "lock" and not path.name.startswith(".") and path.suffix not in NOT_MIRRORED
        ),
    )


def _params(spec: dict[str, Json]) -> dict[str, str]:
    leaves = {path: value for path, value in flat(spec).items() if path not in ("version", "role")}
    return {path: _text(value)[:LONGEST_PARAM] for path, value in leaves.items()}


def _text(value: Json) -> str:
    """Numbers bare, so that MLflow's charts take them as axes."""
    return value if isinstance(value, str) else json.dumps(value)


def _points(store: Store, run_id: str, started: int) -> list[Point]:
    points = []
    for record in store.run(run_id).curve().records:
        timestamp = started + int(record.seconds * 1000)
        for key in COLUMNS:
            value = getattr(record, key)
            if key not in ("epoch", "step") and value is not None and math.isfinite(value):
                points.append(Point(key, float(value), timestamp, record.epoch))
    return points


def _finals(store: Store, study: StudyRecord, run_id: str, timestamp: int) -> list[Point]:
    numbers = measured(store, run_id, study.eps)
    numbers |= scores_of_run(read_scores(store, study.name), run_id)
    numbers["expected_test_error"] = store.run(run_id).status().facts.get("expected_test_error")
    numbers["seconds_in_all"] = store.run(run_id).status().seconds
    numbers["label_noise_realised"] = store.run(run_id).status().facts.get("data", {}).get("label_noise_realised")
    scored = _written(store.study_folder(study.name) / "scores.json")
    return [
        # Of two values at one step and time MLflow shows the larger: scores can change, so they have their own time.
        Point(key, float(value), max(scored, timestamp) if key.startswith("similarity.") else timestamp, 0)
        for key, value in numbers.items()
        if value is not None and math.isfinite(value)
    ]


def _written(path: Path) -> int:
    """When a file was written, in milliseconds since 1970; 0 where there is none."""
    return int(path.stat().st_mtime * 1000) if path.exists() else 0
