"""Where MLflow keeps the mirror, and a client for it that answers or gives up within seconds."""

import logging
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from filelock import FileLock, Timeout

from ftdd.study.store import Unreadable
from ftdd_plugins.mlflow_mirror import database
from ftdd_plugins.mlflow_mirror.addresses import shown, sqlite_address, without_secrets
from ftdd_plugins.mlflow_mirror.database import Condition

TRACKING_URI = "MLFLOW_TRACKING_URI"

PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
}
"""How long MLflow tries to reach a tracking server; what the user has set himself is left. MLflow's own: minutes."""

ANSWER_SECONDS = 10.0
"""In which a server must have answered the first question, or a port of a database must have been opened."""
OPEN_SECONDS = 60.0
"""In which a database elsewhere must have been opened; MLflow makes its tables at the first time."""
LONGEST_PATH = 490
"""Bytes of the path of a file that sqlite opens on every system, with room for its journal."""
LOCK_SECONDS = 60.0
WORD_SECONDS = 3.0
"""Who waits for longer is told for what."""

PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mssql": 1433}

Say = Callable[[str], None]
T = TypeVar("T")


class MirrorUnavailable(RuntimeError):
    """MLflow's store cannot be used: a sentence that says which, why, and what to do."""


def tell(line: str) -> None:
    """A line for the user, from any thread."""
    click.echo(f"ftdd: {line}", err=True)


def quiet() -> None:
    """No telemetry, short patience, nothing of MLflow's on the terminal; to be called before the import of mlflow.

    Errors are not logged either: their texts may hold passwords, and what is raised is told in a sentence.
    """
    for name, value in {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", **PATIENCE}.items():
        os.environ.setdefault(name, value)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it prints the address as it is, password and all
    for name in ("alembic", "mlflow.tracking"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("mlflow.store.db.utils", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def own_database(store: Path) -> Path | None:
    """The sqlite file beside the runs; None where MLFLOW_TRACKING_URI says where the mirror is."""
    return None if os.environ.get(TRACKING_URI) else store.absolute() / "mlflow.db"


def tracking_uri(store: Path) -> str:
    """What MLFLOW_TRACKING_URI says, else the address of the sqlite file beside the runs. Not to be shown."""
    path = own_database(store)
    return os.environ[TRACKING_URI] if path is None else sqlite_address(path)


def place(store: Path) -> str:
    """Where the mirror is, in words that may be shown."""
    return str(own_database(store) or shown(os.environ[TRACKING_URI]))


def is_server(address: str) -> bool:
    """Whether an address names a tracking server."""
    return address.lower().startswith(("http://", "https://"))


def is_file(address: str) -> bool:
    """Whether an address names something on this machine's disks."""
    return address.lower().startswith(("sqlite:", "file:")) or "://" not in address


def artifact_location(store: Path) -> str | None:
    """Where artifacts go: beside the runs for the file beside the runs; else MLflow decides."""
    return (store.absolute() / database.ARTIFACTS).as_uri() if own_database(store) else None


def open_client(store: Path, mend: bool = False) -> Any:
    """An MlflowClient. Raises MirrorUnavailable.

    The store's own database is made where there is none, and made anew where it is broken: nothing is lost with it. One
    that another version of MLflow has made, or that turns out to be torn, is set aside where `mend` is given.
    """
    with reaching(store):
        quiet()
        import mlflow.tracking  # noqa: F401  # before anything is timed: it takes seconds

        path = own_database(store)
        if path is not None:
            _see_that_it_can_be_named(path)
            with locked(store):
                _ready(path, mend)
            return _client(store)
        address = tracking_uri(store)
        if is_server(address):
            return _within(_answer_seconds(), lambda: _client(store))
        _see_that_it_answers(address)
        return _within(OPEN_SECONDS, lambda: _client(store))


@contextmanager
def reaching(store: Path) -> Iterator[None]:
    """Whatever MLflow raises becomes MirrorUnavailable, one sentence without secrets.

    Raises OSError where a run's or a study's file cannot be read, which is not MLflow's fault.
    """
    try:
        yield
    except (MirrorUnavailable, Unreadable):
        raise
    except Exception as error:  # sqlalchemy and requests have trees of their own
        if _of_a_run(store, error):
            raise
        raise unavailable(store, error) from error


def _of_a_run(store: Path, error: Exception) -> bool:
    """Whether a file of the store's cannot be read; one that cannot be copied is the mirror's trouble."""
    if not isinstance(error, OSError) or error.filename is None or error.filename2 is not None:
        return False
    path = Path(os.fsdecode(error.filename)).absolute() if not isinstance(error.filename, int) else Path()
    return any(path.is_relative_to(store.absolute() / folder) for folder in ("runs", "studies"))


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """One writer at a time, also where two studies of one store run at once. Raises MirrorUnavailable."""
    store.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store / "mlflow.lock")
    try:
        try:
            lock.acquire(timeout=WORD_SECONDS)
        except Timeout:
            tell(f"waiting for another ftdd, which writes to the mirror of {store}; Ctrl-C is safe")
            lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise MirrorUnavailable(
            f"another ftdd has been writing to the mirror of {store} for {LOCK_SECONDS:.0f} s; the runs are safe in "
            "their folders: call `ftdd sync` when it has ended"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def waiting_for(store: Path) -> Iterator[None]:
    """Say for whom one waits, where the mirror is elsewhere and it takes more than a few seconds."""
    words = f"waiting for MLflow's store {place(store)}; Ctrl-C is safe: the runs are in their folders, "
    timer = threading.Timer(WORD_SECONDS, tell, [f"{words}and `ftdd sync` does the rest"])
    timer.daemon = True
    if not is_file(tracking_uri(store)):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def unavailable(store: Path, error: Exception) -> MirrorUnavailable:
    """The sentence for a store that cannot be used."""
    path = own_database(store)
    address = "" if path else tracking_uri(store)
    reason = without_secrets(_reason(error), address)[:200]
    if "database is locked" in reason:
        remedy = "end the program that is writing to it"
    elif "No space left" in reason or "disk is full" in reason or "quota" in reason:
        remedy = "free some space"
    elif "readonly" in reason or "Read-only" in reason or "ermission denied" in reason:
        remedy = "make it writable"
    elif path is None:
        remedy = f"set or unset {TRACKING_URI}"
        if not is_file(address):
            remedy = f"see that it answers, or {remedy},"
    elif database.says_broken(str(error)):
        return MirrorUnavailable(
            f"MLflow's store {path} is broken ({reason}); `ftdd sync` makes it anew from the run folders"
        )
    else:
        remedy = "see what is wrong with it"
    return MirrorUnavailable(
        f"MLflow's store {place(store)} cannot be used ({reason}); the runs are safe in their folders: "
        f"{remedy} and call `ftdd sync`"
    )


def _client(store: Path) -> Any:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=tracking_uri(store))
    client.search_experiments(max_results=1)
    return client


def _ready(path: Path, mend: bool) -> None:
    """See that the store's own database can be opened."""
    found = database.condition(path, thorough=mend)
    if found is Condition.OTHER and not mend:
        raise MirrorUnavailable(
            f"MLflow's store {path} was made by another version of MLflow and is left as it is; the runs are safe in "
            "their folders: install that version, or have `ftdd sync` set it aside and make it anew"
        )
    if found in (Condition.BROKEN, Condition.OTHER):
        aside = database.set_aside(path)
        why = "was made by another version of MLflow" if found is Condition.OTHER else "could not be used by MLflow"
        tell(f"{path} {why}: it is now {aside.name}, and the mirror is made anew from the run folders (`ftdd sync`)")
    if found is Condition.USABLE:
        try:
            database.settle(path)
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):
                raise
    else:
        database.make(path)


def _see_that_it_can_be_named(path: Path) -> None:
    """Whether MLflow and sqlite can write the path down. Raises MirrorUnavailable."""
    try:
        reason = f"longer than {LONGEST_PATH} bytes" if len(str(path).encode()) > LONGEST_PATH else ""
    except UnicodeEncodeError:
        reason = "not UTF-8"
    if reason:
        raise MirrorUnavailable(
            f"MLflow cannot use a store whose path is {reason}: {str(path)!r}; the runs are safe in their folders: "
            f"move the store, or set {TRACKING_URI}, and call `ftdd sync`"
        )


def _see_that_it_answers(address: str) -> None:
    """Open the port of a database elsewhere: its driver may wait for minutes. Raises OSError."""
    split = urlsplit(address)
    port = PORTS.get(split.scheme.split("+")[0])
    if split.hostname is None or port is None:
        return
    host, port = split.hostname, split.port or port
    _within(ANSWER_SECONDS, lambda: socket.create_connection((host, port), ANSWER_SECONDS).close())


def _answer_seconds() -> float:
    """What the user has set as time-out, if that is longer."""
    try:
        return max(ANSWER_SECONDS, float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]))
    except ValueError:
        return ANSWER_SECONDS


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` gives; TimeoutError where it takes longer, and then it is left to itself.

    Neither a name server nor one that answers a byte at a time can be given a time-out otherwise.
    """
    given: list[T] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            given.append(work())
        except Exception as error:  # raised again where it is waited for
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="a first question to MLflow's store")
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    return given[0]


def _reason(error: BaseException) -> str:
    """Why, in a line: what a reader knows by another name is said so."""
    text = str(error).strip()
    for words, reason in (
        ("Connection refused", "nothing answers there: connection refused"),
        ("Name or service not known", "no host of that name is known"),
        ("name resolution", "the name of its host cannot be looked up"),
        ("Failed to resolve", "no host of that name is known"),
        ("Network is unreachable", "the network is not reachable"),
        ("valid JSON", "what answers there is no tracking server"),
        ("Read timed out", "no answer in time"),
        ("timeout exception", "no answer in time"),
        ("too many 500", "it answers with error 500"),
        ("No module named", "the driver of that database is not installed: " + text),
    ):
        if words in text:
            return reason.splitlines()[0]
    return text.splitlines()[0] if text else type(error).__name__
