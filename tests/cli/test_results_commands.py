"""`ftdd results`, `ftdd compare` and `ftdd watch`: what they write and print, and what they refuse."""

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli.commands import environment, ftdd, ftdd_anew
from tests.results.made_study import DESCENT, MadeRun, made, over_depths
from tests.results.test_compare import raised, similar, study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `ftdd-runs` with the studies first, second and similar; another, `other`, with a study third."""
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder / "ftdd-runs")
    study(store, "first", over_depths((0, 2)))
    study(store, "second", raised(over_depths((0, 2)), 0.1))
    study(store, "similar", similar())
    study(Store(folder / "other"), "third", raised(over_depths((0, 2)), 0.2))
    return folder


# ---- results


def test_csv_json_and_parquet_have_the_same_rows(folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ftdd("results", "first", "--csv", cwd=folder).out)))
    objects = json.loads(ftdd("results", "first", "--json", cwd=folder).out)
    said = ftdd("results", "first", "--parquet", "--output", "table.parquet", cwd=folder)
    assert said.err == "table.parquet: 4 rows\n"
    table = pd.read_parquet(folder / "table.parquet")
    assert [row["id"] for row in rows] == [one["id"] for one in objects] == list(table["id"])
    errors = [float(row["final_test_error"]) for row in rows]
    assert errors == [one["final_test_error"] for one in objects] == list(table["final_test_error"])


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_ending_of_the_file_says_how_it_is_written(ending: str, folder: Path) -> None:
    said = ftdd("results", "first", "--curves", "-o", f"curves.{ending}", cwd=folder)
    assert said.code == 0, said.err
    assert f"{4 * len(DESCENT)} rows" in said.err
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[ending]
    assert len(read(folder / f"curves.{ending}")) == 4 * len(DESCENT)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--csv", "--json"), "--csv and --json: only one format at a time"),
        (("--parquet",), "--parquet is not for the screen: say where to with --output FILE"),
        (("-o", "table.xls"), "--output table.xls: the ending names no format; end it in .csv, .json or .parquet"),
    ],
)
def test_a_format_that_cannot_be_is_refused_in_a_sentence(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    said = ftdd("results", "first", *arguments, cwd=folder)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_format_that_is_named_wins_over_the_ending(folder: Path) -> None:
    assert ftdd("results", "first", "--json", "-o", "table.txt", cwd=folder).code == 0
    assert len(json.loads((folder / "table.txt").read_text())) == 4


# ---- compare


def test_compare_prints_differences_and_draws_a_figure(folder: Path) -> None:
    said = ftdd("compare", "first", "second", cwd=folder)
    assert said.code == 0, said.err
    assert re.search(r"^ +0 +first +0\.255 ± 0\.007 +2 *$", said.out, re.M), said.out
    assert re.search(r"^ +second +0\.355 ± 0\.007 +2 +\+0\.100 ± 0\.000 +2 *$", said.out, re.M), said.out
    assert "difference to first: mean over pairs of runs of the same seeds ± standard error" in " ".join(
        said.out.split()
    )
    for ending in ("png", "svg"):
        assert (folder / f"compare_first_second.{ending}").stat().st_size > 5000


def test_compare_takes_a_study_of_another_store_by_its_folder(folder: Path) -> None:
    (folder / "figures").mkdir()
    said = ftdd("compare", "first", "other/studies/third", "-o", "figures/there.svg", cwd=folder)
    assert said.code == 0, said.err
    assert "+0.200" in said.out
    assert (folder / "figures" / "there.png").exists()


def test_compare_looks_within_one_study(folder: Path) -> None:
    said = ftdd("compare", "similar", "--by", "similarity", cwd=folder)
    assert said.code == 0, said.err
    assert re.search(r"less +0\.355 ± 0\.007 +2 +\+0\.100", said.out), said.out


def test_compare_says_in_what_the_studies_differ_and_which_runs_they_share(tmp_path: Path) -> None:
    store = Store(tmp_path / "ftdd-runs")
    study(store, "wide", [MadeRun({"architecture.width": 8, "seed": 0})])
    for name in ("one", "two"):  # of the same run
        made(store, [MadeRun({"architecture.width": 4, "seed": 0})], name=name)
    said = ftdd("compare", "one", "two", cwd=tmp_path)
    assert said.code == 0, said.err
    assert "1 run is in several studies, and counted in the first of them" in said.err
    assert "no run of its own that is done, so not shown: two" in said.err
    said = ftdd("compare", "one", "wide", cwd=tmp_path)
    assert "the studies differ in architecture.width: 4 in one, 8 in wide" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("firts",), "no study 'firts' in "),
        (("nowhere/studies/first",), "no study 'first' in "),
        (("first", "first"), "one study is named twice"),
        (("first", "--by", "sed"), "--by: no setting 'sed' in these studies; nearest: seed"),
        (("first", "--over", "pair.name"), "--over pair.name: needs a number in every run, and there is 'digits'"),
        (("first", "-o", "figure.pdf"), "--output figure.pdf: must end in .png or .svg"),
        (("first", "--over", "epoch", "--value", "best_test_error"), "leave --value best_test_error out"),
    ],
)
def test_compare_refuses_what_it_cannot_do_in_a_sentence(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    said = ftdd("compare", *arguments, cwd=folder)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_compare_before_anything_is_done_says_so(tmp_path: Path) -> None:
    made(Store(tmp_path / "ftdd-runs"), [MadeRun({"seed": 0}, state=State.WAITING)], source=False)
    said = ftdd("compare", "made", cwd=tmp_path)
    assert (said.code, said.out) == (0, "")
    assert "no run of these studies is done yet, so there is nothing to compare" in said.err


# ---- watch


def test_watch_prints_once_where_nobody_watches(folder: Path) -> None:
    said = ftdd("watch", "first", cwd=folder)
    assert said.code == 0, said.err
    assert "4 done · 4 runs · ended" in said.out
    assert re.search(r"^done +count 2 seed 1 +100/100 [▁▂▃▄▅▆▇█]{32} 0\.020 0\.260 0\.260 *$", said.out, re.M), said.out
    assert "targets ▁ 0.250 to █" in said.out


def test_watch_names_the_nearest_study(folder: Path) -> None:
    said = ftdd("watch", "frist", cwd=folder)
    assert said.code == 2
    assert "no study 'frist'" in said.err
    assert "nearest: first" in said.err


class Terminal:
    """A terminal of 80 × 14 in which `ftdd watch` runs."""

    def __init__(self, cwd: Path) -> None:
        ours, theirs = pty.openpty()
        size = {"COLUMNS": "80", "LINES": "14", "TERM": "xterm-256color"}
        code = "from ftdd.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "watch", "made", "--every", "0.1"],
            cwd=cwd,
            env=environment(**size),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        os.close(theirs)
        self.ours, self.said = ours, ""

    def until(self, words: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while words not in self.said:
            assert time.monotonic() < end, self.said[-2000:]
            self.read()

    def read(self) -> bool:
        try:
            given = os.read(self.ours, 65536).decode(errors="replace")
        except OSError:  # nobody is at the other end any more
            return False
        self.said += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", given)
        return bool(given)

    def ended(self) -> int:
        while self.read():
            pass
        return self.process.wait(10)


@pytest.fixture
def at_work(tmp_path: Path) -> Store:
    store = Store(tmp_path / "ftdd-runs")
    runs = [MadeRun({"seed": i}) for i in range(30)]
    made(store, [MadeRun({"seed": 99}, rows=DESCENT[:3], state=State.RUNNING), *runs], source=False)
    return store


def test_watch_follows_a_study_until_it_has_ended_and_fits_the_terminal(at_work: Store, tmp_path: Path) -> None:
    run = at_work.run("target000")
    with run.lock():
        terminal = Terminal(tmp_path)
        terminal.until("1 running · 30 done · 31 runs")
        terminal.until("and 23 more: 23 done")
        first = terminal.said[: terminal.said.index("and 23 more")]
        rows = [line for line in first.splitlines() if line.startswith(("running", "done"))]
        assert len(rows) == 8
        assert rows[0].startswith("running     seed 99    10/100 ")
        assert max(len(line) for line in first.splitlines()) <= 80
        made(at_work, [MadeRun({"seed": i}) for i in range(31)], source=False)
    terminal.until("31 done · 31 runs · ended")
    assert terminal.ended() == 0


def test_ctrl_c_ends_the_watching_with_0(at_work: Store, tmp_path: Path) -> None:
    with at_work.run("target000").lock():
        terminal = Terminal(tmp_path)
        terminal.until("1 running")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 0
    assert "Traceback" not in terminal.said


# ---- files to write


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "first", "second", "-o", "nowhere/x.png"),
        ("results", "first", "-o", "nowhere/x.csv"),
        ("schema", "-o", "nowhere/x.json"),
        ("show", "digits", "--images", "nowhere/x.png"),
    ],
)
def test_a_file_in_a_folder_that_is_not_there_is_refused_before_anything_is_computed(
    arguments: tuple[str, ...], folder: Path
) -> None:
    said = ftdd(*arguments, cwd=folder)
    assert (said.code, said.out) == (2, "")
    assert f"{arguments[-1]}: there is no folder nowhere" in said.err
    assert not (folder / "nowhere").exists()


def test_a_file_is_written_whole_and_a_link_or_a_pipe_is_followed(folder: Path) -> None:
    (folder / "linked.csv").symlink_to(folder / "meant.csv")
    assert ftdd("results", "first", "-o", "linked.csv", cwd=folder).code == 0
    assert (folder / "linked.csv").is_symlink()
    assert len((folder / "meant.csv").read_text().splitlines()) == 5
    said = ftdd_anew("results", "first", "--csv", "-o", "/dev/stdout", cwd=folder)
    assert said.out == (folder / "meant.csv").read_text()
    assert not list(folder.glob(".*"))


# ---- naming a study


@pytest.mark.parametrize("command", ["results", "findings", "advise", "report", "watch", "compare", "sync"])
def test_a_study_is_named_or_given_as_its_folder(command: str, folder: Path) -> None:
    """In whatever store it lies; and what is neither is one sentence."""
    options = ["-o", "third.png"] if command == "compare" else []
    said = ftdd(command, "other/studies/third", *options, cwd=folder)
    assert said.code == 0, said.err
    assert "other/studies/third/report.html" in said.out or command != "report"
    if command not in ("compare", "sync"):
        assert ftdd(command, ".", cwd=folder / "other/studies/third").code == 0
        assert "name in the store, or a study's folder" in " ".join(ftdd(command, "--help", cwd=folder).out.split())
    for wrong, sentence in {
        "other": "no study 'other' in",
        "other/": "other/ is no study's folder, which is STORE/studies/NAME",
        "other/studies/thrid": f"no study 'thrid' in {folder / 'other'}; nearest: third",
    }.items():
        said = ftdd(command, wrong, cwd=folder)
        assert (said.code, said.out) == (2, "")
        assert sentence in said.err


def test_a_shell_completes_the_names_of_studies(folder: Path) -> None:
    words = {"_FTDD_COMPLETE": "bash_complete", "COMP_WORDS": "ftdd report s", "COMP_CWORD": "2"}
    assert ftdd(cwd=folder, **words).out.split() == ["plain,second", "plain,similar", "dir,s"]
    words["COMP_WORDS"], words["COMP_CWORD"] = "ftdd report --store other t", "4"
    assert "plain,third" in ftdd(cwd=folder, **words).out


# ---- damaged stores


@pytest.fixture
def damaged(tmp_path: Path) -> Store:
    store = Store(tmp_path / "ftdd-runs")
    made(store, over_depths((0, 2)))
    return store


@pytest.mark.parametrize("text", ["", "[]", '{"name": "made", "runs": [{"id": 3}]}'])
def test_a_list_of_runs_that_cannot_be_read_is_a_sentence(text: str, damaged: Store, tmp_path: Path) -> None:
    path = damaged.study_folder("made") / "runs.json"
    path.write_text(text)
    said = ftdd("results", "made", cwd=tmp_path)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"ftdd: {path} cannot be read: ")
    assert "`ftdd run` writes it anew" in said.err
    assert len(said.err.splitlines()) == 1
    listed = ftdd("list", "studies", cwd=tmp_path)
    assert listed.code == 0
    assert "cannot be read" in " ".join(listed.out.split())


@pytest.mark.parametrize(("file", "text"), [("curve.csv", "epoch,st"), ("ledger.json", "[1]"), ("spec.json", "")])
def test_a_damaged_file_of_a_run_is_a_sentence(file: str, text: str, damaged: Store, tmp_path: Path) -> None:
    path = damaged.run("target000").path / file
    path.write_text(text)
    assert ftdd("results", "made", cwd=tmp_path).code == 0
    shown = ftdd("show", "target000", cwd=tmp_path)
    assert shown.code == 1
    assert f"ftdd: {path} cannot be read: " in shown.err
    assert "`ftdd run` executes the run again" in shown.err


@pytest.mark.parametrize("file", ["curve.csv", "ledger.json"])
def test_every_command_that_shows_numbers_says_that_a_run_is_damaged(file: str, damaged: Store, tmp_path: Path) -> None:
    path = damaged.run("target000").path / file
    path.write_bytes(path.read_bytes()[:-60])
    for command in ("results", "findings", "report", "advise"):
        said = ftdd(command, "made", cwd=tmp_path)
        assert f"ftdd: left out, for it is damaged: {path} cannot be read: " in said.err, command
        assert said.err.count("damaged") == 1
    page = (damaged.study_folder("made") / "report.html").read_text()
    assert "1 of 5 runs has damaged files and is left out" in page
    assert str(path) in page
    assert "damaged" in ftdd("watch", "made", "--once", cwd=tmp_path).out


def test_a_status_with_words_for_numbers_is_a_failed_run(damaged: Store, tmp_path: Path) -> None:
    status = '{"state": "done", "epoch": 1, "epochs": 2, "error": 3, "started": "noon", "updated": [], "seconds": {}}'
    (damaged.run("target000").path / "status.json").write_text(status)
    assert "failed" in ftdd("watch", "made", "--once", cwd=tmp_path).out
    assert ftdd("results", "made", cwd=tmp_path).code == 0
    assert damaged.run("target000").status().state is State.FAILED


# ---- other people's locales


def test_a_terminal_without_unicode_shows_what_it_can(tmp_path: Path) -> None:
    """What is stored is UTF-8 in every locale, so nothing is taken for damaged; a character that is lacking is `?`."""
    made(Store(tmp_path / "ftdd-runs"), over_depths((0, 2)), title="Käfer — ein Titel")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = ftdd_anew("results", "made", cwd=tmp_path, **ascii_only)
    assert (said.code, said.err) == (0, "")
    assert "K?fer ? ein Titel" in said.out
    assert "0.255" in said.out
