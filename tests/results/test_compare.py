"""Studies laid over each other: which runs make which line, what pairs up, and what is said of the rest."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ftdd.records.status import State
from ftdd.results.compare import CannotCompare, Cell, Overlay, cells, names_of
from ftdd.results.figures.comparison import overlay_figure
from ftdd.results.figures.style import journal, save
from ftdd.study.store import Store
from tests.results.from_store import overlay
from tests.results.made_study import DESCENT, MadeRun, higher, made, over_depths, with_setting


def study(store: Store, name: str, runs: Sequence[MadeRun], **options: Any) -> tuple[Store, str]:
    """A made study whose runs have ids of its own, so that several fit into one store."""
    made(store, runs, name=name, source=False, **options)
    listed = store.study_folder(name) / "runs.json"
    listed.write_text(re.sub(r'"target(\d{3})"', rf'"{name}\1"', listed.read_text()))
    for folder in (store.path / "runs").glob("target*"):
        folder.rename(folder.with_name(folder.name.replace("target", name)))
    return store, name


def raised(runs: Sequence[MadeRun], by: float) -> list[MadeRun]:
    return [MadeRun(run.settings, run.frozen, higher(run.rows, by), run.state) for run in runs]


def laid(*studies: tuple[Store, str], **options: Any) -> Overlay:
    found = overlay(list(studies), **options)
    assert found is not None
    return found


def cell(found: Sequence[Cell], line: str, position: float, panel: tuple[str, ...] = ()) -> Cell:
    (one,) = (cell for cell in found if (cell.line, cell.position, cell.panel) == (line, position, panel))
    return one


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def two(store: Store) -> tuple[tuple[Store, str], tuple[Store, str]]:
    """Test errors of `second` are higher by 0.1, 0.2 and 0.3 at seeds 0, 1 and 2."""
    first = over_depths((0, 2), (0, 1, 2))
    second = [raised([run], 0.1 * (1 + run.settings["seed"]))[0] for run in first]
    return study(store, "first", first), study(store, "second", second)


def test_each_study_is_a_line_and_differences_are_means_over_pairs_of_seeds(two: Any) -> None:
    """By hand: differences 0.1, 0.2, 0.3 have mean 0.2 and standard error 0.1 / √3."""
    found = laid(*two)
    assert [line.label for line in found.lines] == ["first", "second"]
    one = cell(cells(found), "second", 2.0)
    assert one.mean == pytest.approx(0.25 + 0.01 + 0.2)
    assert one.difference is not None
    assert (one.difference.to, one.difference.pairs) == ("first", 3)
    assert one.difference.mean == pytest.approx(0.2)
    assert one.difference.error == pytest.approx(0.1 / 3**0.5)
    assert cell(cells(found), "first", 2.0).difference is None


def test_runs_without_a_partner_of_their_seed_are_in_the_mean_and_not_in_the_difference(store: Store) -> None:
    first = study(store, "first", over_depths((0,), (0, 1)))
    second = study(store, "second", raised(over_depths((0,), (1, 2)), 0.1))
    one = cell(cells(laid(first, second)), "second", 0.0)
    assert (one.runs, one.of) == (2, 2)
    assert one.difference is not None
    assert (one.difference.pairs, one.difference.error) == (1, None)
    assert one.difference.mean == pytest.approx(0.1)


def test_seeds_of_the_source_tell_pairs_apart_where_they_vary(store: Store) -> None:
    runs = [run for i in (0, 1) for run in with_setting(over_depths((0,), (0, 1)), "source.seed", i)]
    one = cell(cells(laid(study(store, "a", runs), study(store, "b", raised(runs, 0.1)))), "b", 0.0)
    assert one.difference is not None
    assert one.difference.pairs == 4


def similar(images: int = 500) -> list[MadeRun]:
    runs = over_depths((0, 2))
    less = raised(runs, 0.1)
    both = [*with_setting(runs, "pair.similarity", "related"), *with_setting(less, "pair.similarity", "less")]
    return with_setting(both, "target.images", images)


def test_a_setting_may_be_named_by_its_end_and_makes_lines_within_one_study(store: Store) -> None:
    found = laid(study(store, "one", similar()), by="similarity")
    assert found.by == "pair.similarity"
    assert [line.label for line in found.lines] == ["related", "less"]
    one = cell(cells(found), "less", 0.0)
    assert one.difference is not None
    assert (one.difference.to, one.difference.pairs) == ("related", 2)
    assert one.difference.mean == pytest.approx(0.1)


def test_values_are_measured_against_the_same_value_of_the_first_study(store: Store) -> None:
    found = laid(study(store, "one", similar()), study(store, "two", raised(similar(), 0.05)), by="similarity")
    assert [line.label for line in found.lines] == ["one, related", "one, less", "two, related", "two, less"]
    assert [line.reference for line in found.lines] == [None, None, "one, related", "one, less"]


def test_other_settings_that_vary_make_panels(store: Store) -> None:
    found = laid(study(store, "one", [*similar(100), *similar(500)]), by="similarity")
    assert found.panels == ("target.images",)
    assert {cell.panel for cell in cells(found)} == {("target images 100",), ("target images 500",)}


def test_a_setting_that_is_not_there_is_answered_with_the_nearest(store: Store) -> None:
    one = study(store, "one", similar())
    with pytest.raises(CannotCompare, match=r"--by: no setting 'similarty' in these studies; nearest: similarity"):
        laid(one, by="similarty")
    with pytest.raises(CannotCompare, match=r"--by training.epochs: which one of source.training.epochs, target"):
        laid(one, by="training.epochs")


def test_of_settings_with_the_same_end_the_one_that_varies_is_meant(store: Store) -> None:
    """`images` is of the source and of the target; only the target's varies."""
    assert laid(study(store, "one", [*similar(100), *similar(500)]), by="images").by == "target.images"


def test_a_run_of_two_studies_is_counted_once_and_said(store: Store) -> None:
    """`second` lists the four runs of `first` and two more."""
    first = study(store, "first", over_depths((0, 2)))
    second = study(store, "second", over_depths((0, 2, 3)))
    listed = store.study_folder("second") / "runs.json"
    text = listed.read_text()
    for i in range(4):
        text = text.replace(f"second{i:03d}", f"first{i:03d}")
    listed.write_text(text)
    found = laid(first, second)
    assert found.shared == 4
    assert len(found.merged.done) == 6
    assert (found.merged.asked, found.merged.missing) == (6, 0)
    assert [(cell.line, cell.position) for cell in cells(found)] == [("first", 0.0), ("first", 2.0), ("second", 3.0)]


def test_a_number_that_some_runs_do_not_have_has_no_mean(store: Store) -> None:
    """A mean over those that interpolate alone would be earlier than the truth."""
    runs = [MadeRun({"seed": 0}), MadeRun({"seed": 1}, rows=[(0, 0.9, 0.9), (10, 0.5, 0.5)])]
    found = laid(study(store, "one", runs), study(store, "two", runs), value="interpolation_epoch")
    one = cell(cells(found), "two", 0.0)
    assert (one.mean, one.runs, one.of) == (None, 1, 2)
    assert one.difference is not None
    assert (one.difference.mean, one.difference.pairs) == (0.0, 1)


def test_along_epochs_the_table_has_powers_of_ten_and_the_last_epoch(two: Any) -> None:
    found = laid(*two, over="epoch")
    assert found.panels == ("frozen_layers",)
    panel = [cell for cell in cells(found) if cell.panel == ("frozen layers 2",) and cell.line == "second"]
    assert [cell.position for cell in panel] == [1, 10, 100]
    assert [cell.mean for cell in panel] == [pytest.approx(error + 0.01 + 0.2) for error in (0.3, 0.5, 0.25)]


def test_lines_by_frozen_layers_need_no_panels_of_them(two: Any) -> None:
    assert laid(*two, over="epoch", by="frozen_layers").panels == ()
    assert laid(*two, over="epoch", by="count").panels == ()


def test_a_setting_of_numbers_may_stand_on_the_axis_and_words_may_not(store: Store) -> None:
    one = study(store, "one", [*similar(100), *similar(500)])
    found = laid(one, over="target.images", by="similarity")
    assert found.panels == ("frozen_layers",)
    assert {cell.position for cell in cells(found)} == {100.0, 500.0}
    with pytest.raises(CannotCompare, match=r"--over pair.similarity: needs a number in every run, and there is 'rel"):
        laid(one, over="similarity")


def test_what_two_studies_hold_fixed_at_different_values_is_told(store: Store) -> None:
    first = study(store, "first", with_setting(over_depths((0,)), "architecture.width", 4))
    second = study(store, "second", with_setting(over_depths((0,)), "architecture.width", 2))
    assert laid(first, second).differing == {"architecture.width": {"first": "4", "second": "2"}}
    found = laid(first, second, by="width")
    assert [line.label for line in found.lines] == ["first, 4", "second, 2"]
    assert [line.reference for line in found.lines] == [None, "first, 4"]


def test_studies_of_one_name_are_told_apart_by_their_stores(tmp_path: Path) -> None:
    mine, theirs = Store(tmp_path / "mine"), Store(tmp_path / "theirs")
    assert names_of([mine.study_folder("a"), theirs.study_folder("a"), mine.study_folder("b")]) == (
        "a (mine)",
        "a (theirs)",
        "b",
    )
    twins = names_of([Store(tmp_path / place / "runs").study_folder("a") for place in ("x", "y")])
    assert len(set(twins)) == 2


def test_studies_of_classes_and_of_numbers_have_no_common_scale(store: Store) -> None:
    first, second = study(store, "first", over_depths((0,))), study(store, "second", over_depths((0,)))
    listed = store.study_folder("second") / "runs.json"
    listed.write_text(listed.read_text().replace('"task": "classification"', '"task": "regression"'))
    with pytest.raises(CannotCompare, match="no common scale"):
        laid(first, second)


def test_before_a_run_is_done_there_is_nothing_to_compare(store: Store) -> None:
    study(store, "one", [MadeRun({"seed": 0}, state=State.WAITING)])
    assert overlay([(store, "one")]) is None


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"value": "peak_test_error"},
        {"value": "interpolation_epoch", "over": "trainable_parameters"},
        {"over": "trainable_share_of_forward_flops", "by": "similarity"},
        {"over": "epoch", "by": "frozen_layers"},
        {"over": "images", "by": "similarity"},
    ],
    ids=str,
)
def test_figures_are_drawn_with_every_study_in_the_legend(options: dict[str, str], store: Store) -> None:
    runs = [*similar(100), *similar(500)]
    found = laid(study(store, "one", runs), study(store, "two", raised(runs, 0.05)), **options)
    with journal():
        png, svg = save(overlay_figure(found), store.path / "figure")
        again = save(overlay_figure(found), store.path / "again")
    assert png.stat().st_size > 10_000
    text = svg.read_text()
    assert all(line.label in text for line in found.lines)
    assert again[1].read_text() == text


def test_a_figure_says_how_many_runs_are_missing_and_counted_once(store: Store) -> None:
    failed = MadeRun({"freezing.count": 3, "seed": 0}, 3, DESCENT[:2], State.FAILED)
    diverged = MadeRun({"freezing.count": 3, "seed": 1}, 3, DESCENT[:2], State.DIVERGED)
    first = study(store, "first", [*over_depths((0, 2)), failed, diverged])
    second = study(store, "second", [*over_depths((0, 2)), failed, diverged])
    listed = store.study_folder("second") / "runs.json"
    listed.write_text(re.sub("second00([045])", r"first00\1", listed.read_text()))  # these are the same runs
    with journal():
        text = save(overlay_figure(laid(first, second)), store.path / "figure")[1].read_text()
    words = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    assert "1 run is missing" in words
    assert "1 run is left out, having diverged" in words
    assert "1 run of several studies is counted once" in words


def test_a_study_of_transferred_layers_stands_over_these_in_table_and_figure(store: Store) -> None:
    """Nothing is frozen in it."""
    one = study(store, "first", [MadeRun({"transfer.first_layers": n, "seed": 0}) for n in (0, 3, 7)])
    found = laid(one)
    assert found.positions == "transferred layers"
    assert sorted(found.merged.done["x"]) == [0, 3, 7]
    assert [(one.position, one.x) for one in cells(found)] == [(0, 0), (3, 3), (7, 7)]
