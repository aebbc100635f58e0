"""What the names of folders and files say: what a system left there, and which folders are halves and no classes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

BESIDE = "ftdd-decoded"
"""The folder for decoded images in the data folder."""

SYSTEM = frozenset(
    (
        *("__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder"),
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "msocache"),
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@syno", "#recycle", "#snapshot", "lost+found"),
        *("~snapshot", "__pycache__", BESIDE),
    )
)
"""What macOS, Windows, network storage, Linux and Python leave beside images, in small letters."""

Kind = Literal["train", "validation", "test", "unlabelled"]

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("train", "training", "trainset", "trainval", "traindata", "trainingset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "testdata", "holdout"), "test"),
    **dict.fromkeys(("unlabeled", "unlabelled", "extra"), "unlabelled"),
}
"""Words that say which half of a data set a folder is."""
SHORT: dict[str, Kind] = {"tr": "train", "ts": "test", "te": "test", "va": "validation"}
"""Of `imagesTr`: halves only beside a word for what lies in them, for alone they are languages."""
IMAGES = frozenset(("image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "jpegs", "jpg", "png"))
ANNOTATIONS = frozenset(
    (
        *("mask", "masks", "label", "labels", "annotation", "annotations", "trimap", "trimaps", "gt", "groundtruth"),
        *("ground", "truth", "segmentation", "segmentations", "bbox", "bboxes", "depth", "calib", "velodyne"),
    )
)
"""What is annotated, pixel by pixel or image by image."""
LAYOUT = (
    IMAGES | ANNOTATIONS | {"data", "dataset", "set", "input", "inputs", "folder", "files", "split", "part", "final"}
)
"""Words for how a data set is laid out, not for what its images show."""


def passed_over(name: str) -> bool:
    """Whether a file or a folder of this name is hidden, or was left by a system: nobody means it as an image."""
    return name.startswith((".", "~$")) or name.lower() in SYSTEM


@dataclass(frozen=True)
class Half:
    """What a name says of a folder that is a half of a data set."""

    kind: Kind
    of: tuple[str, ...]
    """The other words, but those for how data sets are laid out: `ISIC_2019_Test_Input` is the test half of `isic`."""


def half(name: str) -> Half | None:
    """What half of which data set a folder of this name would be; None where no word in it says so.

    It is no proof: a class may be called `train`, and `halves_among` asks for two that belong together.
    """
    words = _words(name)
    kinds = [KINDS[word] for word in words if word in KINDS]
    rest = [word for word in words if word not in KINDS]
    if not kinds and set(rest) & LAYOUT:
        kinds = [SHORT[word] for word in rest if word in SHORT]
        rest = [word for word in rest if word not in SHORT]
    if not kinds:
        return None
    return Half(kinds[0], tuple(word for word in rest if word not in LAYOUT and len(word) > 1))


def halves_among(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of these names that say that they are different halves of one data set; None where no two do.

    `train` and `test1`, `ISIC_2019_Training_Input` and `ISIC_2019_Test_Input`, `imagesTr` and `imagesTs`. Not `train`
    and `plane`, not `test tube` and `train`, not `positive test` and `negative test`.
    """
    seen: dict[tuple[str, ...], tuple[Kind, str]] = {}
    for name in sorted(names):
        found = half(name)
        if found is None:
            continue
        kind, first = seen.setdefault(found.of, (found.kind, name))
        if kind != found.kind:
            return first, name
    return None


def are_parts_of_a_data_set(names: Sequence[str]) -> bool:
    """Whether these names, all together, are of images and their annotations, or of parts of one set of images.

    `images` and `masks`; `images_001` and `images_002`; `fold1` and `fold2`. Not `photos` and `drawings`.
    """
    words = [tuple(_words(name)) for name in names]
    images = any(set(one) & IMAGES for one in words) and all(one and set(one) <= IMAGES | ANNOTATIONS for one in words)
    parts = len(words) > 1 and len(set(words)) == 1 and bool(set(words[0]) & (IMAGES | {"fold"}))
    return images or parts


def holds_annotations(name: str) -> bool:
    """Whether a folder of this name holds annotations, such as masks, and no images."""
    words = set(_words(name))
    return bool(words & ANNOTATIONS) and not words & IMAGES


def ending(name: str) -> str:
    """A file's ending as a reader sees it, in small letters; "" where it has none."""
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem and last else ""


def _words(name: str) -> list[str]:
    """`ISIC_2019_TrainingInput` → isic, training, input; digits say nothing."""
    return [word.lower() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|[A-Z]", name)]
