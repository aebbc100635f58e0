"""The mirror's own database: born whole, used by many at once, set aside where it is broken, at home where the store is."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ftdd.study.store import Store
from ftdd_plugins.mlflow_mirror import database
from ftdd_plugins.mlflow_mirror.database import Condition, condition
from ftdd_plugins.mlflow_mirror.mirroring import open_mirror
from ftdd_plugins.mlflow_mirror.tracking import MirrorUnavailable, open_client
from tests.cli.commands import environment, ftdd
from tests.results.test_results import add_run, add_study

OPEN = "from pathlib import Path; from ftdd_plugins.mlflow_mirror.tracking import open_client; open_client(Path('.'))"
AGAIN = OPEN + "; print('opened')"


@pytest.fixture(autouse=True)
def beside_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s")
    add_run(store, "a0", [0.8, 0.4], [0.8, 0.2], 0)
    add_study(store, [("a0", {"freezing.count": 0, "seed": 0})])
    return store


def mirrored(store: Store) -> int:
    """How many runs of the study the database has."""
    with closing(sqlite3.connect(store.path / "mlflow.db")) as opened:
        return int(opened.execute("select count(*) from tags where key = 'ftdd.id'").fetchone()[0])


def test_a_new_database_is_whole_and_alone(tmp_path: Path) -> None:
    open_client(tmp_path)
    assert condition(tmp_path / "mlflow.db", thorough=True) is Condition.USABLE
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.lock"}


def test_a_database_is_not_there_before_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        assert not (tmp_path / "mlflow.db").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_copy", killed)
    with pytest.raises(KeyboardInterrupt):
        open_client(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.slow
def test_births_that_are_killed_leave_nothing_that_stays(tmp_path: Path) -> None:
    """Killed at moments spread over the birth, then opened by the next."""
    for i in range(4):
        process = subprocess.Popen([sys.executable, "-c", OPEN], cwd=tmp_path, env=environment())
        until = time.monotonic() + 60
        while not (tmp_path / "mlflow.lock").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.25 * i)
        process.kill()
        process.wait()
        assert condition(tmp_path / "mlflow.db") in (Condition.ABSENT, Condition.USABLE)
        (tmp_path / "mlflow.lock").unlink()
    open_client(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.lock"}


@pytest.mark.slow
def test_of_two_at_once_one_makes_it_and_both_use_it(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", AGAIN], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0] for process in both] == ["opened\n"] * 2
    assert not list(tmp_path.glob("*set-aside*"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_database(path: Path) -> None:
    path.write_text("not at all a database\n" * 100)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("create table notes (text)")


def half_made(path: Path) -> None:
    """As a kill between two migrations leaves it."""
    database.make(path)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("update alembic_version set version_num = '451aebb31d03'")
        opened.execute("delete from experiments")
        opened.execute("drop table latest_metrics")


def without_version(path: Path) -> None:
    database.make(path)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("delete from alembic_version")
        opened.execute("delete from experiments")


def torn(path: Path) -> None:
    database.make(path)
    os.truncate(path, path.stat().st_size // 2)


def a_folder(path: Path) -> None:
    path.mkdir()


BROKEN = [empty, no_database, of_another_program, half_made, without_version, torn, a_folder]


@pytest.mark.usefixtures("copied_database")
@pytest.mark.parametrize("spoil", BROKEN)
def test_a_broken_database_is_set_aside_and_made_anew(
    store: Store, spoil: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """At the start of a run, as by `ftdd sync`: the folders have everything."""
    path = store.path / "mlflow.db"
    spoil(path)
    assert condition(path) is Condition.BROKEN
    assert open_mirror(store, "one").study() == 1
    assert mirrored(store) == 1
    assert "mlflow.db could not be used by MLflow: it is now mlflow.db.set-aside-1" in capsys.readouterr().err
    assert (store.path / "mlflow.db.set-aside-1").exists()


def test_what_is_set_aside_takes_its_journal_along_and_never_another_ones_name(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    for number in (1, 2):
        for ending in ("", "-journal", "-wal", "-shm"):
            path.with_name(f"mlflow.db{ending}").write_text(f"{number}{ending}")
        assert database.set_aside(path) == tmp_path / f"mlflow.db.set-aside-{number}"
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        f"mlflow.db.set-aside-{number}{ending}": f"{number}{ending}"
        for number in (1, 2)
        for ending in ("", "-journal", "-wal", "-shm")
    }


@pytest.mark.usefixtures("copied_database")
def test_a_journal_without_its_database_is_not_taken_for_the_new_ones(store: Store) -> None:
    (store.path / "mlflow.db-wal").write_bytes(b"of a database that was deleted")
    assert open_mirror(store, "one").study() == 1
    assert (store.path / "mlflow.db.set-aside-1-wal").exists()


@pytest.mark.usefixtures("copied_database")
@pytest.mark.parametrize("version", ["ffffffffffff", "451aebb31d03"])
def test_a_database_of_another_mlflow_is_left_alone_by_a_run_and_set_aside_by_sync(store: Store, version: str) -> None:
    path = store.path / "mlflow.db"
    open_client(store.path)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("update alembic_version set version_num = ?", (version,))
    before = path.read_bytes()
    with pytest.raises(
        MirrorUnavailable, match=r"another version of MLflow.*install that version, or have `ftdd sync`"
    ):
        open_client(store.path)
    assert path.read_bytes() == before
    said = ftdd("sync", "--store", str(store.path), cwd=store.path)
    assert (said.code, said.out) == (0, "one: 1 runs, 1 brought up to date\n")
    assert "mlflow.db was made by another version of MLflow: it is now mlflow.db.set-aside-1" in said.err
    assert (store.path / "mlflow.db.set-aside-1").read_bytes() == before


@pytest.mark.usefixtures("copied_database")
def test_pages_that_are_torn_inside_are_found_by_sync(store: Store) -> None:
    path = store.path / "mlflow.db"
    open_mirror(store, "one").study()
    content = bytearray(path.read_bytes())
    content[8192 : len(content) // 2] = bytes(len(content) // 2 - 8192)
    path.write_bytes(content)
    said = ftdd("sync", "--store", str(store.path), cwd=store.path)
    assert (said.code, said.out) == (0, "one: 1 runs, 1 brought up to date\n")
    assert condition(path, thorough=True) is Condition.USABLE


@pytest.mark.usefixtures("copied_database")
def test_a_locked_database_is_neither_set_aside_nor_waited_for(store: Store) -> None:
    open_client(store.path)
    with closing(sqlite3.connect(store.path / "mlflow.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        said = ftdd("sync", "--store", str(store.path), cwd=store.path, timeout=60)
    assert said.code == 1
    assert "database is locked" in said.err
    assert "end the program that is writing to it" in said.err
    assert not list(store.path.glob("*set-aside*"))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database, "_copy", full)
    with pytest.raises(MirrorUnavailable, match=r"disk is full.*free some space and call `ftdd sync`"):
        open_client(store.path)
    assert not list(store.path.glob(".mlflow*"))
    assert not (store.path / "mlflow.db").exists()


def test_the_mirror_of_a_moved_store_moves_with_it(store: Store, tmp_path: Path) -> None:
    assert ftdd("sync", "--store", str(store.path), cwd=tmp_path).code == 0
    moved = tmp_path / "else where"
    store.path.rename(moved)
    said = ftdd("sync", "--store", str(moved), cwd=moved)
    assert (said.code, said.out) == (0, "one: 1 runs, 0 brought up to date\n")
    add_run(Store(moved), "a0", [0.8, 0.4, 0.3], [0.8, 0.2, 0.1], 0)
    mirror = open_mirror(Store(moved), "one")
    assert mirror.study() == 1
    assert not store.path.exists(), "artifacts went to where the store was"
    (run,) = mirror.client.search_runs([mirror.experiment], "tags.`ftdd.id` = 'a0'")
    assert {one.path for one in mirror.client.list_artifacts(run.info.run_id)} >= {"curve.csv", "spec.json"}


def test_the_mirror_of_a_copied_store_leaves_the_other_one_alone(store: Store, tmp_path: Path) -> None:
    assert ftdd("sync", "--store", str(store.path), cwd=tmp_path).code == 0
    copy = tmp_path / "copy"
    shutil.copytree(store.path, copy)
    (kept,) = (store.path / "mlflow-artifacts").rglob("curve.csv")
    before = kept.read_text()
    add_run(Store(copy), "a0", [0.8, 0.4, 0.3], [0.8, 0.2, 0.1], 0)
    open_mirror(Store(copy), "one").study()
    assert kept.read_text() == before


@pytest.mark.usefixtures("copied_database")
def test_a_store_by_another_of_its_names_is_no_moved_one(store: Store, tmp_path: Path) -> None:
    open_mirror(store, "one").study()
    (tmp_path / "link").symlink_to(store.path)
    open_mirror(Store(tmp_path / "link"), "one")
    with closing(sqlite3.connect(store.path / "mlflow.db")) as opened:
        places = [place for (place,) in opened.execute("select artifact_location from experiments")]
    assert all(place.startswith(store.path.as_uri()) for place in places)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names that are not UTF-8 are Linux's")
def test_a_store_whose_path_mlflow_cannot_write_is_one_sentence(tmp_path: Path) -> None:
    for name in (os.fsdecode(b"caf\xe9"), "x" * 200 + "/" + "y" * 200 + "/" + "z" * 200):
        with pytest.raises(MirrorUnavailable, match=r"path is .*move the store, or set MLFLOW_TRACKING_URI"):
            open_client(tmp_path / name)


@pytest.mark.slow
def test_two_stores_that_differ_after_a_question_mark_have_their_own(tmp_path: Path) -> None:
    for name in ("what?one", "what?two", "50%20"):
        store = Store(tmp_path / name)
        add_run(store, "a0", [0.8, 0.4], [0.8, 0.2], 0)
        add_study(store, [("a0", {"freezing.count": 0, "seed": 0})])
        assert open_mirror(store, "one").study() == 1
        assert mirrored(store) == 1
        assert list((store.path / "mlflow-artifacts").rglob("curve.csv"))
    assert {path.name for path in tmp_path.iterdir()} == {"what?one", "what?two", "50%20"}
