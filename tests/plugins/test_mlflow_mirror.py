"""The MLflow mirror: one row per run, never a point twice, always to be made again from the folders."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdd.records.curve import Curve, Record
from ftdd.records.status import State
from ftdd.study.files import write_json
from ftdd.study.store import Store, Unreadable
from ftdd.values import Json
from ftdd_plugins.mlflow_mirror.content import MOST_EVALUATIONS, _some, run_name
from ftdd_plugins.mlflow_mirror.mirroring import _status_of_study, open_mirror
from ftdd_plugins.mlflow_mirror.tracking import MirrorUnavailable, open_client
from tests.cli.commands import ftdd
from tests.results.test_results import add_run, add_study

SMALL = [
    part
    for one in (
        "source.training.epochs=1",
        "target.training.epochs=2",
        "target.images=60",
        "sweep.freezing.count=[0, 9]",
        "seed=0",
    )
    for part in ("--set", one)
]


def made_record(epoch: int, train_error: float, test_error: float) -> Record:
    return Record(epoch, epoch, 0.1, train_error, 1.0, None, None, test_error, 1.0, test_error, float(epoch))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = Store(tmp_path / "a store")
    add_run(store, "a0", [0.8, 0.4, 0.6, 0.5], [0.8, 0.2, 0.0, 0.0], 0)
    add_run(store, "b0", [0.8, 0.7], [0.8, 0.7], 2, State.DIVERGED)
    add_run(store, "c0", [0.8], [0.8], 2, State.FAILED)
    add_study(
        store, [(run, {"freezing.count": i, "seed": 0}) for i, run in enumerate(("a0", "b0", "c0", "never begun"))]
    )
    return store


def rows(store: Store) -> dict[str, Any]:
    client = open_client(store.path)
    experiment = client.get_experiment_by_name("one")
    found = client.search_runs([experiment.experiment_id], "tags.`ftdd.role` != 'study'")
    by_id = {run.data.tags["ftdd.id"]: run for run in found}
    assert len(by_id) == len(found), "a run is there twice"
    return by_id


def parent(store: Store) -> Any:
    """The run that stands for the study."""
    client = open_client(store.path)
    experiment = client.get_experiment_by_name("one")
    (found,) = client.search_runs([experiment.experiment_id], "tags.`ftdd.role` = 'study'")
    return found


def points(store: Store, run_id: str, key: str) -> list[tuple[int, float]]:
    client = open_client(store.path)
    history = client.get_metric_history(rows(store)[run_id].info.run_id, key)
    return sorted((metric.step, metric.value) for metric in history)


def test_there_is_one_row_per_run_with_parameters_and_final_metrics(store: Store) -> None:
    open_mirror(store, "one").study()
    found = rows(store)
    assert set(found) == {"a0", "b0", "c0"}
    data = found["a0"].data
    assert data.params["freezing.count"] == "0"
    assert data.params["freezing.policy"] == "first_layers"
    assert data.tags["ftdd.role"] == "target"
    assert data.tags["mlflow.runName"] == "0 frozen · seed 0"
    expected = {
        "final_test_error": 0.5,
        "best_test_error": 0.4,
        "peak_test_error": 0.6,
        "interpolation_epoch": 2,
        "frozen_layers": 0,
        "trainable_parameters": 40,
    }
    assert {key: data.metrics[key] for key in expected} == expected
    assert points(store, "a0", "test_error") == [(0, 0.8), (1, 0.4), (2, 0.6), (3, 0.5)]


def test_states_are_told_in_mlflows_words(store: Store) -> None:
    open_mirror(store, "one").study()
    found = rows(store)
    assert {run_id: run.info.status for run_id, run in found.items()} == {
        "a0": "FINISHED",
        "b0": "FINISHED",
        "c0": "FAILED",
    }
    assert found["b0"].data.tags["ftdd.state"] == "diverged"
    assert found["c0"].data.tags["mlflow.note.content"] == "it broke"


def test_the_folders_files_are_artifacts_and_the_study_has_its_own(store: Store) -> None:
    from tests.results.from_store import draw_figures

    draw_figures(store, "one")
    open_mirror(store, "one").study()
    client = open_client(store.path)
    run = rows(store)["a0"].info.run_id
    assert {"spec.json", "status.json", "curve.csv", "ledger.json"} <= {a.path for a in client.list_artifacts(run)}
    study = parent(store).info.run_id
    assert "recipe.yaml" in {a.path for a in client.list_artifacts(study)}
    assert len(client.list_artifacts(study, "figures")) == 4


def test_a_study_is_a_run_and_its_runs_are_nested_in_it(store: Store) -> None:
    open_mirror(store, "one").study()
    study = parent(store)
    assert {run.data.tags["mlflow.parentRunId"] for run in rows(store).values()} == {study.info.run_id}
    assert study.data.metrics == {"runs": 4, "runs_done": 1, "runs_diverged": 1, "runs_failed": 1}
    assert study.info.run_name == store.read_study("one").title
    assert study.info.status == "FAILED"


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ([State.DONE, State.RUNNING, State.FAILED], "RUNNING"),
        ([State.DONE, State.DIVERGED], "FINISHED"),
        ([State.DONE, State.FAILED, State.WAITING], "FAILED"),
        ([State.DONE, State.INTERRUPTED, State.WAITING], "KILLED"),
    ],
)
def test_how_far_a_study_has_come_is_told_in_mlflows_words(states: list[State], word: str) -> None:
    assert _status_of_study(states) == word


def test_a_studys_run_that_was_deleted_is_made_again_with_its_runs_under_it(store: Store) -> None:
    open_mirror(store, "one").study()
    open_client(store.path).delete_run(parent(store).info.run_id)
    open_mirror(store, "one").study()
    study = parent(store).info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in rows(store).values()} == {study}


@pytest.mark.parametrize(
    ("role", "settings", "name"),
    [
        ("target", {"freezing.count": 1, "seed": 0}, "1 frozen · seed 0"),
        (
            "target",
            {"seed": 3, "pair.similarity": "less_related", "target.images": 2000, "freezing.count": 4},
            "4 frozen · less_related · 2,000 target images · seed 3",
        ),
        ("target", {"control": "random", "freezing.fraction": 0.25}, "random · fraction 0.25"),
        ("target", {"source.seed": 1, "target.label_noise": 0.2}, "label noise 0.2 · source seed 1"),
        ("target", {"pair.common": None, "seed": 0}, "seed 0"),
        ("target", {}, "target abc"),
        ("source", {}, "source abc"),
        ("source", {"source.images": 54, "source.seed": 2}, "source · 54 source images · source seed 2"),
        ("target", {"pair": '{"name": "digits", "size": 8}'}, '{"name": "digits", "size": 8}'),
    ],
)
def test_runs_are_named_by_what_was_swept_in_words(role: str, settings: dict[str, Json], name: str) -> None:
    assert run_name(role, settings, "abc") == name


def test_a_target_links_to_its_source_and_can_be_filtered_by_what_it_is(tmp_path: Path) -> None:
    """Executed for real: source, targets, data sets as inputs."""
    said = ftdd("run", "quickstart", "--store", "s", *SMALL, cwd=tmp_path)
    assert said.code == 0, said.err
    store = Store(tmp_path / "s")
    client = open_client(store.path)
    experiment = client.get_experiment_by_name("quickstart").experiment_id
    (source,) = client.search_runs([experiment], "tags.`ftdd.role` = 'source'")
    targets = client.search_runs([experiment], "tags.`ftdd.role` = 'target'")
    assert len(targets) == 2
    for target in targets:
        assert target.data.tags["ftdd.source_run"] == source.info.run_id
        assert f"/runs/{source.info.run_id}" in target.data.tags["mlflow.note.content"]
        inputs = {one.tags[0].value: one.dataset for one in target.inputs.dataset_inputs}
        assert {use: one.name for use, one in inputs.items()} == {
            "training": "digits target train",
            "testing": "digits target test",
        }
        assert json.loads(inputs["training"].profile) == {"images": 60}
    assert len({target.data.tags["ftdd.architecture"] for target in targets}) == 1
    assert len({one.inputs.dataset_inputs[0].dataset.digest for one in targets}) == 1, "one seed, one training set"
    (study,) = client.search_runs([experiment], "tags.`ftdd.role` = 'study'")
    artifacts = {one.path for one in client.list_artifacts(study.info.run_id)}
    assert {"recipe.yaml", "report.html", "findings.json", "findings.csv", "figures"} <= artifacts


@given(epochs=st.integers(1, 2000), seed=st.integers(0, 99), eps=st.sampled_from([0.0, 0.1, 0.5]))
def test_at_most_300_evaluations_are_mirrored_and_none_that_a_reader_looks_for_is_missing(
    epochs: int, seed: int, eps: float
) -> None:
    random = np.random.default_rng(seed)
    curve = Curve(tuple(made_record(i, *random.random(2)) for i in range(epochs)))
    some = _some(curve.records, eps)
    assert len(some) <= MOST_EVALUATIONS
    assert len(some) == len(curve) or len(some) > MOST_EVALUATIONS - 10
    assert [record.epoch for record in some] == sorted({record.epoch for record in some})
    looked_for = [curve.records[0], curve.last, curve.best, curve.peak, curve.interpolation(eps)]
    assert {record for record in looked_for if record} <= set(some)


def test_doing_it_again_changes_nothing(store: Store) -> None:
    assert open_mirror(store, "one").study() == 3
    before = {run_id: run.info.run_id for run_id, run in rows(store).items()}
    for thorough in (False, True):
        assert open_mirror(store, "one").study(thorough=thorough) == 0
    assert {run_id: run.info.run_id for run_id, run in rows(store).items()} == before
    assert len(points(store, "a0", "test_error")) == 4
    assert len(points(store, "a0", "final_test_error")) == 1


def test_a_lost_store_is_made_again(store: Store) -> None:
    """In a process of its own, as a user would: MLflow keeps an engine open on a file that is gone."""
    assert ftdd("sync", "--store", str(store.path), cwd=store.path).code == 0
    for path in store.path.glob("mlflow.db*"):
        path.unlink()
    said = ftdd("sync", "--store", str(store.path), cwd=store.path)
    assert said.out == "one: 4 runs, 3 brought up to date\n"
    assert len(points(store, "a0", "test_error")) == 4


def test_a_run_that_was_deleted_in_the_ui_comes_back(store: Store) -> None:
    open_mirror(store, "one").study()
    client = open_client(store.path)
    client.delete_run(rows(store)["a0"].info.run_id)
    assert open_mirror(store, "one").study() == 1
    assert set(rows(store)) == {"a0", "b0", "c0"}


def test_an_experiment_that_was_deleted_is_restored(store: Store) -> None:
    open_mirror(store, "one").study()
    client = open_client(store.path)
    client.delete_experiment(client.get_experiment_by_name("one").experiment_id)
    open_mirror(store, "one").study()
    assert client.get_experiment_by_name("one").lifecycle_stage == "active"
    assert set(rows(store)) == {"a0", "b0", "c0"}


def test_a_run_that_was_executed_again_takes_the_place_of_the_old_one(store: Store) -> None:
    open_mirror(store, "one").study()
    old = rows(store)["a0"].info.run_id
    add_run(store, "a0", [0.8, 0.3], [0.8, 0.0], 0)
    folder = store.run("a0")
    folder.write_status(replace(folder.status(), started=12345.0))
    open_mirror(store, "one").study()
    new = rows(store)["a0"]
    assert new.info.run_id != old
    assert points(store, "a0", "test_error") == [(0, 0.8), (1, 0.3)]


def test_a_run_that_was_half_mirrored_is_completed_without_a_point_twice(store: Store) -> None:
    """While it runs there are some points; when it has ended, the rest. A resumed run measures epochs anew."""
    add_run(store, "a0", [0.8, 0.4], [0.8, 0.2], 0, State.RUNNING)
    with store.run("a0").lock():
        open_mirror(store, "one").runs(["a0"])
        assert rows(store)["a0"].info.status == "RUNNING"
    open_mirror(store, "one").runs(["a0"])
    assert rows(store)["a0"].info.status == "KILLED"
    add_run(store, "a0", [0.8, 0.4, 0.6, 0.5], [0.8, 0.2, 0.0, 0.0], 0)
    curve = store.run("a0").path / "curve.csv"
    lines = curve.read_text().splitlines()
    curve.write_text(
        "\n".join(line.rsplit(",", 1)[0] + f",{i + 100.0}" if i else line for i, line in enumerate(lines)) + "\n"
    )
    open_mirror(store, "one").study()
    assert rows(store)["a0"].info.status == "FINISHED"
    assert points(store, "a0", "test_error") == [(0, 0.8), (1, 0.4), (2, 0.6), (3, 0.5)]
    assert [step for step, _ in points(store, "a0", "seconds")] == [0, 1, 2, 3]


def test_a_parameter_that_is_another_one_now_replaces_the_run(store: Store) -> None:
    """MLflow never changes a parameter, so a run whose parameters are wrong is made anew."""
    open_mirror(store, "one").study()
    tree = json.loads(store.run("a0").spec.read_text())
    write_json(store.run("a0").spec, tree | {"seed": 7})
    open_mirror(store, "one").study(thorough=True)
    assert rows(store)["a0"].data.params["seed"] == "7"


def test_a_damaged_run_costs_itself_and_no_other(store: Store) -> None:
    """Not the runs after it, nor the studies after its own."""
    (store.run("a0").path / "curve.csv").write_text("no curve\n")
    folder = store.path / "studies" / "two"
    shutil.copytree(store.study_folder("one"), folder)
    record = store.read_study("one")
    store.write_study(replace(record, name="two", entries=record.entries[1:]), "title: two\n")
    said = ftdd("sync", "--store", str(store.path), cwd=store.path)
    assert said.code == 1
    assert said.err.startswith("ftdd: one: ")
    assert "curve.csv" in said.err
    assert "Traceback" not in said.err
    assert said.out == "two: 3 runs, 2 brought up to date\n"
    assert {"b0", "c0"} <= set(rows(store))


def test_a_damaged_run_is_left_as_mlflow_has_it_while_it_is_begun_again(store: Store) -> None:
    """`ftdd run` tells of the start before the worker has put anything in the damaged file's place."""
    mirror = open_mirror(store, "one")
    mirror.study()
    (store.run("a0").path / "curve.csv").write_text("no curve\n")
    mirror.runs(["a0"])
    assert rows(store)["a0"].info.status == "FINISHED"
    with pytest.raises(Unreadable, match=r"curve\.csv"):
        mirror.study()


def test_a_store_that_mlflow_refuses_is_one_sentence(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{store.path}/mlruns")
    with pytest.raises(MirrorUnavailable) as caught:
        open_mirror(store, "one")
    assert "\n" not in str(caught.value)
    assert "the runs are safe in their folders" in str(caught.value)
    said = ftdd("sync", "--store", str(store.path), cwd=store.path, MLFLOW_TRACKING_URI=f"file:{store.path}/mlruns")
    assert said.code == 1
    assert said.err.startswith("ftdd: MLflow's store file:")
    assert "Traceback" not in said.err


def test_a_store_that_another_program_holds_is_one_sentence_that_says_so(store: Store) -> None:
    open_client(store.path)
    with closing(sqlite3.connect(store.path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MirrorUnavailable, match=r"database is locked.*: end the program that is writing to it"):
            open_client(store.path)


def test_sync_says_what_it_did_and_names_a_study_that_is_not_there(store: Store) -> None:
    said = ftdd("sync", "--store", str(store.path), cwd=store.path)
    assert (said.code, said.out) == (0, "one: 4 runs, 3 brought up to date\n")
    assert "no study 'onne'" in ftdd("sync", "onne", "--store", str(store.path), cwd=store.path).err
    empty = ftdd("sync", "--store", "empty", cwd=store.path)
    assert empty.code == 2
    assert not (store.path / "empty").exists()


def test_ui_says_what_is_wrong(store: Store) -> None:
    import socket

    said = ftdd("ui", "--store", str(store.path), cwd=store.path)
    assert said.code == 2
    assert "there is no MLflow store in" in said.err
    server = ftdd("ui", cwd=store.path, MLFLOW_TRACKING_URI="http://example.org:5000")
    assert (server.code, server.out) == (0, "MLFLOW_TRACKING_URI names a server: open http://example.org:5000\n")
    open_mirror(store, "one")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = ftdd("ui", "--store", str(store.path), "--port", str(port), cwd=store.path)
    assert busy.code == 1
    assert f"port {port} is in use" in busy.err


def test_the_plugins_module_loads_without_mlflow() -> None:
    code = "import sys, ftdd_plugins.mlflow_mirror; print('mlflow' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
