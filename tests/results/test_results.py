"""Tables, summary, figures and page, from run folders written by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import ftdd
from ftdd.records.curve import Curve, Record, to_csv
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.results.figures.freezingwise import interpolating_depths
from ftdd.results.page.write import SCRIPTS
from ftdd.study.files import write_json, write_text
from ftdd.study.store import Store
from ftdd.wording import short
from tests.results.from_store import draw_figures, read, summarize, write_report

RECORD = Record(0, 0, 0.001, 0.8, 1.0, 0.8, None, 0.8, 1.0, 0.8, 0.0)


def add_run(
    store: Store, run_id: str, test: list[float], train: list[float], frozen: int, state: State = State.DONE
) -> None:
    """A run folder with a curve over epochs 0, 1, 2, …"""
    folder = store.run(run_id)
    write_json(folder.spec, {"role": "target", "freezing": {"policy": "first_layers", "count": frozen}, "seed": 0})
    records = tuple(
        replace(RECORD, epoch=i, step=i, test_error=a, train_error=b, seconds=float(i))
        for i, (a, b) in enumerate(zip(test, train, strict=True))
    )
    write_text(folder.path / "curve.csv", to_csv(Curve(records)))
    if state.final:
        layers = [
            {"name": f"layer{i}", "frozen": i < frozen, "parameters": {"w": 10}, "forward_flops": 5, "hash_before": "a", "hash_after": "a"}
            for i in range(4)
        ]  # fmt: skip
        write_json(
            folder.ledger,
            {
                "frozen_layers": frozen,
                "layers": 4,
                "parameters": 40,
                "trainable_parameters": 40 - 10 * frozen,
                "frozen_share_of_parameters": frozen / 4,
                "frozen_share_of_forward_flops": frozen / 4,
                "unchanged": True,
                "phases": [{"layers": layers}],
            },
        )
    error = "it broke" if state is State.FAILED else ""
    folder.write_status(Status(state, epoch=len(test) - 1, epochs=len(test) - 1, error=error, seconds=2.0))


def add_study(store: Store, runs: list[tuple[str, dict[str, object]]], title: str = "A study") -> None:
    swept = tuple(dict.fromkeys(path for _, settings in runs for path in settings))
    entries = tuple(StudyEntry(run_id, None, settings) for run_id, settings in runs)  # type: ignore[arg-type]
    store.write_study(StudyRecord("one", title, "Why?", 0.0, swept, entries), "title: one\n")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two depths, two seeds; one run failed, one was never begun."""
    store = Store(tmp_path)
    add_run(store, "a0", [0.8, 0.4, 0.6, 0.5], [0.8, 0.2, 0.0, 0.0], 0)
    add_run(store, "a1", [0.8, 0.5, 0.7, 0.7], [0.8, 0.3, 0.1, 0.0], 0)
    add_run(store, "b0", [0.8, 0.7, 0.6, 0.6], [0.8, 0.7, 0.6, 0.6], 2)
    add_run(store, "b1", [0.8], [0.8], 2, State.FAILED)
    runs = [
        (run, {"freezing.count": 0 if run[0] == "a" else 2, "seed": int(run[1])}) for run in ("a0", "a1", "b0", "b1")
    ]
    add_study(store, [*runs, ("c0", {"freezing.count": 3, "seed": 0})])
    return store


def test_the_table_has_a_row_per_run_whatever_became_of_it(store: Store) -> None:
    table = read(store, "one").runs.set_index("id")
    assert list(table.index) == ["a0", "a1", "b0", "b1", "c0"]
    assert list(table["state"]) == ["done", "done", "done", "failed", "waiting"]
    assert table.loc["b1", "error"] == "it broke"
    row = table.loc["a0"]
    assert (row["final_test_error"], row["best_test_error"], row["best_epoch"]) == (0.5, 0.4, 1)
    assert (row["peak_test_error"], row["peak_epoch"], row["interpolation_epoch"]) == (0.6, 2, 2)
    assert (row["frozen_layers"], row["trainable_parameters"]) == (0, 40)
    assert pd.isna(table.loc["b0", "interpolation_epoch"])
    assert pd.isna(table.loc["c0", "final_test_error"])


def test_whole_numbers_stay_whole_beside_empty_cells(store: Store) -> None:
    table = read(store, "one").runs
    assert str(table["interpolation_epoch"].dtype) == "Int64"
    assert ",2.0," not in table[["id", "freezing.count", "seed"]].to_csv()


def test_the_curves_have_a_row_per_evaluation(store: Store) -> None:
    curves = read(store, "one").curves
    assert len(curves) == 4 + 4 + 4 + 1
    assert list(curves[curves["id"] == "a1"]["test_error"]) == [0.8, 0.5, 0.7, 0.7]


def test_a_curve_that_was_tampered_with_costs_that_run_only(store: Store) -> None:
    (store.run("a0").path / "curve.csv").write_text("nonsense")
    table = read(store, "one").runs.set_index("id")
    assert pd.isna(table.loc["a0", "final_test_error"])
    assert table.loc["a1", "final_test_error"] == 0.7


def test_a_study_that_is_not_there_names_the_nearest(store: Store) -> None:
    with pytest.raises(LookupError, match=r"no study 'ones' in .*; nearest: one"):
        ftdd.open(store.path, "ones")
    with pytest.raises(LookupError, match="there are: one"):
        ftdd.open(store.path)


def test_the_summary_is_mean_and_sample_deviation_over_seeds(store: Store) -> None:
    """By hand: of 0.5 and 0.7 the mean is 0.6 and the sample deviation 0.2 / √2."""
    first, second, third = summarize(store, "one")
    assert (first.frozen_layers, first.runs, first.of) == (0, 2, 2)
    assert first.final.mean == pytest.approx(0.6)
    assert first.final.deviation == pytest.approx(0.2 / 2**0.5)
    assert (first.interpolated, first.interpolation_epoch) == (2, 2.5)
    assert (second.runs, second.of, second.final.mean, second.final.deviation) == (1, 2, 0.6, None)
    assert (third.runs, third.of, third.final.mean, third.frozen_layers) == (0, 1, None, None)


def test_other_swept_settings_make_rows_of_their_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = []
    for noise in (0.0, 0.2):
        for seed in (0, 1):
            run_id = f"n{noise}s{seed}"
            add_run(store, run_id, [0.8, 0.5 + noise], [0.8, 0.0], 1)
            runs.append((run_id, {"target.label_noise": noise, "seed": seed}))
    add_study(store, runs)
    rows = summarize(store, "one")
    assert [(row.settings, row.runs, row.final.mean) for row in rows] == [
        ({"target.label_noise": 0.0}, 2, 0.5),
        ({"target.label_noise": 0.2}, 2, 0.7),
    ]


def test_the_shaded_depths_are_those_where_most_runs_interpolate() -> None:
    runs = pd.DataFrame({"depth": [0, 0, 1, 1, 2, 2], "interpolation_epoch": [3, 4, 5, None, None, None]})
    assert interpolating_depths(runs) == (0,)


def test_figures_are_drawn_and_are_the_same_bytes_each_time(store: Store) -> None:
    paths = draw_figures(store, "one")
    assert {path.name for path in paths} == {
        "freezingwise.png",
        "freezingwise.svg",
        "epochwise.png",
        "epochwise.svg",
    }
    before = {path: path.read_bytes() for path in paths}
    assert all(len(content) > 5000 for content in before.values())
    draw_figures(store, "one")
    assert all(path.read_bytes() == content for path, content in before.items() if path.suffix == ".svg")


def test_a_figure_says_how_many_runs_are_missing(store: Store) -> None:
    svg = next(path for path in draw_figures(store, "one") if path.name == "epochwise.svg").read_text()
    assert "2 runs are missing" in svg
    assert "mean and range of 2 seeds" in svg


@pytest.mark.parametrize("count", [1, 9])
def test_figures_are_drawn_for_one_run_and_for_many_lines_and_panels(count: int, tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = []
    for depth in range(count):
        for noise in [0.1] if count == 1 else [0.1, 0.2, 0.3, 0.4]:
            run_id = f"d{depth}n{noise}"
            add_run(store, run_id, [0.8, 0.5, 0.6], [0.8, 0.1, 0.0], min(depth, 3))
            runs.append((run_id, {"freezing.count": depth, "target.label_noise": noise}))
    add_study(store, runs)
    assert len(draw_figures(store, "one")) == 4


def test_before_anything_was_measured_there_is_no_figure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add_study(store, [("x", {"seed": 0})])
    assert draw_figures(store, "one") == ()
    assert "No run has measured anything yet" in write_report(store, "one").read_text()


def test_the_page_stands_alone_and_escapes_what_users_wrote(store: Store) -> None:
    record = store.read_study("one")
    store.write_study(replace(record, title="<script>alert(1)</script> & more"), "title: <b>x</b>\n")
    draw_figures(store, "one")
    page = write_report(store, "one").read_text()
    assert page.count("<script") == 1 + len(SCRIPTS)  # its data and its own scripts
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert page.count("<svg") == 2
    for outside in ('src="http', 'href="http', "@import", "url(http"):
        assert outside not in page
    assert "2 of 5 runs have not ended, 1 of them failed" in page
    assert "it broke" in page


def test_ids_inside_the_page_are_unique(store: Store) -> None:
    """Two SVGs in one document would take each other's clip paths."""
    import re

    draw_figures(store, "one")
    ids = re.findall(r'\bid="([^"]+)"', write_report(store, "one").read_text())
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("count", "words"), [(453, "453"), (44273, "44.3k"), (11_172_170, "11.2M"), (10, "10")])
def test_large_counts_are_short_on_an_axis(count: int, words: str) -> None:
    assert short(count) == words


def test_the_study_folder_is_plain_json(store: Store) -> None:
    tree = json.loads((store.study_folder("one") / "runs.json").read_text())
    assert [run["id"] for run in tree["runs"]] == ["a0", "a1", "b0", "b1", "c0"]
