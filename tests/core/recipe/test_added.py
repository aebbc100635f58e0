"""Points that are added to a recipe's own: settings over its base, checked like a sweep's."""

from pathlib import Path
from typing import Any

import pytest

from ftdd.components import Analysis
from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.points import NoPoint, added_point
from ftdd.recipe.recipe import Header, MoreSeeds, chosen_analyses
from tests.core.recipe.test_ids import GOLDEN_TARGETS
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins, with_components

PLUGINS = installed_plugins()


def test_an_added_point_is_the_run_that_the_sweep_would_have_made(tmp_path: Path) -> None:
    """Same id, so a run is never executed twice; a path that was not swept takes its place in the base."""
    study = read(tmp_path)
    for point in study.points:
        again = added_point(study.base, point.settings, PLUGINS, tmp_path)
        assert (again.spec, again.added) == (point.spec, True)
    assert [added_point(study.base, one.settings, PLUGINS, tmp_path).spec.id for one in study.points] == GOLDEN_TARGETS
    seeds = read(tmp_path, "sweep.seed=[0, 1]")
    new = added_point(study.base, {"freezing.count": 9, "seed": 1}, PLUGINS, tmp_path)
    assert new.spec.id == seeds.points[-1].spec.id


def test_the_base_has_what_set_says(tmp_path: Path) -> None:
    study = read(tmp_path, "target.images=30", "sweep.seed=[1]")
    assert added_point(study.base, {"freezing.count": 3}, PLUGINS, tmp_path).spec.target.images == 30
    assert study.fixed == ("target.images",)
    assert read(tmp_path, "freezing.count=3").fixed == ("freezing.count",)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"freezing.count": 77}, "freezing.count: must be from 0 to 9"),
        ({"target.label_noise": 2}, "target.label_noise: must be from 0 to 1, got 2"),
        ({"target.imags": 30}, "target.imags: no such field; nearest: images"),
        ({"sed": 1}, "no such field 'sed'; nearest: seed"),
        ({"title": "x"}, "'title' changes no numbers"),
        ({"seed.more": 1}, "seed is "),
        ({"": 1}, "'' is not a dotted path"),
        ({"target.images": 2}, "target.images: must be 3 or more, one for each class; got 2"),
        ({"source": None}, "source: is empty; say none to train from scratch"),
        ({"target.label_noise": float("nan")}, "not JSON compliant"),
        ({"seed": {1}}, "not JSON serializable"),
    ],
)
def test_what_cannot_be_is_a_sentence(settings: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    study = read(tmp_path, "seed=0", "freezing.count=0")
    with pytest.raises(NoPoint) as error:
        added_point(study.base, settings, PLUGINS, tmp_path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_says_how_many_runs_may_be_added(tmp_path: Path) -> None:
    assert read(tmp_path).header.more_seeds is None
    assert read(tmp_path, "more_seeds={runs: 40}").header.more_seeds == MoreSeeds(runs=40)
    assert read(tmp_path, "more_seeds={}").header.more_seeds == MoreSeeds(runs=None)
    with pytest.raises(RecipeError, match=r"more_seeds.runs: must be 0 or more, got -1"):
        read(tmp_path, "more_seeds={runs: -1}")


def test_neither_analyses_nor_more_seeds_change_an_id(tmp_path: Path) -> None:
    recipe = f"analyses: [freezingwise]\nmore_seeds: {{runs: 4}}\n{RECIPE}"
    assert list(read(tmp_path, recipe=recipe).targets) == GOLDEN_TARGETS


def test_a_recipe_chooses_its_analyses(tmp_path: Path) -> None:
    """By name, or by a mapping with the analysis's own fields; all that are installed where it chooses none."""
    study = read(tmp_path, "analyses=[{name: freezingwise, smallest: 0.1}, epochwise]")
    first, second = chosen_analyses(study.header, PLUGINS)
    assert first.model_dump()["smallest"] == 0.1
    assert second.model_dump()["name"] == "epochwise"
    assert {type(one) for one in chosen_analyses(Header(), PLUGINS)} == set(PLUGINS.components["analysis"].values())
    assert chosen_analyses(Header(analyses=()), PLUGINS) == ()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("[freezingwis]", r"analyses\[0\]: no analysis 'freezingwis'; nearest: freezingwise \(ftdd list analyses\)"),
        ("[{name: freezingwise, smalest: 1}]", r"analyses\[0\].smalest: no such field; nearest: smallest"),
        ("[{name: freezingwise, smallest: -1}]", r"analyses\[0\].smallest: must be above 0, got -1"),
        ("freezingwise", "analyses: must be a list"),
    ],
)
def test_a_wrong_analysis_is_a_mistake_with_its_place(given: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=sentence):
        read(tmp_path, f"analyses={given}")


def test_an_analysis_that_needs_a_setting_is_there_only_where_it_is_named() -> None:
    class Needy(Analysis):
        """Needs a word."""

        word: str

        def findings(self, study: object) -> tuple[()]:
            return ()

    assert chosen_analyses(Header(), with_components(analysis={"needy": Needy})) == ()
