"""Files written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, also after a crash."""
    write_with(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """The same for text, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, tree: Mapping[str, object] | list[object]) -> None:
    """The same for JSON, indented for a reader."""
    write_text(path, json.dumps(tree, indent=2, ensure_ascii=False) + "\n")


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a temporary file in the same folder, then put it in the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:  # of a name that nobody knows
        raise OSError(error.errno, error.strerror, str(path)) from error
    temporary = Path(name)
    try:
        os.close(descriptor)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that colleagues cannot read
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
