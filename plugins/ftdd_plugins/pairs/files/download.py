"""Big files from the net: fetched whole and checked, continued after a break."""

import re
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.checksums import md5_of

PATIENCE_SECONDS = 10.0
"""How long a mirror may be silent: while it is connected to, and between any two of its bytes."""
FLOOR_BYTES_PER_SECOND = 200_000
FLOOR_WINDOW_SECONDS = 30.0
"""A mirror below the floor in such a stretch of time is left while there is another to try."""
SAY_EVERY_SECONDS = 5.0

_BLOCK_BYTES = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
PARTIAL_CONTENT = 206
"""The status of an answer to a request for a range."""


@dataclass(frozen=True)
class Remote:
    """A file that is available from several mirrors."""

    name: str
    """The file's name."""
    urls: tuple[str, ...]
    """URLs, tried in turn. The first is named to a user who has to fetch the file by hand."""
    md5: str
    """The official md5 of the whole file, hex."""
    size: int
    """Bytes. A mirror whose file has another size is not read at all."""


class _GivenUp(Exception):
    """A mirror does not give the file: says why, in short."""


class _TooSlow(_GivenUp):
    """A mirror gives the file, but so slowly that another may be the better one."""


def fetch(remote: Remote, into: Path, say: Callable[[str], None]) -> Path:
    """The file in the folder `into`, fetched where it is not there, checked by its md5.

    What has come of it is kept in `<name>.part` when the fetching ends early, Ctrl-C included; the next call goes on
    from there, also with another mirror. Two processes that want one file take turns: the second finds it there.
    say: gets a line for every mirror tried, and one on the progress every few seconds.
    Raises DataUnavailable, one sentence, where no mirror gives the file, the folder cannot be written, or there is a
    file of that name that is not the official one.
    """
    path = into / remote.name
    try:
        if not _is_there(path, remote):
            into.mkdir(parents=True, exist_ok=True)
            with _alone(path, say):
                if not _is_there(path, remote):
                    part = into / f"{remote.name}.part"
                    _from_any_mirror(remote, part, path, say)
                    part.replace(path)
    except BrokenPipeError:  # that was `say`: nobody listens any more
        raise
    except OSError as error:
        raise DataUnavailable(
            f"{path} cannot be written or read ({_reason(error)}); make room there or name another folder with --data "
            "or FTDD_DATA"
        ) from error
    return path


def _is_there(path: Path, remote: Remote) -> bool:
    if not path.exists():
        return False
    found = md5_of(path)
    if found != remote.md5:
        raise DataUnavailable(
            f"{path} is not the official file by its md5 ({found} instead of {remote.md5}); move it away and it is "
            f"fetched, or put the official one there, from {remote.urls[0]}"
        )
    return True


@contextmanager
def _alone(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """While no other process fetches the same file."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process that is fetching {path.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_any_mirror(remote: Remote, part: Path, path: Path, say: Callable[[str], None]) -> None:
    """Make the part the whole official file, from the first mirror that gives it."""
    mirrors = list(remote.urls)
    failures: list[str] = []
    for tried, mirror in enumerate(mirrors):
        others, again = tried + 1 < len(mirrors), tried >= len(remote.urls)
        try:
            _from_mirror(remote, mirror, part, others and not again, say)
            return
        except _GivenUp as failure:
            failures.append(f"{_host(mirror)}: {failure}")
            say(f"{remote.name} from {failures[-1]}")
            if isinstance(failure, _TooSlow):  # slowly is better than not at all: asked again after all others
                mirrors.append(mirror)
    go_on = f"try again to go on after {_megabytes(_size(part))}, or " if _size(part) else ""
    raise DataUnavailable(
        f"{remote.name} could not be fetched ({'; '.join(failures)}); {go_on}put the file at {path}, from "
        f"{remote.urls[0]}"
    )


def _from_mirror(remote: Remote, mirror: str, part: Path, floor: bool, say: Callable[[str], None]) -> None:
    """Make the part the whole official file, from one mirror. floor: whether the mirror may be too slow."""
    kept = _complete(remote, mirror, part, floor, say)
    found = md5_of(part)
    if found == remote.md5:
        return
    part.unlink()
    if not kept:
        raise _GivenUp(f"not the official file by its md5 ({found})")
    _from_mirror(remote, mirror, part, floor, say)  # the wrong bytes may have been those that were there before


def _complete(remote: Remote, mirror: str, part: Path, floor: bool, say: Callable[[str], None]) -> bool:
    """Add to the part what it lacks. True where what was there before is still the beginning of it."""
    from urllib.request import Request, urlopen

    there = _size(part)
    if there >= remote.size:
        return True
    going_on = f", going on after {_megabytes(there)}" if there else ""
    say(f"fetching {remote.name} ({_megabytes(remote.size)}) from {_host(mirror)}{going_on}")
    headers = {"User-Agent": "ftdd"} | ({"Range": f"bytes={there}-"} if there else {})
    with _network_errors():
        answer = urlopen(Request(mirror, headers=headers), timeout=PATIENCE_SECONDS)
    with answer:
        first = _first_byte(answer, there, remote.size)
        watched = _Watched(remote, first, floor, say)
        with part.open("ab" if first else "wb") as file:
            while missing := remote.size - watched.come:
                with _network_errors():
                    # read1, not read, which waits for a full block: a slow mirror would neither be seen to be slow nor
                    # give away its bytes when it is left
                    block = answer.read1(min(missing, _BLOCK_BYTES))
                if not block:
                    raise _GivenUp(f"the connection ended {missing} bytes early")
                file.write(block)
                watched.add(len(block))
    return first > 0


@contextmanager
def _network_errors() -> Iterator[None]:
    """Where what is raised means that a mirror does not give the file."""
    from http.client import HTTPException

    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        raise _GivenUp(_reason(error)) from error


def _first_byte(answer: Any, there: int, size: int) -> int:
    """Which byte of the file the answer begins with.

    Raises _GivenUp, before the part is touched, where it begins with another, or is of a file of another size: where a
    network answers with a page of its own, what has come is not lost.
    """
    total = answer.headers.get("Content-Length", "")
    partial = answer.status == PARTIAL_CONTENT
    if partial:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != there:
            raise _GivenUp("it answered with another range than was asked for")
        total = found[2]
    if total.isdecimal() and int(total) != size:
        raise _GivenUp(f"its file has {total} bytes instead of {size}")
    return there if partial else 0


class _Watched:
    """Counts the bytes of a file as they come: says how far it is, and leaves a mirror that is too slow."""

    def __init__(self, remote: Remote, come: int, floor: bool, say: Callable[[str], None]) -> None:
        self.come = come
        self._remote, self._floor, self._say = remote, floor, say
        self._first = self._come_before = come
        self._began = self._said = self._stretch_began = time.monotonic()

    def add(self, count: int) -> None:
        """So many bytes more. Raises _TooSlow."""
        self.come += count
        now = time.monotonic()
        if now - self._said >= SAY_EVERY_SECONDS:
            self._said = now
            self._say(self._progress((self.come - self._first) / max(now - self._began, 1e-9)))
        if self._floor and now - self._stretch_began >= FLOOR_WINDOW_SECONDS:
            rate = (self.come - self._come_before) / (now - self._stretch_began)
            if rate < FLOOR_BYTES_PER_SECOND:
                raise _TooSlow(f"only {rate / 1e3:.1f} kB/s")
            self._stretch_began, self._come_before = now, self.come

    def _progress(self, rate: float) -> str:
        size = self._remote.size
        speed = f"{rate / 1e6:.2g} MB/s" if rate < 1e7 else f"{rate / 1e6:.0f} MB/s"
        minutes, seconds = divmod(round((size - self.come) / rate), 60)
        left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        come = f"{self.come / size:.0%}, {self.come / 1e6:.0f} of {_megabytes(size)}"
        return f"{self._remote.name}: {come}, {speed}, {left} left"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(mirror: str) -> str:
    return urlsplit(mirror).hostname or mirror


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _reason(error: Exception) -> str:
    """The error's type and message, on one line."""
    reason = getattr(error, "reason", None)
    error = reason if isinstance(reason, Exception) else error
    if isinstance(error, TimeoutError):
        return f"TimeoutError: silent for {PATIENCE_SECONDS:g} s"
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)
