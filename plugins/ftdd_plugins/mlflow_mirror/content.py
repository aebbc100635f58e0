"""What the mirror should say of a run, read from its folder: a value, compared with what MLflow has."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftdd.analysis.columns import RUN_COLUMNS
from ftdd.analysis.tables import measured, run_row
from ftdd.records.curve import COLUMNS, Curve, Record
from ftdd.records.run import Run
from ftdd.records.score import scores_by_run
from ftdd.records.status import State
from ftdd.records.study import StudyRecord
from ftdd.study.scores import read_scores
from ftdd.study.store import BEFORE_ENDING, DAMAGED_ENDING, Store
from ftdd.values import Json, flat

STATUS = {
    State.WAITING: "SCHEDULED",
    State.RUNNING: "RUNNING",
    State.INTERRUPTED: "KILLED",
    State.DONE: "FINISHED",
    State.DIVERGED: "FINISHED",
    State.FAILED: "FAILED",
    State.DAMAGED: "FAILED",
    State.CHANGED: "FAILED",
}
"""MLflow's word for each state; a run that diverged has the tag ftdd.state = diverged."""

NOT_MIRRORED = (".safetensors", ".pt", ".npy", ".npz", DAMAGED_ENDING, BEFORE_ENDING)
LONGEST_PARAM, LONGEST_NOTE = 6000, 7000
MOST_EVALUATIONS = 300
"""Of a run: MLflow's charts draw 320 points of a line, sampled, and a peak between two samples would be gone."""


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric."""

    key: str
    value: float
    timestamp: int
    """Milliseconds since 1970, made from the curve: the same each time it is read."""
    step: int


@dataclass(frozen=True)
class LoggedImages:
    """Images that a run was trained or tested on."""

    name: str
    digest: str
    images: int
    use: str
    """`training` or `testing`."""

    @property
    def profile(self) -> str:
        """What MLflow shows of it."""
        return json.dumps({"images": self.images})


@dataclass(frozen=True)
class Content:
    """All that the mirror should have of a run."""

    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[MetricPoint, ...]
    """Of the curve, stepped by epoch."""
    finals: tuple[MetricPoint, ...]
    """One value each, of runs that have ended."""
    status: str
    started: int
    ended: int | None
    files: tuple[Path, ...]
    """The folder's plain files, of runs that have ended."""
    data_sets: tuple[LoggedImages, ...]


def content(run: Run, folder: Path, study: StudyRecord, scores: Mapping[str, MetricPoint]) -> Content:
    """What the folder of a run says.   scores: of similarity. Raises OSError."""
    status = run.status
    tags = {
        "ftdd.role": run.role,
        "ftdd.id": run.id,
        "ftdd.study": study.name,
        "ftdd.state": str(status.state),
        "ftdd.started": repr(status.started),
        **_kinds(run.spec),
    }
    if run.source_id:
        tags["ftdd.source_id"] = run.source_id
    if status.error:
        tags["mlflow.note.content"] = status.error[:LONGEST_NOTE]
    ended = status.state.final or status.state is State.FAILED
    started, updated = int(status.started * 1000), int(status.updated * 1000)
    return Content(
        name=run_name(run.role, run.settings if run.role == "target" else _of_source(study, run.spec), run.id),
        tags=tags,
        params=_params(run.spec),
        points=tuple(_points(run.curve, started, study.eps)),
        finals=(*_finals(run, study.eps, updated), *scores.values()) if ended else (),
        status=STATUS[status.state],
        started=started,
        ended=updated if ended or status.state is State.INTERRUPTED else None,
        files=_files(folder) if ended else (),
        data_sets=_data_sets(run.spec, status.facts.get("data", {}), run.role),
    )


def score_points(store: Store, name: str) -> dict[str, dict[str, MetricPoint]]:
    """By run, the similarity scores of a study as metrics.

    Of two values at one step and time MLflow shows the larger. Scores can change, so their time is that of their file.
    """
    rows, path = read_scores(store, name), store.study_folder(name) / "scores.json"
    written = int(path.stat().st_mtime * 1000) if rows else 0
    return {
        run_id: {key: MetricPoint(key, value, written, 0) for key, value in scores.items()}
        for run_id, scores in scores_by_run(rows).items()
    }


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.name != "lock" and not path.name.startswith(".") and path.suffix not in NOT_MIRRORED and path.is_file()
    )


def run_name(role: str, settings: Mapping[str, Json], run_id: str) -> str:
    """What tells the run apart, in words: `4 frozen · related · 1,000 target images · seed 0`.

    Depth first, because lists show some twenty characters of it; seeds last.
    """
    paths = sorted(settings, key=lambda path: (path.split(".")[-1] == "seed", path != "freezing.count"))
    words = [_in_words(path, settings[path]) for path in paths if settings[path] is not None]
    if role == "source":
        words.insert(0, "source")
    return " · ".join(words) if settings else f"{role} {run_id}"


def _in_words(path: str, value: Json) -> str:
    """One setting, as short as it can be said."""
    text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)
    leaf = path.split(".")[-1]
    if path == "freezing.count":
        return f"{text} frozen"
    if leaf == "images":
        return f"{text} {path.split('.')[0]} images"
    if leaf in ("similarity", "control", "name", "policy", "pair", "architecture") and isinstance(value, str):
        return value
    if leaf == "seed":
        return path.replace(".", " ") + f" {text}"
    return f"{leaf.replace('_', ' ')} {text}"


def _of_source(study: StudyRecord, spec: Mapping[str, Json]) -> dict[str, Json]:
    """The swept settings that apply to a source."""
    leaves = flat(spec)
    return {path: leaves[path] for path in study.swept if path in leaves}


def _kinds(spec: Mapping[str, Json]) -> dict[str, str]:
    """What to filter by: which pair, network, policy and control, and the similarity of source and target."""
    leaves = flat(spec)
    paths = {
        "ftdd.pair": "pair.name",
        "ftdd.similarity": "pair.similarity",
        "ftdd.architecture": "architecture.name",
        "ftdd.policy": "freezing.policy",
        "ftdd.control": "control",
    }
    return {tag: str(leaves[path]) for tag, path in paths.items() if leaves.get(path) is not None}


def _data_sets(spec: Mapping[str, Json], data: Mapping[str, Any], role: str) -> tuple[LoggedImages, ...]:
    pair = str(flat(spec).get("pair.name", "images"))
    halves = (("train", "training"), ("test", "testing"))
    return tuple(
        LoggedImages(f"{pair} {role} {half}", str(data[f"{half}_digest"])[:36], int(data.get(f"{half}_images", 0)), use)
        for half, use in halves
        if f"{half}_digest" in data
    )


def _some(records: Sequence[Record], eps: float) -> list[Record]:
    """At most MOST_EVALUATIONS, evenly, with those that a reader looks for: first, last, best, peak, interpolation."""
    if len(records) <= MOST_EVALUATIONS:
        return list(records)
    curve = Curve(tuple(records))
    looked_for = [curve.records[0], curve.last, curve.best, curve.peak, curve.interpolation(eps)]
    epochs = {record.epoch for record in looked_for if record is not None}
    room = MOST_EVALUATIONS - len(epochs)
    epochs |= {records[round(i * (len(records) - 1) / (room - 1))].epoch for i in range(room)}
    return [record for record in records if record.epoch in epochs]


def _params(spec: Mapping[str, Json]) -> dict[str, str]:
    leaves = {path: value for path, value in flat(spec).items() if path not in ("version", "role")}
    return {path: _text(value)[:LONGEST_PARAM] for path, value in leaves.items()}


def _text(value: Json) -> str:
    """Numbers bare, so that MLflow's charts take them as axes."""
    return value if isinstance(value, str) else json.dumps(value)


def _points(curve: Curve, started: int, eps: float) -> list[MetricPoint]:
    points = []
    for record in _some(curve.records, eps):
        timestamp = started + int(record.seconds * 1000)
        for key in COLUMNS:
            value = getattr(record, key)
            if key not in ("epoch", "step") and value is not None and math.isfinite(value):
                points.append(MetricPoint(key, float(value), timestamp, record.epoch))
    return points


def _finals(run: Run, eps: float, timestamp: int) -> list[MetricPoint]:
    row = {**run_row(run, eps), **measured(run, eps)}  # of a run that failed, what it has measured
    numbers = {column.name: row[column.name] for column in RUN_COLUMNS if column.metric}
    numbers["seconds_in_all"] = run.status.seconds  # `seconds` is that of an evaluation
    return [
        MetricPoint(key, float(value), timestamp, 0)
        for key, value in numbers.items()
        if value is not None and math.isfinite(value)
    ]
