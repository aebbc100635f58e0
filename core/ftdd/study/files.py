"""Files written whole or not at all."""

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where what a killed writer leaves stays
    fcntl = None  # type: ignore[assignment]

UNFINISHED = ".ftdd-unfinished"
"""How the hidden file ends that becomes another one when it is complete. No other program writes such a name."""


class Unreadable(ValueError):
    """A file of a store that is not what ftdd writes: a sentence with its path."""


def write_bytes(path: Path, content: bytes, *, lasting: bool = True, new_folder: bool = True) -> None:
    """Write a file so that a reader sees the old content or the new, also after a crash; see `write_with`."""
    write_with(path, lambda temporary: temporary.write_bytes(content), lasting=lasting, new_folder=new_folder)


def write_text(path: Path, text: str, *, lasting: bool = True, new_folder: bool = True) -> None:
    """The same for text, in UTF-8."""
    write_bytes(path, text.encode(), lasting=lasting, new_folder=new_folder)


def write_json(
    path: Path, tree: Mapping[str, object] | list[object], *, lasting: bool = True, new_folder: bool = True
) -> None:
    """The same for JSON, indented for a reader."""
    write_text(path, json_text(tree), lasting=lasting, new_folder=new_folder)


def json_text(tree: Mapping[str, object] | list[object]) -> str:
    """JSON as it stands in every file of a store."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def write_with(path: Path, write: Callable[[Path], object], *, lasting: bool = True, new_folder: bool = True) -> None:
    """Have `write` fill a temporary file in the same folder, then put it in the place of `path`.

    lasting: once this returns, the file survives a power loss. Without it the one before may be back then, whole too:
    enough for what is written again in a moment, and for half the time.
    new_folder: make the folder where there is none; else that raises FileNotFoundError.
    What a writer that was killed has left in that folder is removed.
    """
    if new_folder:
        make_folder(path.parent)
    with contextlib.suppress(OSError):  # tidying up must not cost anyone his file
        sweep(path.parent)
    try:
        with _unfinished(path) as temporary:
            write(temporary)
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that colleagues cannot read
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        if lasting:
            sync_folder(path.parent)
    except OSError as error:
        unknown = error.filename is None or str(error.filename).endswith(UNFINISHED)  # to whoever reads the error
        if error.errno is not None and unknown:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def make_folder(path: Path) -> None:
    """Make a folder, with those around it, so that it survives a power loss."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk: only then does a file that was renamed survive a power loss."""
    if os.name == "nt":  # a folder cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A new hidden file beside a path, locked as long as this process works on it; removed where it is left."""
    import tempfile

    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
        temporary = Path(name)
        try:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink == 0:  # swept away before it was locked
                continue
            yield temporary
            return
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the unfinished files that nobody holds: the kernel frees a lock with its holder."""
    if fcntl is None:
        return
    for left in folder.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
