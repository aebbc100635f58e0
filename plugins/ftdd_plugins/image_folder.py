"""The pair `image_folder`: a reader's own images, in folders of class folders."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import DataUnavailable, Pair, Side, Unfit
from ftdd.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.image_sets.decoding import SquareSide, decoded
from ftdd_plugins.image_sets.folders import Folders, class_folders, found_from, image_files

if TYPE_CHECKING:
    from ftdd.images import LabelledImages, Task

ClassNames = Annotated[tuple[str, ...], Field(min_length=2)]


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [ImageFolder]


class ImageFolder(Pair):
    """Your own images: a folder for the target and one for the source, in each a folder for every class.

    Any format that Pillow reads, any size, grey or colour. `<folder>/<class>/<image>`, of which a share is held out to
    test on; or `<folder>/train/<class>/…` and `<folder>/test/<class>/…` (or `testing`, `val`, `validation`: the first
    that is there). Two lists of classes split one folder. Where pretrained weights are all that is transferred, no
    source is needed: leave `source` out, and say `source: none` in the recipe.

    Images are turned upright, cut to their middle square and brought to `image_size` once, and kept beside the data. A
    run's id has the folder's name, not what is in it: give other images another folder or another store.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"target": "photos", "image_size": 8},)

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
    """How much of each class, about, is held out to test on, where there is no folder for that; by the names of its
    files, so that new ones move no others."""

    def image_shape(self) -> ImageShape:
        """Square."""
        return ImageShape(self.channels, self.image_size, self.image_size)

    def normalization(self) -> Normalization:
        """ImageNet's; a network with weights of its own brings its own."""
        if self.channels == 1:
            return Normalization((0.45,), (0.25,))
        return Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The names of the class folders, sorted, or as they are listed."""
        return tuple(self._found(side, data).train)

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Counted in the folders."""
        return tuple(len(files) for files in self._found(side, data).train.values())

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """Decode all images once."""
        for side in self._sides():
            found = self._found(side, data)
            for half in (found.train, found.test):
                self._half(half, side, data, say)

    def load(self, side: Side, data: Path) -> "Task":
        """In the order of classes, and of names."""
        from ftdd.images import Task

        found = self._found(side, data)
        return Task(*(self._half(half, side, data, lambda line: None) for half in (found.train, found.test)))

    def _sides(self) -> tuple[Side, ...]:
        return ("target",) if self.source is None and self.source_classes is None else ("source", "target")

    def _found(self, side: Side, data: Path) -> Folders:
        if side not in self._sides():
            raise Unfit("names no folder for the source; name one, or say `source: none` beside pair", "source")
        given = self.target if side == "target" or self.source is None else self.source
        try:
            folder = found_from(data, given)
            found = class_folders(folder, self.test_share)
        except DataUnavailable as error:
            raise DataUnavailable(str(error), "source" if given != self.target else "target") from error
        wanted = self.target_classes if side == "target" else self.source_classes
        if wanted is None:
            return found
        field = f"{side}_classes"
        wanted = tuple(unicodedata.normalize("NFC", name) for name in wanted)
        if len(set(wanted)) < len(wanted):
            raise Unfit("must name each class once", field)
        unknown = [name for name in wanted if name not in found.train]
        if unknown:
            from ftdd.plugins import nearest

            raise Unfit(f"{folder} has no class folder '{unknown[0]}'; {nearest(unknown[0], found.train)}", field)
        return Folders({name: found.train[name] for name in wanted}, {name: found.test[name] for name in wanted})

    def _half(
        self, half: Mapping[str, tuple[Path, ...]], side: Side, data: Path, say: Callable[[str], None]
    ) -> "LabelledImages":
        import numpy as np
        import torch

        from ftdd.images import LabelledImages

        paths = [path for files in half.values() for path in files]
        labels = np.repeat(np.arange(len(half)), [len(files) for files in half.values()])
        images = decoded(image_files(paths, data), self.image_size, self.channels, f"{side} images", data, say)
        return LabelledImages(torch.from_numpy(np.array(images)), torch.from_numpy(labels), tuple(half))
