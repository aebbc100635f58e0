"""What a user should know of folders of images: what is left out of them, and what lies as it should not."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from ftdd_plugins.pairs.files.folder_names import halves_among
from ftdd_plugins.pairs.files.folders import Folders, below_class, endings_in_words


def remarks_on(found: Folders) -> tuple[str, ...]:
    """What a user should know of these folders, a sentence each: what is left out, and what lies as it should not."""
    return tuple(
        sentence
        for sentence in (
            _of_left_out(found),
            _of_loose(found),
            _of_unused(found),
            _of_halves_within(found),
            _of_classes_within(found),
            _of_parted_folders(found),
        )
        if sentence
    )


def left_out(others: Mapping[str, int], images: int) -> str:
    """That some files are no images by their names, counted by their endings; "" where there are none.

    others: endings and how many files have each.   images: how many files are images.
    """
    count = sum(others.values())
    if not count:
        return ""
    is_none, is_left = ("is no image by its name", "is") if count == 1 else ("are no images by their names", "are")
    return f"{count:,} of {count + images:,} files {is_none} and {is_left} left out: {endings_in_words(others)}"


def _of_left_out(found: Folders) -> str:
    others: Counter[str] = Counter()
    for name in found.train:
        others.update(found.left_out.get(name, {}))
    return left_out(others, len(found.files))


def _of_loose(found: Folders) -> str:
    if not found.loose:
        return ""
    return (
        f"{_images(found.loose)} beside the class folders, of no class, {'is' if found.loose == 1 else 'are'} left out"
    )


def _of_unused(found: Folders) -> str:
    if not found.unused:
        return ""
    few = ", ".join(found.unused[:3]) + (f" and {len(found.unused) - 3} more" if len(found.unused) > 3 else "")
    return f"{'a folder is' if len(found.unused) == 1 else 'folders are'} neither trained nor tested on: {few}"


def _of_halves_within(found: Folders) -> str:
    for name in found.train:
        within = {below_class(path, found.folder, True) for path in found.train[name] if _has_folder(path, found)}
        both = halves_among(within)
        if both and found.shared_out:
            return (
                f"the class '{name}' has folders '{both[0]}' and '{both[1]}' within it, and a share of the images of "
                "both is held out; to test on the images of one, put classes within halves: train/<class>/, "
                "test/<class>/"
            )
    return ""


def _of_classes_within(found: Folders) -> str:
    """Of `photo/dog`, `photo/cat`, `sketch/dog`, `sketch/cat`: which of the two is told apart is a choice.

    Folders with numbers in their names are patients, days or bursts, mostly.
    """
    within = [
        {
            below_class(path, found.folder, True) if _has_folder(path, found) else ""
            for path in (*train, *(found.test[name] if found.shared_out else ()))
        }
        for name, train in found.train.items()
    ]
    common = {name for name in set.intersection(*within) if not any(map(str.isdigit, name))}
    if len(common) < 2 or any("" in names for names in within):
        return ""
    one, other = sorted(common)[:2]
    return (
        f"all classes have folders of the same names within them, such as '{one}' and '{other}'; if these are the "
        + (
            f"classes, name one of the folders instead, such as {found.folder / next(iter(found.train))}"
            if found.shared_out
            else f"classes, put them right into {found.folder} and the folder to test on"
        )
    )


def _of_parted_folders(found: Folders) -> str:
    """Photographs of one patient or one burst would be in both halves."""
    if not found.shared_out:
        return ""
    parted = every = 0
    for name in found.train:
        train, test = (
            {below_class(path, found.folder, True) for path in files if _has_folder(path, found)}
            for files in (found.train[name], found.test[name])
        )
        parted += len(train & test)
        every += len(train | test)
    if not parted:
        return ""
    return (
        f"{parted:,} of {every:,} folders within classes {'has' if parted == 1 else 'have'} images in both halves; if "
        "the images of a folder belong together, such as those of a patient, say hold_out_folders: true"
    )


def _has_folder(path: Path, found: Folders) -> bool:
    return path.is_relative_to(found.folder) and len(path.relative_to(found.folder).parts) > 2


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"
