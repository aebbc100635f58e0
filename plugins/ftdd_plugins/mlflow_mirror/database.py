"""The mirror's own database, an sqlite file beside the runs: born whole, looked at before use, set aside when broken.

MLflow makes a new database by migrations that are not atomic on sqlite: one that was killed in the middle could never
be opened again. So MLflow makes it in memory, and the file appears when it is complete.
"""

import glob
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from ftdd.study.files import write_with
from ftdd_plugins.mlflow_mirror.addresses import local_path
from ftdd_plugins.mlflow_mirror.content import Content, LoggedImages, MetricPoint

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


def new_key() -> str:
    """A run's key, as MLflow makes one."""
    return uuid.uuid4().hex


def insert_runs(path: Path, experiment: str, runs: Sequence[tuple[str, Content, Mapping[str, str]]]) -> Path:
    """Insert new runs, all but their files, in one transaction; gives the folder of the experiment's artifacts.

    MLflow's client takes some 30 ms of processor time for a run (bench/large_study.py), this 1 ms.
    runs: key, content and tags of each. Raises sqlite3.Error.
    """
    with _opened(path) as database:
        (location,) = database.execute(
            "select artifact_location from experiments where experiment_id = ?", (experiment,)
        ).fetchone()
        with database:
            for key, one, tags in runs:
                _insert(database, "runs", [_row(key, one, experiment, f"{location}/{key}/artifacts")])
                _insert(database, "tags", [{"key": name, "value": tags[name], "run_uuid": key} for name in tags])
                params = [{"key": name, "value": one.params[name], "run_uuid": key} for name in one.params]
                _insert(database, "params", params)
                points = {(point.key, point.step): point for point in (*one.points, *one.finals)}
                _insert(database, "metrics", [_metric(key, point) for point in points.values()])
                latest = {name: point for (name, _), point in sorted(points.items())}
                _insert(database, "latest_metrics", [_metric(key, point) for point in latest.values()])
                for data_set in one.data_sets:
                    _insert_data_set(database, experiment, key, data_set)
    return local_path(location)


def set_tag(path: Path, name: str, values: Mapping[str, str]) -> None:
    """Set a tag of many runs in one transaction.   values: by the runs' keys."""
    with _opened(path) as database, database:
        rows = [(name, value, key) for key, value in values.items()]
        database.executemany("insert or replace into tags (key, value, run_uuid) values (?, ?, ?)", rows)


def _row(key: str, one: Content, experiment: str, artifacts: str) -> dict[str, Any]:
    return {
        "run_uuid": key,
        "name": one.name,
        "experiment_id": int(experiment),
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "source_version": "",
        "user_id": "unknown",
        "status": one.status,
        "start_time": one.started,
        "end_time": one.ended,
        "lifecycle_stage": "active",
        "artifact_uri": artifacts,
    }


def _metric(key: str, point: MetricPoint) -> dict[str, Any]:
    return {**vars(point), "is_nan": False, "run_uuid": key}


def _insert_data_set(database: sqlite3.Connection, experiment: str, key: str, data_set: LoggedImages) -> None:
    known = (int(experiment), data_set.name, data_set.digest)
    query = "select dataset_uuid from datasets where experiment_id = ? and name = ? and digest = ?"
    found = database.execute(query, known).fetchone()
    there = found[0] if found else new_key()
    if not found:
        row = dict(zip(("experiment_id", "name", "digest"), known, strict=True)) | {"dataset_uuid": there}
        about = {"dataset_source": data_set.profile, "dataset_profile": data_set.profile}
        _insert(database, "datasets", [{**row, "dataset_source_type": "code", **about}])
    used = new_key()
    ends = {"source_type": "DATASET", "source_id": there, "destination_type": "RUN", "destination_id": key}
    _insert(database, "inputs", [{"input_uuid": used, **ends}])
    _insert(database, "input_tags", [{"input_uuid": used, "name": "mlflow.data.context", "value": data_set.use}])


def _insert(database: sqlite3.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        names = list(rows[0])
        places = ", ".join("?" * len(names))
        query = f"insert into {table} ({', '.join(names)}) values ({places})"
        database.executemany(query, [tuple(row[name] for name in names) for row in rows])


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


def is_unknown_schema(error: sqlite3.Error) -> bool:
    """Whether what `insert_runs` raises says that MLflow's tables are not as it knows them."""
    return isinstance(error, sqlite3.IntegrityError) or _says_no_schema(str(error))


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
