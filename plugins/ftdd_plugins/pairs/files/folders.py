"""Images in folders, one for each class."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.folder_names import (
    are_parts_of_a_data_set,
    half,
    halves_among,
    holds_annotations,
)
from ftdd_plugins.pairs.files.listing import images_in, images_of, subfolders

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")


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
    entries = subfolders(folder)
    halves = {path.name.lower(): path for path in entries}
    trained = next((halves[name] for name in TRAIN_NAMES if name in halves), None)
    if trained is None or _is_loose(trained):
        _refuse_what_are_no_classes(entries, folder)
        images, left_out = images_of(entries, folder)
        return replace(_shared_out(images, test_share, folder), left_out=left_out, loose=images_in(folder))
    tested = next((halves[name] for name in TEST_NAMES if name in halves), None)
    others = [entry for entry in entries if entry not in (trained, tested)]
    if tested is None:
        _refuse_halves(others)
    train, left_out = images_of(subfolders(trained), trained)
    unused = tuple(entry.name for entry in others)
    if tested is None:
        shared_out = _shared_out(train, test_share, trained)
        return replace(shared_out, left_out=left_out, unused=unused, loose=images_in(trained))
    if _is_loose(tested):
        raise DataUnavailable(
            f"{tested} has images in it and no class folders, so that nobody knows what they show; put them into "
            "folders of their classes, or take it away, and a share of the training images is held out"
        )
    test, left_out_of_test = images_of(subfolders(tested), tested)
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
        loose=images_in(trained) + images_in(tested),
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
    return not subfolders(entry) and images_in(entry) > 0


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
    named = [entry.name for entry in entries if entry.name in loose or subfolders(entry)]
    if len(named) == len(loose) == 1 and half(loose[0]):
        raise DataUnavailable(
            f"{folder} has images in '{loose[0]}' alone, which seems to be half of a data set, and no class; {sort}"
        )
    if named and are_parts_of_a_data_set(named):
        listed = " and ".join(f"'{name}'" for name in named[:2])
        deep = [name for name in named if name not in loose and not holds_annotations(name)]
        inside = f", or name {folder / deep[0]} if its folders are the classes" if deep else ""
        raise DataUnavailable(
            f"{folder} has {listed}, which seem to be parts of a data set or what comes with its images, and no "
            f"classes; {sort}{inside}"
        )
    if len(entries) == 1 and len(subfolders(entries[0])) > 1 and not images_in(entries[0]):
        raise DataUnavailable(
            f"{folder} has one folder in it, {entries[0]}, and no image in that but further folders; if these are the "
            f"classes, name {entries[0]}"
        )


def _refuse_halves(entries: Sequence[Path]) -> None:
    """Raises DataUnavailable for `test_set` and the like: taken for classes, the task would be to tell train from test.

    Several of one kind, such as `positive test` and `negative test`, are no halves of each other.
    """
    deep = [entry for entry in entries if subfolders(entry) and not images_in(entry)]
    halves = {entry: found for entry in deep if (found := half(entry.name)) and found.kind != "unlabelled"}
    if len(halves) > 1 and len({one.kind for one in halves.values()}) == 1 and all(one.of for one in halves.values()):
        return
    for entry in halves:
        raise DataUnavailable(
            f"{entry} has folders and no images in it, so that it seems to be what is trained or tested on and no "
            "class; call the two train and test"
        )
