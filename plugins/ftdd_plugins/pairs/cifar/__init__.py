"""Pairs of CIFAR-10 and CIFAR-100."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import DataSet, Pair, Side, SimilarityOrder, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import Normalization
from ftdd.values import Json
from ftdd_plugins.pairs.cifar.image_sets import CIFAR_10, CIFAR_100, SUPERCLASSES
from ftdd_plugins.pairs.files.image_set import Chosen, ChosenClasses, with_common
from ftdd_plugins.wordnet.choice import Similarity

SOURCE_CLASSES = {
    "related": ("bird", "cat", "deer", "ship", "truck"),
    "less_related": ("cat", "deer", "dog", "frog", "horse"),
}
"""Of CIFAR-10's halves."""

TARGET_SUPERCLASSES = (
    *("aquatic_mammals", "flowers", "fruit_and_vegetables", "household_furniture", "large_carnivores"),
    *("large_natural_outdoor_scenes", "non-insect_invertebrates", "people", "reptiles", "vehicles_1"),
)

NEAR_CIFAR_10 = (
    *("bus", "pickup_truck", "streetcar", "tractor", "tank", "train", "rocket", "motorcycle"),
    *("leopard", "tiger", "lion", "wolf", "fox", "raccoon"),
    *("camel", "cattle", "elephant", "lizard", "crocodile", "bear"),
)
FAR_FROM_CIFAR_10 = (
    *("bottle", "bowl", "can", "cup", "plate", "apple", "orange", "pear", "mushroom", "sweet_pepper"),
    *("orchid", "poppy", "rose", "sunflower", "tulip", "cloud", "plain", "sea", "forest", "mountain"),
)

Share = Annotated[float, Field(ge=0, le=1)]


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pairs of this file."""
    return [Cifar10Halves, Cifar100Superclasses, Cifar100ToCifar10]


class _Cifar(ChosenClasses):
    """What the pairs of this file share: images of 32 × 32 pixels or smaller."""

    image_size: Literal[32, 16, 8] = 32
    """Pixels a side; smaller images are the means of squares of pixels."""


def _is_zero(value: float) -> bool:
    return value == 0


class Cifar10Halves(_Cifar):
    """CIFAR-10's ten classes split in two: five are the source task, the other five the target task.

    `related`: the source (bird, cat, deer, ship, truck) has a near relative of most target classes (airplane,
    automobile, dog, frog, horse).   `less_related`: the source is animals (cat, deer, dog, frog, horse), the target
    vehicles and birds (airplane, automobile, bird, ship, truck).   The two have different targets, so compare their
    curves, not the heights of their errors.

    The official files (Krizhevsky 2009), 60,000 images of 32 × 32 pixels, are checked by their md5.
    """

    data_sets: ClassVar[Sequence[DataSet]] = (CIFAR_10,)
    similarity_order: ClassVar[SimilarityOrder] = {"common": "larger", "similarity": ("related", "less_related")}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"allow_modified": True, "image_size": 8},
        {"allow_modified": True, "image_size": 16, "similarity": "less_related", "common": 0.4},
    )

    name: Literal["cifar10_halves"] = "cifar10_halves"
    similarity: Similarity = "related"
    """Which five classes are the source."""
    common: Annotated[Share, Field(exclude_if=_is_zero)] = 0.0
    """Share of the source's classes that are replaced by classes of the target; their training images are then in
    both."""

    def chosen(self, side: Side) -> Chosen:
        """In CIFAR-10's own order."""
        own = SOURCE_CLASSES[self.similarity]
        target = tuple(name for name in CIFAR_10.classes if name not in own)
        classes = target if side == "target" else with_common(own, target, self.common)
        return Chosen(CIFAR_10, tuple(name for name in CIFAR_10.classes if name in classes))

    def normalization(self) -> Normalization:
        """Means and deviations of the official training images."""
        return CIFAR_10_NORMALIZATION


class Cifar100Superclasses(_Cifar):
    """Fine classes of CIFAR-100, whose twenty superclasses say what is related: one target, sources near and far.

    The target is the first `classes_each` fine classes of ten superclasses. `related`: the source is the next
    `classes_each` of the same superclasses.   `less_related`: the first of the ten other superclasses. Both sources
    have as many classes and as many images, and the target is the same.
    """

    data_sets: ClassVar[Sequence[DataSet]] = (CIFAR_100,)
    similarity_order: ClassVar[SimilarityOrder] = {"common": "larger", "similarity": ("related", "less_related")}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"allow_modified": True, "image_size": 8},
        {"allow_modified": True, "image_size": 8, "similarity": "less_related", "classes_each": 1, "common": 0.5},
    )

    name: Literal["cifar100_superclasses"] = "cifar100_superclasses"
    similarity: Similarity = "related"
    """Whether the source has other classes of the target's superclasses, or classes of other superclasses."""
    superclasses: Annotated[tuple[str, ...], Field(min_length=1, max_length=10)] = TARGET_SUPERCLASSES
    """The target's; the others, in their own order, are the less related source's, as many of them."""
    classes_each: Annotated[int, Field(ge=1, le=2)] = 2
    """Fine classes of each superclass, in alphabetical order."""
    common: Share = 0.0
    """Share of the source's classes that are replaced by classes of the target; their training images are then in
    both."""

    def chosen(self, side: Side) -> Chosen:
        """Superclass by superclass."""
        for name in self.superclasses:
            if name not in SUPERCLASSES:
                raise Unfit(f"no superclass '{name}'; {nearest(name, SUPERCLASSES)}", "superclasses")
        if len(set(self.superclasses)) < len(self.superclasses):
            raise Unfit("names one twice", "superclasses")
        each = self.classes_each
        target = tuple(name for coarse in self.superclasses for name in SUPERCLASSES[coarse][:each])
        others = [coarse for coarse in SUPERCLASSES if coarse not in self.superclasses][: len(self.superclasses)]
        related = tuple(name for coarse in self.superclasses for name in SUPERCLASSES[coarse][each : 2 * each])
        unrelated = tuple(name for coarse in others for name in SUPERCLASSES[coarse][:each])
        source = related if self.similarity == "related" else unrelated
        return Chosen(CIFAR_100, target if side == "target" else with_common(source, target, self.common))

    def normalization(self) -> Normalization:
        """Means and deviations of the official training images."""
        return Normalization((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))


class Cifar100ToCifar10(_Cifar):
    """From twenty classes of CIFAR-100 to CIFAR-10: the target is the same, the source is near to it or far from it.

    `related`: vehicles and larger animals (bus, pickup_truck, streetcar, tractor, tank, train, rocket, motorcycle;
    leopard, tiger, lion, wolf, fox, raccoon, camel, cattle, elephant, lizard, crocodile, bear).   `less_related`: food
    containers, fruit, flowers and landscapes (bottle, bowl, can, cup, plate; apple, orange, pear, mushroom,
    sweet_pepper; orchid, poppy, rose, sunflower, tulip; cloud, plain, sea, forest, mountain).
    """

    data_sets: ClassVar[Sequence[DataSet]] = (CIFAR_10, CIFAR_100)
    similarity_order: ClassVar[SimilarityOrder] = {"similarity": ("related", "less_related")}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"allow_modified": True, "image_size": 8},
        {"allow_modified": True, "image_size": 8, "similarity": "less_related"},
    )

    name: Literal["cifar100_to_cifar10"] = "cifar100_to_cifar10"
    similarity: Similarity = "related"
    """Which twenty classes are the source."""

    def chosen(self, side: Side) -> Chosen:
        """The lists of the docstring; CIFAR-10's own order."""
        if side == "target":
            return Chosen(CIFAR_10, CIFAR_10.classes)
        return Chosen(CIFAR_100, NEAR_CIFAR_10 if self.similarity == "related" else FAR_FROM_CIFAR_10)

    def normalization(self) -> Normalization:
        """That of CIFAR-10, for both sides."""
        return CIFAR_10_NORMALIZATION


CIFAR_10_NORMALIZATION = Normalization((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
