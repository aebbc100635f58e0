"""Files are written whole or not at all, and a writer that is killed leaves nothing for ever."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ftdd.study.files import write_text, write_with

KILLED = """
import os, signal, sys
from pathlib import Path
from ftdd.study.files import write_with

def write(path):
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

write_with(Path(sys.argv[1]), write)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_leaves_is_removed_by_the_next_one_in_the_folder(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "page.html")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "page.html").read_text() == "old"
    assert len(names(tmp_path)) == 2
    write_text(tmp_path / "other.html", "new")
    assert names(tmp_path) == ["other.html", "page.html"]


def test_what_another_writer_is_at_work_on_is_left_alone(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slowly(path: Path) -> None:
        began.set()
        assert go_on.wait(30)
        path.write_text("whole")

    thread = threading.Thread(target=write_with, args=(tmp_path / "slow", slowly))
    thread.start()
    assert began.wait(30)
    write_text(tmp_path / "quick", "")
    go_on.set()
    thread.join()
    assert (tmp_path / "slow").read_text() == "whole"
    assert names(tmp_path) == ["quick", "slow"]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    for name in (".page.html.swp", ".page.html.abcd1234", ".hidden"):
        (tmp_path / name).write_text("mine")
    write_text(tmp_path / "page.html", "")
    assert len(names(tmp_path)) == 4


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write_with(tmp_path / "page.html", fail)
    assert (tmp_path / "page.html").read_text() == "old"
    assert names(tmp_path) == ["page.html"]


@pytest.mark.parametrize("named", [True, False])
def test_an_error_names_the_file_that_was_meant(named: bool, tmp_path: Path) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", *([str(path)] if named else []))

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_with(tmp_path / "page.html", full)
    assert caught.value.filename == str(tmp_path / "page.html")
