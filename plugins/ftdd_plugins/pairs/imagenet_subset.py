"""The pair `imagenet_subset`: classes of a full ImageNet folder, chosen by WordNet."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import DataUnavailable, Pair, Side, SimilarityOrder
from ftdd.data.image_shape import IMAGENET, ImageShape, Normalization
from ftdd.data.repeats import Repeats
from ftdd.values import Json
from ftdd_plugins.pairs.files.decoding import decoded, scale_of
from ftdd_plugins.pairs.files.equal_files import repeated_files
from ftdd_plugins.pairs.files.folder_names import ending, passed_over
from ftdd_plugins.pairs.files.folders import found_from
from ftdd_plugins.pairs.files.image_file import SquareSide
from ftdd_plugins.pairs.files.image_set import HALVES, Half, with_common
from ftdd_plugins.pairs.files.listing import TEXTS, image_files
from ftdd_plugins.pairs.files.remarks import left_out
from ftdd_plugins.wordnet.choice import Similarity, SourceCount, by_nearness, wnids_of
from ftdd_plugins.wordnet.nouns import class_name, imagenet_1k, wnid_of

if TYPE_CHECKING:
    from ftdd.data.images import Task

TARGET = (
    *("n01440764", "n02102040", "n02979186", "n03000684", "n03028079"),
    *("n03394916", "n03417042", "n03425413", "n03445777", "n03888257"),
)
"""Tench, English springer, cassette player, chain saw, church, French horn, garbage truck, gas pump, golf ball,
parachute: the ten of Imagenette."""
SIDES: tuple[Side, ...] = ("source", "target")
IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [ImageNetSubset]


class ImageNetSubset(Pair):
    """Some classes of ImageNet-1k as target, and the nearest or the most distant of the others in WordNet as source.

    From a folder of ImageNet with `train/<wnid>/` and `val/<wnid>/` (ILSVRC 2012; its validation images must be sorted
    into class folders). Images are cut to their middle square and brought to `image_size` once, and kept beside the
    data; only the classes that are needed are read.
    """

    similarity_order: ClassVar[SimilarityOrder] = {"similarity": ("related", "less_related"), "common": "larger"}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"image_size": 8, "source_classes": 2},)

    name: Literal["imagenet_subset"] = "imagenet_subset"
    folder: str = "imagenet"
    """Where ImageNet lies; not absolute, it is taken from the data folder (`--data`, `FTDD_DATA`)."""
    target: Annotated[tuple[str, ...], Field(min_length=2)] = TARGET
    """The target's classes, by wnid or by a word that means one of them."""
    similarity: Similarity = "related"
    """Whether the source's classes are the nearest or the most distant, by Lin's measure."""
    source_classes: SourceCount = 40
    """How many classes the source has."""
    common: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the source's classes that are replaced by classes of the target; their training images are then in
    both."""
    image_size: SquareSide = 64
    """Pixels a side."""

    def image_shape(self) -> ImageShape:
        """Three channels, square."""
        return ImageShape(3, self.image_size, self.image_size)

    def normalization(self) -> Normalization:
        """ImageNet's."""
        return IMAGENET

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The target as listed; the source from the nearest, or from the most distant."""
        every = imagenet_1k()
        target = wnids_of(self.target, among=every, field="target")
        if side == "target":
            return tuple(map(class_name, target))
        others = [wnid for wnid in every if wnid not in target]
        source = by_nearness(others, target, self.similarity, self.source_classes)
        return tuple(map(class_name, with_common(source, target, self.common)))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Counted in the folders."""
        return tuple(len(self._files(name, "train", data)) for name in self.classes(side, data))

    def test_count(self, side: Side, data: Path) -> int:
        """Counted in the folders."""
        return sum(len(self._files(name, "test", data)) for name in self.classes(side, data))

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """Decode what is needed once."""
        for side in SIDES:
            self._task(side, data, say)

    def load(self, side: Side, data: Path) -> "Task":
        """In the order of classes, and of names."""
        return self._task(side, data, lambda line: None)

    def remarks(self, side: Side, data: Path) -> Sequence[str]:
        """How many files in the folders of its classes are no images by their names."""
        others: Counter[str] = Counter()
        images = 0
        for name in self.classes(side, data):
            for half in HALVES:
                files = self._files(name, half, data)
                images += len(files)
                beside = {path.name for path in files[0].parent.iterdir()} - {path.name for path in files}
                others.update(ending(one) for one in beside if not passed_over(one) and ending(one) not in TEXTS)
        said = left_out(others, images)
        return (said,) if said else ()

    def repeats(self, side: Side, data: Path) -> Repeats | None:
        """Of files that are equal, byte by byte."""
        names = self.classes(side, data)
        return repeated_files(*({name: self._files(name, half, data) for name in names} for half in HALVES))

    def _files(self, name: str, half: Half, data: Path) -> list[Path]:
        folder = self._folder(data)
        place = folder / ("train" if half == "train" else "val") / wnid_of(name)
        try:
            files = sorted(
                path for path in place.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not passed_over(path.name)
            )
        except OSError as error:
            hint = (
                "ImageNet cannot be fetched without its licence: get ILSVRC 2012 from https://image-net.org and "
                "unpack it there, or say where it is with pair.folder or --data"
            )
            if half == "test" and any(folder.glob("val/*.JPEG")):
                hint = "its validation images lie in one folder: sort them into one for each class"
            raise DataUnavailable(f"ImageNet: {place} cannot be read ({error.strerror}); {hint}", "folder") from error
        if not files:
            raise DataUnavailable(f"ImageNet: {place} has no images in it; unpack them there", "folder")
        return files

    def _folder(self, data: Path) -> Path:
        try:
            return found_from(data, self.folder)
        except DataUnavailable as error:
            raise DataUnavailable(str(error), "folder") from error

    def _task(self, side: Side, data: Path, say: Callable[[str], None]) -> "Task":
        import numpy as np

        from ftdd.data.images import LabelledImages, Task

        names = self.classes(side, data)
        every = [path for half in HALVES for name in names for path in self._files(name, half, data)]
        scale = scale_of(image_files(every), f"imagenet {side}", data, say)

        def images(half: Half) -> LabelledImages:
            parts = []
            for name in names:  # a class is kept once, whichever sources have it
                files = image_files(self._files(name, half, data))
                parts.append(decoded(files, self.image_size, 3, f"imagenet {half} {name}", data, say, scale))
            labels = np.repeat(np.arange(len(names)), [len(part) for part in parts])
            return LabelledImages.from_arrays(np.concatenate(parts), labels, names)

        return Task(*map(images, HALVES))
