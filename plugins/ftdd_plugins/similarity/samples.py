"""Which images a score is computed on."""

from typing import TYPE_CHECKING

from ftdd.components import Unfit

if TYPE_CHECKING:
    from ftdd.data.images import LabelledImages


def even_part(images: "LabelledImages", count: int) -> "LabelledImages":
    """So many images, as many of each class as of any other, the same each time; all where there are not more.

    Raises Unfit where the task is a regression.
    """
    import torch

    from ftdd.data.subsets import even_subset, largest_even_subset

    if images.numbers:
        raise Unfit("compares classes; the task of this pair is a regression")
    if len(images) <= count:
        return images
    classes = len(images.classes)
    most = largest_even_subset(torch.bincount(images.labels, minlength=classes).tolist())
    return images.at(torch.from_numpy(even_subset(images.labels.numpy(), classes, min(count, most), seed=0)))
