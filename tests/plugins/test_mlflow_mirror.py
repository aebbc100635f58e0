"""The MLflow mirror: one row per run, never a point twice, always to be made again from the folders."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftdd.study.files import write_json
from ftdd.study.store import State, Store
from ftdd_plugins.mirror.mirroring import open_mirror
from ftdd_plugins.mirror.tracking import MirrorUnavailable, open_client
from tests.cli.commands import ftdd
from tests.results.test_results import add_run, add_study


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
    found = client.search_runs([experiment.experiment_id])
    by_id = {run.data.tags["ftdd.id"]: run for run in found}
    assert len(by_id) == len(found), "a run is there twice"
    return by_id


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
    assert data.tags["mlflow.runName"] == "freezing.count=0 seed=0"
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
    from ftdd.results.figures import draw_figures

    draw_figures(store, "one")
    open_mirror(store, "one").study()
    client = open_client(store.path)
    run = rows(store)["a0"].info.run_id
    assert {"spec.json", "status.json", "curve.csv", "ledger.json"} <= {a.path for a in client.list_artifacts(run)}
    assert "study/recipe.yaml" in {a.path for a in client.list_artifacts(run, "study")}
    assert len(client.list_artifacts(run, "study/figures")) == 4


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


def test_a_run_that_was_carried_out_again_takes_the_place_of_the_old_one(store: Store) -> None:
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
        open_mirror(store, "one").run("a0")
        assert rows(store)["a0"].info.status == "RUNNING"
    open_mirror(store, "one").run("a0")
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
