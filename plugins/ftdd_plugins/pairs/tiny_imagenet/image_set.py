"""Tiny ImageNet from its official zip file (Le and Yang 2015): 200 classes of ImageNet at 64 × 64 pixels."""

import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ftdd.components import DataUnavailable, Presence
from ftdd_plugins.pairs.files.checksums import has_md5
from ftdd_plugins.pairs.files.decoding import decoded
from ftdd_plugins.pairs.files.download import Remote, fetch
from ftdd_plugins.pairs.files.folder_names import passed_over
from ftdd_plugins.pairs.files.image_file import MOST_BYTES, ImageFile
from ftdd_plugins.pairs.files.image_set import Half, ImageSet
from ftdd_plugins.wordnet.nouns import tiny_imagenet, wnid_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ARCHIVE = Remote(
    "tiny-imagenet-200.zip",
    ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
    "90528d7ca1a48142e341f4ef8d21d0de",
    248100043,
)
TOP = "tiny-imagenet-200"
IMAGES_OF_CLASS = {"train": 500, "test": 50}


class TinyImageNet(ImageSet):
    """The zip file, as it is: its pictures are decoded once and never written out one by one. `test` is its `val`."""

    name = "tiny_imagenet"
    title = "Tiny ImageNet"
    about = "110,000 images of 64 × 64 pixels in 200 classes of ImageNet (Le and Yang 2015)"
    home = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
    side = 64

    @property
    def wnids(self) -> tuple[str, ...]:
        """Of its classes, sorted. A class is called by wnid and word: `n02123045_tabby`."""
        return tiny_imagenet()

    def presence(self, data: Path) -> Presence:
        """By the MD5 of the zip file."""
        if not (data / ARCHIVE.name).is_file():
            return Presence("missing", (f"{ARCHIVE.name} is missing",))
        if _is_official(data / ARCHIVE.name):
            return Presence("there")
        return Presence("modified", (f"{ARCHIVE.name} is not the official file",))

    def get(self, data: Path, say: Callable[[str], None]) -> None:
        """Fetch the zip file where there is none, and decode its images."""
        self.prepare(data, allow_modified=False, say=say)

    def check(self, data: Path, allow_modified: bool) -> None:
        path = data / ARCHIVE.name
        if not path.is_file():
            raise DataUnavailable(
                f"{self.title} in {data}: missing: {ARCHIVE.name}; get it from {self.home} "
                f"(`ftdd data get {self.name}`), or name another folder with --data or FTDD_DATA"
            )
        if not allow_modified and not _is_official(path):
            raise DataUnavailable(
                f"{self.title} in {data}: not the official file by its md5: {ARCHIVE.name}; replace it by that of "
                f"{self.home}, or set pair.allow_modified: true to take what is there"
            )

    def prepare(self, data: Path, allow_modified: bool, say: Callable[[str], None]) -> None:
        if not (data / ARCHIVE.name).is_file():
            say(f"{self.title} is not in {data}: fetching it")
            fetch(ARCHIVE, data, say)
        self.check(data, allow_modified)
        self._decoded(data, say)

    def counts(self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool) -> tuple[int, ...]:
        if not allow_modified:
            return (IMAGES_OF_CLASS[half],) * len(classes)
        self.check(data, allow_modified)
        found = [wnid for own, wnid, _ in _listed(data / ARCHIVE.name) if own == half]
        return tuple(found.count(wnid_of(name)) for name in classes)

    def read(
        self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool
    ) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
        import numpy as np

        self.check(data, allow_modified)
        place_of = {wnid_of(name): place for place, name in enumerate(classes)}
        listed = _listed(data / ARCHIVE.name)
        rows = [i for i, (own, wnid, _) in enumerate(listed) if own == half and wnid in place_of]
        labels = np.array([place_of[listed[i][1]] for i in rows], dtype=np.int64)
        images = self._decoded(data, lambda line: None)
        return np.ascontiguousarray(images[rows]), labels

    def _decoded(self, data: Path, say: Callable[[str], None]) -> "npt.NDArray[np.uint8]":
        path = data / ARCHIVE.name
        with opened(path) as archive:
            files = [
                ImageFile(name, f"{archive.getinfo(name).CRC:08x}", _reader(archive, name, path))
                for _, _, name in _listed(path)
            ]
            return decoded(files, self.side, 3, self.title, data, say)


TINY_IMAGENET = TinyImageNet()


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file, whose names were checked. Raises DataUnavailable for one that is cut off, or leads elsewhere."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise DataUnavailable(f"{path} is no whole zip file ({error}); fetch it again") from error
    with archive:
        for name in archive.namelist():
            if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
                raise DataUnavailable(
                    f"{path} has an entry {name!r} that leads out of its folder; replace it by the official file"
                )
        yield archive


def _reader(archive: zipfile.ZipFile, name: str, path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        size = archive.getinfo(name).file_size
        if size > MOST_BYTES:
            raise OSError(f"{size >> 20} MB in {path.name}; at most {MOST_BYTES >> 20} MB")
        try:
            return archive.read(name)
        except OSError:
            raise
        except Exception as error:  # what it raises depends on the byte that is wrong: zlib.error, UnicodeDecodeError
            raise OSError(f"damaged in {path.name}: {error}") from error

    return read


def _is_official(path: Path) -> bool:
    return path.stat().st_size == ARCHIVE.size and has_md5(path, ARCHIVE.md5)


def _listed(path: Path) -> list[tuple[Half, str, str]]:
    """Half, wnid and entry of every labelled image, in the order of names. Raises DataUnavailable."""
    return list(_listing(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _listing(path: Path, modified_ns: int) -> tuple[tuple[Half, str, str], ...]:
    with opened(path) as archive:
        names = set(archive.namelist())
        annotations = f"{TOP}/val/val_annotations.txt"
        if annotations not in names:
            raise DataUnavailable(f"{path} has no {annotations}; replace it by the official file")
        try:
            lines = _reader(archive, annotations, path)().decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataUnavailable(f"{path}: {annotations} cannot be read ({error}); fetch it again") from error
    wnid_of_image = {image: wnid for image, wnid, *_ in (line.split("\t") for line in lines if "\t" in line)}
    found: list[tuple[Half, str, str]] = []
    for name in sorted(names):
        parts = name.split("/")
        if any(map(passed_over, parts)):
            continue
        if len(parts) == 5 and parts[:2] == [TOP, "train"] and parts[3] == "images" and parts[4]:
            found.append(("train", parts[2], name))
        elif len(parts) == 4 and parts[:3] == [TOP, "val", "images"] and parts[3]:
            wnid = wnid_of_image.get(parts[3])
            if wnid is None:
                raise DataUnavailable(f"{path}: {annotations} has no line for {parts[3]}; fetch it again")
            found.append(("test", wnid, name))
    return tuple(found)
