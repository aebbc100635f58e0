"""The pair `transformed`: another pair's target task, and the same images, changed more or less, as its source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt

import ftdd
from ftdd.components import DataUnavailable, Pair, Side, SimilarityOrder, Unfit
from ftdd.components.choice import component_choice
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.repeats import Repeats
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.data.images import LabelledImages, Task
    from ftdd_plugins.pairs.files.image_set import Half

Transformation = Literal["rotation", "hue", "blur", "noise", "pixel_permutation", "label_permutation"]


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [Transformed]


class Transformed(Pair):
    """Similarity as a setting: the target of another pair, and as source the same images and classes, transformed.

    At strength 0 source and target are one task, image by image; the more strength, the less similar they are. Both the
    training and the test images of the source are transformed. Permutations of more strength move what those of less
    move, and more.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"of": "digits"},
        {"of": {"name": "digits", "target_classes": [2, 7]}, "transformation": "rotation", "strength": 1},
        {"of": "digits", "transformation": "blur", "strength": 0.25},
        {"of": "digits", "transformation": "noise", "strength": 0.75, "draw": 3},
        {"of": "digits", "transformation": "pixel_permutation", "strength": 1},
        {"of": "digits", "transformation": "label_permutation", "strength": 0.5},
    )

    similarity_order: ClassVar[SimilarityOrder] = {"strength": "smaller"}

    name: Literal["transformed"] = "transformed"
    of: Annotated[Pair, component_choice("pair")]
    """The pair whose target it is, by name or as a mapping; its source is not used."""
    transformation: Transformation = "rotation"
    """What is done to the source. `rotation`: turned counterclockwise by strength · 90°, with the border's pixels
    repeated. `hue`: colours turned by strength · 180° in YIQ, which keeps luma, and clipped. `blur`: under a Gaussian
    of σ = strength / 4 of the shorter side. `noise`: (1 − strength) of the image and strength of uniform noise.
    `pixel_permutation`: a fraction of the pixels moved, in all images to the same places. `label_permutation`: the
    labels of a fraction of the images permuted among these, so that each class keeps its size."""
    strength: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much: 0 changes nothing, 1 the most."""
    draw: NonNegativeInt = 0
    """Draws noise and permutations."""

    def image_shape(self) -> ImageShape:
        """That of the other pair."""
        return self.of.image_shape()

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """Those of the other pair's target, on both sides."""
        self._refuse_what_cannot_be_transformed()
        try:
            return self.of.classes("target", data)
        except Unfit as unfit:
            raise Unfit(str(unfit), f"of.{unfit.field}" if unfit.field else "of") from unfit
        except DataUnavailable as unavailable:
            field = f"of.{unavailable.field}" if unavailable.field else "of"
            raise DataUnavailable(str(unavailable), field) from unavailable

    def normalization(self) -> Normalization:
        """That of the other pair, whatever the transformation does to colours."""
        return self.of.normalization()

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """Those of the other pair's target, on both sides."""
        return self.of.class_counts("target", data)

    def test_count(self, side: Side, data: Path) -> int | None:
        """Those of the other pair's target, on both sides."""
        return self.of.test_count("target", data)

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """See that the other pair's files are there."""
        self.of.prepare(data, say)

    def remarks(self, side: Side, data: Path) -> Sequence[str]:
        """Those of the other pair's target, on both sides."""
        return self.of.remarks("target", data)

    def repeats(self, side: Side, data: Path) -> Repeats | None:
        """Those of the other pair's target; of the source, only its images can tell."""
        return self.of.repeats("target", data) if side == "target" else None

    def load(self, side: Side, data: Path) -> "Task":
        """The other pair's target; as source, both of its halves transformed."""
        from ftdd.data.images import Task

        self._refuse_what_cannot_be_transformed()
        target = self.of.load("target", data)
        if side == "target":
            return target
        return Task(train=self._transformed(target.train, "train"), test=self._transformed(target.test, "test"))

    def _refuse_what_cannot_be_transformed(self) -> None:
        if self.of.task == "regression":
            raise Unfit("must be a classification of images; this one is a regression", "of")
        image = self.of.image_shape()
        if self.transformation == "hue" and image.channels != 3:
            raise Unfit(f"hue needs images in colour, of 3 channels, got {image}; choose another", "transformation")

    def _transformed(self, given: "LabelledImages", half: "Half") -> "LabelledImages":
        from ftdd_plugins.pairs.transformed import transformations

        images, strength, draw = given.images, self.strength, self.draw
        match self.transformation:
            case "rotation":
                images = transformations.rotated(images, strength)
            case "hue":
                images = transformations.hue_turned(images, strength)
            case "blur":
                images = transformations.blurred(images, strength)
            case "noise":
                images = transformations.noisy(images, strength, draw, half)
            case "pixel_permutation":
                images = transformations.pixels_permuted(images, strength, draw)
            case "label_permutation":
                labels = transformations.labels_permuted(given.labels, strength, draw, half)
                return replace(given, labels=labels, clean_labels=labels)
        return replace(given, images=images)
