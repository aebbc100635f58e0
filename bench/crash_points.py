"""End a study before each thing that it does to its files, go on, and compare what comes out with an undisturbed study.

    python bench/crash_points.py                 every point; some 10 minutes of processor time
    python bench/crash_points.py --every 20      every 20th
    python bench/crash_points.py --minutes 5     those that five minutes are enough for, spread over all
    python bench/crash_points.py --write         the table in docs/reliability.md too

The study has a source and a target run with a checkpoint after every epoch, findings, figures, a page, and the mirror
in MLflow. It is executed in this process by `ftdd run`, with an executor that needs no worker: what a worker does to
files is `execute`, which is the same here. Torch, MLflow and matplotlib are imported once; each study is a fork.
Figures are files of the numbers that they show: drawing them takes as long as all the rest.

**A kill**: what a process leaves that ends before the k-th event, which is a copy of the store at that moment. An event
is a file opened for writing, a file half written, an fsync, a rename, a removal, a folder made, a truncation, or an SQL
statement that changes MLflow's database. Readers of the store see what had been done by then.

**A power loss**: the same, and what was not on the disk is undone. The model is strict, and simple: the content of a
file is lost (0 bytes) until the file was fsynced; a name that was made, renamed or removed is as before until its
folder was fsynced. SQLite's files are left as they are: what it does is done in C, unseen from here, and its durability
is its own.

Afterwards `ftdd run` with the same recipe and `ftdd sync`; once for stores that are equal byte for byte. Then, against
an undisturbed store, of every run:

    lost        it is not there, or has not ended
    doubled     an epoch stands twice in its curve, or the mirror has it twice
    different   curve (but for seconds), ledger, images, weights, spec, state, findings, figures; or the mirror's points
    left        unfinished files, checkpoints, logs, features, files set aside, locks that are held
"""

import argparse
import contextlib
import csv
import fcntl
import functools
import gc
import hashlib
import importlib
import io
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "NO_COLOR": "1"}
os.environ.pop("MLFLOW_TRACKING_URI", None)

import torch

import ftdd.api.prepare
import ftdd.study.runs
from ftdd.cli.commands import executed
from ftdd.components import Crew, Executor, Job
from ftdd.results.page import write as page

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
RECIPE = """\
title: {name}
question: Does anything get lost?
pair: {{name: gaussian_linear, d: 20, noise: 0.2, source_noise: {noise}, a: 0.9}}
architecture: {{name: linear}}
source:
  images: 40
  training: {{epochs: 2, batch_size: 10, optimizer: {{name: sgd, lr: 0.01}}}}
target:
  images: 10
  training: {{epochs: 3, batch_size: 5, optimizer: {{name: adam, lr: 0.01}}}}
  evaluate: every
freezing: {{policy: first_layers, count: 5}}
eps: 1.0e-6
seed: 0
"""
STUDY, EARLIER = "disturbed", "earlier"
LONGEST_SECONDS = 300
"""Of one study."""
READS = ("SELECT", "PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE", "EXPLAIN")
LEFT = (".ftdd-unfinished", ".damaged")
COLUMNS = ("lost", "doubled", "different", "left")


# ---- where a process ends


@dataclass
class Disk:
    """What the process has done to a store that would not survive a power loss."""

    backups: Path
    _names: list[tuple[str, Path, Path | None, Path | None]] = field(default_factory=list)
    """Kind, path, where it came from, and what was there before; of names whose folder was not fsynced since."""
    _contents: set[Path] = field(default_factory=set)
    """Files whose content was not fsynced."""

    def opened(self, path: Path) -> None:
        if not path.exists():
            self._names.append(("made", path, None, None))
        self._contents.add(path)

    def renamed(self, source: Path, path: Path) -> None:
        self._names.append(("renamed", path, source, self._backup(path)))
        if source in self._contents:
            self._contents.discard(source)
            self._contents.add(path)
        else:
            self._contents.discard(path)

    def removed(self, path: Path) -> None:
        if path.exists():
            self._names.append(("removed", path, None, self._backup(path)))

    def folder_made(self, path: Path) -> None:
        self._names.append(("folder", path, None, None))

    def synced(self, path: Path) -> None:
        if path.is_dir():
            self._names = [one for one in self._names if one[1].parent != path]
        self._contents.discard(path)

    def undo(self, store: Path, copy: Path) -> None:
        """Make a copy of the store what the disk would have."""

        def copied(path: Path) -> Path:
            return copy / path.relative_to(store)

        for path in map(copied, self._contents):
            if path.is_file():
                os.truncate(path, 0)
        for kind, name, source, before in reversed(self._names):
            path = copied(name)
            if kind == "folder":
                shutil.rmtree(path, ignore_errors=True)
            elif kind == "made":
                path.unlink(missing_ok=True)
            elif kind == "renamed" and source is not None and path.exists():
                path.replace(copied(source))
            if before is not None and path.parent.exists():
                path.unlink(missing_ok=True)
                shutil.copy2(before, path)

    def _backup(self, path: Path) -> Path | None:
        if not path.is_file():
            return None
        kept = self.backups / str(len(list(self.backups.iterdir())))
        os.link(path, kept)
        return kept


class Watch:
    """Sees events in a store, in this process, and calls `before` before each of them."""

    def __init__(self, store: Path, before: Callable[["Watch"], None]) -> None:
        self.store = store
        self.events: list[tuple[str, str]] = []
        """Kind, and path within the store; the last one is about to happen."""
        self.disk = Disk(Path(tempfile.mkdtemp(dir=store.parent)))
        self._before = before
        self._lock = threading.RLock()
        self._busy: threading.Thread | None = None
        self._fsync = os.fsync
        os.fsync = self._syncing  # type: ignore[assignment]
        connect, watch = sqlite3.connect, self

        class Connection(sqlite3.Connection):
            def commit(self) -> None:
                with watch._lock:  # no copy of the store while SQLite writes
                    super().commit()

        def connecting(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **{"factory": Connection, **named})
            connection.set_trace_callback(self._sql)
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = connecting  # type: ignore[assignment]
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            path = self._inside(arguments[0])
            if path and not (path.name.endswith("lock") and path.exists()):
                self._event("open", path, self.disk.opened)
        elif event == "os.rename":
            source, path = self._inside(arguments[0]), self._inside(arguments[1])
            if path and source:
                self._event("rename", path, lambda path: self.disk.renamed(source, path))
        elif event in ("os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
            path = self._inside(arguments[0])
            does = {"os.remove": self.disk.removed, "os.mkdir": self.disk.folder_made}
            if path:
                self._event(event.removeprefix("os."), path, does.get(event))

    def _inside(self, path: object) -> Path | None:
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return Path(text) if text.startswith(f"{self.store}/") and "mlflow.db" not in text else None

    def _syncing(self, descriptor: int) -> None:
        path = self._inside(f"{Path(f'/proc/self/fd/{descriptor}').readlink()}/")
        if path and path.is_file():
            self._event("half written", path, None)
        if path:
            self._event("fsync", path, None)
        self._fsync(descriptor)
        if path:
            self.disk.synced(path)

    def _sql(self, statement: str) -> None:
        if not statement.lstrip().upper().startswith(READS):
            self._event("SQL", self.store / "mlflow.db", None)

    def _event(self, kind: str, path: Path, does: Callable[[Path], None] | None) -> None:
        if self._busy is threading.current_thread():
            return
        with self._lock:
            self._busy = threading.current_thread()
            try:
                self.events.append((kind, str(path.relative_to(self.store))))
                self._before(self)
                if does:
                    does(path)
            finally:
                self._busy = None


# ---- a study in a fork


class Hand:
    """A crew that executes runs in this process, one at a time."""

    slots = 1

    def submit(self, job: Job) -> "Future[None]":
        done: Future[None] = Future()
        try:
            ftdd.study.runs.execute(job)
            done.set_result(None)
        except OSError as error:
            done.set_exception(error)
        return done


class Here(Executor):
    """The executor of that crew."""

    name: Literal["here"] = "here"

    @contextlib.contextmanager
    def open(self, workers: int | None, device: str) -> Iterator[Crew]:
        yield Hand()


def started(work: Callable[[], object], *, seconds: int = LONGEST_SECONDS, quiet: bool = True) -> Callable[[], Any]:
    """Work in a fork; what is given waits for the fork, and gives what `work` does there, by way of JSON.

    seconds: in which it must have ended.   quiet: keep what it prints, and show it where it fails.
    Waiting for it raises RuntimeError where it fails or hangs.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        os.close(ours)
        with tempfile.TemporaryFile("w+") as said:
            for stream in (sys.stdout, sys.stderr) if quiet else ():
                stream.flush()
                os.dup2(said.fileno(), stream.fileno())
            try:
                answer = {"answer": work()}
            except BaseException:
                said.seek(0)
                answer = {"error": traceback.format_exc() + said.read()[-2000:]}
        tell(theirs, answer)
        os._exit(0)
    os.close(theirs)

    def answered() -> Any:
        with os.fdopen(ours) as line:
            text = line.read()
        os.waitpid(child, 0)
        answer = json.loads(text) if text else {"error": "it ended without a word, or hung"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]

    return answered


def forked(work: Callable[[], object]) -> Any:
    """What `work` gives in a fork. Raises RuntimeError where it fails or hangs."""
    return started(work)()


def tell(line: int, answer: object) -> None:
    with os.fdopen(line, "w") as file:
        file.write(json.dumps(answer))


def ftdd_run(store: Path, name: str = STUDY) -> int:
    return executed(["run", str(store.parent / f"{name}.yaml"), "--store", str(store)])


@dataclass(frozen=True)
class Point:
    """An event, and what a process that had ended before it would have left: names of stores."""

    kind: str
    path: str
    killed: str
    lost_power: str


@dataclass
class Stand:
    """A folder in which one store after the other has the same place: the mirror keeps absolute addresses."""

    folder: Path
    birth: bool
    """Whether MLflow's database is made by the disturbed study itself."""
    _found: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """What came of the stores that were gone on with."""

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def states(self) -> Path:
        """Stores as a process leaves them, each named by its content."""
        return self.folder / "states"

    def prepare(self) -> int:
        """Import all that a study needs, make the stores to begin from and to compare with; how many events it has."""
        self.folder.mkdir(exist_ok=True)
        for name, noise in ((EARLIER, 0.3), (STUDY, 0.1)):
            (self.folder / f"{name}.yaml").write_text(RECIPE.format(name=name, noise=noise))
        for module in forked(lambda: (ftdd_run(self.store, EARLIER), sorted(sys.modules))[1]):
            with contextlib.suppress(Exception):
                importlib.import_module(module)
        warm()
        self.store.rename(self.folder / "template")
        if self.birth:
            shutil.rmtree(self.folder / "template")
            (self.folder / "template").mkdir()
        events, _ = self._watched(lambda watch: None)
        forked(lambda: executed(["sync", "--store", str(self.store)]))
        self.store.rename(self.folder / "reference")
        return len(events)

    def points(self, wanted: Callable[[int], bool]) -> tuple[int, Sequence[Point]]:
        """Carry the study out, and keep what a process would leave that ended before the events of some numbers.

        Gives how many events there were, too: threads and the clock make them a few more or less each time.
        """
        kept: list[Point] = []

        def before(watch: Watch) -> None:
            if not wanted(len(watch.events)):
                return
            kind, path = watch.events[-1]
            copies = self.folder / "killed", self.folder / "lost power"
            for copy in copies:
                _copied(self.store, copy)
                if kind == "half written":
                    os.truncate(copy / path, (copy / path).stat().st_size // 2)
            watch.disk.undo(self.store, copies[1])
            kept.append(Point(kind, path, *map(self._keep, copies)))

        events, said = self._watched(before, lambda: [vars(point) for point in kept])
        return len(events), [Point(**point) for point in said]

    def _watched(
        self, before: Callable[[Watch], None], more: Callable[[], Any] = lambda: None
    ) -> tuple[list[Any], Any]:
        """The events of a study that is executed, and what is to be said besides."""
        shutil.copytree(self.folder / "template", self.store)

        def study() -> object:
            watch = Watch(self.store, before)
            assert ftdd_run(self.store) == 0
            return watch.events, more()

        events, said = forked(study)
        return events, said

    def _keep(self, copy: Path) -> str:
        """Keep a store under its content's name, once."""
        digest = hashlib.sha256()
        for path in sorted(copy.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            digest.update(f"{path.relative_to(copy)} {len(content)} ".encode() + content)
        name = digest.hexdigest()[:32]
        if (self.states / name).exists():
            shutil.rmtree(copy)
        else:
            self.states.mkdir(exist_ok=True)
            copy.rename(self.states / name)
        return name

    def go_on(self, state: str) -> dict[str, list[str]]:
        """Go on as a user does with a store that was left, and compare."""
        if state not in self._found:
            shutil.rmtree(self.store, ignore_errors=True)
            (self.states / state).rename(self.store)
            self._found[state] = self._gone_on()
        return self._found[state]

    def _gone_on(self) -> dict[str, list[str]]:
        def again() -> list[int]:
            return [ftdd_run(self.store), executed(["sync", "--store", str(self.store)])]

        try:
            codes = forked(again)
        except RuntimeError as error:
            return {"lost": [f"the next `ftdd run` failed: {error}"]}
        found = compared(self.store, self.folder / "reference")
        if codes != [0, 0]:
            found.setdefault("lost", []).append(f"ftdd run and ftdd sync ended with {codes}")
        return found


def _copied(store: Path, copy: Path) -> None:
    """Copy a store; again where another thread has removed a file meanwhile."""
    for _ in range(20):
        with contextlib.suppress(OSError):  # shutil.Error is one
            shutil.copytree(store, copy)
            return
        shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(store, copy)


def warm() -> None:
    """Do in this process what every fork would do again, and what has nothing to do with files."""
    from jinja2 import Environment
    from matplotlib.figure import Figure
    from mlflow.store.db import utils

    from ftdd.api.environment import plugins

    plugins()
    ftdd.study.runs._plugins()
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    utils._get_latest_schema_revision()
    Figure.savefig = write_numbers  # type: ignore[method-assign, assignment]
    compiled = Environment.compile
    code: dict[str, Any] = {}

    def compiled_once(self: Environment, source: Any, *arguments: Any, **named: Any) -> Any:
        if source not in code:
            code[source] = compiled(self, source, *arguments, **named)
        return code[source]

    Environment.compile = compiled_once  # type: ignore[method-assign]
    page._environment().from_string(page._text("page.html.jinja"))
    gc.collect()
    gc.freeze()  # a fork that looks through all of this copies it


def write_numbers(figure: Any, path: Path, **options: Any) -> None:
    """What a figure's lines and words are, in the place of the figure."""
    shown = [
        [
            [line.get_xydata().tolist() for line in axes.lines],
            [collection.get_offsets().tolist() for collection in axes.collections],
            [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)],
        ]
        for axes in figure.axes
    ]
    Path(path).write_text(f"{options['format']} {json.dumps(shown)}")


# ---- what came out


def compared(store: Path, reference: Path) -> dict[str, list[str]]:
    """What a store has lost, doubled, has otherwise or has left, against another; nothing for what is right."""
    found: dict[str, list[str]] = {name: [] for name in COLUMNS}
    for path in sorted((reference / "runs").iterdir()):
        _compare_run(store / "runs" / path.name, path, found)
    found["doubled"] += [
        path.name for path in (store / "runs").iterdir() if not (reference / "runs" / path.name).exists()
    ]
    _compare_study(store / "studies" / STUDY, reference / "studies" / STUDY, found)
    _compare_mirror(store, found)
    for path in store.rglob("*"):
        in_run = path.parent.parent == store / "runs"
        if path.name.endswith(LEFT) or (in_run and path.name.startswith(("checkpoint", "log.", "features-"))):
            found["left"].append(str(path.relative_to(store)))
        if path.name.endswith("lock"):
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    found["left"].append(f"{path.relative_to(store)} is held")
    return {name: what for name, what in found.items() if what}


def _compare_run(folder: Path, other: Path, found: dict[str, list[str]]) -> None:
    try:
        status, wanted = (json.loads((one / "status.json").read_text()) for one in (folder, other))
        if status["state"] != "done":
            found["lost"].append(f"{folder.name}: {status['state']}")
            return
        rows, right = (list(csv.DictReader(io.StringIO((one / "curve.csv").read_text()))) for one in (folder, other))
        if len({row["epoch"] for row in rows}) != len(rows):
            found["doubled"].append(f"{folder.name}: an epoch")
        if [row | {"seconds": ""} for row in rows] != [row | {"seconds": ""} for row in right]:
            found["different"].append(f"{folder.name}: curve.csv")
        for name in ("ledger.json", "predictions.npz", "train_images.csv", "spec.json", "weights.safetensors"):
            contents = [(one / name).read_bytes() if (one / name).exists() else None for one in (folder, other)]
            if contents[0] != contents[1]:
                found["different"].append(f"{folder.name}: {name}")
        if any(status[key] != wanted[key] for key in ("id", "epoch", "epochs", "data", "role", "source_id")):
            found["different"].append(f"{folder.name}: status.json")
    except (OSError, ValueError, KeyError) as error:
        found["lost"].append(f"{folder.name}: {error!r}")


def _compare_study(folder: Path, other: Path, found: dict[str, list[str]]) -> None:
    for path in sorted(path for path in other.rglob("*") if path.is_file() and not path.name.endswith("lock")):
        mine = folder / path.relative_to(other)
        if not mine.exists():
            found["lost"].append(f"{STUDY}/{path.relative_to(other)}")
        elif path.name != "report.html" and mine.read_bytes() != path.read_bytes():  # the page has seconds
            found["different"].append(f"{STUDY}/{path.relative_to(other)}")
        elif path.name == "report.html" and not mine.read_text().rstrip().endswith("</html>"):
            found["different"].append(f"{STUDY}/report.html")


def _compare_mirror(store: Path, found: dict[str, list[str]]) -> None:
    """Every run once, as it ended, with the points of its curve and its files."""
    with contextlib.closing(sqlite3.connect(f"file:{store / 'mlflow.db'}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "select t.value, r.run_uuid, r.status, r.artifact_uri from runs r join tags t on t.run_uuid = r.run_uuid "
            "and t.key = 'ftdd.id' join experiments e on e.experiment_id = r.experiment_id "
            "where r.lifecycle_stage = 'active' and e.name = ?",
            (STUDY,),
        ).fetchall()
        names = Counter(row[0] for row in rows)
        record = json.loads((store / "studies" / STUDY / "runs.json").read_text())
        ids = {run["id"] for run in record["runs"]} | {run["source_id"] for run in record["runs"]}
        found["lost"] += [f"the mirror's {name}" for name in ids - set(names)]
        found["doubled"] += [f"the mirror's {name}" for name in names if names[name] > 1 or name not in ids]
        for name, run, status, artifacts in rows:
            points = database.execute(
                "select step, value from metrics where run_uuid = ? and key = 'test_error'", (run,)
            )
            with (store / "runs" / name / "curve.csv").open() as file:
                curve = sorted((int(row["epoch"]), float(row["test_error"])) for row in csv.DictReader(file))
            if sorted(points) != curve or status != "FINISHED":
                found["different"].append(f"the mirror's {name}: {status}, or its points")
            for file_name in ("curve.csv", "ledger.json", "status.json", "spec.json", "train_images.csv"):
                copy = Path(artifacts.removeprefix("file://")) / file_name
                if not copy.exists() or copy.read_bytes() != (store / "runs" / name / file_name).read_bytes():
                    found["different"].append(f"the mirror's {name}: {file_name}")


# ---- all points


def place_of(path: str) -> str:
    """What a file of a store is, in the words of the table."""
    first, _, _ = path.partition("/")
    if first == "mlflow.db":
        return "the mirror's database"
    if first.startswith("mlflow"):
        return "the mirror's files"
    return {"runs": "a run's files", "studies": "a study's files"}.get(first, "the rest")


def table(results: Sequence[tuple[str, str, dict[str, list[str]]]]) -> str:
    """Markdown: by place, how many points, and what was wrong after a kill and after a power loss."""
    lines = ["| before something happens to | points | " + " | ".join(COLUMNS) + " |", "| --- " * 6 + "|"]
    for end in ("kill", "power loss"):
        of_end = [(place, found) for place, kind, found in results if kind == end]
        for place in (*sorted({place for place, _ in of_end}), "all"):
            here = [found for where, found in of_end if place in (where, "all")]
            counts = [sum(bool(found.get(name)) for found in here) for name in COLUMNS]
            lines.append(f"| {end}: {place} | {len(here):,} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="try every n-th event only")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="try no more when so much time has gone")
    parser.add_argument("--folder", type=Path, help="where the stores lie; quickest in memory (/dev/shm)")
    parser.add_argument("--birth", action="store_true", help="in a store whose mlflow.db is yet to be made")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md too")
    parser.add_argument(
        "--processes", type=int, default=1, help="each with a study of its own, and a part of its points"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    ftdd.study.runs.CHECKPOINT_SECONDS = 0.0
    ftdd.study.runs.CHECKPOINT_SHARE = 0
    ftdd.api.prepare.executor_for = lambda plugins, name: Here()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        parts = [
            started(
                functools.partial(tried, Stand(Path(folder) / str(i), options.birth), options, i),
                seconds=24 * 3600,
                quiet=False,
            )
            for i in range(options.processes)
        ]
        answers = [part() for part in parts]
    results = [result for _, results in answers for result in results]
    total = sum(events for events, _ in answers)
    how = "" if 2 * total == len(results) else ", evenly spread"
    text = f"Tried: {len(results) // 2:,} of {total:,} events{how}.\n\n{table(results)}\n"
    print(text)
    if options.write:
        write(text)
    return int(any(found for _, _, found in results))


def tried(
    stand: Stand, options: argparse.Namespace, part: int
) -> tuple[int, list[tuple[str, str, dict[str, list[str]]]]]:
    """Try one part of a study's events: how many there are in it, and place, ending, and what was wrong of each."""
    began = time.monotonic()
    events = stand.prepare()
    begin, end = (events * i // options.processes + 1 for i in (part, part + 1))  # neighbours leave equal stores
    last = part == options.processes - 1
    met, points = stand.points(lambda n: n >= begin and (n < end or last) and n % options.every == 0)
    total = (met + 1 if last else end) - begin
    stores = {state for point in points for state in (point.killed, point.lost_power)}
    print(f"{total:,} events, {len(points):,} of them tried: {len(stores):,} different stores", flush=True)
    results = []
    for number, point in enumerate(spread(points), 1):
        if time.monotonic() - began > 60 * options.minutes:
            break
        for end, state in (("kill", point.killed), ("power loss", point.lost_power)):
            found = stand.go_on(state)
            results.append((place_of(point.path), end, found))
            if found:
                print(f"{end} before {point.kind} {point.path}: {json.dumps(found)[:3000]}", flush=True)
        print(f"{number} of {len(points)}: {point.kind} {point.path}", file=sys.stderr, flush=True)
    return total, results


def spread(points: Sequence[Point]) -> Sequence[Point]:
    """The same in an order of which every beginning lies evenly in the whole."""
    digits = len(points).bit_length()
    order = (int(f"{i:0{digits}b}"[::-1], 2) for i in range(2**digits))
    return [points[i] for i in order if i < len(points)]


def write(text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin, end = "<!-- crash points: from here -->\n", "<!-- to here -->"
    before, _, rest = page.partition(begin)
    PAGE.write_text(before + begin + text + "\n" + end + rest.partition(end)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
