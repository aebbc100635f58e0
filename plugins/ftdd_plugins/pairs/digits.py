"""The pair `digits`: scikit-learn's handwritten digits, some as source, others as target."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

import ftdd
from ftdd.components import Pair, Side
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.repeats import Repeats

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import Task

IMAGES_OF_DIGIT = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
TESTED_OF_FIVE = (1, 3)
"""Of every five images of a digit, in the file's order, these are tested on: 40%."""


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [Digits]


def _distinct(digits: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(digits)) < len(digits):
        raise ValueError(f"must name each digit once, got {list(digits)}")
    return digits


def rank_in_class(labels: "npt.NDArray[np.integer[Any]]") -> "npt.NDArray[np.intp]":
    """Of each label, (N,), how many of its class stand before it."""
    import numpy as np

    ranks = np.zeros(len(labels), dtype=np.intp)
    for label in np.unique(labels):
        ranks[labels == label] = np.arange((labels == label).sum())
    return ranks


Digit = Annotated[int, Field(ge=0, le=9)]
DigitClasses = Annotated[tuple[Digit, ...], Field(min_length=2), AfterValidator(_distinct)]


class Digits(Pair):
    """The 1,797 real 8 × 8 images of handwritten digits that scikit-learn holds: no download, minutes to train.

    Test part of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), 16 levels of grey.
    Of every five images of a digit, in the file's order, the second and the fourth are tested on.
    """

    name: Literal["digits"] = "digits"
    source_classes: DigitClasses = (0, 1, 2, 3, 4)
    """The digits of the source task."""
    target_classes: DigitClasses = (5, 6, 7, 8, 9)
    """The digits of the target task; the same ones as the source's where they are named again."""

    def image_shape(self) -> ImageShape:
        """8 × 8, one channel."""
        return ImageShape(1, 8, 8)

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The digits as words of one figure."""
        return tuple(str(digit) for digit in self._digits(side))

    def normalization(self) -> Normalization:
        """Of the whole set."""
        return Normalization((0.3053,), (0.3760,))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Known: the set never changes."""
        return tuple(
            sum(i % 5 not in TESTED_OF_FIVE for i in range(IMAGES_OF_DIGIT[digit])) for digit in self._digits(side)
        )

    def test_count(self, side: Side, data: Path) -> int:
        """What is not trained on."""
        return sum(IMAGES_OF_DIGIT[digit] for digit in self._digits(side)) - sum(self.class_counts(side, data))

    def repeats(self, side: Side, data: Path) -> Repeats:
        """None is like another; known, like the counts."""
        return Repeats(sum(self.class_counts(side, data)), self.test_count(side, data), 0, 0, 0, 0)

    def load(self, side: Side, data: Path) -> "Task":
        """From inside scikit-learn; `data` is not used."""
        import numpy as np
        from sklearn.datasets import load_digits

        from ftdd.data.images import LabelledImages, Task

        pixels, digits = load_digits(return_X_y=True)
        images = np.round(pixels.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
        tested = np.isin(rank_in_class(digits) % 5, TESTED_OF_FIVE)
        wanted = np.isin(digits, self._digits(side))

        label_of = {digit: label for label, digit in enumerate(self._digits(side))}

        def half(chosen: "npt.NDArray[np.bool_]") -> LabelledImages:
            labels = [label_of[int(digit)] for digit in digits[chosen]]
            return LabelledImages.from_arrays(images[chosen], labels, self.classes(side, data))

        return Task(train=half(wanted & ~tested), test=half(wanted & tested))

    def _digits(self, side: Side) -> tuple[int, ...]:
        return self.source_classes if side == "source" else self.target_classes
