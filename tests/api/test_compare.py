"""`ftdd.compare`: several studies, or the lines of one, as a figure and a table."""

import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

import ftdd
from ftdd.records.status import State
from ftdd.study.store import Store
from tests.results.made_study import MadeRun, made, over_depths
from tests.results.test_compare import raised, similar, study


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies first and second, whose errors are 0.1 higher; and one of two similarities."""
    store = Store(tmp_path_factory.mktemp("compare"))
    study(store, "first", over_depths((0, 2)))
    study(store, "second", raised(over_depths((0, 2)), 0.1))
    study(store, "similar", similar())
    return store.path


def rows(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def test_studies_are_lines_with_their_paired_differences(store: Path) -> None:
    comparison = ftdd.compare([ftdd.open(store, "first"), ftdd.open(store, "second")])
    table = comparison.to_frame()
    assert list(table.columns) == [
        *("panel", "frozen_layers", "line", "mean", "deviation", "runs"),
        *("to", "difference", "standard_error", "pairs"),
    ]
    assert len(table) == 4
    second = rows(table, line="second", frozen_layers=0).iloc[0]
    assert (second["mean"], second["difference"]) == (pytest.approx(0.355), pytest.approx(0.1))
    assert (second["to"], second["pairs"], second["runs"]) == ("first", 2, 2)
    assert second["standard_error"] == pytest.approx(0, abs=1e-9)
    assert rows(table, line="first")["difference"].isna().all()
    assert set(rows(table, line="first")["pairs"]) == {0}


def test_the_figure_is_the_callers_own(store: Path, tmp_path: Path) -> None:
    comparison = ftdd.compare(ftdd.open(store, name) for name in ("first", "second"))
    figure = comparison.figure()
    assert isinstance(figure, Figure)
    assert figure is not comparison.figure()
    words = " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))  # type: ignore[attr-defined]
    assert "first" in words
    assert "second" in words
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_lines_of_one_study_by_a_setting(store: Path) -> None:
    """The end of its dotted path is enough."""
    similar = ftdd.open(store, "similar")
    table = ftdd.compare(similar, by="similarity").to_frame()
    assert table.equals(ftdd.compare([similar], by="pair.similarity").to_frame())
    assert table["line"].nunique() == 2
    assert rows(table, line="less")["difference"].tolist() == pytest.approx([0.1] * len(rows(table, line="less")))


@pytest.mark.parametrize(
    "over",
    [
        *("trainable_parameters", "trainable_share_of_parameters", "trainable_share_of_forward_flops"),
        *("epoch", "freezing.count", "seed"),
    ],
)
def test_over_names_the_horizontal_axis(store: Path, over: str) -> None:
    comparison = ftdd.compare([ftdd.open(store, "first"), ftdd.open(store, "second")], over=over)
    assert len(comparison.to_frame()) > 2
    assert comparison.figure().axes


@pytest.mark.parametrize("value", ["final_test_error", "best_test_error", "peak_test_error", "interpolation_epoch"])
def test_value_names_what_is_compared(store: Path, value: str) -> None:
    first = ftdd.open(store, "first")
    table = ftdd.compare(first, value=value).to_frame()
    runs = first.runs[first.runs["frozen_layers"] == 2]
    assert rows(table, frozen_layers=2)["mean"].item() == pytest.approx(runs[value].astype(float).mean())


def test_what_is_not_possible_is_a_sentence(store: Path, tmp_path: Path) -> None:
    first = ftdd.open(store, "first")
    with pytest.raises(ValueError, match="one study is given twice: give each once"):
        ftdd.compare([first, ftdd.open(store, "first")])
    for nothing in ([], "first", ["first"]):
        with pytest.raises(ValueError, match="studies: must be one study or several"):
            ftdd.compare(nothing)
    with pytest.raises(LookupError, match="no setting 'sed' in these studies; nearest: seed"):
        ftdd.compare(first, by="sed")
    with pytest.raises(LookupError, match=re.escape("needs a number in every run, and there is 'digits'")):
        ftdd.compare(first, over="pair.name")
    made(Store(tmp_path), [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    with pytest.raises(LookupError, match="no run of these studies is done yet"):
        ftdd.compare(ftdd.open(tmp_path, "made"))


def test_a_value_that_there_is_none_of_is_a_sentence(store: Path) -> None:
    with pytest.raises(ValueError, match="value='final_test_eror': must be one of final_test_error, best_test_error"):
        ftdd.compare(ftdd.open(store, "first"), value="final_test_eror")
    with pytest.raises(ValueError, match="over='epoch' shows every test error there is: leave value='best_test_error'"):
        ftdd.compare(ftdd.open(store, "first"), over="epoch", value="best_test_error")
