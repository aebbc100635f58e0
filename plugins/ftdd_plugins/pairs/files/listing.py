"""What lies in a folder: folders, images by their names, and what is left out. What is hidden or a system's is not."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.folder_names import ending, passed_over
from ftdd_plugins.pairs.files.image_file import MOST_BYTES, ImageFile

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


class _Entry(NamedTuple):
    path: Path
    is_folder: bool
    is_image: bool
    """By its name."""


def _entries(folder: Path) -> list[_Entry]:
    """What lies in a folder, in no order; links are followed. Raises OSError.

    The system says what an entry is as it lists it: among many files that is much faster than asking for each.
    """
    found = []
    with os.scandir(folder) as listed:
        for one in listed:
            if not passed_over(one.name):
                path = folder / one.name
                of = path if one.is_symlink() else one  # of a link in a circle only Path says: neither
                found.append(_Entry(path, of.is_dir(), ending(one.name) in suffixes() and of.is_file()))
    return found


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, by name. Raises DataUnavailable."""
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


def images_in(folder: Path) -> int:
    """How many images lie in a folder itself."""
    try:
        return sum(entry.is_image for entry in _entries(folder))
    except OSError:  # whoever looks through it says why
        return 0


def images_of(
    class_folders: Sequence[Path], folder: Path
) -> tuple[dict[str, tuple[Path, ...]], dict[str, Mapping[str, int]]]:
    """The files of each class, in the order of the classes' names; and the endings of those that are left out.

    Raises DataUnavailable where there is no class, one has no images, or its name is none.
    """
    if not class_folders:
        raise DataUnavailable(f"{folder} has no folders in it; there must be one for each class, with its images")
    found: dict[str, tuple[Path, ...]] = {}
    left_out: dict[str, Mapping[str, int]] = {}
    for class_folder in class_folders:
        name = _class_name(class_folder)
        if name in found:
            raise DataUnavailable(
                f"{folder} has two folders whose names are both written '{name}', in other bytes; put them together"
            )
        files, others = _images_under(class_folder)
        if not files and others:
            raise DataUnavailable(
                f"{class_folder} has no images by the names of its files ({format_endings(others)}); give them the "
                "ending of their format, make them images that Pillow reads, or take the folder away"
            )
        if not files:
            raise DataUnavailable(f"{class_folder} has no images in it; fill it, or take the folder away")
        found[name], left_out[name] = files, others
    return dict(sorted(found.items())), left_out


def format_endings(others: Mapping[str, int]) -> str:
    """`8 without an ending, 8 .jpg_large`, the most frequent first."""
    ranked = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count:,} {name or 'without an ending'}" for name, count in ranked[:MOST_ENDINGS]]
    rest = sum(count for _, count in ranked[MOST_ENDINGS:])
    return ", ".join((*named, *([f"{rest:,} with others"] if rest else [])))


def _class_name(class_folder: Path) -> str:
    """A folder's name in Unicode's composed form (NFC), as people type it: macOS writes é as two characters."""
    name = class_folder.name
    if any("\ud800" <= character <= "\udfff" for character in name):
        fault = "is not UTF-8"
    elif any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        fault = "has a line break or a control character in it"
    else:
        return unicodedata.normalize("NFC", name)
    raise DataUnavailable(
        f"{class_folder.parent} has a folder whose name {name!a} {fault}, so that it can name no class; rename it"
    )


def _images_under(class_folder: Path) -> tuple[tuple[Path, ...], Mapping[str, int]]:
    """All images in a folder and in those within it, in the order of their paths; and the endings of what is left out.

    Links are followed, and a folder to which there are two ways is looked through once. Raises DataUnavailable where a
    folder cannot be read, a link leads nowhere or up to where the classes are, or a photograph is of a format that is
    not read: images would be left out, or be of a wrong class, without a word.
    """
    found: list[Path] = []
    unread: list[Path] = []
    others: Counter[str] = Counter()
    try:
        above = {*class_folder.absolute().parents, *class_folder.resolve().parents}
        seen: set[Path] = set()
        waiting = [class_folder]
        while waiting:
            folder = waiting.pop()
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            for path, is_folder, is_image in _entries(folder):
                suffix = path.suffix.lower()
                if is_image:
                    found.append(path)
                elif is_folder:
                    if path.resolve() in above:
                        raise DataUnavailable(f"{path} is a link to a folder in which its class lies; take it away")
                    waiting.append(path)
                elif path.is_symlink() and not path.exists():
                    if suffix in ("", *suffixes()):
                        raise DataUnavailable(f"{path} is a link that leads nowhere; mend it, or take it away")
                elif suffix in NOT_READ:
                    unread.append(path)
                elif suffix not in TEXTS:
                    others[ending(path.name)] += 1
            waiting.sort(reverse=True)  # of two ways to one folder always the same is taken
    except OSError as error:
        denied = isinstance(error, PermissionError)
        reason = ": permission denied; make it readable" if denied else f" ({error.strerror}); take it away"
        raise DataUnavailable(f"{error.filename or class_folder} cannot be read{reason}") from error
    _refuse_unread(unread, found)
    others.update(ending(path.name) for path in unread)
    return tuple(sorted(found, key=lambda path: path.parts)), others


def _refuse_unread(unread: Sequence[Path], found: Sequence[Path]) -> None:
    """Raises DataUnavailable for photographs in a format that is not read, but for those of which a copy is."""
    copies = {path.with_suffix("") for path in found} if unread else set()
    alone = sorted(path for path in unread if path.with_suffix("") not in copies)
    if not alone:
        return
    where = "its folder" if len({path.parent for path in alone}) == 1 else "its class"
    more = f", and {len(alone) - 1:,} more in {where}" if len(alone) > 1 else ""
    raise DataUnavailable(f"{alone[0]} is of a format that Pillow does not read; make it a JPEG or a PNG{more}")


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """Of the formats that Pillow opens, MPO as a kind of JPEG; others it only writes, such as PDF."""
    from PIL import Image

    known = {suffix: kind for suffix, kind in Image.registered_extensions().items() if kind in (*Image.OPEN, "MPO")}
    return frozenset(suffix for suffix, kind in known.items() if kind not in NO_PIXELS)
