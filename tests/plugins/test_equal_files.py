"""Files that are equal byte by byte are counted without decoding any, and only where that takes seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ftdd.data.repeats import Repeats
from ftdd_plugins.pairs.files import equal_files
from ftdd_plugins.pairs.files.equal_files import repeated_files

LONG = bytes(equal_files.HEAD_BYTES)


def laid(folder: Path, half: str, contents: Mapping[str, Sequence[bytes]]) -> dict[str, tuple[Path, ...]]:
    found = {}
    for name, files in contents.items():
        place = folder / half / name
        place.mkdir(parents=True)
        for i, content in enumerate(files):
            (place / f"{i}.jpg").write_bytes(content)
        found[name] = tuple(sorted(place.iterdir()))
    return found


def test_files_are_compared_by_size_then_head_then_all(tmp_path: Path) -> None:
    """Those that only begin alike are others."""
    train = laid(tmp_path, "train", {"a": [b"1", b"22", LONG + b"x", b"3"], "b": [b"4444", LONG + b"y", b"3"]})
    test = laid(tmp_path, "test", {"a": [LONG + b"x", LONG + b"z"], "b": [b"22", b"7"]})
    assert repeated_files(train, test) == Repeats(7, 4, shared=2, two_labels=4, within_train=1, within_test=0)


def test_where_it_would_take_long_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of different sizes are never opened."""
    train = laid(tmp_path, "train", {"a": [LONG + b"1" * i for i in range(4)]})
    twice = laid(tmp_path, "test", {"a": [LONG, LONG + b"1"]})
    expected = Repeats(4, 2, shared=2, two_labels=0, within_train=0, within_test=0)
    assert repeated_files(train, twice) == expected
    monkeypatch.setattr(equal_files, "MOST_BYTES", 4 * len(LONG))
    assert repeated_files(train, twice) is None
    monkeypatch.setattr(equal_files, "MOST_BYTES", 5 * len(LONG))
    assert repeated_files(train, twice) == expected
    monkeypatch.setattr(equal_files, "MOST_FILES", 3)
    assert repeated_files(train, twice) is None
    assert repeated_files(train, {"a": ()}) == Repeats(4, 0, 0, 0, 0, 0)
