"""`ftdd similarity`, and scores in a run's table, figure and MLflow."""

import json
from pathlib import Path

import pytest

from ftdd.cli.screen import number
from tests.cli.commands import ftdd
from tests.core.study.small_study import RECIPE

TURNED = RECIPE.replace(
    "pair: {name: digits, source_classes: [0, 1, 2], target_classes: [3, 4, 5]}",
    "pair: {name: transformed, of: {name: digits, target_classes: [3, 4, 5]}, strength: 0.0}",
).replace("freezing.count: [0, 3, 9]", "freezing.count: [0, 9]\n  pair.strength: [0.0, 1.0]")


def test_every_pair_has_a_row_for_every_scheme_and_only_sources_are_trained(tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(TURNED)
    chosen = ("--scheme", "class_overlap", "--scheme", "frechet", "--scheme", "leep")
    said = ftdd("similarity", "turned.yaml", *chosen, cwd=tmp_path)
    assert said.code == 0, said.err
    rows = [line.split() for line in said.out.splitlines()]
    assert sum("frechet" in row for row in rows) == 2
    assert "transformed strength=1" in said.out
    states = [json.loads(path.read_text()).get("role") for path in (tmp_path / "ftdd-runs/runs").glob("*/status.json")]
    assert states == ["source", "source"]
    again = ftdd("similarity", "turned.yaml", *chosen, "--json", cwd=tmp_path)
    found = json.loads(again.out)
    assert {row["scheme"] for row in found} == {"class_overlap", "frechet", "leep"}
    assert all(row["source_test_error"] is not None and row["value"] is not None for row in found)


NO_NOUN = "ftdd: wordnet: WordNet: no class of ImageNet-1k, Tiny ImageNet or CIFAR is called '3'"


@pytest.mark.parametrize("by", ["option", "recipe"])
def test_a_scheme_that_was_asked_for_and_cannot_be_had_is_a_failure_and_the_rest_is_there(
    by: str, tmp_path: Path
) -> None:
    """Why is said once, not for each of the two pairs."""
    asked = "similarity: [wordnet, class_overlap]\n" if by == "recipe" else ""
    (tmp_path / "turned.yaml").write_text(asked + TURNED)
    names = () if by == "recipe" else ("--scheme", "wordnet", "--scheme", "class_overlap")
    said = ftdd("similarity", "turned.yaml", *names, cwd=tmp_path)
    assert said.code == 1
    assert said.err.count(NO_NOUN) == 1
    assert said.out.count("1.0000") == 2


def test_what_cannot_be_had_is_said_beside_json_too(tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(TURNED)
    said = ftdd("similarity", "turned.yaml", "--scheme", "wordnet", "--scheme", "class_overlap", "--json", cwd=tmp_path)
    assert said.code == 1
    assert said.err.count(NO_NOUN) == 1
    assert [row["value"] for row in json.loads(said.out) if row["scheme"] == "class_overlap"] == [1.0, 1.0]


@pytest.mark.slow
def test_where_all_schemes_are_tried_one_that_does_not_fit_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(TURNED)
    said = ftdd("similarity", "turned.yaml", "--set", "pair.strength=0.5", cwd=tmp_path)
    assert said.code == 0, said.err
    assert said.err.count(NO_NOUN) == 1


def test_a_scheme_whose_weights_are_not_to_be_had_costs_its_own_score_alone(tmp_path: Path) -> None:
    """No network: the recipe has such a scheme, and where only the other one is asked for it is not missed."""
    weights = "{name: frechet, space: {name: timm, model: resnet18, pretrained: true}}"
    (tmp_path / "turned.yaml").write_text(f"similarity: [{weights}, class_overlap]\n{TURNED}")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    said = ftdd("similarity", "turned.yaml", cwd=tmp_path, **offline)
    assert said.code == 1
    assert said.err.count("the weights of resnet18 are not in ") == 1
    assert said.out.count("1.0000") == 2
    said = ftdd("similarity", "turned.yaml", "--scheme", "class_overlap", cwd=tmp_path, **offline)
    assert said.code == 0, said.err
    assert said.out.count("1.0000") == 2


@pytest.mark.parametrize(
    ("value", "text"), [(-1e-9, "0.0000"), (-0.0, "0.0000"), (-0.00006, "−0.0001"), (2.0, "2.0000")]
)
def test_a_distance_of_rounding_alone_is_shown_without_a_sign(value: float, text: str) -> None:
    assert number(value, 4) == text


def test_a_wrong_scheme_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(TURNED)
    said = ftdd("similarity", "turned.yaml", "--scheme", "frechett", cwd=tmp_path)
    assert said.code == 2
    assert "no scheme 'frechett'; nearest: frechet (ftdd list schemes)" in said.err


def test_where_nothing_is_transferred_there_is_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text(RECIPE)
    said = ftdd("similarity", "bare.yaml", "--set", "control=scratch", cwd=tmp_path)
    assert said.code == 2
    assert "no run of this recipe transfers from a source" in said.err


@pytest.mark.slow
def test_pairs_that_differ_in_a_list_and_a_title_with_dollars_are_shown(tmp_path: Path) -> None:
    recipe = RECIPE.replace("freezing.count: [0, 3, 9]", "pair.source_classes: [[0, 1, 2], [2, 3, 4]]")
    recipe = recipe.replace(
        "title: A small study", "title: 'Costs $\\foo$ b_{'\nsimilarity: [{name: frechet, images: 30}]"
    )
    (tmp_path / "lists.yaml").write_text(recipe)
    said = ftdd("run", "lists.yaml", cwd=tmp_path, FTDD_DISABLED_PLUGINS="mlflow")
    assert said.code == 0, said.err
    assert "figures/scores.png" in said.out
    assert "[2, 3, 4]" in (tmp_path / "ftdd-runs/studies/lists/report.html").read_text()


@pytest.mark.slow
def test_a_run_draws_test_error_over_likeness_and_mlflow_has_the_scores(tmp_path: Path) -> None:
    (tmp_path / "turned.yaml").write_text(f"similarity: [frechet, linear_probe]\n{TURNED}")
    said = ftdd("run", "turned.yaml", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "figures/similarity.png" in said.out
    assert "figures/scores.png" in said.out
    table = ftdd("results", "turned", "--csv", cwd=tmp_path).out.splitlines()
    assert {"similarity.frechet", "similarity.linear_probe", "source_test_error"} <= set(table[0].split(","))
    page = (tmp_path / "ftdd-runs/studies/turned/report.html").read_text()
    assert "Similarity of source and target" in page
    assert "<th>strength 1</th>" in page
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'ftdd-runs/mlflow.db'}")
    experiment = client.get_experiment_by_name("turned")
    runs = client.search_runs([experiment.experiment_id], "tags.`ftdd.role` = 'target'")
    assert len(runs) == 4
    assert all("similarity.frechet" in run.data.metrics for run in runs)
    assert len({run.data.metrics["similarity.frechet"] for run in runs}) == 2
