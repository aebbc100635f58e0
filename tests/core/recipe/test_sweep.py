"""Sweeps: lists, ranges and `all` as the points of a grid; and what `--set` does to them."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdd.components import Architecture
from ftdd.data.image_shape import ImageShape
from ftdd.recipe.read import read_recipe
from ftdd.recipe.recipe import Recipe
from ftdd.recipe.sweep import SweepError, read_range
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins, with_components


def swept(study: Recipe) -> list[dict[str, object]]:
    return [dict(point.settings) for point in study.points]


def with_sweep(tmp_path: Path, sweep: str, *overrides: str) -> Recipe:
    return read(tmp_path, *overrides, recipe=RECIPE[: RECIPE.index("sweep:")] + sweep)


def test_the_last_axis_is_the_fastest(tmp_path: Path) -> None:
    study = with_sweep(tmp_path, "sweep:\n  target.images: [30, 60]\n  seed: 0..1\n")
    assert swept(study) == [
        {"target.images": 30, "seed": 0},
        {"target.images": 30, "seed": 1},
        {"target.images": 60, "seed": 0},
        {"target.images": 60, "seed": 1},
    ]


def test_all_is_every_depth_below_the_head_in_the_place_where_it_stands(tmp_path: Path) -> None:
    study = with_sweep(tmp_path, "sweep:\n  freezing.count: all\n  seed: [0, 1]\n")
    assert [point.settings["freezing.count"] for point in study.points] == [k for k in range(10) for _ in range(2)]


def test_all_of_a_field_of_choices_is_each_of_them(tmp_path: Path) -> None:
    pair = "pair: {name: cifar10_halves}"
    recipe = RECIPE.replace(RECIPE.splitlines()[2], pair)
    recipe = recipe[: recipe.index("sweep:")] + "sweep:\n  pair.similarity: all\n  pair.allow_modified: all\n"
    study = read(tmp_path, recipe=recipe)
    assert swept(study)[:2] == [
        {"pair.similarity": "related", "pair.allow_modified": False},
        {"pair.similarity": "related", "pair.allow_modified": True},
    ]
    assert len(study.points) == 4


def test_a_list_of_mappings_is_their_union_and_a_point_is_there_once(tmp_path: Path) -> None:
    study = with_sweep(tmp_path, "sweep:\n  - {seed: [0, 1]}\n  - {seed: [1, 2]}\n  - {target.images: [30]}\n")
    assert swept(study) == [{"seed": 0}, {"seed": 1}, {"seed": 2}, {"target.images": 30}]
    assert study.swept == ("seed", "target.images")


def test_without_a_sweep_there_is_one_run(tmp_path: Path) -> None:
    assert len(with_sweep(tmp_path, "").points) == 1


def test_a_whole_component_can_be_swept_and_a_name_stand_for_it(tmp_path: Path) -> None:
    study = with_sweep(
        tmp_path, "sweep:\n  architecture: [{name: resnet, width: 2}, resnet]\n  freezing: [none, all_but_head]\n"
    )
    widths = [point.spec.architecture.model_dump()["width"] for point in study.points]
    assert widths == [2, 2, 64, 64]
    assert [len(point.spec.freezing.frozen(("a", "b", "head"), 0)) for point in study.points] == [0, 2, 0, 2]


def test_a_field_of_a_component_that_is_written_as_a_name_can_be_swept(tmp_path: Path) -> None:
    recipe = RECIPE.replace("{name: resnet, width: 1}", "resnet")
    study = read(tmp_path, recipe=recipe[: recipe.index("sweep:")] + "sweep:\n  architecture.width: [1, 2]\n")
    assert [point.spec.architecture.model_dump()["width"] for point in study.points] == [1, 2]


def test_a_policy_that_is_written_as_a_word_takes_the_swept_field_under_its_own_key(tmp_path: Path) -> None:
    """Policies are named by `policy`, optimizers deep in a recipe by `name`: a bare word stands for either."""
    recipe = RECIPE.replace("{policy: first_layers, count: 0}", "first_layers")
    study = read(tmp_path, recipe=recipe)
    assert [point.spec.freezing.model_dump() for point in study.points] == [
        {"policy": "first_layers", "count": count, "fraction": None} for count in (0, 3, 9)
    ]
    recipe = RECIPE.replace("{name: adam, lr: 0.01}}\n  evaluate", "adam}\n  evaluate")
    rates = read(tmp_path, recipe=recipe[: recipe.index("sweep:")] + "sweep:\n  target.training.optimizer.lr: [1, 2]\n")
    assert [point.spec.target.training.optimizer.lr for point in rates.points] == [1, 2]


def test_the_base_settings_value_of_a_swept_path_is_not_used_and_not_judged(tmp_path: Path) -> None:
    study = read(tmp_path, recipe=RECIPE.replace("first_layers, count: 0", "first_layers, count: 99"))
    assert set(study.targets) == set(read(tmp_path).targets)


@pytest.mark.parametrize("sweep", ["sweep: {}\n", "sweep: []\n", "sweep:\n", "sweep: [{}]\n"])
def test_an_empty_sweep_is_one_run(sweep: str, tmp_path: Path) -> None:
    assert swept(with_sweep(tmp_path, sweep)) == [{}]


def test_all_is_each_depth_of_the_network_at_that_point(tmp_path: Path) -> None:
    """Networks of different depth beside each other: the last axis is the fastest, and each has its own depths."""

    class Short(Architecture):
        """Four layers."""

        name: Literal["short"] = "short"

        def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
            return ("a", "b", "c", "head")

        def build(self, image: ImageShape, classes: int):  # type: ignore[no-untyped-def]
            raise AssertionError

    plugins = with_components(architecture={**installed_plugins().components["architecture"], "short": Short})
    for sweep in ("  architecture: [short, resnet]\n  freezing.count: all\n", "  freezing.count: all\n  seed: [5]\n"):
        path = tmp_path / "depths.yaml"
        path.write_text(
            RECIPE[: RECIPE.index("sweep:")].replace("name: resnet, width: 1", "name: short") + "sweep:\n" + sweep
        )
        found = [
            (point.spec.architecture.model_dump()["name"], point.settings["freezing.count"])
            for point in read_recipe(path, plugins, tmp_path).points
        ]
        short = [("short", count) for count in range(4)]
        assert found == (short + [("resnet", count) for count in range(10)] if "resnet" in sweep else short)


def test_all_before_another_axis_varies_slower_than_it(tmp_path: Path) -> None:
    study = with_sweep(
        tmp_path, "sweep:\n  pair.similarity: all\n  freezing.count: all\n  seed: [7, 8]\n", "pair=cifar10_halves"
    )
    by_hand = [
        {"pair.similarity": similarity, "freezing.count": count, "seed": seed}
        for similarity in ("related", "less_related")
        for count in range(10)
        for seed in (7, 8)
    ]
    assert swept(study) == by_hand


def test_the_source_may_be_swept_away(tmp_path: Path) -> None:
    """From scratch beside transferred: `none` is a value like another."""
    study = with_sweep(
        tmp_path, "sweep:\n  source: [none, {training: {epochs: 1, batch_size: 8, optimizer: {name: sgd, lr: 1}}}]\n"
    )
    assert [point.spec.source is None for point in study.points] == [True, False]
    assert len(study.sources) == 1


def test_setting_a_swept_path_ends_its_sweep(tmp_path: Path) -> None:
    study = read(tmp_path, "freezing.count=4")
    assert swept(study) == [{}]
    assert study.points[0].spec.freezing.model_dump()["count"] == 4


def test_an_axis_can_be_set(tmp_path: Path) -> None:
    study = read(tmp_path, "sweep.seed=0..2", "sweep.freezing.count=[1]")
    assert swept(study) == [{"freezing.count": 1, "seed": seed} for seed in range(3)]


def test_what_was_set_is_written_under_the_recipe(tmp_path: Path) -> None:
    """The study's own copy of the recipe says how it differs from the file."""
    assert read(tmp_path, "target.images=30").text.endswith("\n# --set target.images=30\n")


@given(first=st.integers(-50, 50), count=st.integers(1, 40), step=st.integers(1, 7))
def test_a_range_of_whole_numbers_includes_both_ends(first: int, count: int, step: int) -> None:
    last = first + (count - 1) * step
    assert read_range(f"{first}..{last}..{step}") == tuple(range(first, last + 1, step))
    assert all(type(value) is int for value in read_range(f"{first}..{last}..{step}"))


@given(count=st.integers(1, 60), places=st.integers(1, 4))
def test_a_range_of_decimals_holds_the_floats_that_one_would_write(count: int, places: int) -> None:
    """0.1 added up three times is 0.30000000000000004; the third value of 0..1..0.1 is 0.3."""
    step = Decimal(1).scaleb(-places)
    values = read_range(f"0..{step * count}..{step}")
    assert values == tuple(float(str(step * i)) for i in range(count + 1))


def test_ranges_go_down_too_and_stop_before_the_end_they_do_not_meet() -> None:
    assert read_range("3..1") == (3, 2, 1)
    assert read_range("0..7..3") == (0, 3, 6)
    assert read_range("1e-4..3e-4..1e-4") == (1e-4, 2e-4, 3e-4)
    for wrong in ("0..1..0", "0..3..-1", "a..b", "1.."):
        with pytest.raises(SweepError):
            read_range(wrong)
