"""Replicates: from a study's tables to curves that several seeds have measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ftdd.analysis.replicates import over_epochs, over_setting, parts_of
from ftdd.analysis.study_data import StudyData, study_data
from ftdd.records.study import StudyRecord

EPOCHS = (0, 1, 2, 4)


def run(depth: int, seed: int, **more: Any) -> dict[str, Any]:
    """A row of the runs' table."""
    return {
        "id": "-".join(str(part) for part in (depth, seed, *more.values())),
        "frozen_layers": depth,
        "freezing.count": depth,
        "seed": seed,
        "final_test_error": 0.5 + 0.01 * depth + 0.001 * seed,
        "test_images": 100,
        "test_digest": "same",
        **more,
    }


def study(rows: Sequence[dict[str, Any]], swept: Sequence[str] = ("freezing.count", "seed"), **more: Any) -> StudyData:
    runs = pd.DataFrame(rows).assign(role="target", state="done")
    curves = pd.DataFrame(
        [
            {"id": row["id"], "epoch": epoch, "test_error": row["final_test_error"] + 1 / (1 + epoch)}
            for row in rows
            for epoch in row.get("epochs", EPOCHS)
        ]
    )
    groups = tuple(path for path in swept if path not in ("seed", "source.seed", "freezing.count"))
    return StudyData(StudyRecord("made", "", "", 0.0, tuple(swept), (), **more), runs, curves, groups)


GRID = [run(depth, seed) for depth in (0, 1, 2) for seed in (0, 1)]


def test_a_curve_over_frozen_layers_has_a_row_for_each_seed_and_a_column_for_each_depth() -> None:
    (grid,) = over_setting(study(GRID), "frozen_layers", "final_test_error")
    assert (grid.over, grid.x.tolist(), grid.settings, grid.words) == ("frozen_layers", [0, 1, 2], {}, "")
    assert (grid.cells.source, grid.cells.target) == ((None, None), (0, 1))
    assert (grid.sources, grid.targets, grid.replication) == (1, 2, "1 source × 2 seeds")
    assert grid.values == pytest.approx(np.array([[0.5, 0.51, 0.52], [0.501, 0.511, 0.521]]))
    assert grid.shared_test_images
    assert set(grid.runs) == {row["id"] for row in GRID}


def test_a_run_that_is_missing_leaves_an_empty_place() -> None:
    (grid,) = over_setting(study(GRID[:-1]), "frozen_layers", "final_test_error")
    assert np.isnan(grid.values).tolist() == [[False, False, False], [False, False, True]]


def test_the_order_of_the_rows_does_not_matter() -> None:
    (one,) = over_setting(study(GRID), "frozen_layers", "final_test_error")
    (other,) = over_setting(study(GRID[::-1]), "frozen_layers", "final_test_error")
    assert other.cells.target == one.cells.target
    assert other.values.tolist() == one.values.tolist()


@pytest.mark.parametrize("again", [GRID, GRID[:2], [GRID[-1]] * 3])
def test_rows_that_stand_there_twice_count_once(again: list[dict[str, Any]]) -> None:
    """A repeated seed would make a curve look surer than it is."""
    once, twice = study(GRID), study([*GRID, *again])
    for curves in (lambda one: over_setting(one, "frozen_layers", "final_test_error"), over_epochs):
        for grid, same in zip(curves(once), curves(twice), strict=True):
            assert same.cells.target == grid.cells.target
            assert same.values.tolist() == grid.values.tolist()
            assert sorted(same.runs) == sorted(grid.runs)


def test_settings_other_than_seeds_and_depth_tell_curves_apart() -> None:
    rows = [run(depth, seed, **{"target.images": size}) for size in (250, 1000) for depth in (0, 1) for seed in (0, 1)]
    swept = ("target.images", "freezing.count", "seed")
    grids = over_setting(study(rows, swept), "frozen_layers", "final_test_error")
    assert [grid.settings for grid in grids] == [{"target.images": 250}, {"target.images": 1000}]
    assert all(grid.values.shape == (2, 2) for grid in grids)


def test_along_a_setting_frozen_layers_tell_curves_apart() -> None:
    rows = [run(depth, seed, **{"target.images": size}) for size in (250, 1000) for depth in (0, 1) for seed in (0, 1)]
    swept = ("target.images", "freezing.count", "seed")
    grids = over_setting(study(rows, swept), "target.images", "final_test_error")
    assert [grid.settings for grid in grids] == [{"freezing.count": 0}, {"freezing.count": 1}]
    assert [grid.x.tolist() for grid in grids] == [[250, 1000]] * 2


def test_a_curve_of_fewer_places_than_asked_for_is_none() -> None:
    assert over_setting(study(GRID), "frozen_layers", "final_test_error", fewest=4) == ()
    assert over_setting(study(GRID[:2]), "frozen_layers", "final_test_error") == ()


def test_seeds_with_test_images_of_their_own_have_none_in_common() -> None:
    """A subset of the test images is drawn anew by each seed: its noise is in the seeds' already."""
    rows = [{**row, "test_digest": row["seed"]} for row in GRID]
    assert not over_setting(study(rows), "frozen_layers", "final_test_error")[0].shared_test_images
    assert not over_epochs(study(rows))[0].shared_test_images


def test_errors_of_numbers_are_no_shares_of_test_images() -> None:
    (grid,) = over_setting(study(GRID, task="regression"), "frozen_layers", "final_test_error")
    assert not grid.shared_test_images


CROSSED = [
    {**run(depth, seed, **{"source.seed": source}), "final_test_error": 0.1 * source + 0.01 * seed}
    for source in (0, 1, 2)
    for seed in (0, 1)
    for depth in (0, 1)
]
SWEPT = ("freezing.count", "source.seed", "seed")


def test_with_three_sources_a_replicate_is_a_source_and_target_seeds_are_the_other_margin() -> None:
    """Targets of one source share its effect, and runs of one target seed share its training images."""
    (grid,) = over_setting(study(CROSSED, SWEPT), "frozen_layers", "final_test_error")
    assert grid.replication == "3 sources × 2 seeds"
    assert grid.values == pytest.approx(np.array([[0.005] * 2, [0.105] * 2, [0.205] * 2]))
    assert grid.cells.second == pytest.approx(np.array([[0.1] * 2, [0.11] * 2]))


def test_with_two_sources_a_replicate_is_a_target_seed() -> None:
    """The claim is about these two, and what a target seed draws is drawn for both."""
    (grid,) = over_setting(study(CROSSED[:8], SWEPT), "frozen_layers", "final_test_error")
    assert grid.replication == "2 sources × 2 seeds"
    assert grid.values == pytest.approx(np.array([[0.05] * 2, [0.06] * 2]))
    assert grid.cells.second is None


def test_sources_with_target_seeds_of_their_own_have_one_margin() -> None:
    rows = [run(depth, seed, **{"source.seed": seed // 2}) for seed in range(6) for depth in (0, 1)]
    (grid,) = over_setting(study(rows, SWEPT), "frozen_layers", "final_test_error")
    assert grid.replication == "3 sources × 2 seeds"
    assert grid.values.shape == (3, 2)
    assert grid.cells.second is None


def test_controls_that_transfer_nothing_have_no_source_and_those_of_selffer_one_for_each_seed() -> None:
    rows = [
        run(depth, seed, control=control, **{"source_id": f"{control} {seed if control == 'selffer' else 0}"})
        for control in ("transfer", "selffer", "random")
        for seed in (0, 1)
        for depth in (0, 1)
    ]
    grids = over_setting(study(rows, ("control", "freezing.count", "seed")), "frozen_layers", "final_test_error")
    assert [grid.sources for grid in grids] == [1, 2, 0]
    assert [grid.replication for grid in grids] == ["1 source × 2 seeds", "2 sources × 2 seeds", "2 seeds"]


def test_a_curve_over_epochs_stands_for_each_depth() -> None:
    grids = over_epochs(study(GRID))
    assert [grid.settings for grid in grids] == [{"frozen_layers": depth} for depth in (0, 1, 2)]
    assert all(grid.x.tolist() == [0, 1, 2, 4] for grid in grids)
    assert grids[0].values[1] == pytest.approx([1.501, 1.001, 0.501 + 1 / 3, 0.701])


def test_a_curve_over_epochs_has_the_epochs_that_all_of_its_runs_have() -> None:
    """One run stopped early, or was evaluated at other epochs."""
    rows = [{**row, "epochs": (0, 1, 2) if row["seed"] else EPOCHS} for row in GRID]
    assert [grid.x.tolist() for grid in over_epochs(study(rows))] == [[0, 1, 2]] * 3
    rows = [{**row, "epochs": (0,) if row["seed"] else EPOCHS} for row in GRID]
    assert over_epochs(study(rows)) == ()


def test_two_shares_of_the_layers_that_come_to_one_depth_are_one_position() -> None:
    """As of a network of few layers."""
    depths = {0.0: 0, 0.2: 1, 0.25: 1, 1.0: 4}
    rows = [
        run(depth, seed, **{"freezing.fraction": share, "id": f"{share} {seed}"})
        for seed in (0, 1)
        for share, depth in depths.items()
    ]
    shares = study(rows, swept=("freezing.count", "seed"))
    (grid,) = over_setting(shares, "frozen_layers", "final_test_error")
    assert list(grid.x) == [0, 1, 4]


def test_groups_are_what_is_swept_but_for_seeds_and_what_the_policy_declares_to_be_the_depth() -> None:
    swept = ("seed", "source.seed", "target.images", "freezing.fraction", "freezing.draw")
    record = StudyRecord("made", "", "", 0.0, swept, (), depth=("freezing.fraction",))
    assert study_data(record, []).groups == ("target.images", "freezing.draw")


def test_studies_of_before_policies_declared_it_have_count_and_fraction_as_depth() -> None:
    tree = StudyRecord("made", "", "", 0.0, ("freezing.count", "freezing.every", "seed"), ()).to_json()
    del tree["depth"]
    assert StudyRecord.from_json(tree).depth == ("freezing.count",)


def test_a_study_written_before_the_task_had_its_name_is_read() -> None:
    tree = StudyRecord("made", "", "", 0.0, ("pair.a",), (), similarity_order={"pair.a": "larger"}).to_json()
    old = {key: value for key, value in tree.items() if key not in ("task", "similarity_order")}
    record = StudyRecord.from_json(old | {"labels": "numbers", "likeness": {"pair.a": "larger"}})
    assert (record.task, record.similarity_order) == ("regression", {"pair.a": "larger"})


def test_a_setting_that_some_runs_do_not_have_makes_a_part_of_its_own() -> None:
    """`source: none` has no source images; its runs are told apart, not dropped."""
    rows = pd.DataFrame([run(0, 0, **{"source.images": 10.0}), run(0, 0, **{"source.images": None})])
    parts = parts_of(rows, ["source.images"])
    assert [settings for settings, _ in parts] == [{"source.images": 10.0}, {"source.images": None}]
    assert [len(part) for _, part in parts] == [1, 1]
    assert parts_of(rows.iloc[:0], []) == []
