"""Fetching big files: checked, continued after a break, from the next place where one fails; and unpacking them."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files import download
from ftdd_plugins.pairs.files.download import Remote, fetch
from ftdd_plugins.pairs.files.unpack import extract

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


@dataclass
class Net:
    """A server whose paths are ways to behave; counts the bytes and the requests of each."""

    address: str = ""
    served: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def remote(self, *ways: str) -> Remote:
        return Remote("images.bin", tuple(f"{self.address}/{way}" for way in ways), MD5, len(CONTENT))


class Handler(BaseHTTPRequestHandler):
    net: Net

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        way = self.path[1:]
        self.net.asked.append(way)
        getattr(self, way)()

    def send(self, body: bytes, code: int = 200, upto: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            if value:
                self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.write(body[:upto])

    def write(self, body: bytes) -> None:
        way = self.path[1:]
        self.net.served[way] = self.net.served.get(way, 0) + len(body)  # before the client can be done with it
        self.wfile.write(body)

    def begin(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def ranged(self, content: bytes = CONTENT, upto: int | None = None) -> None:
        begin = self.begin()
        if begin >= len(content):
            self.send(b"", 416, Content_Range=f"bytes */{len(content)}")
        elif begin:
            where = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self.send(content[begin:], 206, upto, Content_Range=where)
        else:
            self.send(content, upto=upto)

    def whole(self) -> None:
        self.send(CONTENT)

    def unsized(self) -> None:
        self.send(CONTENT, Content_Length="")

    def drops(self) -> None:
        self.ranged(upto=HALF)

    def wrong(self) -> None:
        self.ranged(CONTENT[::-1])

    def page(self) -> None:
        self.send(b"<p>Please log in</p>")

    def other_range(self) -> None:
        self.send(CONTENT, 206, Content_Range=f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")

    def missing(self) -> None:
        self.send_error(404)

    def silent(self) -> None:
        self.net.ended.wait(10)

    def falls_silent(self) -> None:
        self.ranged(upto=HALF)
        self.net.ended.wait(10)

    def slow(self) -> None:
        self.send(CONTENT[self.begin() :], upto=0)
        for _ in range(1000):
            if self.net.ended.wait(0.01):
                return
            self.write(b"\0")

    def slow_but_right(self) -> None:
        begin = self.begin()
        self.send(CONTENT[begin:], 206 if begin else 200, 0, Content_Range=f"bytes {begin}-9/{len(CONTENT)}")
        for first in range(begin, len(CONTENT), 40_000):
            time.sleep(0.02)
            self.write(CONTENT[first : first + 40_000])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Places that are left break the pipe."""


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    net = Net()
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"net": net}))
    net.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield net
    net.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def said() -> list[str]:
    return []


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(DataUnavailable) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def part_of(folder: Path, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    part = folder / "images.bin.part"
    part.write_bytes(content)
    return part


@pytest.mark.parametrize("way", ["whole", "ranged", "unsized"])
def test_a_file_is_fetched_once_and_is_whole(net: Net, tmp_path: Path, said: list[str], way: str) -> None:
    remote, folder = net.remote(way), tmp_path / "not yet there"
    path = fetch(remote, folder, said.append)
    assert path == folder / "images.bin"
    assert path.read_bytes() == CONTENT
    assert not (folder / "images.bin.part").exists()
    assert said == ["fetching images.bin (1 MB) from 127.0.0.1"]
    assert fetch(remote, folder, said.append) == path
    assert net.asked == [way]


def test_a_file_that_is_there_and_is_another_is_left_alone(net: Net, tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "images.bin"
    path.write_bytes(b"mine")
    text = sentence(lambda: fetch(net.remote("whole"), tmp_path, said.append))
    assert str(path) in text
    assert "not the official file" in text
    assert path.read_bytes() == b"mine"
    assert net.asked == said == []


def test_what_a_dropped_connection_brought_is_kept_for_the_next_call(net: Net, tmp_path: Path, said: list[str]) -> None:
    text = sentence(lambda: fetch(net.remote("drops"), tmp_path, said.append))
    assert "try again to go on" in text
    assert (tmp_path / "images.bin.part").read_bytes() == CONTENT[:HALF]
    assert fetch(net.remote("ranged"), tmp_path, said.append).read_bytes() == CONTENT
    assert net.served["ranged"] == len(CONTENT) - HALF
    assert said[-1].endswith("going on after 512.0 kB")


def test_the_next_place_goes_on_where_the_last_one_ended(net: Net, tmp_path: Path, said: list[str]) -> None:
    path = fetch(net.remote("missing", "page", "drops", "other_range", "ranged"), tmp_path, said.append)
    assert path.read_bytes() == CONTENT
    assert net.asked == ["missing", "page", "drops", "other_range", "ranged"]
    assert net.served["ranged"] == len(CONTENT) - HALF


def test_a_place_without_ranges_begins_again(net: Net, tmp_path: Path, said: list[str]) -> None:
    part_of(tmp_path, CONTENT[:HALF])
    assert fetch(net.remote("whole"), tmp_path, said.append).read_bytes() == CONTENT
    assert net.served["whole"] == len(CONTENT)


def test_a_part_that_is_all_of_it_is_not_fetched_again(net: Net, tmp_path: Path, said: list[str]) -> None:
    part_of(tmp_path, CONTENT)
    assert fetch(net.remote("ranged"), tmp_path, said.append).read_bytes() == CONTENT
    assert net.served.get("ranged", 0) == 0


@pytest.mark.parametrize("length", [HALF, len(CONTENT), len(CONTENT) + 1])
def test_a_part_with_wrong_bytes_costs_one_more_try_not_the_place(
    net: Net, tmp_path: Path, said: list[str], length: int
) -> None:
    part_of(tmp_path, b"x" * length)
    assert fetch(net.remote("ranged"), tmp_path, said.append).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_not_kept(net: Net, tmp_path: Path, said: list[str]) -> None:
    text = sentence(lambda: fetch(net.remote("wrong"), tmp_path, said.append))
    assert "not the official file by its md5" in text
    assert "try again to go on" not in text
    assert not list(tmp_path.glob("images.bin*[!k]"))
    assert fetch(net.remote("wrong", "ranged"), tmp_path, said.append).read_bytes() == CONTENT


def test_where_no_place_is_left_one_sentence_says_why_and_what_to_do(net: Net, tmp_path: Path, said: list[str]) -> None:
    remote = net.remote("missing", "wrong", "page")
    nobody = Remote(remote.name, (*remote.urls, "http://127.0.0.1:9/x", "no address"), MD5, remote.size)
    text = sentence(lambda: fetch(nobody, tmp_path, said.append))
    for words in (
        "images.bin could not be fetched",
        "HTTPError: HTTP Error 404: Not Found",
        "md5",
        f"20 bytes instead of {len(CONTENT)}",
        "ConnectionRefusedError",
        "ValueError: unknown url type",
        f"put the file at {tmp_path / 'images.bin'}, from {remote.urls[0]}",
    ):
        assert words in text


def test_a_folder_that_cannot_be_written_is_said_to_be_so(net: Net, tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in sentence(lambda: fetch(net.remote("whole"), tmp_path / "file", said.append))


@pytest.mark.parametrize("way", ["silent", "falls_silent"])
def test_a_silent_place_is_given_up(
    net: Net, tmp_path: Path, said: list[str], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 0.2)
    assert fetch(net.remote(way, "ranged"), tmp_path, said.append).read_bytes() == CONTENT
    assert "images.bin from 127.0.0.1: TimeoutError: silent for 0.2 s" in said
    assert net.served["ranged"] == len(CONTENT) - net.served.get(way, 0)


def test_a_slow_place_is_left_for_another(
    net: Net, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "FLOOR_WINDOW_SECONDS", 0.2)
    assert fetch(net.remote("slow", "ranged"), tmp_path, said.append).read_bytes() == CONTENT
    assert any("kB/s" in line for line in said)


def test_a_slow_place_is_better_than_none(
    net: Net, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "FLOOR_WINDOW_SECONDS", 0.1)
    monkeypatch.setattr(download, "FLOOR_BYTES_PER_SECOND", 10**9)
    assert fetch(net.remote("slow_but_right", "missing"), tmp_path, said.append).read_bytes() == CONTENT
    assert net.asked == ["slow_but_right", "missing", "slow_but_right"]
    assert net.served["slow_but_right"] < 1.5 * len(CONTENT)


def test_progress_has_percent_amount_speed_and_time_left(
    net: Net, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "SAY_EVERY_SECONDS", 0.1)
    fetch(net.remote("slow_but_right"), tmp_path, said.append)
    assert 2 <= len(said) <= 15
    for line in said[1:]:
        assert re.fullmatch(r"images\.bin: \d+%, [01] of 1 MB, [\d.]+ MB/s, \d+ s left", line), line


def test_an_interrupt_leaves_what_has_come(net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SAY_EVERY_SECONDS", 0.1)

    def interrupt(line: str) -> None:
        if "left" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(net.remote("slow_but_right"), tmp_path, interrupt)
    come = (tmp_path / "images.bin.part").read_bytes()
    assert 0 < len(come) < len(CONTENT)
    assert come == CONTENT[: len(come)]
    assert fetch(net.remote("ranged"), tmp_path, print).read_bytes() == CONTENT
    assert net.served["ranged"] == len(CONTENT) - len(come)


def test_two_processes_fetch_it_once(net: Net, tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from ftdd_plugins.pairs.files.download import Remote, fetch
fetch({net.remote("slow_but_right")!r}, Path({str(tmp_path)!r}), print)
"""
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=180)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "images.bin").read_bytes() == CONTENT
    assert net.served["slow_but_right"] == len(CONTENT)
    assert sum("fetching images.bin (" in text for text in said) == 1


# -- unpacking ----------------------------------------------------------------------------------------------------


def packed(folder: Path, *files: tuple[str, bytes], links: tuple[tuple[str, str], ...] = ()) -> Path:
    archive = folder / "images.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return archive


def noise(length: int) -> bytes:
    return b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(length // 32))


def tree(folder: Path) -> dict[str, Any]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_the_wanted_members_are_unpacked(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("set/one", b"1"), ("set/two", b"2"), ("set/deep/three", CONTENT), ("../out", b"4"))
    into = tmp_path / "a" / "data"
    extract(archive, ["set/deep/three", "set/one"], into)
    assert tree(into) == {"set/one": b"1", "set/deep/three": CONTENT}


@pytest.mark.parametrize("name", ["../out", "set/../../out", "/ftdd-out", "..\\out", "C:\\out"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    archive = packed(tmp_path, (name, b"evil"))
    text = sentence(lambda: extract(archive, [name], tmp_path / "data"))
    assert str(archive) in text
    assert [path.name for path in tmp_path.iterdir()] == ["images.tar.gz"]


def test_links_are_refused(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("real", b"1"), links=(("set/link", "../real"),))
    text = sentence(lambda: extract(archive, ["set/link"], tmp_path / "data"))
    assert "set/link is not a regular file" in text
    assert tree(tmp_path / "data") == {}


def test_a_member_that_is_not_there_is_named(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("one", b"1"))
    assert f"{archive} has no two" in sentence(lambda: extract(archive, ["one", "two"], tmp_path / "data"))


@pytest.mark.parametrize("kept", [0, 5, 1000, 100_000, 199_000])
def test_a_truncated_archive_leaves_no_half_files(tmp_path: Path, kept: int) -> None:
    archive = packed(tmp_path, ("one", noise(100_000)), ("two", noise(100_000)))
    archive.write_bytes(archive.read_bytes()[:kept])
    text = sentence(lambda: extract(archive, ["two"], tmp_path / "data"))
    assert f"{archive} is damaged" in text
    assert tree(tmp_path / "data") == {}


@pytest.mark.parametrize("place", [0, 3, 50])
def test_a_corrupt_archive_is_named(tmp_path: Path, place: int) -> None:
    archive = packed(tmp_path, ("one", noise(100_000)), ("two", noise(100_000)))
    content = bytearray(archive.read_bytes())
    content[place : place + 200] = bytes(200)
    archive.write_bytes(content)
    assert f"{archive} is damaged" in sentence(lambda: extract(archive, ["one", "two"], tmp_path / "data"))


def test_a_folder_that_cannot_be_unpacked_into_is_not_the_archives_fault(tmp_path: Path) -> None:
    archive = packed(tmp_path, ("set/one", b"1"))
    (tmp_path / "set").touch()
    assert "cannot be unpacked into" in sentence(lambda: extract(archive, ["set/one"], tmp_path))
