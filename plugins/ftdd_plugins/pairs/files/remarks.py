"""What a user should know of folders of images: what is left out of them, and what lies as it should not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ftdd_plugins.pairs.files.folder_names import halves_among
from ftdd_plugins.pairs.files.folders import Folders, below_class
from ftdd_plugins.pairs.files.listing import format_endings

Within = Mapping[str, tuple[set[str], set[str]]]
"""For each class, the folders in its folder that have training images, and test images; "" for images in none."""


def remarks_on(found: Folders) -> tuple[str, ...]:
    """What a user should know of these folders, a sentence each: what is left out, and what lies as it should not."""
    others: Counter[str] = Counter()
    for name in found.train:
        others.update(found.left_out.get(name, {}))
    within = {name: (_within(found.train[name], found), _within(found.test[name], found)) for name in found.train}
    sentences = [left_out(others, len(found.files)), _of_loose(found), _of_unused(found)]
    if found.shared_out:
        sentences.append(_of_halves_within(within))
    sentences.append(_of_classes_within(within, found))
    if found.shared_out:
        sentences.append(_of_parted_folders(within))
    return tuple(filter(None, sentences))


def left_out(others: Mapping[str, int], images: int) -> str:
    """That some files are no images by their names, counted by their endings; "" where there are none.

    others: endings and how many files have each.   images: how many files are images.
    """
    count = sum(others.values())
    if not count:
        return ""
    is_none, is_left = ("is no image by its name", "is") if count == 1 else ("are no images by their names", "are")
    return f"{count:,} of {count + images:,} files {is_none} and {is_left} left out: {format_endings(others)}"


def _within(files: Sequence[Path], found: Folders) -> set[str]:
    depth = len(found.folder.parts) + 2
    return {
        below_class(path, found.folder, True) if path.is_relative_to(found.folder) and len(path.parts) > depth else ""
        for path in files
    }


def _of_loose(found: Folders) -> str:
    if not found.loose:
        return ""
    images, are = ("1 image", "is") if found.loose == 1 else (f"{found.loose:,} images", "are")
    return f"{images} beside the class folders, of no class, {are} left out"


def _of_unused(found: Folders) -> str:
    if not found.unused:
        return ""
    few = ", ".join(found.unused[:3]) + (f" and {len(found.unused) - 3} more" if len(found.unused) > 3 else "")
    return f"{'a folder is' if len(found.unused) == 1 else 'folders are'} neither trained nor tested on: {few}"


def _of_halves_within(within: Within) -> str:
    for name, (train, _) in within.items():
        if both := halves_among(train - {""}):
            return (
                f"the class '{name}' has folders '{both[0]}' and '{both[1]}' within it, and a share of the images of "
                "both is held out; to test on the images of one, put classes within halves: train/<class>/, "
                "test/<class>/"
            )
    return ""


def _of_classes_within(within: Within, found: Folders) -> str:
    """Of `photo/dog`, `photo/cat`, `sketch/dog`, `sketch/cat`: which of the two is the class is a choice.

    Folders with numbers in their names are patients, days or bursts, mostly.
    """
    names = [train | test if found.shared_out else train for train, test in within.values()]
    common = sorted(name for name in set.intersection(*names) if not any(map(str.isdigit, name)))
    if len(common) < 2 or any("" in one for one in names):
        return ""
    instead = (
        f"name one of the folders instead, such as {found.folder / next(iter(within))}"
        if found.shared_out
        else f"put them right into {found.folder} and the folder to test on"
    )
    return (
        f"all classes have folders of the same names within them, such as '{common[0]}' and '{common[1]}'; if these "
        f"are the classes, {instead}"
    )


def _of_parted_folders(within: Within) -> str:
    """Photographs of one patient or one burst would be in both halves."""
    parted = sum(len(train & test - {""}) for train, test in within.values())
    every = sum(len((train | test) - {""}) for train, test in within.values())
    if not parted:
        return ""
    return (
        f"{parted:,} of {every:,} folders within classes {'has' if parted == 1 else 'have'} images in both halves; if "
        "the images of a folder belong together, such as those of a patient, set hold_out_folders: true"
    )
