"""`ftdd.run`: recipes as name, path and mapping, its arguments, and how it ends."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import ftdd
from ftdd.api import request
from ftdd.api.environment import RequestError, recipe_folder
from ftdd.components import DataUnavailable
from ftdd.records.status import State
from ftdd.study.store import Store
from tests.api.conftest import Place
from tests.cli.commands import environment, heed_ctrl_c
from tests.core.study.small_study import RECIPE

SOURCE_NONE = {"source": "none", "sweep.freezing.count": [0], "target.training.epochs": 1}
"""One run of a second."""


def ids(study: ftdd.Study) -> list[str]:
    return list(study.runs["id"])


def asked(recipe: request.RecipeLike, **arguments: Any) -> list[str]:
    """The ids of the runs that a recipe asks for."""
    study = request.read_request(recipe, **arguments).study
    return [*study.sources, *study.targets]


# ---- recipes


def test_a_name_a_path_and_a_mapping_ask_for_the_runs_that_the_command_plans(place: Place) -> None:
    path = recipe_folder() / "quickstart.yaml"
    planned = [run["id"] for run in json.loads(place.ftdd("plan", "quickstart", "--json"))["runs"]]
    assert len(planned) == 21
    for recipe in ("quickstart", path, str(path), yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert asked(recipe) == planned


def _but_for_its_name(finding: dict[str, Any]) -> dict[str, Any]:
    """What is asked for to settle it is a command, which names the recipe."""
    text = re.sub(r"ftdd run \S+( --set '?name=\S+)?", "ftdd run", json.dumps(finding))
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_path_and_a_mapping_give_the_runs_and_findings_of_the_command(place: Place, mapping: dict[str, Any]) -> None:
    place.ftdd("run", str(place.recipe))
    folder = place.store / "studies" / "small"
    by_command = json.loads((folder / "findings.json").read_text())
    assert by_command
    page = (folder / "report.html").read_bytes()
    by_path = ftdd.run(place.recipe, store=place.store, progress=False)
    assert (
        [one.to_json() for one in by_path.findings] == by_command == json.loads((folder / "findings.json").read_text())
    )
    assert (folder / "report.html").read_bytes() == page
    by_mapping = ftdd.run(mapping, name="mine", store=str(place.store), progress=False)
    other = [one.to_json() for one in by_mapping.findings]
    assert [_but_for_its_name(one) for one in other] == [_but_for_its_name(one) for one in by_command]
    assert ids(by_mapping) == ids(by_path) == ids(ftdd.open(place.store, "small"))
    assert (by_path.name, by_mapping.name) == ("small", "mine")
    assert by_mapping.runs.drop(columns="name", errors="ignore").equals(
        by_path.runs.drop(columns="name", errors="ignore")
    )


@pytest.mark.parametrize(
    ("title", "name", "expected"),
    [
        ("Freezing a narrow network!", None, "freezing-a-narrow-network"),
        ("Größe und Übung — 2", None, "grosse-und-ubung-2"),
        ("", None, "study"),
        ("…", None, "study"),
        ("x" * 80, None, "x" * 60),
        ("A title", "given", "given"),
    ],
)
def test_a_mapping_is_named_by_its_title(mapping: dict[str, Any], title: str, name: str | None, expected: str) -> None:
    assert request.read_request({**mapping, "title": title}, name=name).study.name == expected


def test_a_name_given_wins_over_the_recipes_which_wins_over_the_files(place: Place, mapping: dict[str, Any]) -> None:
    assert request.read_request(place.recipe).study.name == "small"
    named = {**mapping, "name": "own"}
    assert request.read_request(named).study.name == "own"
    assert request.read_request(named, name="given").study.name == "given"
    with pytest.raises(ftdd.RecipeError, match="name: must be letters, digits"):
        request.read_request(named, name="a name")


@pytest.mark.parametrize(
    "overrides",
    [
        {"target.images": 40, "sweep.seed": [0, 1], "freezing.count": 3},
        {"target.images": np.int64(40), "sweep.seed": range(2), "freezing.count": np.array(3)},
        {"target.images": 40, "sweep.seed": np.arange(2), "freezing": {"policy": "first_layers", "count": 3}},
        ["target.images=40", "sweep.seed=0..1", "freezing.count=3"],
        ("target.images=40", "sweep.seed=[0, 1]", "freezing.count=3"),
    ],
    ids=["mapping", "numpy", "nested", "strings", "tuple"],
)
def test_overrides_are_what_set_does(place: Place, mapping: dict[str, Any], overrides: Any) -> None:
    words = [part for one in ("target.images=40", "sweep.seed=0..1", "freezing.count=3") for part in ("--set", one)]
    planned = json.loads(place.ftdd("plan", str(place.recipe), *words, "--json"))["runs"]
    expected = [run["id"] for run in planned]
    assert len(expected) == 3
    if "freezing" in overrides:
        overrides = {**overrides, "sweep": {"seed": [0, 1]}}
        overrides.pop("sweep.seed")
    assert asked(place.recipe, overrides=overrides) == asked(mapping, overrides=overrides) == expected


def test_one_override_may_be_a_string(place: Place) -> None:
    assert asked(place.recipe, overrides="freezing.count=3") == asked(place.recipe, overrides={"freezing.count": 3})


# ---- mistakes


def test_all_mistakes_of_a_file_at_once_with_their_lines(place: Place) -> None:
    text = RECIPE.replace("label_noise: 0.2", "label_noise: 1.2").replace("width: 1", "width: 0")
    place.recipe.write_text(text)
    with pytest.raises(ftdd.RecipeError) as caught:
        ftdd.run(place.recipe, overrides={"target.imags": 3}, store=place.folder / "new", progress=False)
    lines = {row: number for number, row in enumerate(text.splitlines(), 1)}
    found = {mistake.path: mistake for mistake in caught.value.mistakes}
    assert set(found) == {"architecture.width", "target.label_noise", "target.imags"}
    assert found["architecture.width"].line == lines["architecture: {name: resnet, width: 0}"]
    assert found["target.label_noise"].line == lines["  label_noise: 1.2"]
    assert found["target.imags"].line == 0
    assert "small.yaml:4: architecture.width: must be 1 or more, got 0" in str(caught.value)
    assert not (place.folder / "new").exists()


def test_all_mistakes_of_a_mapping_at_once_with_their_paths_alone(mapping: dict[str, Any], tmp_path: Path) -> None:
    mapping["target"]["label_noise"] = 1.2
    mapping["architecture"]["width"] = 0
    mapping["sweep"]["freezing.count"] = [0, 77]
    with pytest.raises(ftdd.RecipeError) as caught:
        ftdd.run(mapping, store=tmp_path / "new", progress=False)
    assert {mistake.path for mistake in caught.value.mistakes} >= {"architecture.width", "target.label_noise"}
    assert {(mistake.line, mistake.where) for mistake in caught.value.mistakes} == {(0, "")}
    assert "target.label_noise: must be from 0 to 1, got 1.2" in str(caught.value).splitlines()
    assert not (tmp_path / "new").exists()


def test_what_no_recipe_can_say_is_named(mapping: dict[str, Any]) -> None:
    with pytest.raises(ftdd.RecipeError, match="nothing that a recipe can say"):
        request.read_request({**mapping, "title": object()})
    with pytest.raises(ValueError, match=r"overrides: .* is nothing that a recipe can say"):
        request.read_request(mapping, overrides={"seed": object()})
    with pytest.raises(ftdd.RecipeError, match="a list or text is meant, not a set"):
        request.read_request({**mapping, "sweep": {"seed": {0, 1}}})
    with pytest.raises(ValueError, match=r"overrides: .* surrogates not allowed"):
        request.read_request(mapping, overrides={"title": "\ud800"})
    mapping["notes"] = mapping
    with pytest.raises(ftdd.RecipeError, match="recursion"):
        request.read_request(mapping)


def test_mistakes_come_back_from_another_process(mapping: dict[str, Any]) -> None:
    with pytest.raises(ftdd.RecipeError) as caught:
        request.read_request({**mapping, **{f"nothing{number}": number for number in range(40)}})
    copy = pickle.loads(pickle.dumps(caught.value))
    assert len(copy.mistakes) == 40
    assert (copy.mistakes, str(copy)) == (caught.value.mistakes, str(caught.value))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"workers": 0}, "workers: must be 1 or more, got 0"),
        ({"workers": "2"}, "workers: must be a whole number, got '2'"),
        ({"workers": 1.5}, "workers: must be a whole number, got 1.5"),
        ({"more_seeds": "x"}, "added runs: must be a whole number, got 'x'"),
        ({"store": __file__}, "test_run.py is no folder"),
        ({"threads": 0}, "threads: must be 1 or more, got 0"),
        ({"cache_memory": -1}, "cache_memory: must be 0 or more, got -1"),
        ({"cache_disk": -1}, "cache_disk: must be 0 or more, got -1"),
        ({"more_seeds": -1}, "added runs: must be 0 or more, got -1"),
        ({"device": "gpu"}, "must be cpu, cuda, cuda:N or mps, got 'gpu'"),
        ({"executor": "locl"}, "no executor 'locl'; nearest: local"),
        ({"recipe": "quikstart"}, "no file 'quikstart', nor a recipe of that name; nearest: quickstart"),
        ({"recipe": "."}, ". is a folder, not a recipe"),
        ({"recipe": None}, "a recipe is a name, a path or a mapping, got None"),
        ({"recipe": [{}]}, "a recipe is a name, a path or a mapping, got [{}]"),
        ({"overrides": [5]}, "overrides: must be a mapping of dotted paths, or texts path=value; got [5]"),
    ],
    ids=str,
)
def test_an_argument_that_is_not_possible_is_a_sentence(
    kept: Place, tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"recipe": kept.recipe, "store": tmp_path / "new", "progress": False} | arguments
    with pytest.raises(RequestError) as caught:
        ftdd.run(**given)
    assert isinstance(caught.value, ValueError)
    assert words in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_data_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="CIFAR-10 is not in"):
        ftdd.run(
            "resnet_freeze",
            overrides={"pair.allow_modified": True},
            store=tmp_path / "new",
            data=tmp_path / "nowhere",
            progress=False,
        )


# ---- running


@pytest.fixture(autouse=True)
def _without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds, and have tests of their own."""
    if request.function is not test_where_all_is_done_nothing_is_trained_and_the_study_is_open:
        monkeypatch.setattr("ftdd.results.write.draw_figures", lambda study, folder: ())


def test_where_all_is_done_nothing_is_trained_and_the_study_is_open(place: Place) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.store.glob("runs/*/curve.csv")}
    assert len(before) == 4
    study = ftdd.run(place.recipe, store=place.store, progress=False)
    assert {path: path.stat().st_mtime_ns for path in place.store.glob("runs/*/curve.csv")} == before
    assert list(study.runs["state"]) == ["done"] * 4
    assert {path.name for path in study.folder.iterdir()} >= {"findings.json", "figures", "report.html", "recipe.yaml"}


def test_progress_is_on_stderr_or_nowhere(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    overrides = {"more_seeds": {"runs": 0}}  # a line is said of the budget
    ftdd.run(place.recipe, overrides=overrides, store=place.store, progress=False)
    assert capfd.readouterr() == ("", "")
    ftdd.run(place.recipe, overrides=overrides, store=place.store)
    said = capfd.readouterr()
    assert said.out == ""
    assert "the budget of 0 added runs is spent" in said.err


def test_where_and_how_runs_are_executed_changes_no_id(tmp_path: Path, mapping: dict[str, Any]) -> None:
    """A study from nothing, by worker processes, with every argument given."""
    study = ftdd.run(
        mapping,
        overrides=SOURCE_NONE,
        name="one",
        store=tmp_path / "runs",
        data=tmp_path,
        executor="local",
        workers=1,
        threads=1,
        device="cpu",
        cache_memory=0,
        cache_disk=0,
        progress=False,
    )
    assert ids(study) == asked(mapping, overrides=SOURCE_NONE)
    assert study.folder == tmp_path / "runs" / "studies" / "one"
    (run,) = study.data.each
    assert run.status.facts["device"] == "cpu"
    assert run.status.facts["cache"] == "none" or "cache" in run.status.facts
    assert study.runs["final_test_error"].notna().all()


def test_the_store_is_the_argument_else_of_the_environment_else_of_the_recipe_else_here(
    mapping: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FTDD_STORE", raising=False)
    assert request.read_request(mapping).store.path == tmp_path / "ftdd-runs"
    mapping["store"] = "third"
    assert request.read_request(mapping).store.path == tmp_path / "third"
    monkeypatch.setenv("FTDD_STORE", "second")
    assert request.read_request(mapping).store.path == tmp_path / "second"
    assert request.read_request(mapping, store="first").store.path == tmp_path / "first"
    monkeypatch.setenv("FTDD_DATA", "there")
    assert request.read_request(mapping).data == tmp_path / "there"
    assert request.read_request(mapping, data="here").data == tmp_path / "here"


def test_none_adds_no_runs(place: Place) -> None:
    assert len(ftdd.run(place.recipe, store=place.store, more_seeds=None, progress=False).runs) == 4


def test_more_seeds_adds_as_many_runs_as_it_says(place: Place) -> None:
    """One seed cannot tell anything, so the analyses ask for more."""
    study = ftdd.run(place.recipe, store=place.store, more_seeds=1, progress=False)
    assert len(study.runs) == 5
    (added,) = (run for run in study.data.each if run.added)
    assert added.settings["seed"] == 1
    assert added.state is State.DONE
    assert set(ids(ftdd.run(place.recipe, store=place.store, more_seeds=1, progress=False))) == set(ids(study))
    planned = json.loads(place.ftdd("plan", str(place.recipe), "--more-seeds-where-unsure", "--json"))
    assert (planned["more"]["budget"], planned["more"]["added"]) == (3, 1)


def test_failed_runs_are_warned_of_and_have_their_errors(place: Place) -> None:
    wild = {"source.training.optimizer": {"name": "sgd", "lr": 1.0e30}}
    with pytest.warns(UserWarning, match="failed") as caught:
        study = ftdd.run(place.recipe, overrides=wild, store=place.store, progress=False)
    messages = [str(one.message) for one in caught if " failed: " in str(one.message)]
    assert len(messages) == 3
    assert all("diverged, so there is nothing to transfer" in message for message in messages)
    assert {Path(one.filename).name for one in caught if " failed: " in str(one.message)} == {"test_run.py"}
    assert sorted(study.runs["state"]) == ["diverged", "failed", "failed", "failed"]
    assert study.runs.loc[study.runs["state"] == "failed", "error"].str.contains("nothing to transfer").all()
    assert (study.findings, study.advice) == ((), ())


def test_runs_with_other_images_are_left_out_until_again(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    for half in ("train", "test"):
        for name in ("ash", "oak"):
            (tmp_path / "leaves" / half / name).mkdir(parents=True)
            for k in range(8):
                pixels = draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "leaves" / half / name / f"{k}.png")
    recipe = {
        "pair": {"name": "image_folder", "target": "leaves", "image_size": 8},
        "architecture": {"name": "resnet", "width": 1},
        "source": "none",
        "target": {"training": {"epochs": 1, "batch_size": 8, "optimizer": {"name": "adam", "lr": 0.01}}},
        "freezing": "none",
    }
    places = {"store": tmp_path / "runs", "data": tmp_path, "progress": False}
    first = ftdd.run(recipe, **places)  # type: ignore[arg-type]
    assert list(first.runs["state"]) == ["done"]
    (tmp_path / "leaves/train/oak/7.png").unlink()
    with pytest.warns(UserWarning, match="16 training images of the target when it was trained, 15 now"):
        changed = ftdd.run(recipe, **places)  # type: ignore[arg-type]
    assert list(changed.runs["state"]) == ["changed"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        again = ftdd.run(recipe, again=True, **places)  # type: ignore[arg-type]
    assert list(again.runs["state"]) == ["done"]
    assert ids(again) == ids(first)


SCRIPT = """\
import ftdd

study = ftdd.run("small.yaml", overrides={"target.training.epochs": 400, "freezing.count": 0}, store="runs")
print(study)
"""


@pytest.mark.slow
def test_a_script_that_is_interrupted_leaves_a_store_that_goes_on(tmp_path: Path) -> None:
    """It needs no `if __name__ == "__main__"`, gets KeyboardInterrupt, and goes on from a checkpoint."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "script.py").write_text(SCRIPT)
    around = environment(FTDD_DISABLED_PLUGINS="mlflow")
    process = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=around,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    store = Store(tmp_path / "runs")
    for _ in range(6000):
        if list(store.path.glob("runs/*/checkpoint.pt")):
            break
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode not in (0, None)
    assert out == ""
    assert err.splitlines()[-1].startswith("KeyboardInterrupt: interrupted: ")
    assert err.splitlines()[-1].endswith("The same command goes on.")
    left = [folder for folder in store.run_folders() if folder.status().state is State.INTERRUPTED]
    assert left
    again = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=around, capture_output=True, text=True, check=True
    )
    assert "2 of 2 runs done" in again.stdout
    assert all(folder.status().facts["resumed_at"] for folder in left)
