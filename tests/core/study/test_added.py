"""Added runs: which are taken of those that are asked for, and which still belong to the recipe."""

from pathlib import Path
from typing import Any

import pytest

from ftdd.components import Proposal
from ftdd.recipe.recipe import Recipe
from ftdd.study.added import Added, Asked, Round, keep_added, next_round, read_added, with_added
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins

PLUGINS = installed_plugins()


def ask(analysis: str, reason: str, **settings: Any) -> Asked:
    plain = {path.replace("__", "."): value for path, value in settings.items()}
    return Asked(analysis, Proposal(plain, reason))


def taken(study: Recipe, data: Path, *asked: Asked, left: int = 100) -> Round:
    return next_round(study, asked, left, 1, PLUGINS, data)


def settings(found: Round) -> list[dict[str, Any]]:
    return [dict(run.settings) for run in found.runs]


def test_analyses_take_turns_a_reason_at_a_time(tmp_path: Path) -> None:
    study = read(tmp_path, "sweep.freezing.count=0..5")
    first = [ask("a", "one", freezing__count=i, seed=1) for i in (0, 1)]
    second = [ask("a", "two", freezing__count=2, seed=1)]
    other = [ask("b", "three", freezing__count=i, seed=1) for i in (3, 4)]
    found = taken(study, tmp_path, *first, *second, *other, left=4)
    assert [(run.analysis, run.settings["freezing.count"]) for run in found.runs] == [
        ("a", 0),
        ("a", 1),
        ("b", 3),
        ("b", 4),
    ]
    assert found.over_budget == 1
    assert taken(study, tmp_path, *first, left=0).runs == ()


def test_a_run_is_repeated_once_in_a_round_and_a_new_one_has_all_its_seeds(tmp_path: Path) -> None:
    """After one more seed the analyses look again; a size that is not there yet is of no use with one seed."""
    study = read(tmp_path)
    repeats = [ask("a", "one", freezing__count=3, seed=seed) for seed in (1, 2, 3)]
    new = [ask("a", "two", freezing__count=3, target__images=30, seed=seed) for seed in (0, 1)]
    found = taken(study, tmp_path, *repeats, *new)
    assert [(one.get("target.images"), one["seed"]) for one in settings(found)] == [(None, 1), (30, 0), (30, 1)]
    assert [run.new for run in found.runs] == [("seed",), ("target.images",), ("seed", "target.images")]
    assert found.over_budget == 0


def test_what_the_study_has_is_not_added_and_what_cannot_be_is_said(tmp_path: Path) -> None:
    study = read(tmp_path)
    found = taken(
        study,
        tmp_path,
        ask("a", "one", freezing__count=3),
        ask("a", "one", freezing__count=3, seed=0),
        ask("b", "one", freezing__count=12),
        ask("b", "one", freezing__count=3, seed=1),
        ask("c", "one", freezing__count=3, seed=1),
    )
    assert settings(found) == [{"freezing.count": 3, "seed": 1}]
    assert found.there_already == 2
    assert found.mistaken == (
        "b asked for a run that cannot be: freezing.count=12: freezing.count: must be from 0 to 9, "
        "the layers below the head 'head', got 12",
    )


def grown(tmp_path: Path, *overrides: str) -> tuple[list[Any], tuple[str, ...]]:
    """What of three added runs is in the study of the recipe with these overrides, and what is left out."""
    study = read(tmp_path)
    asked = [
        ask("a", "seeds", freezing__count=9, seed=1),
        ask("a", "sizes", freezing__count=3, target__images=30),
        ask("a", "both", freezing__count=3, target__images=30, seed=2),
    ]
    larger, left_out = with_added(read(tmp_path, *overrides), taken(study, tmp_path, *asked).runs, PLUGINS, tmp_path)
    return [list(point.settings.values()) for point in larger.added], left_out


@pytest.mark.parametrize(
    ("override", "there", "why"),
    [
        ("source.images=30", [[9, 1], [3, 30], [3, 30, 2]], None),
        ("sweep.seed=[0, 1]", [[3, 30], [3, 30, 2]], None),
        ("sweep.freezing.count=[0, 3]", [[3, 30], [3, 30, 2]], "freezing.count=9 seed=1: the recipe has no run like"),
        ("sweep.freezing.count=[0]", [], "freezing.count=9 seed=1: the recipe has no run like it any more"),
        ("freezing.count=9", [[9, 1]], "freezing.count=3 target.images=30: the recipe has no run like it any more"),
        ("seed=4", [[3, 30]], "freezing.count=9 seed=1: --set gives seed one value"),
        ("target.images=45", [[9, 1]], "freezing.count=3 target.images=30: --set gives target.images one value"),
    ],
)
def test_an_added_run_stays_while_the_recipe_has_a_run_like_it(
    override: str, there: list[Any], why: str | None, tmp_path: Path
) -> None:
    found, left_out = grown(tmp_path, override)
    assert found == there
    assert len(left_out) == 0 if why is None else left_out[0].startswith(why)


def test_an_added_run_whose_setting_is_no_more_is_left_out_with_the_reason(tmp_path: Path) -> None:
    one = Added({"freezing.count": 9, "seed": 1}, "why", 1, "a", ("seed",))
    policy = RECIPE.split("sweep:")[0].replace("{policy: first_layers, count: 0}", "all_but_head")
    study, left_out = with_added(read(tmp_path, recipe=policy), [one], PLUGINS, tmp_path)
    assert study.added == ()
    assert left_out == ("freezing.count=9 seed=1: freezing.count: no such field; there is none",)


def test_what_was_added_is_read_back_and_added_to(tmp_path: Path) -> None:
    one = Added({"freezing.count": 3, "seed": 1}, "why", 1, "a", ("seed",))
    two = Added({"freezing.count": 3, "seed": 2}, "why", 2, "a", ("seed",))
    again = Added({"freezing.count": 3, "seed": 1}, "anew", 3, "b", ("seed",))
    assert read_added(tmp_path) == ()
    keep_added(tmp_path, [one])
    keep_added(tmp_path, [two])
    assert read_added(tmp_path) == (one, two)
    keep_added(tmp_path, [again])
    assert read_added(tmp_path) == (two, again)


WORDS = '[{"settings": 1, "reason": "", "round": 1, "analysis": "a", "new": []}]'


@pytest.mark.parametrize("text", ["", "[{}]", "{", '[{"settings": 1}]', "3", WORDS])
def test_a_file_that_cannot_be_read_is_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "added.json").write_text(text)
    with pytest.raises(ValueError, match=r"added.json cannot be read \(.*\); mend it, or delete it"):
        read_added(tmp_path)
