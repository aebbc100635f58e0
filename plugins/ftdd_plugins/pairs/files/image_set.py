"""ImageSet: labelled images of one origin, from which pairs choose classes."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ftdd.components import DataSet, DataUnavailable, Pair, Side
from ftdd.data.image_shape import ImageShape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import LabelledImages, Task

Half = Literal["train", "test"]
HALVES: tuple[Half, ...] = ("train", "test")


class ImageSet(DataSet):
    """A data set whose images are squares of one size, in three channels."""

    title: str
    """As messages call it."""
    side: int
    """Pixels a side of its images."""

    @abstractmethod
    def check(self, data: Path, allow_modified: bool) -> None:
        """See that the files are there and official; modified ones will do where they are allowed.

        Raises DataUnavailable with the list of those that are missing or others.
        """

    @abstractmethod
    def prepare(self, data: Path, allow_modified: bool, say: Callable[[str], None]) -> None:
        """Fetch the files where none is there, check them, decode them. Raises DataUnavailable."""

    @abstractmethod
    def read(
        self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool
    ) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
        """The images of some classes, (N, 3, side, side), and for each the place of its class among `classes`, (N,).

        In the order of the files. Raises DataUnavailable.
        """

    @abstractmethod
    def counts(self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool) -> tuple[int, ...]:
        """How many images each of some classes has, without decoding any. Raises DataUnavailable."""


@dataclass(frozen=True)
class Chosen:
    """Some classes of a data set."""

    images: ImageSet
    classes: tuple[str, ...]


class ChosenClasses(Pair):
    """A pair whose two tasks are each some classes of a data set, in square images of one size."""

    allow_modified: bool = False
    """Take what files there are, also where they are not the official ones or not all of them."""
    image_size: int
    """Pixels a side."""

    @abstractmethod
    def chosen(self, side: Side) -> Chosen:
        """The classes of a side. Raises Unfit where the fields do not fit each other."""

    def image_shape(self) -> ImageShape:
        """Three channels, square."""
        return ImageShape(3, self.image_size, self.image_size)

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """Known without any file."""
        return self.chosen(side).classes

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Of the official files; counted where they may be modified ones."""
        chosen = self.chosen(side)
        return chosen.images.counts("train", chosen.classes, data, self.allow_modified)

    def test_count(self, side: Side, data: Path) -> int:
        """Likewise."""
        chosen = self.chosen(side)
        return sum(chosen.images.counts("test", chosen.classes, data, self.allow_modified))

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """Check the files of both sides; fetch those that are available."""
        source, target = self.chosen("source").images, self.chosen("target").images
        for images in (source,) if source is target else (source, target):
            images.prepare(data, self.allow_modified, say)

    def load(self, side: Side, data: Path) -> "Task":
        """The classes of a side, averaged down to the pair's size."""
        from ftdd.data.images import Task

        return Task(train=self._half(side, "train", data), test=self._half(side, "test", data))

    def _half(self, side: Side, half: Half, data: Path) -> "LabelledImages":
        from ftdd.data.images import LabelledImages

        chosen = self.chosen(side)
        pixels, labels = chosen.images.read(half, chosen.classes, data, self.allow_modified)
        missing = [name for i, name in enumerate(chosen.classes) if not (labels == i).any()]
        if missing:
            few = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            words = "class" if len(missing) == 1 else "classes"
            raise DataUnavailable(
                f"{chosen.images.title} in {data} has no {'training' if half == 'train' else 'test'} image of the "
                f"{words} {few}; complete it, or choose other classes"
            )
        return LabelledImages.from_arrays(average_down(pixels, self.image_size), labels, chosen.classes)


def average_down(images: "npt.NDArray[np.uint8]", size: int) -> "npt.NDArray[np.uint8]":
    """Images of shape (N, C, H, H) as means of squares, rounded half up, shape (N, C, size, size)."""
    import numpy as np

    count, channels, height, _ = images.shape
    side = height // size
    if side == 1:
        return np.ascontiguousarray(images)
    squares = images.reshape(count, channels, size, side, size, side).astype(np.uint32).sum(axis=(3, 5))
    means: npt.NDArray[np.uint32] = (squares + side * side // 2) // (side * side)
    return means.astype(np.uint8)


def with_common(source: Sequence[str], target: Sequence[str], share: float) -> tuple[str, ...]:
    """The source's classes, a share of which is replaced by classes of the target.

    share: in [0, 1], rounded half up to whole classes. A larger share keeps what a smaller one has in common. Where the
    target has fewer classes, all of them are common.
    """
    count = min(int(share * len(source) + 0.5), len(target))
    return (*target[:count], *source[count:])
