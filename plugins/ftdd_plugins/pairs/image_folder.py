"""The pair `image_folder`: a reader's own images, in folders of class folders."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import DataUnavailable, Pair, Side, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import IMAGENET, ImageShape, Normalization
from ftdd.data.repeats import Repeats, count_repeats, digests
from ftdd.values import Json
from ftdd_plugins.pairs.files.decoding import decoded, kept_images, kept_scale, scale_of
from ftdd_plugins.pairs.files.equal_files import repeated_files
from ftdd_plugins.pairs.files.folders import Folders, class_folders, found_from, hold_out_folders
from ftdd_plugins.pairs.files.image_file import SquareSide
from ftdd_plugins.pairs.files.listing import image_files
from ftdd_plugins.pairs.files.remarks import remarks_on

if TYPE_CHECKING:
    from ftdd.data.images import Task

ClassNames = Annotated[tuple[str, ...], Field(min_length=2)]


MOST_COMPARED = 256 << 20
"""Bytes of decoded images that are compared before training: less than a second."""


def _is_default(value: object) -> bool:
    return value is None or value is False


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [ImageFolder]


class ImageFolder(Pair):
    """Your own images: a folder for the target and one for the source, in each a folder for every class.

    Any format that Pillow reads, any size, grey or colour. `<folder>/<class>/<image>`, of which a share is held out to
    test on; or `<folder>/train/<class>/…` and `<folder>/test/<class>/…` (or `testing`, `val`, `validation`: the first
    that is there). Two lists of classes split one folder. Where pretrained weights are all that is transferred, no
    source is needed: leave `source` out, and set `source: none` in the recipe.

    Images are turned upright, cut to their middle square and brought to `image_size` once, and kept beside the data. A
    run's id has the folder's name, not what is in it: give other images another folder or another store.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"target": "photos", "image_size": 8},)
    split_version: ClassVar[int] = 2

    name: Literal["image_folder"] = "image_folder"
    target: str
    """The target's folder; not absolute, it is taken from the data folder (`--data`, `FTDD_DATA`)."""
    source: str | None = None
    """The source's folder."""
    target_classes: ClassNames | None = None
    """Names of the class folders that are the target; all where it is left out."""
    source_classes: ClassNames | None = None
    """Those that are the source, of the source's folder, or of the target's where there is no folder for the source."""
    image_size: SquareSide = 64
    """Pixels a side."""
    channels: Literal[1, 3] = 3
    """3 for colour, 1 for grey."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """How much of each class, about, is held out to test on, where there is no folder for that; by the paths of its
    files below the class's folder, so that new ones move no others."""
    hold_out_folders: Annotated[bool, Field(exclude_if=_is_default)] = False
    """Hold out whole folders within a class's folder, such as one for each patient, so that no images of one folder are
    in both halves. Where it is false, each image is held out for itself."""
    white: Annotated[float | None, Field(gt=0, exclude_if=_is_default)] = None
    """The value that is white in images of more than 8 bits, such as 4095, where their files do not say; the largest of
    all images in the folder where it is left out, but 1 or 255 for fractions that go about as far."""

    def image_shape(self) -> ImageShape:
        """Square."""
        return ImageShape(self.channels, self.image_size, self.image_size)

    def normalization(self) -> Normalization:
        """ImageNet's; a network with weights of its own brings its own."""
        if self.channels == 1:
            return Normalization((0.45,), (0.25,))
        return IMAGENET

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The names of the class folders, sorted, or as they are listed."""
        return tuple(self._found(side, data).train)

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Counted in the folders."""
        return tuple(len(files) for files in self._found(side, data).train.values())

    def test_count(self, side: Side, data: Path) -> int:
        """Counted in the folders."""
        return sum(len(files) for files in self._found(side, data).test.values())

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """Decode all images once."""
        for side in self._sides():
            self._task(side, data, say)

    def load(self, side: Side, data: Path) -> "Task":
        """In the order of classes, and of paths."""
        return self._task(side, data, lambda line: None)

    def _task(self, side: Side, data: Path, say: Callable[[str], None]) -> "Task":
        from ftdd.data.images import LabelledImages, Task

        title = f"{side} images"
        every = self._all_found(side, data)
        scale = scale_of(image_files(every.files), title, data, say).with_white(self.white)

        def half(found: Mapping[str, tuple[Path, ...]]) -> LabelledImages:
            files = image_files(_paths(found))
            images = decoded(files, self.image_size, self.channels, title, data, say, scale)
            return LabelledImages.from_arrays(images, _labels(found), tuple(found))

        found = self._chosen(every, side)
        return Task(half(found.train), half(found.test))

    def remarks(self, side: Side, data: Path) -> Sequence[str]:
        """What is left out of the folder and how it lies; once images were decoded, what was taken for white."""
        every = self._all_found(side, data)
        scale = kept_scale(image_files(every.files), data)
        return (*remarks_on(self._chosen(every, side)), *(scale.with_white(self.white).remarks() if scale else ()))

    def repeats(self, side: Side, data: Path) -> Repeats | None:
        """Of decoded images where these are kept and few, else of files that are equal byte by byte."""
        every = self._all_found(side, data)
        found = self._chosen(every, side)
        scale = kept_scale(image_files(every.files), data)
        if scale is None or len(found.files) * prod(self.image_shape()) > MOST_COMPARED:
            return repeated_files(found.train, found.test)
        white = scale.with_white(self.white)
        train, test = (
            kept_images(image_files(_paths(half)), self.image_size, self.channels, f"{side} images", data, white)
            for half in (found.train, found.test)
        )
        if train is None or test is None:
            return repeated_files(found.train, found.test)
        return count_repeats(digests(train), _labels(found.train), digests(test), _labels(found.test))

    def _sides(self) -> tuple[Side, ...]:
        return ("target",) if self.source is None and self.source_classes is None else ("source", "target")

    def _found(self, side: Side, data: Path) -> Folders:
        return self._chosen(self._all_found(side, data), side)

    def _all_found(self, side: Side, data: Path) -> Folders:
        """All classes of the side's folder."""
        if side not in self._sides():
            raise Unfit("names no folder for the source; name one, or set `source: none` beside pair", "source")
        given = self.target if side == "target" or self.source is None else self.source
        try:
            found = class_folders(found_from(data, given), self.test_share)
            return hold_out_folders(found, self.test_share) if self.hold_out_folders else found
        except DataUnavailable as error:
            raise DataUnavailable(str(error), "source" if given != self.target else "target") from error

    def _chosen(self, found: Folders, side: Side) -> Folders:
        """The side's classes of those that are there."""
        wanted = self.target_classes if side == "target" else self.source_classes
        if wanted is None:
            return found
        field = f"{side}_classes"
        wanted = tuple(unicodedata.normalize("NFC", name) for name in wanted)
        if len(set(wanted)) < len(wanted):
            raise Unfit("must name each class once", field)
        for name in wanted:
            if name not in found.train:
                raise Unfit(f"{found.folder} has no class folder '{name}'; {nearest(name, found.train)}", field)
        return found.of(wanted)


def _paths(half: Mapping[str, tuple[Path, ...]]) -> list[Path]:
    return [path for files in half.values() for path in files]


def _labels(half: Mapping[str, tuple[Path, ...]]) -> list[int]:
    return [label for label, files in enumerate(half.values()) for _ in files]
