"""`ftdd.plan`: what a study would do and what it could tell; the command prints the same."""

import json
from typing import Any

import pytest

import ftdd
from ftdd.api.plan import StudyPlan
from ftdd.study.foresight import Curves
from tests.cli.commands import ftdd as command


def planned(tmp_path_factory: Any, recipe: str = "quickstart", **overrides: Any) -> StudyPlan:
    given = {path.replace("__", "."): value for path, value in overrides.items()}
    return ftdd.plan(recipe, overrides=given, store=tmp_path_factory.mktemp("store"))


def along(plan: StudyPlan, over: str = "frozen_layers") -> Curves:
    return next(one for one in plan.foresight.along if one.over == over)


def test_it_has_the_runs_and_what_they_cost(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = planned(tmp_path_factory)
    assert plan.runs["role"].value_counts().to_dict() == {"target": 20, "source": 1}
    assert set(plan.runs.columns) == {
        "id", "role", "state", "source_id", "freezing.count", "seed", "image_passes",
    }  # fmt: skip
    assert plan.seconds_left is None
    assert repr(plan).startswith("Plan of quickstart\n  20 target runs, 1 source run; 21 waiting")
    assert plan._repr_html_().startswith("<div><b>Freezing on handwritten digits</b></div><div>20 target runs")


def test_one_source_speaks_for_itself_and_three_for_sources_like_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    one = along(planned(tmp_path_factory))
    assert (one.sources, one.seeds, one.replicates, one.scope) == (1, 2, 2, "this source network")
    three = along(planned(tmp_path_factory, sweep__source__seed=[0, 1, 2]))
    assert (three.sources, three.seeds, three.replicates, three.scope) == (3, 2, 3, "sources like these")


def test_a_recipe_that_cannot_see_what_it_asks_for_is_told_how_many_seeds_it_takes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    few = planned(tmp_path_factory)
    needed = along(few).seeds_for_asked
    assert needed is not None
    assert any(f"cannot see a peak of 0.05, which it asks for: it takes {needed} seeds" in line for line in few.text)
    enough = along(planned(tmp_path_factory, sweep__seed=list(range(needed))))
    assert enough.peak is not None
    assert enough.peak <= 0.05
    assert enough.sees_what_is_asked


def test_few_test_images_are_said_to_be_what_is_missing(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = planned(tmp_path_factory, analyses=[{"name": "freezingwise", "smallest": 0.03}])
    assert along(plan).images_limit
    assert any("no number of seeds would do with so few test images" in line for line in plan.text)
    assert along(plan, "epoch").asked is None


def test_one_seed_is_told_that_it_shows_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = planned(tmp_path_factory, sweep__seed=[0])
    assert any("one seed shows no difference to be significant" in line for line in plan.text)


def test_of_errors_of_numbers_no_noise_is_known_before_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    plan = planned(tmp_path_factory, "theory")
    assert plan.foresight.noise is None
    assert "known once two seeds of it are done" in plan.text[-1]


@pytest.mark.parametrize("workers", [0, "two"])
def test_no_workers_is_a_wrong_request(workers: Any) -> None:
    with pytest.raises(ValueError, match="workers: must be"):
        ftdd.plan("quickstart", workers=workers)


def test_the_command_prints_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("command")
    said = command("plan", "quickstart", "--store", "planned", cwd=folder)
    assert said.code == 0, said.err
    plan = ftdd.plan("quickstart", store=folder / "planned")
    assert all(line in said.out for line in plan.text)
    tree = json.loads(command("plan", "quickstart", "--store", "planned", "--json", cwd=folder).out)
    assert tree == json.loads(json.dumps(plan.to_json()))
    assert tree["could_tell"]["along"][0]["scope"] == "this source network"
