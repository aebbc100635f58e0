"""Big files from the net: fetched whole and checked, continued after a break."""

import hashlib
import http.client
import re
import textwrap
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.remote import Remote

PATIENCE_SECONDS = 10.0
"""How long a place may be silent: while it is connected to, and between any two of its bytes."""
FLOOR_BYTES_PER_SECOND = 200_000
FLOOR_WINDOW_SECONDS = 30.0
"""A place below the floor in such a stretch of time is left while there is another to try."""
SAY_EVERY_SECONDS = 5.0

_BLOCK_BYTES = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class _GivenUp(Exception):
    """A place does not give the file: says why, in short."""


class _TooSlow(_GivenUp):
    """A place gives the file, but so slowly that another may be the better one."""


def fetch(remote: Remote, into: Path, say: Callable[[str], None]) -> Path:
    """The file in the folder `into`, fetched where it is not there, checked by its md5.

    What has come of it is kept in `<name>.part` when the fetching ends early, Ctrl-C included; the next call goes on
    from there, also with another place. Two processes that want one file take turns: the second finds it there.
    say: gets a line for every place tried, and one on the progress every few seconds.
    Raises DataUnavailable, one sentence, where no place gives the file, the folder cannot be written, or a file of that
    name is there that is not the official one.
    """
    path = into / remote.name
    try:
        if not _is_there(path, remote):
            into.mkdir(parents=True, exist_ok=True)
            with _alone(path, say):
                if not _is_there(path, remote):
                    part = into / f"{remote.name}.part"
                    _from_any_place(remote, part, path, say)
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
    found = _md5(path)
    if found != remote.md5.lower():
        raise DataUnavailable(
            f"{path} is not the official file by its md5 ({found} instead of {remote.md5}); move it away and it is "
            f"fetched, or put the official one there, from {remote.places[0]}"
        )
    return True


@contextmanager
def _alone(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """While no other process fetches the same file."""
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


def _from_any_place(remote: Remote, part: Path, path: Path, say: Callable[[str], None]) -> None:
    """Make the part the whole official file, from the first place that gives it."""
    places = deque(remote.places)
    slow: set[str] = set()
    failures: list[str] = []
    while places:
        place = places.popleft()
        try:
            _from_place(remote, place, part, bool(places) and place not in slow, say)
            return
        except _GivenUp as failure:
            failures.append(f"{_host(place)}: {failure}")
            say(f"{remote.name} from {failures[-1]}")
            if isinstance(failure, _TooSlow):  # slowly is better than not at all: asked again after all others
                slow.add(place)
                places.append(place)
    go_on = f"try again to go on after {_megabytes(_size(part))}, or " if _size(part) else ""
    raise DataUnavailable(
        f"{remote.name} could not be fetched ({'; '.join(failures)}); {go_on}put the file at {path}, from "
        f"{remote.places[0]}"
    )


def _from_place(remote: Remote, place: str, part: Path, floor: bool, say: Callable[[str], None]) -> None:
    """Make the part the whole official file, from one place. floor: whether the place may be too slow."""
    kept = _complete(remote, place, part, floor, say)
    found = _md5(part)
    if found == remote.md5.lower():
        return
    part.unlink()
    if not kept:
        raise _GivenUp(f"not the official file by its md5 ({found})")
    _from_place(remote, place, part, floor, say)  # the wrong bytes may have been those that were there before


def _complete(remote: Remote, place: str, part: Path, floor: bool, say: Callable[[str], None]) -> bool:
    """Add to the part what it lacks. True where what was there before is still the beginning of it."""
    there = _size(part)
    if there and remote.size is not None and there >= remote.size:
        return True
    size = f" ({_megabytes(remote.size)})" if remote.size else ""
    going_on = f", going on after {_megabytes(there)}" if there else ""
    say(f"fetching {remote.name}{size} from {_host(place)}{going_on}")
    answer = _ask(remote, place, there)
    if answer is None:
        return True
    with answer:
        kept, total = _first_and_total(answer, there)
        _check_total(remote, total)
        total = total or remote.size
        missing = None if total is None else total - kept
        with part.open("ab" if kept else "wb") as file:
            for block in _watched(_blocks(answer, missing), remote.name, kept, total, floor, say):
                file.write(block)
    return kept > 0


def _ask(remote: Remote, place: str, there: int) -> http.client.HTTPResponse | None:
    """The place's answer to a request for all after the first bytes; None where it has nothing after them."""
    headers = {"User-Agent": "ftdd"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(place, headers=headers), timeout=PATIENCE_SECONDS
        )
    except urllib.error.HTTPError as error:
        error.close()
        if not (there and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE):
            raise _GivenUp(_reason(error)) from error
        ranges = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", ""))
        _check_total(remote, int(ranges[2]) if ranges and ranges[2] != "*" else None)
        return None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _GivenUp(_reason(error)) from error
    return answer


def _first_and_total(answer: http.client.HTTPResponse, there: int) -> tuple[int, int | None]:
    """Which byte of the file the answer begins with, and how many the whole file has, where that is said."""
    if answer.status != http.client.PARTIAL_CONTENT:
        length = answer.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    ranges = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if ranges is None or ranges[1] is None or int(ranges[1]) != there:
        raise _GivenUp("it answered with another range than was asked for")
    return there, None if ranges[2] == "*" else int(ranges[2])


def _check_total(remote: Remote, total: int | None) -> None:
    """Before the part is touched: where a network answers with a page of its own, what has come is not lost."""
    if None not in (total, remote.size) and total != remote.size:
        raise _GivenUp(f"its file has {total} bytes instead of {remote.size}")


def _blocks(answer: http.client.HTTPResponse, missing: int | None) -> Iterator[bytes]:
    """The bytes as they come. missing: how many there have to be, where known."""
    while missing is None or missing > 0:
        try:
            # read1, not read, which waits for a full block: a slow place would neither be seen to be slow nor give
            # away its bytes when it is left
            block = answer.read1(_BLOCK_BYTES if missing is None else min(missing, _BLOCK_BYTES))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _GivenUp(_reason(error)) from error
        if not block:
            if missing is not None:
                raise _GivenUp(f"the connection ended {missing} bytes early")
            return
        if missing is not None:
            missing -= len(block)
        yield block


def _watched(
    blocks: Iterator[bytes], name: str, there: int, total: int | None, floor: bool, say: Callable[[str], None]
) -> Iterator[bytes]:
    """The same blocks, with lines on the progress. Raises _TooSlow."""
    began = said = stretch_began = time.monotonic()
    come = come_before_stretch = 0
    for block in blocks:
        yield block
        come += len(block)
        now = time.monotonic()
        if now - said >= SAY_EVERY_SECONDS:
            said = now
            say(_progress(name, there + come, total, come / max(now - began, 1e-9)))
        if floor and now - stretch_began >= FLOOR_WINDOW_SECONDS:
            rate = (come - come_before_stretch) / (now - stretch_began)
            if rate < FLOOR_BYTES_PER_SECOND:
                raise _TooSlow(f"only {rate / 1e3:.1f} kB/s")
            stretch_began, come_before_stretch = now, come


def _progress(name: str, come: int, total: int | None, rate: float) -> str:
    speed = f"{rate / 1e6:.2g} MB/s" if rate < 1e7 else f"{rate / 1e6:.0f} MB/s"
    if total is None:
        return f"{name}: {_megabytes(come)}, {speed}"
    minutes, seconds = divmod(round((total - come) / rate), 60)
    left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{name}: {come / total:.0%}, {come / 1e6:.0f} of {_megabytes(total)}, {speed}, {left} left"


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(place: str) -> str:
    return urlsplit(place).hostname or place


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _reason(error: Exception) -> str:
    """The error's type and message, on one line."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return f"TimeoutError: silent for {PATIENCE_SECONDS:g} s"
    return textwrap.shorten(f"{type(error).__name__}: {error}", 200)
