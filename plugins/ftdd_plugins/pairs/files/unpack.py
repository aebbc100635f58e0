"""Take named files out of an archive, and nothing else."""

import re
import tarfile
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from ftdd.components import DataUnavailable
from ftdd.study.files import write_with

_BLOCK_BYTES = 1 << 18


def extract(archive: Path, members: Sequence[str], into: Path) -> None:
    """Unpack the named files of a .tar.gz, and nothing else, each written whole or not at all.

    members: names as the archive has them; `a/b` becomes `into/a/b`, in the place of what was there.
    Raises DataUnavailable where the archive is damaged or lacks one of them, where one is not a regular file, and where
    a name leads out of the folder.
    """
    for name in members:
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in re.split(r"[/\\]", name):
            raise DataUnavailable(f"{archive} is not unpacked: the name {name!r} leads out of {into}")
    missing = set(members)
    try:
        with _readable(archive):
            tar = tarfile.open(archive, "r:gz")  # noqa: SIM115 - closed below: only the opening is about the archive
        with tar:
            while missing:
                with _readable(archive):
                    member = tar.next()
                if member is None:
                    break
                if member.name in missing:
                    missing.remove(member.name)
                    _write_member(tar, member, archive, into)
    except OSError as error:
        raise DataUnavailable(
            f"{archive} cannot be unpacked into {into} ({_why(error)}); make room there or name another folder with "
            "--data or FTDD_DATA"
        ) from error
    if missing:
        raise DataUnavailable(f"{archive} has no {', '.join(sorted(missing))}; replace it by the official archive")


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Where what is raised means that the archive is damaged."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise DataUnavailable(
            f"{archive} is damaged or not an archive ({_why(error)}); delete it and it is fetched again"
        ) from error


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, into: Path) -> None:
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        raise DataUnavailable(f"{archive} is not unpacked: its {member.name} is not a regular file")
    with content:
        write_with(into / member.name, lambda temporary: _copy(content, temporary, archive))


def _copy(content: IO[bytes], target: Path, archive: Path) -> None:
    with target.open("wb") as file:
        while True:
            with _readable(archive):
                block = content.read(_BLOCK_BYTES)
            if not block:
                return
            file.write(block)


def _why(error: Exception) -> str:
    """The error's type and message, on one line."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)
