"""A contact sheet of a pair: some images of every class, source and target side by side."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ftdd.data.images import LabelledImages

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

PER_CLASS = 8
ROWS = 25
"""Classes in a column; more make a further column of the same side."""
IMAGE_INCHES, LABEL_INCHES = 0.3, 1.45


def contact_sheet(sides: Sequence[tuple[str, LabelledImages]], title: str) -> Figure:
    """The first images of every class, in their order, a row for each class.

    sides: what each is called, with its training images.
    """
    columns = [
        (name if i == 0 else "", images, tuple(range(first, min(first + rows, len(images.classes)))))
        for name, images in sides
        for rows in (math.ceil(len(images.classes) / math.ceil(len(images.classes) / ROWS)),)
        for i, first in enumerate(range(0, len(images.classes), rows))
    ]
    height = max(len(classes) for _, _, classes in columns)
    width = LABEL_INCHES + PER_CLASS * IMAGE_INCHES + 0.15
    figure = Figure(figsize=(width * len(columns) + 0.2, height * IMAGE_INCHES * 1.06 + 0.9))
    figure.suptitle(
        title, fontsize=10, weight="bold", x=0.1 / figure.get_figwidth(), ha="left", va="top", y=0.99, parse_math=False
    )
    bottom, tall = 0.1, height * IMAGE_INCHES * 1.06
    for i, (name, images, classes) in enumerate(columns):
        share = len(classes) / height
        box = (
            (i * width + LABEL_INCHES) / figure.get_figwidth(),
            (bottom + tall * (1 - share)) / figure.get_figheight(),
            PER_CLASS * IMAGE_INCHES / figure.get_figwidth(),
            tall * share / figure.get_figheight(),
        )
        _column(figure.add_axes(box), images, classes, name)
    return figure


def _column(ax: "Axes", images: LabelledImages, classes: Sequence[int], name: str) -> None:
    rows = [_row(images, label) for label in classes]
    ax.imshow(np.concatenate(rows), interpolation="nearest", aspect="auto", cmap="gray", vmin=0, vmax=255)
    side = rows[0].shape[0]
    middles = [(i + 0.5) * side - 0.5 for i in range(len(classes))]
    ax.set_yticks(middles, [short_class(images.classes[label]) for label in classes], fontsize=6.5, parse_math=False)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if name:
        ax.set_title(f"{name}: {len(images.classes)} classes, {len(images):,} training images", fontsize=8, loc="left")


def _row(images: LabelledImages, label: int) -> "npt.NDArray[np.uint8]":
    """A class's first images side by side with a white edge; white where there are fewer."""
    chosen = np.flatnonzero(images.labels.numpy() == label)[:PER_CLASS]
    pixels = images.images.numpy()[chosen].transpose(0, 2, 3, 1)
    count, height, width, channels = pixels.shape
    edge = max(1, height // 16)
    row = np.full((height + edge, PER_CLASS * (width + edge), channels), 255, dtype=np.uint8)
    for i in range(count):
        row[:height, i * (width + edge) : i * (width + edge) + width] = pixels[i]
    return row[..., 0] if channels == 1 else row


def short_class(name: str) -> str:
    """A class's name without its wnid, cut where there is no room for it."""
    words = name[10:] if name[:1] == "n" and name[1:9].isdigit() and name[9:10] == "_" else name
    words = words.replace("_", " ")
    return words if len(words) <= 20 else words[:19] + "…"
