"""Take named files out of an archive, and nothing else."""

import gzip
import re
import tarfile
import tempfile
import textwrap
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from ftdd.components import DataUnavailable


def extract(archive: Path, members: Sequence[str], into: Path) -> None:
    """Unpack the named files of a .tar.gz, and nothing else: all of them, or none.

    members: names as the archive has them; `a/b` becomes `into/a/b`, in the place of what was there.
    Raises DataUnavailable where the archive is damaged or lacks one of them, where one is not a regular file, and where
    a name leads out of the folder.
    """
    for name in members:
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in re.split(r"[/\\]", name):
            raise DataUnavailable(f"{archive} is not unpacked: the name {name!r} leads out of {into}")
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".unpacking-") as temporary:
            with tarfile.open(archive, "r:gz") as tar:
                found = {member.name: member for member in tar if member.name in members}
                missing = sorted(set(members) - set(found))
                if missing:
                    raise DataUnavailable(f"{archive} has no {', '.join(missing)}; replace it by the official archive")
                for name, member in found.items():
                    if not member.isreg():
                        raise DataUnavailable(f"{archive} is not unpacked: its {name} is not a regular file")
                tar.extractall(temporary, found.values(), filter="data")
            for name in members:
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(temporary) / name).replace(into / name)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise DataUnavailable(
            f"{archive} is damaged or not an archive ({_why(error)}); delete it and it is fetched again"
        ) from error
    except OSError as error:
        raise DataUnavailable(
            f"{archive} cannot be unpacked into {into} ({_why(error)}); make room there or name another folder with "
            "--data or FTDD_DATA"
        ) from error


def _why(error: Exception) -> str:
    """The error's type and message, on one line."""
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)
