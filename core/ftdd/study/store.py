"""The store: a folder with one folder a run, and one a study. It is the truth; all else is made from it.

    runs/<id>/        spec.json        what determines the run's numbers
                      status.json      its state, times, machine; replaced while it runs
                      curve.csv        a row per evaluation; replaced as it grows
                      ledger.json      proof of what was frozen
                      train_images.csv which images were trained on, with which labels
                      predictions.npz  what every image was given at each evaluation; written at the end
                      weights.safetensors   of sources
                      checkpoint.pt    while it runs: where to go on
                      log.txt          the traceback of a run that failed
                      *.before         what it had said before it was trained anew with other inputs
                      lock             held by the process that executes it; freed by the kernel with its holder
    studies/<name>/   recipe.yaml  runs.json  added.json  scores.json  findings.json  figures/  report.html
    scores/<id>.json  a scheme's score of two tasks, kept by what it depends on

Every file is replaced whole, so a reader never sees half of one. Only the holder of a run's lock writes into
its folder. A run has ended when status.json says so; it is written last, and says what the other files are.
"""

import csv
import errno
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdd.components.plugins import nearest
from ftdd.records.curve import Curve, from_csv
from ftdd.records.predictions import FILE as PREDICTIONS
from ftdd.records.status import State, Status
from ftdd.records.study import StudyRecord
from ftdd.study.files import UNFINISHED, json_text, make_folder, sweep, write_json, write_text, write_with
from ftdd.study.files import Unreadable as Unreadable
from ftdd.study.weights import whole_weights
from ftdd.values import Json

if TYPE_CHECKING:
    from filelock import FileLock

DAMAGED_ENDING = ".damaged"
"""Of damaged files that were set aside."""
BEFORE_ENDING = ".before"
"""Of files of a run that was trained anew with other inputs."""

TABLES = ("train_images.csv", "curve.csv", "ledger.json")
"""What every run leaves beside its spec and its status; sources leave weights too."""

WHOLLY_READ = 1 << 16
"""Bytes: a table of a run that has ended is compared by its hash up to this size, and by its size alone above."""


class FolderGone(FileNotFoundError):
    """A run's folder was deleted, or put in its place by another one, while the run was executed."""

    def __init__(self, path: Path) -> None:
        reason = "the folder was deleted while the run was executed; `ftdd run` executes the run again"
        super().__init__(errno.ENOENT, reason, str(path))


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    def read_bytes(self, name: str) -> bytes:
        """The content of one of its files. Raises FileNotFoundError."""
        return (self.path / name).read_bytes()

    def once(self) -> "RunFolder":
        """The same folder as it is now: each file is read once, when it is first asked for."""
        return _ReadOnce(self.path)

    @property
    def spec(self) -> Path:
        """spec.json."""
        return self.path / "spec.json"

    @property
    def weights(self) -> Path:
        """weights.safetensors."""
        return self.path / "weights.safetensors"

    @property
    def checkpoint(self) -> Path:
        """checkpoint.pt."""
        return self.path / "checkpoint.pt"

    @property
    def ledger(self) -> Path:
        """ledger.json."""
        return self.path / "ledger.json"

    @property
    def predictions(self) -> Path:
        """predictions.npz."""
        return self.path / PREDICTIONS

    @property
    def log(self) -> Path:
        """log.txt."""
        return self.path / "log.txt"

    def lock(self, timeout: float = -1) -> "FileLock":
        """The lock of whoever executes the run. timeout: seconds to wait for it; without end where it is negative.

        Taking it raises filelock.Timeout where another process has it for longer.
        """
        from filelock import FileLock

        make_folder(self.path)
        return FileLock(self.path / "lock", timeout=timeout)

    def taken(self) -> "TakenFolder":
        """The folder for whoever holds its lock. Raises FolderGone where it was deleted meanwhile."""
        return TakenFolder(self.path, _file_of(self.path))

    @property
    def held(self) -> bool:
        """Whether a living process executes the run."""
        if not (self.path / "lock").exists():
            return False
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.path / "lock", timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a store that is only read: nobody works in it
            return False

    def said(self) -> Status:
        """What status.json says, believed without a look at anything else."""
        try:
            return Status.from_json(json.loads(self.read_bytes("status.json")))
        except FileNotFoundError:
            return Status(State.WAITING)
        except (ValueError, KeyError, TypeError) as error:
            return Status(State.FAILED, error=f"{self.path / 'status.json'} cannot be read: {error}")

    def status(self) -> Status:
        """What status.json says, and whether it is so.

        A run that says `running` must still have its process; one that says that it has ended, its numbers.
        """
        status = self.said()
        if status.state is State.RUNNING and not self.held:
            return replace(status, state=State.INTERRUPTED)
        if status.state.final and (damage := self.damage(status)):
            return replace(status, state=State.DAMAGED, error="; ".join(damage.values()))
        return status

    def damage(self, status: Status) -> Mapping[Path, str]:
        """The files of a run that has ended which are missing, torn, changed or another run's, each with a sentence.

        Small files are read, and compared with the hash that status.json has of them; of larger ones the size is.
        Runs that ended before status.json had these have curve, ledger and weights looked at. Weights and predictions
        that are gone are no damage: they may be deleted to save space.
        """
        found = {}
        if status.facts.get("id", self.path.name) != self.path.name:
            path = self.path / "status.json"
            found[path] = str(_unreadable(path, f"it is of run {status.facts['id']}"))
        if reason := self._wrong_spec(status):
            found[self.spec] = f"{self.spec} cannot be read: {reason}; `ftdd run` writes it anew from the recipe"
        kept = status.facts.get("files")
        if not isinstance(kept, Mapping):
            return found | self._unreadable_numbers(status)
        for name, written in kept.items():
            if reason := self._changed(name, written):
                found[self.path / name] = str(_unreadable(self.path / name, reason))
        return found

    def files(self) -> dict[str, Any]:
        """What status.json is to say of the other files: the bytes of each, and the SHA-256 of tables.

        Weights need none: the ledger proves them when a target starts from them. Predictions have checksums of their
        own, which are compared when they are read.
        """
        found: dict[str, Any] = {}
        for name in TABLES:
            content = (self.path / name).read_bytes()
            found[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path in (self.predictions, self.weights):
            if path.exists():
                found[path.name] = {"bytes": path.stat().st_size}
        return found

    def _changed(self, name: str, written: Any) -> str:
        """How a file differs from what was written; nothing where it does not, and where it is gone and may be."""
        path, table = self.path / name, name in TABLES
        try:
            size = path.stat().st_size
            if size != written["bytes"]:
                return f"it has {size:,} bytes, and {written['bytes']:,} were written"
            if not table:
                return "" if path != self.weights or whole_weights(path) else "it is torn"
            if size <= WHOLLY_READ and hashlib.sha256(self.read_bytes(name)).hexdigest() != written["sha256"]:
                return "it is not what the run has written"
        except FileNotFoundError:
            return "it is gone" if table else ""
        except (KeyError, TypeError, ValueError):
            return "status.json does not say what it was"
        return ""

    def _wrong_spec(self, status: Status) -> str:
        """What is wrong with spec.json; nothing where it is right, or where nothing says that it is not."""
        from ftdd.recipe.specs import plain_id

        try:
            spec = self.read_spec()
            if not spec:
                return "it is gone" if not self.spec.exists() else "it says nothing"
            if "id" in status.facts and plain_id(spec, status.facts.get("untrained")) != self.path.name:
                return "it is of another run"
        except Unreadable:
            return "it is torn"
        except (KeyError, TypeError):
            return "it is no spec"
        return ""

    def _unreadable_numbers(self, status: Status) -> dict[Path, str]:
        found = {}
        try:
            curve = self.curve()
            last = curve.last.epoch if len(curve) else None
            if status.state is State.DONE and last != status.epoch:
                reason = "it has no rows" if last is None else f"it ends at epoch {last} of {status.epoch}"
                raise _unreadable(self.path / "curve.csv", reason)
        except Unreadable as error:
            found[self.path / "curve.csv"] = str(error)
        try:
            if not self.read_ledger().get("phases"):
                raise _unreadable(self.ledger, "it proves nothing" if self.ledger.exists() else "it is gone")
        except Unreadable as error:
            found[self.ledger] = str(error)
        if self.weights.exists() and not whole_weights(self.weights):
            found[self.weights] = str(_unreadable(self.weights, "it is torn"))
        return found

    def tidy(self) -> None:
        """Remove what a process that was killed has left of a run that has ended: checkpoint, log, features.

        Nothing is removed while another process executes the run.
        """
        if not any(self._leftovers()):
            return
        with suppress(OSError), self.lock(timeout=0):  # filelock.Timeout is an OSError
            if self.said().state.final:
                self.remove_leftovers()

    def remove_leftovers(self) -> None:
        """The same for the holder of the lock. What cannot be removed stays."""
        with suppress(OSError):
            for path in self._leftovers():
                if not path.name.endswith(UNFINISHED):
                    path.unlink(missing_ok=True)
            sweep(self.path)

    def _leftovers(self) -> list[Path]:
        alone = (self.checkpoint.name, self.log.name)
        try:
            return [
                path
                for path in self.path.iterdir()
                if path.name in alone or path.name.startswith("features-") or path.name.endswith(UNFINISHED)
            ]
        except OSError:
            return []

    def set_aside(self, paths: Iterable[Path], ending: str = DAMAGED_ENDING) -> None:
        """Rename files, `curve.csv` to `curve.csv.damaged`, so that new ones can be written."""
        for path in paths:
            if path.exists():
                path.replace(path.with_name(path.name + ending))

    def begin_anew(self) -> None:
        """Rename all files that the run has written, `curve.csv` to `curve.csv.before`: it waits to be run again.

        For the holder of the lock.
        """
        curve, images, status = (self.path / name for name in ("curve.csv", "train_images.csv", "status.json"))
        written = (self.checkpoint, curve, images, self.ledger, self.predictions, self.weights, status)
        self.set_aside(written, BEFORE_ENDING)

    def write_status(self, status: Status, *, lasting: bool = True) -> None:
        """Replace status.json."""
        self.write_text(self.path / "status.json", json_text(status.to_json()), lasting=lasting)

    def write_text(self, path: Path, text: str, *, lasting: bool = True) -> None:
        """Write one of the run's files; see `ftdd.study.files.write_with`."""
        write_text(path, text, lasting=lasting)

    def curve(self) -> Curve:
        """What was measured so far; no rows before the first evaluation. Raises Unreadable."""
        path = self.path / "curve.csv"
        try:
            return from_csv(self.read_bytes(path.name).decode("utf-8"))
        except FileNotFoundError:
            return Curve()
        except (ValueError, csv.Error) as error:
            raise _unreadable(path, str(error)) from error

    def read_ledger(self) -> dict[str, Any]:
        """The ledger; empty before the run has ended. Raises Unreadable."""
        return self._read_mapping("ledger.json")

    def read_spec(self) -> dict[str, Json]:
        """The spec as plain values; empty where there is none yet. Raises Unreadable."""
        return self._read_mapping("spec.json")

    def _read_mapping(self, name: str) -> dict[str, Any]:
        """A JSON object; empty where there is no such file."""
        try:
            tree = json.loads(self.read_bytes(name))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise _unreadable(self.path / name, str(error)) from error
        if not isinstance(tree, dict):
            raise _unreadable(self.path / name, "it has no JSON object")
        return tree


@dataclass(frozen=True)
class _ReadOnce(RunFolder):
    """A run's folder whose files are read once; one that is written meanwhile is not seen."""

    _read: dict[str, bytes | None] = field(default_factory=dict, compare=False)

    def read_bytes(self, name: str) -> bytes:
        if name not in self._read:
            try:
                self._read[name] = super().read_bytes(name)
            except FileNotFoundError:
                self._read[name] = None
        content = self._read[name]
        if content is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(self.path / name))
        return content


@dataclass(frozen=True)
class TakenFolder(RunFolder):
    """A run's folder as the holder of its lock has it: what it writes goes where its lock lies, or nowhere."""

    lock_file: tuple[int, int]
    """Device and inode."""

    def check(self) -> None:
        """Raises FolderGone where the folder is not the one whose lock was taken."""
        if _file_of(self.path) != self.lock_file:
            raise FolderGone(self.path)

    def write_with(self, path: Path, write: Callable[[Path], object], *, lasting: bool = True) -> None:
        """Like `ftdd.study.files.write_with`. Raises FolderGone."""
        self.check()
        try:
            write_with(path, write, lasting=lasting, new_folder=False)
        except FileNotFoundError:
            self.check()
            raise

    def write_bytes(self, path: Path, content: bytes, *, lasting: bool = True) -> None:
        """The same for bytes."""
        self.write_with(path, lambda temporary: temporary.write_bytes(content), lasting=lasting)

    def write_text(self, path: Path, text: str, *, lasting: bool = True) -> None:
        """The same for text, in UTF-8."""
        self.write_bytes(path, text.encode(), lasting=lasting)


def _file_of(folder: Path) -> tuple[int, int]:
    """Device and inode of a run's lock. Raises FolderGone."""
    try:
        there = (folder / "lock").stat()
    except FileNotFoundError:
        raise FolderGone(folder) from None
    return there.st_dev, there.st_ino


def _unreadable(path: Path, reason: str) -> Unreadable:
    """Of a file in a run's folder."""
    return Unreadable(f"{path} cannot be read: {reason}; `ftdd run` executes the run again")


@dataclass(frozen=True)
class Store:
    """A folder of runs and studies."""

    path: Path

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run, whether it is there or not."""
        return RunFolder(self.path / "runs" / run_id)

    def study_folder(self, name: str) -> Path:
        """The folder of a study, whether it is there or not."""
        return self.path / "studies" / name

    def studies(self) -> tuple[str, ...]:
        """The names of the studies, sorted."""
        return tuple(sorted(path.parent.name for path in (self.path / "studies").glob("*/runs.json")))

    def run_folders(self) -> Iterator[RunFolder]:
        """All runs, of whatever study."""
        return (RunFolder(path.parent) for path in sorted((self.path / "runs").glob("*/spec.json")))

    def read_study(self, name: str) -> StudyRecord:
        """What the study's folder says.

        Raises LookupError with a sentence where there is no such study, and Unreadable where its list is damaged.
        """
        path = self.study_folder(name) / "runs.json"
        try:
            return StudyRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            raise LookupError(f"no study '{name}' in {self.path}; {nearest(name, self.studies())}") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            raise Unreadable(
                f"{path} cannot be read: {reason}; `ftdd run` writes it anew from the recipe, and loses no run"
            ) from error

    def write_study(self, record: StudyRecord, recipe: str) -> None:
        """Write a study's recipe and its list of runs."""
        write_text(self.study_folder(record.name) / "recipe.yaml", recipe)
        self.write_record(record)

    def write_record(self, record: StudyRecord) -> None:
        """Write a study's list of runs."""
        write_json(self.study_folder(record.name) / "runs.json", record.to_json())
