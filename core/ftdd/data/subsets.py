"""Even subsets per class, each contained in every larger one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ftdd.data.seeds import permutation

Indices = npt.NDArray[np.int64]


def largest_even_subset(class_counts: Sequence[int]) -> int:
    """The most images that can be taken evenly: as many of each class as of the rarest, and one more of others.

    A subset is even when no two classes differ by more than one image.
    """
    rarest = min(class_counts)
    return sum(min(count, rarest + 1) for count in class_counts)


def even_subset(
    labels: npt.NDArray[np.int64], classes: int, count: int, seed: int, without: Sequence[int] | Indices = ()
) -> Indices:
    """Indices of `count` images, as many of each class as of any other (within one); shape (count,).

    without: indices that are not taken.   Classes take turns, in an order that the seed draws, and each gives its
    images in an order that the seed draws: a subset is the beginning of every larger one of the same seed, without the
    same indices. Raises ValueError where a class has too few images.
    """
    order = permutation(seed, len(labels))
    order = order[~np.isin(order, np.asarray(without, dtype=np.int64))]
    turn_of_class = np.argsort(permutation(seed + 1, classes), kind="stable")
    turns = np.full(len(labels), np.iinfo(np.int64).max)
    for label in range(classes):
        own = order[labels[order] == label]
        turns[own] = np.arange(len(own)) * classes + turn_of_class[label]
    chosen = np.argsort(turns, kind="stable")[: min(count, len(order))]
    counts = np.bincount(labels[chosen], minlength=classes)
    if len(chosen) < count or counts.max() - counts.min() > 1:
        available = largest_even_subset(np.bincount(labels[order], minlength=classes).tolist())
        raise ValueError(f"{count} images cannot be taken evenly from {classes} classes: at most {available}")
    return chosen.astype(np.int64)
