"""A tracking server or a database elsewhere that fails costs seconds, whatever way it fails, and one sentence."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ftdd.records.events import RunRef
from ftdd.study.store import Store, Unreadable
from ftdd_plugins import mlflow_mirror
from ftdd_plugins.mlflow_mirror import tracking
from ftdd_plugins.mlflow_mirror.mirroring import open_mirror
from ftdd_plugins.mlflow_mirror.tracking import PATIENCE, MirrorUnavailable, open_client, unavailable
from tests.cli.commands import ftdd
from tests.results.test_results import add_run, add_study

Answer = Callable[[socket.socket], None]


def error_500(to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops")


def a_page(to: socket.socket) -> None:
    page = b"<!doctype html><title>Sign in</title>"
    to.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))


def other_json(to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n[1, 2, 3]"[:-1])


def nothing(to: socket.socket) -> None:
    time.sleep(60)


def a_byte_at_a_time(to: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 1000:
        to.sendall(bytes([byte]))
        time.sleep(0.2)


def hang_up(to: socket.socket) -> None:
    to.close()


def no_http(to: socket.socket) -> None:
    to.sendall(b"220 mail.example.org ESMTP\r\n")
    to.close()


@contextmanager
def listening(answer: Answer) -> Iterator[str]:
    """A server that answers every connection in its way; gives host and port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=[connection], daemon=True).start()

        def handle(connection: socket.socket) -> None:
            try:
                if answer is not no_http:
                    connection.recv(65536)
                answer(connection)
                connection.close()
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, shorter."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setattr(tracking, "ANSWER_SECONDS", 5.0)
    monkeypatch.setattr(tracking, "OPEN_SECONDS", 5.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s")
    add_run(store, "a0", [0.8, 0.4], [0.8, 0.2], 0)
    add_study(store, [("a0", {"freezing.count": 0, "seed": 0})])
    return store


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error_500, "it answers with error 500"),
        (a_page, "what answers there is no tracking server"),
        (other_json, "cannot be used"),
        (nothing, "no answer"),
        (a_byte_at_a_time, "no answer"),
        (hang_up, "cannot be used"),
        (no_http, "cannot be used"),
    ],
)
def test_a_server_that_fails_is_one_sentence_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    with listening(answer) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://wilma:s3cret@{server}")
        began = time.monotonic()
        with pytest.raises(MirrorUnavailable, match=words) as caught:
            open_client(tmp_path)
    said = str(caught.value)
    assert time.monotonic() - began < 60
    assert f"http://***@{server} cannot be used" in said
    assert "the runs are safe in their folders" in said
    assert "`ftdd sync`" in said
    for not_said in ("\n", "s3cret", "wilma"):
        assert not_said not in said


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "connection refused"),
        ("http://no-such-host.invalid:5000", "host"),
        ("postgresql://wilma:s3cret@127.0.0.1:9/db", "refused"),
        ("postgresql://no-such-host.invalid/db", "host"),
        ("mysql+pymysql://wilma:s3cret@127.0.0.1:9/db", "refused"),
        ("postgresql://wilma:s3cret@127.0.0.1:ninety/db", "cannot be used"),
        ("nosuchscheme://wilma:s3cret@somewhere/db", "cannot be used"),
    ],
)
def test_an_address_where_nothing_is_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, words: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(MirrorUnavailable, match=words) as caught:
        open_client(tmp_path)
    for not_said in ("\n", "s3cret", "wilma"):
        assert not_said not in str(caught.value)


def test_a_database_that_accepts_and_is_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its driver would do: here it is not even installed, or it waits."""
    with listening(nothing) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"postgresql://wilma:s3cret@{server}/db")
        with pytest.raises(MirrorUnavailable):
            open_client(tmp_path)


def test_who_set_a_time_out_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in PATIENCE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    tracking.quiet()
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == PATIENCE["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    assert tracking._answer_seconds() == 77


class Broken:
    """A client whose server has gone; counts what is asked of it."""

    def __init__(self) -> None:
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        def ask(*_: object, **__: object) -> None:
            self.asked += 1
            raise ConnectionError("http://wilma:s3cret@127.0.0.1:5/api: Connection refused")

        return ask


def test_a_mirror_that_fails_once_is_not_tried_again_by_the_same_study(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    listener = mlflow_mirror._Listener()
    listener._mirror = open_mirror(store, "one")
    client = listener._mirror.client = Broken()
    run = RunRef("a0", "target", None, store.run("a0").path, {})
    with pytest.raises(MirrorUnavailable, match="connection refused") as caught:
        listener.hear(run, final=True)
    assert "s3cret" not in str(caught.value)
    asked = client.asked
    listener.hear(run, final=True)
    listener.finish()
    assert client.asked == asked == 1


def test_short_runs_are_mirrored_several_at_once_and_long_ones_when_they_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    now, told = 100.0, []

    class Told:
        def __init__(self) -> None:
            self.store = store

        def runs(self, run_ids: Iterable[str]) -> None:
            told.append((now, list(run_ids)))

    monkeypatch.setattr("ftdd_plugins.mlflow_mirror.time.monotonic", lambda: now)
    listener = mlflow_mirror._Listener()
    listener._mirror, listener._mirrored_at = Told(), now  # type: ignore[assignment]
    runs = {name: RunRef(name, "target", None, store.path, {}) for name in ("long", "a", "b", "c")}
    for second, name, final in (
        (100.0, "long", False),
        (101.0, "a", False),
        (102.0, "a", True),
        (103.0, "b", True),
        (105.0, "c", False),
        (106.0, "c", True),
        (107.0, "long", True),
    ):
        now = second
        listener.hear(runs[name], final)
    assert told == [(105.0, ["long", "a", "b", "c"]), (107.0, ["c", "long"])]


def test_a_folder_that_cannot_be_read_does_not_end_the_mirror(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "curve.csv")

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    listener = mlflow_mirror._Listener()
    listener._mirror = open_mirror(store, "one")
    run = RunRef("a0", "target", None, store.run("a0").path, {})
    monkeypatch.setattr("ftdd_plugins.mlflow_mirror.mirroring.content", gone)
    with pytest.raises(Unreadable):
        listener.hear(run, final=True)
    assert listener._mirror is not None


def test_a_run_whose_status_cannot_be_opened_is_not_said_to_be_mlflows_fault(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    status = store.run("a0").path / "status.json"
    status.unlink()
    status.mkdir()
    with pytest.raises(IsADirectoryError), tracking.reaching(store.path):
        open_mirror(store, "one").study()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(28, "No space left on device"), "free some space"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "free some space"),
        (RuntimeError("(sqlite3.OperationalError) attempt to write a readonly database"), "make it writable"),
        (PermissionError(13, "Permission denied"), "make it writable"),
        (RuntimeError("(sqlite3.OperationalError) database is locked"), "end the program that is writing to it"),
        (RuntimeError("no such table: runs"), "makes it anew"),
    ],
)
def test_what_helps_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, remedy: str) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    said = str(unavailable(tmp_path, error))
    assert remedy in said
    assert str(tmp_path / "mlflow.db") in said


@pytest.mark.slow
def test_a_run_and_a_sync_with_a_dead_server_end_soon_and_say_so(tmp_path: Path) -> None:
    small = ["source.training.epochs=1", "target.training.epochs=1", "target.images=60", "sweep.freezing.count=[0]"]
    settings = [part for one in (*small, "seed=0") for part in ("--set", one)]
    dead = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    run = ftdd("run", "quickstart", "--store", "s", *settings, cwd=tmp_path, **dead)
    assert run.code == 0
    assert run.err.count("MLflow's store http://127.0.0.1:9 cannot be used") == 1, "said once"
    assert "Traceback" not in run.err
    sync = ftdd("sync", "--store", "s", cwd=tmp_path, **dead)
    assert sync.code == 1
    assert "MLflow's store http://127.0.0.1:9 cannot be used" in sync.err
    assert ftdd("sync", "--store", "s", cwd=tmp_path).code == 0
