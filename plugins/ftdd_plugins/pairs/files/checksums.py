"""MD5s, by which official files are known."""

import hashlib
from functools import lru_cache
from pathlib import Path

from ftdd.components import DataUnavailable


def md5_of(path: Path) -> str:
    """A file's MD5, hex. Raises OSError."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def has_md5(path: Path, md5: str) -> bool:
    """Whether a file has this MD5; one that has not changed is read once. Raises DataUnavailable."""
    try:
        stat = path.stat()
        return _unchanged_md5(path, stat.st_size, stat.st_mtime_ns) == md5
    except OSError as error:
        raise DataUnavailable(
            f"{path} cannot be read ({error.strerror or error}); make it readable, or take it away"
        ) from error


@lru_cache(maxsize=32)
def _unchanged_md5(path: Path, size: int, modified_ns: int) -> str:
    return md5_of(path)
