"""`ftdd sync` mends every state that a kill or a hand can leave, and leaves alone what users have made."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from ftdd_plugins.mlflow_mirror import database
from ftdd_plugins.mlflow_mirror.mirroring import Mirror, open_mirror
from tests.results.test_results import add_run, add_study


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Of a study of two runs, all mirrored."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = Store(tmp_path / "s")
    add_run(store, "a0", [0.8, 0.4, 0.6, 0.5], [0.8, 0.2, 0.0, 0.0], 0)
    add_run(store, "b0", [0.8, 0.7], [0.8, 0.7], 2, State.DIVERGED)
    for run_id in ("a0", "b0"):
        data = {"train_digest": "1" * 8, "test_digest": "2" * 8, "train_images": 60, "test_images": 20}
        folder = store.run(run_id)
        status = folder.status()
        folder.write_status(replace(status, started=1000.0, updated=1010.0, facts={**status.facts, "data": data}))
    add_study(store, [("a0", {"freezing.count": 0, "seed": 0}), ("b0", {"freezing.count": 2, "seed": 0})])
    made = open_mirror(store, "one")
    made.study()
    return made


def row(mirror: Mirror, run_id: str = "a0") -> Any:
    (found,) = mirror.client.search_runs([mirror.experiment], f"tags.`ftdd.id` = '{run_id}'")
    return found


def all_of_it(store: Store) -> dict[str, Any]:
    """What MLflow shows of the study, but for keys and times that differ from one making to the next."""
    mirror = open_mirror(store, "one")
    client = mirror.client
    experiment = client.get_experiment(mirror.experiment)
    runs = client.search_runs([mirror.experiment])
    shown = []
    for run in runs:
        tags = {key: value for key, value in run.data.tags.items() if key != "ftdd.mirrored"}
        nested = tags.pop("mlflow.parentRunId", None)
        if not tags.get("ftdd.role"):
            continue
        points = {
            key: sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
        }
        files = {path.name: path.read_bytes() for path in Path(run.info.artifact_uri.removeprefix("file://")).glob("*")}
        inputs = sorted((one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs)
        shown.append((tags, nested == mirror.parent, run.info.status, run.data.params, points, files, inputs))
    return {
        "name": experiment.name,
        "stage": experiment.lifecycle_stage,
        "tags": {key: value.replace(mirror.parent, "…") for key, value in experiment.tags.items()},
        "runs": sorted(shown, key=lambda run: run[0].get("ftdd.id", "")),
    }


def missing_run(mirror: Mirror) -> None:
    mirror.client.delete_run(row(mirror).info.run_id)


def replaced(mirror: Mirror, points: int = 0, params: bool = True, ended: bool = False) -> None:
    """A run as a kill leaves it: made, some of its points, still running."""
    from mlflow.entities import Metric, Param

    old = row(mirror)
    mirror.client.delete_run(old.info.run_id)
    tags = {key: old.data.tags[key] for key in ("ftdd.id", "ftdd.role", "ftdd.started", "ftdd.study")}
    new = mirror.client.create_run(mirror.experiment, tags=tags).info.run_id
    history = mirror.client.get_metric_history(old.info.run_id, "test_error")[:points]
    some = dict(list(old.data.params.items())[: None if params else 3])
    mirror.client.log_batch(
        new,
        metrics=[Metric(one.key, one.value, one.timestamp, one.step) for one in history],
        params=[Param(key, value) for key, value in some.items()],
    )
    if ended:
        mirror.client.set_terminated(new, "FINISHED")


def only_made(mirror: Mirror) -> None:
    replaced(mirror, params=False)


def half_its_points(mirror: Mirror) -> None:
    replaced(mirror, points=2)


def half_its_points_and_finished(mirror: Mirror) -> None:
    replaced(mirror, points=2, params=False, ended=True)


def running_for_ever(mirror: Mirror) -> None:
    mirror.client.update_run(row(mirror).info.run_id, status="RUNNING")


def there_twice(mirror: Mirror) -> None:
    old = row(mirror)
    tags = {key: value for key, value in old.data.tags.items() if key.startswith("ftdd.")}
    mirror.client.create_run(mirror.experiment, tags=tags)


def no_id(mirror: Mirror) -> None:
    mirror.client.delete_tag(row(mirror).info.run_id, "ftdd.id")


def another_id(mirror: Mirror) -> None:
    mirror.client.set_tag(row(mirror).info.run_id, "ftdd.id", "nobodys")


def without_tags(mirror: Mirror) -> None:
    mirror.client.create_run(mirror.experiment, run_name="0 frozen · seed 0")


def tags_edited(mirror: Mirror) -> None:
    run = row(mirror).info.run_id
    mirror.client.set_tag(run, "ftdd.state", "running")
    mirror.client.set_tag(run, "mlflow.runName", "mine")
    mirror.client.delete_tag(run, "ftdd.policy")


def without_parent(mirror: Mirror) -> None:
    mirror.client.delete_tag(row(mirror).info.run_id, "mlflow.parentRunId")


def parent_gone(mirror: Mirror) -> None:
    mirror.client.delete_run(mirror.parent)


def parent_alone(mirror: Mirror) -> None:
    for run_id in ("a0", "b0"):
        mirror.client.delete_run(row(mirror, run_id).info.run_id)


def two_parents(mirror: Mirror) -> None:
    mirror.client.create_run(mirror.experiment, tags={"ftdd.role": "study", "ftdd.study": "one"})


def parent_edited(mirror: Mirror) -> None:
    mirror.client.set_tag(mirror.parent, "mlflow.runName", "mine")
    mirror.client.update_run(mirror.parent, status="RUNNING")


def description_edited(mirror: Mirror) -> None:
    mirror.client.set_experiment_tag(mirror.experiment, "mlflow.note.content", "mine")


def half_an_artifact(mirror: Mirror) -> None:
    (kept,) = Path(row(mirror).info.artifact_uri.removeprefix("file://")).glob("curve.csv")
    kept.write_bytes(kept.read_bytes()[:20])


def an_artifact_of_zeros(mirror: Mirror) -> None:
    (kept,) = Path(row(mirror).info.artifact_uri.removeprefix("file://")).glob("curve.csv")
    kept.write_bytes(bytes(len(kept.read_bytes())))


def no_artifact(mirror: Mirror) -> None:
    (kept,) = Path(row(mirror).info.artifact_uri.removeprefix("file://")).glob("spec.json")
    kept.unlink()


def in_the_trash(mirror: Mirror) -> None:
    mirror.client.delete_experiment(mirror.experiment)


def renamed(mirror: Mirror) -> None:
    mirror.client.rename_experiment(mirror.experiment, "mine")


def renamed_and_in_the_trash(mirror: Mirror) -> None:
    renamed(mirror)
    in_the_trash(mirror)


STATES = [
    missing_run,
    half_its_points,
    there_twice,
    no_id,
    without_tags,
    parent_gone,
    description_edited,
    an_artifact_of_zeros,
    in_the_trash,
    renamed,
]
ALIKE = [
    only_made,
    half_its_points_and_finished,
    running_for_ever,
    another_id,
    tags_edited,
    without_parent,
    parent_alone,
    two_parents,
    parent_edited,
    half_an_artifact,
    no_artifact,
    renamed_and_in_the_trash,
]
"""Each is mended as one of STATES is."""


@pytest.mark.parametrize("leave", [*STATES, *(pytest.param(like, marks=pytest.mark.slow) for like in ALIKE)])
def test_sync_mends(mirror: Mirror, leave: Callable[[Mirror], None]) -> None:
    before = all_of_it(mirror.store)
    leave(mirror)
    open_mirror(mirror.store, "one", mend=True).study(thorough=True)
    assert all_of_it(mirror.store) == before
    experiment = mirror.client.get_experiment_by_name("one").experiment_id
    assert len(mirror.client.search_runs([experiment])) == 3, "two runs and the study's own"
    assert open_mirror(mirror.store, "one", mend=True).study(thorough=True) == 0


@pytest.mark.parametrize(
    "error",
    [sqlite3.OperationalError("table runs has no column named user_id"), sqlite3.IntegrityError("NOT NULL failed")],
)
def test_runs_inserted_into_the_database_equal_those_that_mlflow_makes(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, error: sqlite3.Error
) -> None:
    """And where MLflow's tables are not as they were, MLflow makes them."""

    def refuse(*_: object) -> None:
        raise error

    inserted = all_of_it(mirror.store)
    info = {run_id: row(mirror, run_id).info for run_id in ("a0", "b0")}
    for run_id in info:
        mirror.client.delete_run(info[run_id].run_id)
    monkeypatch.setattr(database, "insert_runs", refuse)
    assert mirror.study() == 2
    assert all_of_it(mirror.store) == inserted
    for run_id, before in info.items():
        now = row(mirror, run_id).info
        for name in ("run_name", "user_id", "start_time", "end_time", "status", "lifecycle_stage"):
            assert getattr(now, name) == getattr(before, name), name
        assert now.artifact_uri == before.artifact_uri.replace(before.run_id, now.run_id)


def test_half_of_the_data_sets_is_completed(mirror: Mirror) -> None:
    from ftdd_plugins.mlflow_mirror import mirroring
    from ftdd_plugins.mlflow_mirror.content import LoggedImages

    replaced(mirror)
    run = row(mirror).info.run_id
    mirror.client.log_inputs(
        run, datasets=[mirroring._input(LoggedImages("digits target train", "1" * 8, 60, "training"))]
    )
    mirror.study(thorough=True)
    assert {one.dataset.digest for one in row(mirror).inputs.dataset_inputs} == {"1" * 8, "2" * 8}
    assert row(mirror).info.run_id == run


def test_what_a_user_has_logged_and_noted_stays(mirror: Mirror) -> None:
    client = mirror.client
    own = client.create_run(mirror.experiment, tags={"mlflow.user": "ann"}).info.run_id
    nested = client.create_run(mirror.experiment, tags={"mlflow.parentRunId": mirror.parent, "a": "b"}).info.run_id
    client.set_tag(row(mirror).info.run_id, "seen", "yes")
    client.set_experiment_tag(mirror.experiment, "mlflow.sharedViewState.mine", "{}")
    open_mirror(mirror.store, "one", mend=True).study(thorough=True)
    stages = {client.get_run(one).info.lifecycle_stage for one in (own, nested)}
    assert stages == {"active"}
    assert row(mirror).data.tags["seen"] == "yes"
    assert client.get_experiment(mirror.experiment).tags["mlflow.sharedViewState.mine"] == "{}"


def test_a_run_of_an_older_recipe_of_the_study_stays(mirror: Mirror) -> None:
    add_study(mirror.store, [("a0", {"freezing.count": 0, "seed": 0})])
    open_mirror(mirror.store, "one", mend=True).study(thorough=True)
    assert row(mirror, "b0").info.lifecycle_stage == "active"
