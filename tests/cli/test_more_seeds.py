"""`--more-seeds-where-unsure`: runs are added where analyses cannot tell, within a budget, and stay with the study."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli import toy_analyses
from tests.cli.commands import Said, environment, ftdd, heed_ctrl_c
from tests.core.study.small_study import RECIPE

SMALL = RECIPE.replace("[0, 3, 9]", "[3, 9]").replace("epochs: 4", "epochs: 1")
"""Two target runs, a source, a second each."""

ENOUGH = "analyses: [enough]\n"


class Place:
    """A folder with a recipe, the toy analyses, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.around = toy_analyses.install(folder / "site")
        self.store = Store(folder / "ftdd-runs")

    def write(self, recipe: str) -> None:
        (self.folder / "small.yaml").write_text(recipe)

    def run(self, *arguments: str, **changes: str) -> Said:
        return self("run", "small.yaml", "--workers", "2", *arguments, **changes)

    def __call__(self, *arguments: str, **changes: str) -> Said:
        return ftdd(*arguments, cwd=self.folder, **{**self.around, **changes})

    @property
    def added(self) -> list[dict[str, Any]]:
        path = self.store.study_folder("small") / "added.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    @property
    def settings(self) -> list[tuple[Any, Any]]:
        """Frozen layers and seed of each target run of the study."""
        entries = self.store.read_study("small").entries
        return [(entry.settings["freezing.count"], entry.settings.get("seed", 0)) for entry in entries]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Said, Said]:
    """A study, what its plan says of runs that may be added, and three runs added of a budget of three."""
    place = Place(tmp_path_factory.mktemp("first"))
    place.write(ENOUGH + SMALL)
    plan = place("plan", "small.yaml", "--more-seeds-where-unsure")
    return place, plan, place.run("--more-seeds-where-unsure", "--budget", "3")


def test_seeds_are_added_round_by_round_until_the_budget_is_spent(first: tuple[Place, Said, Said]) -> None:
    place, _, said = first
    assert said.code == 0, said.err
    lines = [line for line in said.err.splitlines() if "asked for" in line]
    assert lines == [
        "2 more runs asked for: enough: seeds with 3 frozen layers; enough: seeds with 9 frozen layers "
        "(round 1, 2 of 3 of the budget)",
        "1 more run asked for: enough: seeds with 3 frozen layers (round 2, 3 of 3 of the budget)",
        "the budget of 3 added runs is spent; 1 more is asked for",
    ]
    assert "2 target runs, 1 source run; 0 done already" in said.out
    assert "6 runs executed in" in said.out
    assert place.settings == [(3, 0), (9, 0), (3, 1), (9, 1), (3, 2)]
    assert [(one["round"], one["new"]) for one in place.added] == [(1, ["seed"]), (1, ["seed"]), (2, ["seed"])]
    record = place.store.read_study("small")
    assert [entry.added for entry in record.entries] == [False, False, True, True, True]
    assert all(place.store.run(run_id).status().state is State.DONE for run_id in record.run_ids)


def test_the_summary_ends_with_a_line_for_each_finding(first: tuple[Place, Said, Said]) -> None:
    _, _, said = first
    assert "seen         enough: There are 3 seeds or more (freezing.count=3)" in said.out
    assert "cannot tell  enough: There are 3 seeds or more (freezing.count=9)" in said.out
    assert "why: ftdd findings small" in said.out


def test_before_any_result_the_plan_says_the_upper_bound(first: tuple[Place, Said, Said]) -> None:
    _, plan, _ = first
    assert plan.code == 0
    assert "where unsure: at most 2 more target runs (0 of the budget of 2 are added already); at most 120 image" in (
        plan.out
    )


def test_added_runs_belong_to_the_study_from_then_on(first: tuple[Place, Said, Said]) -> None:
    """The plan has them, nothing is done again, and the tables show the seed that the recipe did not sweep."""
    place, _, _ = first
    said = place("plan", "small.yaml")
    assert "5 target runs, 1 source run; 6 done" in said.out
    assert "seed" in said.out
    again = place.run()
    assert "5 target runs, 1 source run; 6 done already" in again.out
    assert "asked for" not in again.err
    table = place("results", "small", "--csv").out.splitlines()
    assert table[0].startswith("id,role,source_id,state,freezing.count,seed,")
    assert sorted(",".join(row.split(",")[4:6]) for row in table[2:]) == ["3,0", "3,1", "3,2", "9,0", "9,1"]


def test_the_plan_shows_what_would_be_added_and_what_it_costs(first: tuple[Place, Said, Said]) -> None:
    place, _, _ = first
    said = place("plan", "small.yaml", "--more-seeds-where-unsure", "--budget", "8")
    assert "where unsure: asked for now: 1 more target runs (3 of the budget of 8 are added already)" in said.out
    assert "1 × enough: seeds with 9 frozen layers" in said.out
    assert "to do for them: 60 image passes, about" in said.out
    assert "after them at most 4 more: at most 240 image passes, about" in said.out
    tree = json.loads(place("plan", "small.yaml", "--more-seeds-where-unsure", "--budget", "8", "--json").out)["more"]
    assert (tree["budget"], tree["added"], tree["may_follow"], tree["image_passes_left"]) == (8, 3, 4, 60)
    assert tree["runs"] == [
        {
            "analysis": "enough",
            "reason": "seeds with 9 frozen layers",
            "settings": {"freezing.count": 9, "seed": 2},
        }
    ]
    spent = place("plan", "small.yaml", "--more-seeds-where-unsure", "--budget", "3")
    assert "where unsure: asked for now: 1 more target runs, but 3 of the budget of 3 are added already" in spent.out
    assert len(place.added) == 3, "a plan adds nothing"


@pytest.mark.slow
def test_the_budget_counts_what_earlier_calls_added(place: Place) -> None:
    """The recipe's field does what the option does; then nobody asks for more."""
    place.write("more_seeds: {runs: 1}\n" + ENOUGH + SMALL)
    assert place.run("--budget", "0").code == 0
    assert place.added == []
    assert "(round 1, 1 of 1 of the budget)" in place.run().err
    assert "the budget of 1 added runs is spent; 2 more are asked for" in place.run().err
    assert len(place.added) == 1
    said = place.run("--budget", "10")
    assert "(round 2, 3 of 10 of the budget)" in said.err
    assert "(round 3, 4 of 10 of the budget)" in said.err
    assert "no analysis asks for more runs" in said.err
    assert sorted(place.settings) == [(depth, seed) for depth in (3, 9) for seed in (0, 1, 2)]
    assert "no analysis asks for more runs" in place("plan", "small.yaml", "--more-seeds-where-unsure").out


def test_without_the_option_nothing_is_added_and_a_budget_alone_is_a_mistake(place: Place) -> None:
    place.write(ENOUGH + SMALL)
    for command in ("run", "plan"):
        said = place(command, "small.yaml", "--budget", "3")
        assert said.code == 2
        assert "--budget is of runs that are added: give --more-seeds-where-unsure too" in said.err
    assert not place.store.path.exists()


def test_what_an_analysis_asks_wrongly_is_a_sentence_and_one_that_raises_costs_nothing(place: Place) -> None:
    place.write("analyses: [broken, wild, {name: enough, seeds: 2}]\n" + SMALL)
    said = place.run("--more-seeds-where-unsure")
    assert said.code == 0
    broken = "analysis 'broken' (plugin 'toy_analyses' of toy-analyses 1.0) failed in"
    for method in ("findings", "proposals"):
        assert said.err.count(f"{broken} {method}: ZeroDivisionError: no reason [at all]\n") == 1
    cannot = "wild asked for a run that cannot be:"
    assert f"{cannot} freezing.count=77: freezing.count: must be from 0 to 9" in said.err
    assert f"{cannot} target.imags=3: target.imags: no such field; nearest: images" in said.err
    assert f"{cannot} titel=1: no such field 'titel'" in said.err
    assert said.err.count(cannot) == 4
    assert "Traceback" not in said.err
    assert len(place.added) == 2, "and what can be is added; freezing.count=3 is there already"
    assert "broken" not in said.out
    assert "seen         enough:" in said.out


@pytest.mark.slow
def test_runs_of_a_recipe_that_changed_are_left_out_and_come_back(place: Place) -> None:
    place.write(ENOUGH + SMALL)
    assert place.run("--more-seeds-where-unsure").code == 0
    assert place.settings == [(3, 0), (9, 0), (3, 1), (9, 1)]
    kept = place.added

    place.write(ENOUGH + SMALL.replace("[3, 9]", "[3]"))
    said = place.run()
    assert "left out: freezing.count=9 seed=1: the recipe has no run like it any more" in said.err
    assert place.settings == [(3, 0), (3, 1)]

    place.write(ENOUGH + SMALL.replace("freezing.count: [3, 9]", "freezing.count: [3, 9]\n  target.images: [60]"))
    assert "left out" not in place("plan", "small.yaml").err, "one more axis, with the value that was there"
    said = place("plan", "small.yaml", "--set", "seed=5")
    for depth in (3, 9):
        assert f"left out: freezing.count={depth} seed=1: --set gives seed one value\n" in said.err

    place.write(ENOUGH + SMALL + "  seed: [0, 1]\n")
    said = place.run()
    assert "4 target runs, 1 source run; 5 done already" in said.out, "what the sweep has itself is not added twice"
    assert not any(entry.added for entry in place.store.read_study("small").entries)

    place.write(ENOUGH + SMALL)
    said = place.run()
    assert "left out" not in said.err
    assert place.settings == [(3, 0), (9, 0), (3, 1), (9, 1)]
    assert place.added == kept


def test_a_setting_given_on_the_command_line_is_kept(place: Place) -> None:
    place.write(ENOUGH + SMALL)
    said = place.run("--more-seeds-where-unsure", "--set", "seed=4", "--set", "freezing.count=9")
    assert said.code == 0
    assert "enough asked for a run that cannot be: seed=5: --set gives seed one value" in said.err
    assert place.added == []


def test_a_list_of_added_runs_that_cannot_be_read_is_one_sentence(place: Place) -> None:
    place.write(SMALL)
    folder = place.store.study_folder("small")
    folder.mkdir(parents=True)
    (folder / "added.json").write_text("[{}]")
    for command in ("run", "plan"):
        said = place(command, "small.yaml")
        assert said.code == 2
        assert "added.json cannot be read" in said.err
        assert "mend it, or delete it" in said.err


def an_added_run_has_a_checkpoint(place: Place) -> bool:
    """The runs before it may have had one too, on a machine that is slow."""
    try:
        entries = place.store.read_study("small").entries
    except LookupError:  # nothing is written down yet
        return False
    return any(entry.added and place.store.run(entry.id).checkpoint.exists() for entry in entries)


@pytest.mark.slow
def test_killed_in_the_middle_of_an_added_round_the_same_command_goes_on(place: Place) -> None:
    place.write("analyses: [longer]\n" + SMALL.replace("[3, 9]", "[0]"))
    arguments = ["run", "small.yaml", "--more-seeds-where-unsure", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from ftdd.cli import main; main()", *arguments],
        cwd=place.folder,
        env=environment(**place.around),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    for _ in range(1800):
        if an_added_run_has_a_checkpoint(place):
            break
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "interrupted: 2 of 3 runs are done, 1 will go on from their checkpoints. The same command goes on." in err
    assert len(place.added) == 1
    (longer,) = (entry for entry in place.store.read_study("small").entries if entry.added)
    assert longer.settings["target.training.epochs"] == 600
    assert place.store.run(longer.id).status().state is State.INTERRUPTED

    said = place(*arguments)
    assert said.code == 0, said.err
    assert "asked for" not in said.err
    assert "no analysis asks for more runs" in said.err
    assert "1 run executed in" in said.out
    status = place.store.run(longer.id).status()
    assert status.state is State.DONE
    assert status.facts["resumed_at"], status


@pytest.mark.slow
def test_added_runs_are_in_mlflow_once(place: Place) -> None:
    import mlflow

    place.write("analyses: [{name: enough, seeds: 2}]\n" + SMALL)
    assert place.run("--more-seeds-where-unsure", FTDD_DISABLED_PLUGINS="analyses").code == 0
    mlflow.set_tracking_uri(f"sqlite:///{place.store.path / 'mlflow.db'}")
    table: Any = mlflow.search_runs(experiment_names=["small"])
    targets = table[table["tags.ftdd.role"] == "target"]
    found = sorted(zip(targets["params.freezing.count"], targets["params.seed"], strict=True))
    assert found == [("3", "0"), ("3", "1"), ("9", "0"), ("9", "1")]
    assert set(targets["status"]) == {"FINISHED"}
