"""The mirror's own database, an sqlite file beside the runs: born whole, looked at before use, set aside when broken.

MLflow makes a new database by migrations that are not atomic on sqlite: one that was killed in the middle could never
be opened again. So MLflow makes it in memory, and the file appears when it is complete.
"""

import glob
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from ftdd.study.files import write_with
from ftdd_plugins.mlflow_mirror.addresses import local_path

SIBLINGS = ("-journal", "-wal", "-shm")
"""What sqlite keeps beside a file, and must go where it goes."""

ARTIFACTS = "mlflow-artifacts"
BUSY_SECONDS = 5.0
"""How long another program may hold the file while it is looked at."""


class Condition(Enum):
    """What was found of the database."""

    ABSENT = "absent"
    USABLE = "usable"
    BROKEN = "broken"
    """No MLflow could use it: half made, torn, empty, or not MLflow's."""
    OTHER = "other"
    """Whole, and of another version of MLflow."""


def condition(path: Path, thorough: bool = False) -> Condition:
    """What is to be said of the file. thorough: look at every page.

    Raises sqlite3.OperationalError where nothing can be said: locked, not readable, the disk failing.
    """
    if not path.is_symlink() and not path.exists():
        return Condition.ABSENT
    if not path.is_file() or path.stat().st_size == 0:
        return Condition.BROKEN
    try:
        with _opened(path) as database:
            if _is_torn(path, database) or (thorough and _one(database, "pragma quick_check(1)") != "ok"):
                return Condition.BROKEN
            tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
            if not {"alembic_version", "experiments"} <= tables:
                return Condition.BROKEN
            version = _one(database, "select version_num from alembic_version")
            if version is not None and version == _expected_version(version):
                return Condition.USABLE
            # MLflow writes its first experiment when the last migration is done.
            return Condition.OTHER if _one(database, "select count(*) from experiments") else Condition.BROKEN
    except sqlite3.OperationalError as error:
        if _says_no_schema(str(error)):
            return Condition.BROKEN
        raise
    except sqlite3.DatabaseError:  # not a database, or malformed
        return Condition.BROKEN


def make(path: Path) -> None:
    """Make the database of a store: it is there when it is complete. Raises what MLflow raises, and OSError."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    _move_siblings(path, _free_name(path))  # sqlite would take another file's journal for the new one's
    made = SqlAlchemyStore("sqlite:///:memory:", (path.parent / ARTIFACTS).as_uri())
    try:
        with closing(made.engine.raw_connection()) as connection:
            source = connection.driver_connection
            write_with(path, lambda temporary: _copy(source, temporary))
    finally:
        made.engine.dispose()


def set_aside(path: Path) -> Path:
    """Give a database that cannot be used another name, with what sqlite keeps beside it; gives the name."""
    aside = _free_name(path)
    _move_siblings(path, aside)
    path.rename(aside)
    return aside


def settle(path: Path) -> None:
    """Where the store was moved or copied, have MLflow write artifacts where the store is now. Raises sqlite3.Error."""
    here = (path.parent / ARTIFACTS).as_uri()
    with _opened(path) as database:
        rows = database.execute(
            "select experiment_id, artifact_location from experiments where artifact_location like ?",
            (f"%/{ARTIFACTS}/%",),
        ).fetchall()
        moved = [(key, old) for key, old in rows if not old.startswith(f"{here}/") and not _same_folder(old, path)]
        if not moved:
            return
        with database:
            for key, old in moved:
                new = f"{here}/{old.rpartition(f'/{ARTIFACTS}/')[2]}"
                database.execute("update experiments set artifact_location = ? where experiment_id = ?", (new, key))
                database.execute(
                    "update runs set artifact_uri = ? || substr(artifact_uri, ?)"
                    " where experiment_id = ? and substr(artifact_uri, 1, ?) = ?",
                    (new, len(old) + 1, key, len(old), old),
                )


def _same_folder(location: str, path: Path) -> bool:
    """Whether an artifact location lies in the store, by another of its names."""
    try:
        return local_path(location.rpartition(f"/{ARTIFACTS}/")[0]).samefile(path.parent)
    except (OSError, ValueError):
        return False


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file opened so that sqlite finishes what a killed writer had begun; never made."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)) as database:
        yield database


def _one(database: sqlite3.Connection, query: str) -> Any:
    row = database.execute(query).fetchone()
    return row[0] if row else None


def _is_torn(path: Path, database: sqlite3.Connection) -> bool:
    """Whether pages are missing at the end; a write-ahead log may hold them."""
    pages, size = _one(database, "pragma page_count"), _one(database, "pragma page_size")
    return not path.with_name(f"{path.name}-wal").exists() and bool(path.stat().st_size < pages * size)


def _expected_version(unknown: str) -> str:
    """The schema of the MLflow that is installed; `unknown` where it does not tell, and then it refuses by itself."""
    try:
        from mlflow.store.db.utils import _get_latest_schema_revision
    except ImportError:
        return unknown
    return str(_get_latest_schema_revision())


def says_broken(text: str) -> bool:
    """Whether an error of MLflow on its database says that the database is not what MLflow needs."""
    words = ("malformed", "not a database", "out-of-date database schema", "Can't locate revision")
    return _says_no_schema(text) or any(word in text for word in words)


def _says_no_schema(text: str) -> bool:
    return any(word in text for word in ("no such table", "no such column", "has no column"))


def _copy(source: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as target:
        target.execute("pragma journal_mode = off")  # no file beside a file that nobody knows yet
        source.backup(target)


def _move_siblings(path: Path, new: Path) -> None:
    for ending in SIBLINGS:
        left = path.with_name(path.name + ending)
        if left.exists():
            left.rename(new.with_name(new.name + ending))


def _free_name(path: Path) -> Path:
    number = 1
    while any(path.parent.glob(f"{glob.escape(path.name)}.set-aside-{number}*")):
        number += 1
    return path.with_name(f"{path.name}.set-aside-{number}")
