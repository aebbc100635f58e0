"""Sample images of a study's pairs: some of every class, small, kept in the study's folder for its page.

The page is made from the store alone, without the data sets; so what they look like is written down while they are
there.
"""

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftdd.components import Pair, Side, Unfit
from ftdd.data.images import LabelledImages
from ftdd.recipe.recipe import Recipe
from ftdd.results.figures.contact_sheet import short_class
from ftdd.study.files import write_json
from ftdd.study.inputs import images_name, known_inputs
from ftdd.study.store import Store
from ftdd.values import canonical_json, flat
from ftdd.wording import column_name, format_value

if TYPE_CHECKING:
    import numpy.typing as npt

FILE = "samples.json"
SIDES: tuple[Side, ...] = ("source", "target")
MOST_PAIRS, MOST_CLASSES = 3, 10
PER_CLASS = (8, 6, 5, 4, 3, 2, 1)
"""Images of a class: the first of these with which all stay within MOST_BYTES."""
MOST_BYTES = 150_000
LARGEST_SIDE = 48
"""Pixels; larger images are thinned to about this."""


@dataclass(frozen=True)
class ClassRow:
    """The images of one class, side by side."""

    name: str
    png: str
    """base64."""


@dataclass(frozen=True)
class SampleSheet:
    """One side of a pair."""

    side: str
    pair: str
    """What the pair is, where the study has several: the settings in which they differ."""
    classes: int
    images: int
    """Training images that there are."""
    shape: tuple[int, int, int]
    """Channels, height and width of an image."""
    rows: tuple[ClassRow, ...]


def write_samples(study: Recipe, store: Store, data: Path, say: Callable[[str], None]) -> None:
    """Write the study's samples.json, unless one of the same pairs is there; nothing where labels are numbers.

    say: takes a line on what is being done. Whatever goes wrong costs the samples, and is said; nothing is raised.
    """
    pairs = [pair for pair in dict.fromkeys(point.spec.pair for point in study.points) if pair.task == "classification"]
    pairs = pairs[:MOST_PAIRS]
    path = store.study_folder(study.name) / FILE
    inputs = known_inputs(study.name, store)
    of = [
        [canonical_json(pair), *(inputs.get(images_name(pair.model_dump(mode="json"), side)) for side in SIDES)]
        for pair in pairs
    ]
    if not pairs or _written(path).get("of") == of:
        return
    try:
        say("choosing sample images")
        sheets = _sheets(pairs, data)
        write_json(path, {"of": of, "sheets": [asdict(sheet) for sheet in sheets]})
    except Exception as error:  # a page without samples is a page; a study must not fail for it
        say(f"no sample images: {error}")


def read_samples(folder: Path) -> tuple[SampleSheet, ...]:
    """What was written last; nothing where there is none, or none that can be read."""
    try:
        sheets = _written(folder / FILE)["sheets"]
        return tuple(
            SampleSheet(**{**one, "shape": tuple(one["shape"]), "rows": tuple(ClassRow(**row) for row in one["rows"])})
            for one in sheets
        )
    except (KeyError, TypeError):
        return ()


def _written(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _sheets(pairs: Sequence[Pair], data: Path) -> tuple[SampleSheet, ...]:
    """Both sides of every pair; a side that looks like one before stands there once."""
    leaves = [flat(pair.model_dump(mode="json")) for pair in pairs]
    differing = [path for path in leaves[0] if len({str(one.get(path)) for one in leaves}) > 1]
    found: dict[str, tuple[Side, str, LabelledImages]] = {}
    for pair, leaf in zip(pairs, leaves, strict=True):
        words = ", ".join(f"{column_name(path)} {format_value(leaf.get(path))}" for path in differing)
        for side in SIDES:
            try:
                images = pair.load(side, data).train
            except Unfit:  # a pair without a source, whose networks bring their own weights
                continue
            found.setdefault(f"{side} {images.digest()}", (side, words, images))
    parts = list(found.values())
    targets = sum(side == "target" for side, _, _ in parts)
    for per_class in PER_CLASS:
        sheets = tuple(
            _sheet(side, "" if side == "target" and targets == 1 else words, images, per_class)
            for side, words, images in parts
        )
        if sum(len(row.png) for sheet in sheets for row in sheet.rows) <= MOST_BYTES:
            break
    return sheets


def _sheet(side: Side, pair: str, images: LabelledImages, per_class: int) -> SampleSheet:
    count = len(images.classes)
    shown_classes = min(count, MOST_CLASSES)
    chosen = [i * (count - 1) // max(shown_classes - 1, 1) for i in range(shown_classes)]
    channels, height, width = images.shape
    rows = tuple(ClassRow(short_class(images.classes[i]), _png(_row(images, i, per_class))) for i in chosen)
    return SampleSheet(side, pair, count, len(images), (channels, height, width), rows)


def _row(images: LabelledImages, label: int, count: int) -> "npt.NDArray[np.uint8]":
    """A class's first images side by side, with a transparent edge behind each; the last channel is opacity."""
    chosen = np.flatnonzero(images.labels.numpy() == label)[:count]
    pixels = images.images.numpy()[chosen].transpose(0, 2, 3, 1)
    step = max(1, round(pixels.shape[1] / LARGEST_SIDE))
    pixels = pixels[:, ::step, ::step]
    opaque = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    edge = max(1, opaque.shape[1] // 12)
    edged = np.pad(opaque, ((0, 0), (0, 0), (0, edge), (0, 0)))
    count, height, width, channels = edged.shape
    return edged.transpose(1, 0, 2, 3).reshape(height, count * width, channels)


def _png(pixels: "npt.NDArray[np.uint8]") -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
