"""`ftdd findings`: what a study shows, computed anew from its run folders."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ftdd.analysis.finding import Finding
from ftdd.cli.answers import print_short
from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli import toy_analyses
from tests.cli.commands import Said, ftdd
from tests.results.made_study import MadeRun, made, over_depths


@pytest.fixture
def around(tmp_path: Path) -> dict[str, str]:
    return toy_analyses.install(tmp_path / "site")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A study with three seeds of one depth and two of another."""
    store = Store(tmp_path / "ftdd-runs")
    made(store, [*over_depths([0], (0, 1, 2)), *over_depths([2], (0, 1))], title="Is [it] seen?")
    return store


def choose(store: Store, *analyses: dict[str, object]) -> None:
    store.write_study(replace(store.read_study("made"), analyses=analyses), "title: made\n")


def findings(tmp_path: Path, around: dict[str, str], *arguments: str) -> Said:
    return ftdd("findings", "made", *arguments, cwd=tmp_path, **around)


def test_findings_stand_by_analysis_within_80_columns(tmp_path: Path, around: dict[str, str], store: Store) -> None:
    choose(store, {"name": "enough", "seeds": 3})
    said = findings(tmp_path, around)
    assert said.code == 0, said.err
    assert said.err == ""
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines == [
        "Is [it] seen?",
        "",
        "enough",
        "seen         There are 3 seeds or more",
        "             freezing.count=0",
        "             3 [0.5, 1,234] seeds (95%), p < 0.001; n = 3",
        "             There are 3 with 0 frozen layers [of them].",
        "cannot tell  There are 3 seeds or more",
        "             freezing.count=2",
        "             2 [0.5, 1,234] seeds (95%), p < 0.001; n = 2",
        "             There are 2 with 2 frozen layers [of them].",
    ]


def test_the_short_list_has_a_line_for_each_answer_to_each_statement(capsys: pytest.CaptureFixture[str]) -> None:
    """`ftdd run` ends with it: a study of many curves says little that is new in each of them."""
    alike = [
        Finding("epochwise", "It [peaks]", answer, "", settings={"seed [it]": i})
        for i, answer in enumerate(("seen", "cannot tell", "cannot tell", "not seen"))
    ]
    print_short([*alike, Finding("paper", "x" * 200, "seen", ""), Finding("one", "alone", "seen", "")], "mine")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 110
    assert [line[:90] for line in lines] == [
        "",
        "seen         epochwise: It [peaks] (seed [it]=0)",
        "cannot tell  epochwise: It [peaks] (2 of 4 curves)",
        "not seen     epochwise: It [peaks] (seed [it]=3)",
        "seen         paper: " + "x" * 70,
        "seen         one: alone",
        "why: ftdd findings mine",
    ]


def test_json_and_csv_are_what_the_studys_folder_keeps(tmp_path: Path, around: dict[str, str], store: Store) -> None:
    choose(store, {"name": "enough", "seeds": 2})
    said = findings(tmp_path, around, "--json")
    assert [one["answer"] for one in json.loads(said.out)] == ["seen", "seen"]
    folder = store.study_folder("made")
    assert json.loads((folder / "findings.json").read_text()) == json.loads(said.out)
    assert findings(tmp_path, around, "--csv").out == (folder / "findings.csv").read_text()
    assert list(pd.read_csv(folder / "findings.csv")["freezing.count"]) == [0, 2]
    assert findings(tmp_path, around, "--csv", "--json").code == 2


def test_only_some_analyses_are_asked_and_nothing_is_kept(tmp_path: Path, around: dict[str, str], store: Store) -> None:
    """One that the recipe chooses has the recipe's settings, another its defaults; a wrong name is named."""
    choose(store, {"name": "needy", "word": "snow"}, {"name": "enough", "seeds": 2})
    said = findings(tmp_path, around, "--analysis", "needy")
    assert "The word is snow" in said.out
    assert "enough" not in said.out
    assert not (store.study_folder("made") / "findings.json").exists()
    choose(store)
    assert "no analysis has anything to say" in findings(tmp_path, around).out
    assert "cannot tell" in findings(tmp_path, around, "--analysis", "enough").out
    assert "needy needs settings of its own" in findings(tmp_path, around, "--analysis", "needy").err
    wrong = findings(tmp_path, around, "--analysis", "enouhg")
    assert wrong.code == 2
    assert "no analysis 'enouhg'; nearest: enough (ftdd list analyses)" in wrong.err


def test_an_analysis_that_raises_is_a_line_and_the_others_go_on(
    tmp_path: Path, around: dict[str, str], store: Store
) -> None:
    """A recipe that chooses nothing is looked at by all that are installed, less those that need a setting."""
    said = findings(tmp_path, around)
    assert said.code == 1
    broken = "analysis 'broken' (plugin 'toy_analyses' of toy-analyses 1.0) failed in findings"
    assert said.err == f"ftdd: {broken}: ZeroDivisionError: no reason [at all]\n"
    assert "enough" in said.out
    assert "needy" not in said.out


def test_analyses_that_are_not_installed_any_more(tmp_path: Path, around: dict[str, str], store: Store) -> None:
    choose(store, {"name": "enuogh", "seeds": 3})
    said = findings(tmp_path, around)
    assert "the recipe's analyses are not available (no analysis 'enuogh'; nearest: enough" in said.err
    assert "There are 3 seeds or more" in said.out


def test_where_every_run_has_failed_or_diverged_it_does_not_say_yet(tmp_path: Path) -> None:
    runs = [MadeRun({"seed": i}, state=state) for i, state in enumerate((State.FAILED, State.DIVERGED, State.DIVERGED))]
    made(Store(tmp_path / "ftdd-runs"), runs)
    said = ftdd("findings", "made", cwd=tmp_path)
    assert said.err == "no run of made is done: of 3, 1 failed and 2 diverged, so there is nothing to find\n"


def test_before_any_run_is_done_it_says_so(tmp_path: Path, around: dict[str, str]) -> None:
    made(Store(tmp_path / "ftdd-runs"), [MadeRun({"freezing.count": 0, "seed": 0}, state=State.WAITING)])
    said = findings(tmp_path, around)
    assert said.code == 0
    assert said.err == "no run of made is done yet, so there is nothing to find\n"
    assert json.loads(findings(tmp_path, around, "--json").out) == []
    unknown = ftdd("findings", "mad", cwd=tmp_path, **around)
    assert unknown.code == 2
    assert "nearest: made" in unknown.err


def test_it_says_that_runs_were_added_after_a_look(tmp_path: Path, around: dict[str, str], store: Store) -> None:
    record = store.read_study("made")
    last = replace(record.entries[-1], added=True)
    store.write_study(replace(record, entries=(*record.entries[:-1], last)), "title: made\n")
    assert "1 of 5 target runs were added after a look at the others" in findings(tmp_path, around).out


def test_what_ships_with_ftdd_has_something_to_say(tmp_path: Path, store: Store) -> None:
    said = ftdd("findings", "made", cwd=tmp_path, FTDD_DISABLED_PLUGINS="mlflow")
    assert said.code == 0, said.err
    assert "freezingwise" in said.out
    assert "cannot tell" in said.out


def test_what_cannot_be_kept_is_printed_all_the_same(store: Store, tmp_path: Path) -> None:
    """As in a colleague's store, which is only read."""
    before = ftdd("findings", "made", cwd=tmp_path)
    (store.study_folder("made") / "findings.json").unlink()
    (store.study_folder("made") / "findings.json").mkdir()
    said = ftdd("findings", "made", cwd=tmp_path)
    assert (said.code, said.out) == (0, before.out)
    assert said.err.startswith(f"ftdd: not kept in {store.study_folder('made')}: ")
