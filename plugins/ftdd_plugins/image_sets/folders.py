"""Images in folders, one for each class."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ftdd.components import DataUnavailable
from ftdd_plugins.image_sets.decoding import BESIDE, MOST_BYTES, ImageFile

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")
NOT_READ = (".heic", ".heif")
"""What telephones write and Pillow does not read, unless a package of its own has registered it."""


@dataclass(frozen=True)
class Folders:
    """What of a folder is trained and what is tested on: for each class, its files in the order of their names."""

    train: dict[str, tuple[Path, ...]]
    test: dict[str, tuple[Path, ...]]


def found_from(data: Path, given: str) -> Path:
    """A folder that a recipe names: absolute, of a home, or else in the data folder.

    Where there is none of this name, one of the same name in Unicode's other form will do. Raises DataUnavailable.
    """
    if "\0" in given:
        raise DataUnavailable(f"{given!r} has a zero byte in it, which no folder's name has; name another folder")
    try:
        folder = data / Path(given).expanduser()
    except RuntimeError as error:
        raise DataUnavailable(f"{given}: there is no such user; name another folder") from error
    with suppress(OSError):  # of a path that cannot be looked at, who reads it says why
        if not folder.exists():
            forms = (data / unicodedata.normalize(form, str(Path(given).expanduser())) for form in ("NFC", "NFD"))
            return next((path for path in forms if path.exists()), folder)
    return folder


def class_folders(folder: Path, test_share: float) -> Folders:
    """The classes of a folder: `<class>/…`, or `train/<class>/…` with `test`, `val` or `validation` beside.

    test_share: of each class, where there is no test folder, in (0, 1): about as many, those whose names' hashes are
    small. So a new file moves no other, but for one that was alone in its half and had been put there for that.
    Raises DataUnavailable with one sentence.
    """
    entries = _listed(folder)
    halves = {path.name.lower(): path for path in entries}
    trained = next((halves[name] for name in TRAIN_NAMES if name in halves), None)
    if trained is None or _is_class(trained):
        _refuse_halves(entries)
        return _shared_out(_images_of(entries, folder), test_share, folder)
    tested = next((halves[name] for name in TEST_NAMES if name in halves), None)
    if tested is None:
        _refuse_halves([entry for entry in entries if entry != trained])
    train = _images_of(_listed(trained), trained)
    if tested is None:
        return _shared_out(train, test_share, trained)
    test = _images_of(_listed(tested), tested)
    lacking = sorted(set(train) - set(test))
    if lacking:
        raise DataUnavailable(f"{tested} has no folder for the class '{lacking[0]}', which {trained} has; add it")
    return Folders(train, {name: files for name, files in test.items() if name in train})


def image_files(paths: Sequence[Path], folder: Path) -> list[ImageFile]:
    """These files, marked by size and time."""
    files = []
    for path in paths:
        stat = path.stat()
        files.append(ImageFile(str(path), f"{stat.st_size} {stat.st_mtime_ns}", _reader(path, stat.st_size)))
    return files


def _reader(path: Path, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        if size > MOST_BYTES:
            raise OSError(f"{size >> 20} MB; at most {MOST_BYTES >> 20} MB")
        return path.read_bytes()

    return read


def _shared_out(images: dict[str, tuple[Path, ...]], test_share: float, folder: Path) -> Folders:
    train, test = {}, {}
    for name, files in images.items():
        if len(files) < 2:
            raise DataUnavailable(
                f"{folder / name} has one image; a class needs two or more where part of them is held out to test on"
            )
        ranked = sorted(files, key=_place)
        held_out = {path for path in ranked[:-1] if _place(path) < test_share} or {ranked[0]}
        train[name] = tuple(path for path in files if path not in held_out)
        test[name] = tuple(path for path in files if path in held_out)
    return Folders(train, test)


def _place(path: Path) -> float:
    """A number in [0, 1) from the file's name: all names fall evenly."""
    return int.from_bytes(hashlib.sha256(os.fsencode(path.name)).digest()[:6], "big") / (1 << 48)


def _is_class(trained: Path) -> bool:
    """Whether a folder called `train` has images in it and no folders: then it is of trains, beside buses and ships."""
    return not _listed(trained) and _has_images(trained)


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in _suffixes() for path in folder.iterdir())


def _refuse_halves(entries: Sequence[Path]) -> None:
    """Raises DataUnavailable for `test_set` and the like: taken for classes, train and test would be told apart."""
    for entry in entries:
        words = set(re.split(r"[^a-z]+", entry.name.lower()))
        if words & {*TRAIN_NAMES, *TEST_NAMES} and _listed(entry) and not _has_images(entry):
            raise DataUnavailable(
                f"{entry} has folders and no images in it, so that it seems to be what is trained or tested on and no "
                "class; call the two train and test"
            )


def _images_of(entries: Sequence[Path], folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each class, in the order of the classes' names."""
    if not entries:
        raise DataUnavailable(f"{folder} has no folders in it; there must be one for each class, with its images")
    found: dict[str, tuple[Path, ...]] = {}
    for entry in entries:
        name = _class_name(entry)
        if name in found:
            raise DataUnavailable(
                f"{folder} has two folders whose names are both written '{name}', in other bytes; put them together"
            )
        files = _images_under(entry)
        if not files:
            raise DataUnavailable(f"{entry} has no images in it; fill it, or take the folder away")
        found[name] = files
    return dict(sorted(found.items()))


def _class_name(entry: Path) -> str:
    """A folder's name in Unicode's composed form (NFC), as people type it: macOS writes é as two characters."""
    if any("\ud800" <= character <= "\udfff" for character in entry.name):
        raise DataUnavailable(
            f"{entry.parent} has a folder whose name {entry.name!a} is not UTF-8, so that it can name no class; "
            "rename it"
        )
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in entry.name):
        raise DataUnavailable(
            f"{entry.parent} has a folder whose name {entry.name!a} has a line break or a control character in it, so "
            "that it can name no class; rename it"
        )
    return unicodedata.normalize("NFC", entry.name)


def _images_under(entry: Path) -> tuple[Path, ...]:
    """All images in a folder and in those within it, hidden ones left out, in the order of their paths.

    Links are followed, and a folder to which there are two ways is looked through once. Raises DataUnavailable where a
    folder cannot be read, or a link leads nowhere or up to where the classes are: images would be left out, or be of a
    wrong class, without a word.
    """
    found: list[Path] = []
    try:
        above = {*entry.absolute().parents, *entry.resolve().parents}
        seen: set[Path] = set()
        waiting = [entry]
        while waiting:
            folder = waiting.pop()
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            for path in folder.iterdir():
                if path.name.startswith("."):
                    continue
                if path.suffix.lower() in _suffixes() and path.is_file():
                    found.append(path)
                elif path.suffix.lower() in NOT_READ and path.is_file():
                    raise DataUnavailable(f"{path} is of a format that Pillow does not read; make it a JPEG or a PNG")
                elif path.is_dir():
                    if path.resolve() in above:
                        raise DataUnavailable(f"{path} is a link to a folder in which its class lies; take it away")
                    waiting.append(path)
                elif path.is_symlink() and path.suffix.lower() in ("", *_suffixes()):
                    raise DataUnavailable(f"{path} is a link that leads nowhere; mend it, or take it away")
            waiting.sort(reverse=True)  # of two ways to one folder always the same is taken
    except OSError as error:
        place = error.filename or entry
        denied = isinstance(error, PermissionError)
        reason = ": permission denied; make it readable" if denied else f" ({error.strerror}); take it away"
        raise DataUnavailable(f"{place} cannot be read{reason}") from error
    return tuple(sorted(found))


def _listed(folder: Path) -> list[Path]:
    """The folders in a folder, by name; hidden ones and that of decoded images left out. Raises DataUnavailable."""
    try:
        entries = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    except FileNotFoundError:
        raise DataUnavailable(
            f"there is no folder {folder}; paths that are not absolute are taken from the data folder (--data)"
        ) from None
    except NotADirectoryError:
        raise DataUnavailable(f"{folder} is a file; name the folder in which the class folders are") from None
    except PermissionError:
        raise DataUnavailable(f"{folder} cannot be read: permission denied; make it readable") from None
    except OSError as error:
        raise DataUnavailable(f"{folder} cannot be read ({error.strerror}); name another folder") from error
    return [path for path in entries if not path.name.startswith(".") and path.name != BESIDE]


@lru_cache(maxsize=1)
def _suffixes() -> frozenset[str]:
    """Of the formats that Pillow opens; others it only writes, such as PDF."""
    from PIL import Image

    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN)
