"""Equal images in one task: on both sides of its split, under two labels, or twice in one half."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Repeats:
    """How many images of a task equal others of it, to the last bit. Resized or compressed anew, they are others."""

    train: int
    """Training images in all."""
    test: int
    """Test images in all."""
    shared: int
    """Test images that are training images too, whatever their labels."""
    two_labels: int
    """Images, of both halves, that equal one with another label."""
    within_train: int
    """Training images that equal an earlier training image."""
    within_test: int
    """Test images that equal an earlier test image."""

    @property
    def share(self) -> tuple[float, ...]:
        """How bad it is: the shares of repeated images, those that matter most first."""
        every = self.train + self.test
        return (
            self.shared / max(self.test, 1),
            self.two_labels / max(every, 1),
            self.within_train / max(self.train, 1),
            self.within_test / max(self.test, 1),
        )

    def sentence(self, side: str) -> str:
        """What is repeated, in one sentence; "" where nothing is. side: as it is called, `source` or `target`."""
        counts = (
            (self.shared, f"of {self.test:,} test images {_are(self.shared)} also trained on"),
            (self.two_labels, f"of {self.train + self.test:,} images {_are(self.two_labels)} under two labels"),
            (self.within_train, f"of {self.train:,} training images {_repeat(self.within_train)} another"),
            (self.within_test, f"of {self.test:,} test images {_repeat(self.within_test)} another"),
        )
        said = [f"{count:,} {words}" for count, words in counts if count]
        return f"{side}: {'; '.join(said)}" if said else ""

    def facts(self) -> Mapping[str, int]:
        """As JSON."""
        return asdict(self)


def count_repeats(
    train: Sequence[Hashable],
    train_labels: Sequence[int],
    test: Sequence[Hashable],
    test_labels: Sequence[int],
) -> Repeats:
    """Count the images that are equal. train, test: for each image what is equal for equal images, such as a digest."""
    labels: dict[Hashable, set[int]] = {}
    for key, label in zip((*train, *test), (*train_labels, *test_labels), strict=True):
        labels.setdefault(key, set()).add(label)
    trained, tested = set(train), set(test)
    return Repeats(
        train=len(train),
        test=len(test),
        shared=sum(key in trained for key in test),
        two_labels=sum(len(labels[key]) > 1 for key in (*train, *test)),
        within_train=len(train) - len(trained),
        within_test=len(test) - len(tested),
    )


def digests(images: "npt.NDArray[np.uint8]") -> list[bytes]:
    """For each of these images, (N, …), what is equal for equal ones: a digest of its pixels."""
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in images.reshape(len(images), -1)]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _repeat(count: int) -> str:
    return "repeats" if count == 1 else "repeat"
