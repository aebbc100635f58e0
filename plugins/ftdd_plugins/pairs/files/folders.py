"""Images in folders, one for each class."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.folder_names import (
    comes_with_images,
    ending,
    half,
    halves_among,
    passed_over,
    say_how_a_data_set_lies,
)
from ftdd_plugins.pairs.files.image_file import MOST_BYTES, ImageFile

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")
NOT_READ = frozenset(
    (
        *(".heic", ".heif", ".hif", ".jxl"),
        *(".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".orf", ".rw2", ".pef"),
        *(".srw", ".raw", ".rwl", ".3fr", ".iiq", ".x3f", ".kdc", ".dcr", ".mrw", ".erf"),
    )
)
"""What telephones and cameras write and Pillow does not read, unless a package of its own has registered it."""
NO_PIXELS = ("MPEG", "HDF5", "GRIB", "BUFR")
"""Formats that Pillow knows by name and cannot decode."""
TEXTS = frozenset(
    (
        *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".md", ".html", ".htm", ".url"),
        *(".log", ".ini", ".xmp", ".aae", ".md5", ".sha256", ".py", ".ipynb"),
    )
)
"""Endings of what is written about images: nobody misses it among them."""
MOST_ENDINGS = 4
"""Named one by one."""


@dataclass(frozen=True)
class Folders:
    """What of a folder is trained and what is tested on: for each class, its files in the order of their names."""

    train: dict[str, tuple[Path, ...]]
    test: dict[str, tuple[Path, ...]]
    folder: Path = Path()
    """In which the class folders lie, those to train on."""
    shared_out: bool = False
    """Whether there is no folder to test on, so that `test` is a share of each class."""
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """For each class, the endings of files that are no images by their names, and how many have it."""
    unused: tuple[str, ...] = ()
    """Names of folders beside the halves that are neither trained nor tested on."""
    loose: int = 0
    """Images beside the class folders, which are of no class."""

    def of(self, classes: Sequence[str]) -> "Folders":
        """Some of its classes, in this order."""
        return replace(
            self, train={name: self.train[name] for name in classes}, test={name: self.test[name] for name in classes}
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """All images, those to train on first."""
        return tuple(path for half in (self.train, self.test) for files in half.values() for path in files)


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

    test_share: of each class, where there is no test folder, in (0, 1): about as many, those the hashes of whose paths
    below the class's folder are small. So a new file moves no other, but for one that was alone in its half and had
    been put there for that. Folders that are halves, and no classes, are told by their names and by what is in them;
    what a system left is passed over. Raises DataUnavailable with one sentence.
    """
    entries = _listed(folder)
    halves = {path.name.lower(): path for path in entries}
    trained = next((halves[name] for name in TRAIN_NAMES if name in halves), None)
    if trained is None or _is_loose(trained):
        _refuse_what_are_no_classes(entries, folder)
        images, left_out = _images_of(entries, folder)
        return replace(_shared_out(images, test_share, folder), left_out=left_out, loose=_loose(folder))
    tested = next((halves[name] for name in TEST_NAMES if name in halves), None)
    others = [entry for entry in entries if entry not in (trained, tested)]
    if tested is None:
        _refuse_halves(others)
    train, left_out = _images_of(_listed(trained), trained)
    unused = tuple(entry.name for entry in others)
    if tested is None:
        shared_out = _shared_out(train, test_share, trained)
        return replace(shared_out, left_out=left_out, unused=unused, loose=_loose(trained))
    if _is_loose(tested):
        raise DataUnavailable(
            f"{tested} has images in it and no class folders, so that nobody knows what they show; put them into "
            "folders of their classes, or take it away, and a share of the training images is held out"
        )
    test, left_out_of_test = _images_of(_listed(tested), tested)
    lacking = sorted(set(train) - set(test))
    if lacking:
        raise DataUnavailable(f"{tested} has no folder for the class '{lacking[0]}', which {trained} has; add it")
    unused += tuple(f"{tested.name}/{name}" for name in test if name not in train)
    return Folders(
        train,
        {name: test[name] for name in train},
        trained,
        left_out={name: Counter(left_out[name]) + Counter(left_out_of_test[name]) for name in train},
        unused=unused,
        loose=_loose(trained) + _loose(tested),
    )


def hold_out_folders(found: Folders, test_share: float) -> Folders:
    """The same with whole folders held out: all images in one folder within a class, however deep, are in one half.

    An image that lies in no folder within its class stands for itself. Nothing changes where there is a folder to test
    on. Raises DataUnavailable where a class has one such folder and nothing else.
    """
    if not found.shared_out:
        return found
    together = {name: tuple(sorted((*found.train[name], *found.test[name]))) for name in found.train}
    again = _shared_out(together, test_share, found.folder, whole_folders=True)
    return replace(found, train=again.train, test=again.test)


def image_files(paths: Sequence[Path]) -> list[ImageFile]:
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


def _shared_out(
    images: dict[str, tuple[Path, ...]], test_share: float, folder: Path, whole_folders: bool = False
) -> Folders:
    train, test = {}, {}
    for name, files in images.items():
        unit = {path: below_class(path, folder, whole_folders) for path in files}
        place = {one: _place(one) for one in unit.values()}
        ranked = sorted(place, key=place.__getitem__)
        if len(ranked) < 2:
            one = "all its images in one folder" if len(files) > 1 else "one image"
            raise DataUnavailable(
                f"{folder / name} has {one}; a class needs two or more where part of them is held out to test on"
            )
        held_out = {one for one in ranked[:-1] if place[one] < test_share} or {ranked[0]}
        train[name] = tuple(path for path in files if unit[path] not in held_out)
        test[name] = tuple(path for path in files if unit[path] in held_out)
    return Folders(train, test, folder, shared_out=True)


def below_class(path: Path, folder: Path, first_folder: bool) -> str:
    """A file's path below its class's folder, or the first folder on it. folder: in which that of the class lies."""
    parts = path.parts[len(folder.parts) :]
    within = parts[1:] or parts
    return within[0] if first_folder else "/".join(within)


def _place(within: str) -> float:
    """A number in [0, 1) from a path below the class's folder: all paths fall evenly."""
    return int.from_bytes(hashlib.sha256(os.fsencode(within)).digest()[:6], "big") / (1 << 48)


def _is_loose(entry: Path) -> bool:
    """Whether a folder has images in it and no folders.

    One called `train` may then be a class, of trains beside buses and ships.
    """
    return not _listed(entry) and _has_images(entry)


def _has_images(folder: Path) -> bool:
    return _loose(folder) > 0


@dataclass(frozen=True)
class _Entry:
    folder: Path
    name: str
    is_folder: bool
    is_file: bool
    """Links are followed for both."""

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def is_image(self) -> bool:
        """By its name."""
        return self.is_file and ending(self.name) in _suffixes()


def _entries(folder: Path) -> list[_Entry]:
    """What lies in a folder, in no order, but for what is hidden or a system's. Raises OSError.

    The system says what an entry is as it lists it: among many files that is much faster than asking for each.
    """
    with os.scandir(folder) as found:
        return [_entry(folder, one) for one in found if not passed_over(one.name)]


def _entry(folder: Path, found: "os.DirEntry[str]") -> _Entry:
    of = folder / found.name if found.is_symlink() else found  # of a link in a circle only Path says: neither
    return _Entry(folder, found.name, of.is_dir(), of.is_file())


def _loose(folder: Path) -> int:
    """How many images lie in a folder itself."""
    try:
        return sum(entry.is_image for entry in _entries(folder))
    except OSError:  # whoever looks through it says why
        return 0


def _refuse_what_are_no_classes(entries: Sequence[Path], folder: Path) -> None:
    """Raises DataUnavailable where folders are halves of a data set, or one wraps all: none of these is a class."""
    _refuse_halves(entries)
    loose = [entry.name for entry in entries if _is_loose(entry)]
    sort = (
        f"put the images of each class into a folder of its own, {folder}/<class>/, or into "
        f"{folder}/train/<class>/ and {folder}/test/<class>/"
    )
    found = halves_among(loose)
    if found is not None:
        raise DataUnavailable(
            f"{folder} has '{found[0]}' and '{found[1]}' with images in them: these seem to be halves of a data set, "
            f"and no classes; {sort}"
        )
    named = [entry.name for entry in entries if entry.name in loose or _listed(entry)]
    if len(named) == len(loose) == 1 and half(loose[0]):
        raise DataUnavailable(
            f"{folder} has images in '{loose[0]}' alone, which seems to be half of a data set, and no class; {sort}"
        )
    if named and say_how_a_data_set_lies(named):
        listed = " and ".join(f"'{name}'" for name in named[:2])
        deep = [name for name in named if name not in loose and not comes_with_images(name)]
        inside = f", or name {folder / deep[0]} if its folders are the classes" if deep else ""
        raise DataUnavailable(
            f"{folder} has {listed}, which seem to be parts of a data set or what comes with its images, and no "
            f"classes; {sort}{inside}"
        )
    if len(entries) == 1 and len(_listed(entries[0])) > 1 and not _has_images(entries[0]):
        raise DataUnavailable(
            f"{folder} has one folder in it, {entries[0]}, and no image in that but further folders; if these are the "
            f"classes, name {entries[0]}"
        )


def _refuse_halves(entries: Sequence[Path]) -> None:
    """Raises DataUnavailable for `test_set` and the like: taken for classes, train and test would be told apart.

    Several of one kind, such as `positive test` and `negative test`, are no halves of each other.
    """
    deep = [entry for entry in entries if _listed(entry) and not _has_images(entry)]
    halves = {entry: found for entry in deep if (found := half(entry.name)) and found.kind != "unlabelled"}
    if len(halves) > 1 and len({one.kind for one in halves.values()}) == 1 and all(one.of for one in halves.values()):
        return
    for entry in halves:
        raise DataUnavailable(
            f"{entry} has folders and no images in it, so that it seems to be what is trained or tested on and no "
            "class; call the two train and test"
        )


def endings_in_words(others: Mapping[str, int]) -> str:
    """`8 without an ending, 8 .jpg_large`, the most frequent first."""
    ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    said = [f"{count:,} {name or 'without an ending'}" for name, count in ranked[:MOST_ENDINGS]]
    rest = sum(count for _, count in ranked[MOST_ENDINGS:])
    return ", ".join((*said, *([f"{rest:,} with others"] if rest else [])))


def _images_of(
    entries: Sequence[Path], folder: Path
) -> tuple[dict[str, tuple[Path, ...]], dict[str, Mapping[str, int]]]:
    """The files of each class, in the order of the classes' names; and the endings of those that are left out."""
    if not entries:
        raise DataUnavailable(f"{folder} has no folders in it; there must be one for each class, with its images")
    found: dict[str, tuple[Path, ...]] = {}
    left_out: dict[str, Mapping[str, int]] = {}
    for entry in entries:
        name = _class_name(entry)
        if name in found:
            raise DataUnavailable(
                f"{folder} has two folders whose names are both written '{name}', in other bytes; put them together"
            )
        files, others = _images_under(entry)
        if not files and others:
            raise DataUnavailable(
                f"{entry} has no images by the names of its files ({endings_in_words(others)}); give them the ending "
                "of their format, make them images that Pillow reads, or take the folder away"
            )
        if not files:
            raise DataUnavailable(f"{entry} has no images in it; fill it, or take the folder away")
        found[name], left_out[name] = files, others
    return dict(sorted(found.items())), left_out


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


def _images_under(of_class: Path) -> tuple[tuple[Path, ...], Mapping[str, int]]:
    """All images in a folder and in those within it, in the order of their paths; and the endings of what is left out.

    What is hidden or a system's is passed over. Links are followed, and a folder to which there are two ways is looked
    through once. Raises DataUnavailable where a folder cannot be read, a link leads nowhere or up to where the classes
    are, or a photograph is of a format that is not read: images would be left out, or be of a wrong class, without a
    word.
    """
    found: list[Path] = []
    unread: list[Path] = []
    others: Counter[str] = Counter()
    try:
        above = {*of_class.absolute().parents, *of_class.resolve().parents}
        seen: set[Path] = set()
        waiting = [of_class]
        while waiting:
            folder = waiting.pop()
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            for entry in _entries(folder):
                path = entry.path
                if entry.is_image:
                    found.append(path)
                elif entry.is_folder:
                    if path.resolve() in above:
                        raise DataUnavailable(f"{path} is a link to a folder in which its class lies; take it away")
                    waiting.append(path)
                elif path.is_symlink() and not path.exists():
                    if path.suffix.lower() in ("", *_suffixes()):
                        raise DataUnavailable(f"{path} is a link that leads nowhere; mend it, or take it away")
                elif path.suffix.lower() in NOT_READ:
                    unread.append(path)
                elif path.suffix.lower() not in TEXTS:
                    others[ending(path.name)] += 1
            waiting.sort(reverse=True)  # of two ways to one folder always the same is taken
    except OSError as error:
        place = error.filename or of_class
        denied = isinstance(error, PermissionError)
        reason = ": permission denied; make it readable" if denied else f" ({error.strerror}); take it away"
        raise DataUnavailable(f"{place} cannot be read{reason}") from error
    _refuse_unread(unread, found)
    others.update(ending(path.name) for path in unread)
    return tuple(sorted(found, key=lambda path: path.parts)), others


def _refuse_unread(unread: Sequence[Path], found: Sequence[Path]) -> None:
    """Raises DataUnavailable for photographs in a format that is not read, but for those of which a copy is."""
    if not unread:
        return
    copies = {path.with_suffix("") for path in found}
    alone = sorted(path for path in unread if path.with_suffix("") not in copies)
    if len(alone) == 1:
        raise DataUnavailable(f"{alone[0]} is of a format that Pillow does not read; make it a JPEG or a PNG")
    if alone:
        raise DataUnavailable(
            f"{alone[0]} is of a format that Pillow does not read; make it a JPEG or a PNG, and {len(alone) - 1:,} "
            f"more in {'its folder' if len({path.parent for path in alone}) == 1 else 'its class'}"
        )


def _listed(folder: Path) -> list[Path]:
    """The folders in a folder, by name; what is hidden, or a system's, is left out. Raises DataUnavailable."""
    try:
        return sorted(entry.path for entry in _entries(folder) if entry.is_folder)
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


@lru_cache(maxsize=1)
def _suffixes() -> frozenset[str]:
    """Of the formats that Pillow opens, MPO as a kind of JPEG; others it only writes, such as PDF."""
    from PIL import Image

    known = {suffix: kind for suffix, kind in Image.registered_extensions().items() if kind in (*Image.OPEN, "MPO")}
    return frozenset(suffix for suffix, kind in known.items() if kind not in NO_PIXELS)
