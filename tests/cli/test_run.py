"""`ftdd run` as a user calls it: from a recipe to figures, results, MLflow; and what happens when things go wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli.commands import Said, environment, ftdd, heed_ctrl_c
from tests.core.study.small_study import RECIPE


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A small study executed by the command, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("a folder") / "with blanks"
    folder.mkdir()
    (folder / "small.yaml").write_text(RECIPE)
    return folder, ftdd("run", "small.yaml", "--workers", "2", cwd=folder)


def test_it_ends_with_a_table_and_says_where_everything_is(done: tuple[Path, Said]) -> None:
    folder, said = done
    assert said.code == 0, said.err
    assert "A small study: 3 target runs, 1 source run; 0 done already; on cpu" in said.out
    for word in ("frozen", "test error", "interpolates", "freezingwise.png", "report.html", "ftdd ui"):
        assert word in said.out
    assert "4 runs executed in" in said.out
    assert "\x1b[" not in said.out + said.err
    figures = folder / "ftdd-runs/studies/small/figures"
    assert {path.name for path in figures.iterdir()} >= {"freezingwise.png", "epochwise.svg"}


def test_the_commands_it_names_can_be_pasted_into_a_shell(done: tuple[Path, Said]) -> None:
    folder, _ = done
    (folder.parent / "two words.yaml").write_text((folder / "small.yaml").read_text())
    said = ftdd("run", "two words.yaml", "--store", str(folder / "ftdd-runs"), cwd=folder.parent)
    where = f"--store '{folder / 'ftdd-runs'}'"
    for command in (f"findings 'two words' {where}", f"results 'two words' --csv {where}", f"ui {where}"):
        assert f": ftdd {command}\n" in said.out


def test_every_run_is_in_mlflow_once(done: tuple[Path, Said]) -> None:
    import mlflow

    folder, _ = done
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'ftdd-runs/mlflow.db'}")
    table = mlflow.search_runs(experiment_names=["small"])
    assert isinstance(table, pd.DataFrame)
    assert sorted(table["tags.ftdd.role"]) == ["source", "study", "target", "target", "target"]
    targets = table[table["tags.ftdd.role"] == "target"]
    assert sorted(targets["params.freezing.count"]) == ["0", "3", "9"]
    assert targets["metrics.final_test_error"].notna().all()
    assert sorted(targets["metrics.frozen_layers"]) == [0, 3, 9]
    assert set(targets["tags.ftdd.source_id"]) == set(table[table["tags.ftdd.role"] == "source"]["tags.ftdd.id"])


def test_a_second_time_nothing_is_done_again(done: tuple[Path, Said]) -> None:
    folder, _ = done
    before = {path: path.stat().st_mtime_ns for path in folder.glob("ftdd-runs/runs/*/curve.csv")}
    said = ftdd("run", "small.yaml", cwd=folder)
    assert said.code == 0
    assert "4 done already" in said.out
    assert {path: path.stat().st_mtime_ns for path in folder.glob("ftdd-runs/runs/*/curve.csv")} == before


def test_results_as_csv_agree_with_the_curves(done: tuple[Path, Said]) -> None:
    folder, _ = done
    assert ftdd("results", "small", "--csv", "-o", "runs.csv", cwd=folder).code == 0
    assert ftdd("results", "small", "--csv", "--curves", "-o", "curves.csv", cwd=folder).code == 0
    runs, curves = pd.read_csv(folder / "runs.csv"), pd.read_csv(folder / "curves.csv")
    assert len(runs) == 4
    assert len(curves) == 3 + 3 * 5
    last = curves.sort_values("epoch").groupby("id")["test_error"].last()
    assert dict(zip(runs["id"], runs["final_test_error"], strict=True)) == last.to_dict()
    assert "frozen" in ftdd("results", "small", cwd=folder).out


def test_show_a_run_prints_its_proof(done: tuple[Path, Said]) -> None:
    folder, _ = done
    entries = Store(folder / "ftdd-runs").read_study("small").entries
    run_id = next(entry.id for entry in entries if entry.settings["freezing.count"] == 3)
    said = ftdd("show", run_id, cwd=folder)
    assert "3 of 10 layers frozen, unchanged, by their hashes" in said.out
    assert said.out.count("frozen") >= 4


def test_report_draws_again_and_unknown_studies_are_named(done: tuple[Path, Said]) -> None:
    folder, _ = done
    page = folder / "ftdd-runs/studies/small/report.html"
    page.unlink()
    assert ftdd("report", "small", cwd=folder).code == 0
    assert page.exists()
    for command in ("report", "results", "sync"):
        said = ftdd(command, "smal", cwd=folder)
        assert said.code == 2
        assert "no study 'smal' in" in said.err
        assert "nearest: small" in said.err


def test_a_plan_knows_what_is_done_and_what_the_rest_takes(done: tuple[Path, Said]) -> None:
    folder, _ = done
    said = ftdd("plan", "small.yaml", "--set", "sweep.freezing.count=[0, 3, 5]", cwd=folder)
    assert "3 done, 1 waiting" in said.out
    assert "to do: 240 image passes, about" in said.out


@pytest.mark.slow
def test_the_store_is_where_the_option_or_the_environment_says(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("store: third\n" + RECIPE)
    arguments = ("run", "small.yaml", "--set", "freezing.count=9")
    assert ftdd(*arguments, "--store", "first", cwd=tmp_path, FTDD_STORE="second").code == 0
    assert ftdd(*arguments, cwd=tmp_path, FTDD_STORE="second", FTDD_DISABLED_PLUGINS="mlflow").code == 0
    assert ftdd(*arguments, cwd=tmp_path, FTDD_DISABLED_PLUGINS="mlflow").code == 0
    stores = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert stores == {"first", "second", "third"}
    assert not (tmp_path / "second/mlflow.db").exists()


def test_failed_runs_end_with_1_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(RECIPE)
    wild = "source.training.optimizer={name: sgd, lr: 1.0e30}"
    said = ftdd("run", "small.yaml", "--set", wild, cwd=tmp_path, FTDD_DISABLED_PLUGINS="mlflow")
    assert said.code == 1
    assert "diverged after epoch" in said.err
    assert "3 runs failed:" in said.err
    assert "diverged, so there is nothing to transfer" in said.err
    assert "The same command tries them again" in said.err


def test_data_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    arguments = ("run", "resnet_freeze", "--data", "nowhere", "--set", "pair.allow_modified=true")
    said = ftdd(*arguments, cwd=tmp_path, FTDD_DISABLED_PLUGINS="mlflow")
    assert said.code == 1
    assert "ftdd: CIFAR-10 is not in" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "ftdd-runs").exists()


def test_a_store_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "file").write_text("")
    said = ftdd("run", "small.yaml", "--store", "file/runs", cwd=tmp_path)
    assert said.code == 1
    assert "Not a directory" in said.err
    assert "Traceback" not in said.err


def interrupted(folder: Path, when: Callable[[Store], bool], *settings: str) -> Said:
    """`ftdd run small.yaml` with Ctrl-C as soon as its store is so: what it said."""
    (folder / "small.yaml").write_text(RECIPE)
    process = subprocess.Popen(
        [sys.executable, "-c", "from ftdd.cli import main; main()", "run", "small.yaml", *settings],
        cwd=folder,
        env=environment(FTDD_DISABLED_PLUGINS="mlflow"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    for _ in range(6000):
        if when(Store(folder / "ftdd-runs")):
            break
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return Said(process.returncode, out, err)


def test_ctrl_c_in_the_first_moments_is_one_sentence(tmp_path: Path) -> None:
    """While the command itself is imported: no run has begun."""
    began = time.monotonic()
    said = interrupted(tmp_path, lambda store: time.monotonic() - began > 0.4)
    assert (said.code, said.out) == (130, "")
    assert said.err.strip() == "ftdd: interrupted; nothing is lost, and the same command goes on"


def test_ctrl_c_while_workers_start_is_one_sentence(tmp_path: Path) -> None:
    """They import torch for a second or more, and a Ctrl-C reaches all processes of a terminal."""
    seen: list[float] = []

    def soon_after_the_plan(store: Store) -> bool:
        if not seen and any(store.run_folders()):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] > 0.8

    said = interrupted(tmp_path, soon_after_the_plan)
    assert said.code == 130
    assert said.err.splitlines() == [
        "interrupted: 0 of 4 runs are done, 0 will go on from their checkpoints. The same command goes on."
    ]


@pytest.mark.slow
def test_ctrl_c_while_figures_are_drawn_names_the_command_that_draws_them(tmp_path: Path) -> None:
    def all_are_done(store: Store) -> bool:
        return [folder.status().state for folder in store.run_folders()] == [State.DONE] * 2

    said = interrupted(tmp_path, lambda store: all_are_done(store) and not time.sleep(0.7), "--set", "freezing.count=0")
    assert said.code == 130
    assert said.err.splitlines() == [
        "interrupted: 2 of 2 runs are done, and what is made from them is missing or old: ftdd report small makes it, "
        "or the same command."
    ]
    assert ftdd("report", "small", cwd=tmp_path).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_an_interrupted_study_ends_within_seconds_and_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    """Exit code 130, how to go on, and then the same command goes on from the checkpoint."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    settings = ["--set", "target.training.epochs=1000", "--set", "freezing.count=0", "--set", "target.evaluate=log"]
    command = [sys.executable, "-c", "from ftdd.cli import main; main()", "run", "small.yaml", *settings]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    store = Store(tmp_path / "ftdd-runs")
    for _ in range(1800):
        if list(store.path.glob("runs/*/checkpoint.pt")):
            break
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "interrupted: 1 of 2 runs are done, 1 will go on from their checkpoints. The same command goes on." in err
    assert "Traceback" not in err
    (left,) = (folder for folder in store.run_folders() if folder.status().state is State.INTERRUPTED)
    said = ftdd("run", "small.yaml", *settings, cwd=tmp_path)
    assert said.code == 0
    assert left.status().state is State.DONE
    assert left.status().facts["resumed_at"]
