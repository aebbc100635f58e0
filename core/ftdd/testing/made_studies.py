"""Studies made by hand, without training: what analyses are tried on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ftdd.analysis.study_data import StudyData, study_data
from ftdd.records.curve import Curve, Record
from ftdd.records.predictions import Predictions
from ftdd.records.run import Run
from ftdd.records.score import ScoreRow
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.values import Json

LAYERS = 10


@dataclass(frozen=True)
class MadeRun:
    """A target run that is done: what the sweep gave it, and its curve."""

    settings: Mapping[str, Json]
    """`freezing.count` is how many layers were frozen; `source.…` tells sources apart."""
    test_error: Sequence[float]
    """At each evaluation."""
    train_error: Sequence[float] = ()
    """As many; zeros where it is left out."""
    mislabelled: Sequence[float] = ()
    """Train error on the wrong labels; none where there are no wrong labels."""
    epochs: Sequence[int] = ()
    """Of the evaluations; 0, 1, 2, … where it is left out."""
    source_steps: int = 100
    """Optimizer steps of its source."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else its status says, `data` for one."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Similarity scores by scheme."""
    state: State = State.DONE
    predictions: Predictions | None = None
    """What it has kept of its answers; they need not fit its curve."""


def made_study(
    runs: Sequence[MadeRun],
    *,
    eps: float = 0.0,
    task: Literal["classification", "regression"] = "classification",
    similarity_order: Mapping[str, Json] | None = None,
    test_images: int | None = 1000,
    asked: int | None = None,
) -> StudyData:
    """A study of these runs, as it would have been read; all else is the same for all of them.

    test_images: how many, the same ones for all runs; None where nothing is known of them.   asked: how many runs the
    study is to have; as many as there are where it is left out, the others wait.
    """
    swept = tuple(dict.fromkeys(path for run in runs for path in run.settings)) or ("freezing.count", "seed")
    sources: dict[str, int] = {}
    targets: list[Run] = []
    for i, run in enumerate(runs):
        key = str({path: value for path, value in run.settings.items() if path.startswith(("source.", "pair"))})
        sources.setdefault(key, run.source_steps)
        source_id = f"source{list(sources).index(key):03d}"
        targets.append(_target(f"target{i:03d}", source_id, run, test_images))
    waiting = [Run(f"waiting{i:03d}", "target") for i in range((asked or 0) - len(runs))]
    record = StudyRecord(
        "made",
        "A made study",
        "What is seen?",
        eps,
        swept,
        tuple(StudyEntry(run.id, run.source_id, dict(run.settings)) for run in (*targets, *waiting)),
        task=task,
        similarity_order=similarity_order or {},
        depth=tuple(path for path in swept if path == "freezing.count"),
    )
    scores = [
        ScoreRow(scheme, {}, target.source_id, value, runs=(target.id,))
        for target, run in zip(targets, runs, strict=True)
        for scheme, value in run.scores.items()
    ]
    trained = [_source(f"source{i:03d}", steps) for i, steps in enumerate(sources.values())]
    return study_data(record, (*trained, *targets, *waiting), scores)


def turned(study: StudyData) -> StudyData:
    """The same with the rows of its tables turned round."""
    return replace(study, runs=study.runs[::-1], curves=study.curves[::-1])


def _source(run_id: str, steps: int) -> Run:
    last = replace(_record(10, 0.5, 0.5, 0.5), step=steps)
    return Run(run_id, "source", status=Status(State.DONE, 10, 10), curve=Curve((last,)))


def _target(run_id: str, source_id: str, run: MadeRun, test_images: int | None) -> Run:
    frozen = int(str(run.settings.get("freezing.count", 0)))
    data = {} if test_images is None else {"test_digest": "the same", "test_images": test_images}
    curve = _curve(run)
    return Run(
        run_id,
        "target",
        source_id,
        run.settings,
        spec={"seed": 0, "source": {"seed": 0, "training": {"epochs": 10}}, "control": "transfer"},
        status=Status(run.state, curve.last.epoch, 100, seconds=curve.last.seconds, facts={"data": data, **run.facts}),
        curve=curve,
        kept_predictions=run.predictions,
        ledger_text=json.dumps(
            {
                "frozen_layers": frozen,
                "layers": LAYERS,
                "parameters": 1000,
                "trainable_parameters": 1000 - 90 * frozen,
                "frozen_share_of_parameters": 0.09 * frozen,
                "frozen_share_of_forward_flops": frozen / LAYERS,
            }
        ).encode(),
    )


def _curve(run: MadeRun) -> Curve:
    epochs = run.epochs or range(len(run.test_error))
    train = run.train_error or [0.0] * len(run.test_error)
    wrong: Sequence[float | None] = run.mislabelled or [None] * len(run.test_error)
    return Curve(tuple(map(_record, epochs, train, run.test_error, wrong)))


def _record(epoch: int, train_error: float, test_error: float, mislabelled: float | None) -> Record:
    return Record(
        epoch=epoch,
        step=8 * epoch,
        learning_rate=1e-3,
        train_error=train_error,
        train_loss=2 * train_error,
        train_error_clean=train_error,
        train_error_mislabelled=mislabelled,
        test_error=test_error,
        test_loss=3 * test_error,
        test_error_noisy=test_error,
        seconds=0.5 * epoch,
    )
