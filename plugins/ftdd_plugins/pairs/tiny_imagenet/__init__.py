"""Pairs of Tiny ImageNet, whose source classes are chosen by how near they are to the target's in WordNet."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import DataSet, Pair, Side, SimilarityOrder, Unfit
from ftdd.data.image_shape import IMAGENET, Normalization
from ftdd.values import Json
from ftdd_plugins.pairs.cifar.image_sets import CIFAR_10
from ftdd_plugins.pairs.files.image_set import Chosen, ChosenClasses, with_common
from ftdd_plugins.pairs.tiny_imagenet.image_set import TINY_IMAGENET
from ftdd_plugins.wordnet.choice import Similarity, SourceCount, by_nearness, wnids_of
from ftdd_plugins.wordnet.nouns import class_name


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pairs of this file."""
    return [TinyImageNetToCifar10, TinyImageNetSplit]


class TinyImageNetToCifar10(ChosenClasses):
    """From classes of Tiny ImageNet to CIFAR-10: source images are averaged down to the target's size.

    Of the 200 classes, the source has those whose nouns are nearest in WordNet to any of CIFAR-10's ten (`related`), or
    most distant from all of them (`less_related`), by Lin's measure. `ftdd show tiny_imagenet_to_cifar10` lists them.
    """

    data_sets: ClassVar[Sequence[DataSet]] = (TINY_IMAGENET, CIFAR_10)
    similarity_order: ClassVar[SimilarityOrder] = {"similarity": ("related", "less_related")}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"allow_modified": True, "image_size": 8, "source_classes": 10},
    )

    name: Literal["tiny_imagenet_to_cifar10"] = "tiny_imagenet_to_cifar10"
    similarity: Similarity = "related"
    """Whether the source's classes are the nearest or the most distant."""
    source_classes: SourceCount = 40
    """How many."""
    image_size: Literal[32, 16, 8] = 32
    """Pixels a side, of both sides."""

    def chosen(self, side: Side) -> Chosen:
        """CIFAR-10's own order; the source's from the nearest, or from the most distant."""
        if side == "target":
            return Chosen(CIFAR_10, CIFAR_10.classes)
        wnids = by_nearness(TINY_IMAGENET.wnids, wnids_of(CIFAR_10.classes), self.similarity, self.source_classes)
        return Chosen(TINY_IMAGENET, tuple(map(class_name, wnids)))

    def normalization(self) -> Normalization:
        """That of ImageNet, for both sides."""
        return IMAGENET


class TinyImageNetSplit(ChosenClasses):
    """Tiny ImageNet to itself: a target of some classes, and a source of the nearest or the most distant of the others.

    Nearness is by WordNet, Lin's measure, to the nearest of the target's classes.
    """

    data_sets: ClassVar[Sequence[DataSet]] = (TINY_IMAGENET,)
    similarity_order: ClassVar[SimilarityOrder] = {"similarity": ("related", "less_related"), "common": "larger"}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"allow_modified": True, "image_size": 8, "source_classes": 6},
        {"allow_modified": True, "image_size": 8, "source_classes": 6, "similarity": "less_related", "common": 0.5},
    )

    name: Literal["tiny_imagenet_split"] = "tiny_imagenet_split"
    similarity: Similarity = "related"
    """Whether the source's classes are the nearest or the most distant."""
    target: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    """The target's classes, by wnid or by a word that means one of them; every tenth of the 200, sorted by wnid, where
    it is left out: 20 of all kinds."""
    source_classes: SourceCount = 40
    """How many classes the source has."""
    common: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the source's classes that are replaced by classes of the target; their training images are then in
    both."""
    image_size: Literal[64, 32, 16, 8] = 32
    """Pixels a side; smaller images are the means of squares of pixels."""

    def chosen(self, side: Side) -> Chosen:
        """The target as listed; the source from the nearest, or from the most distant."""
        every = TINY_IMAGENET.wnids
        target = every[::10] if self.target is None else wnids_of(self.target, among=every, field="target")
        if side == "target":
            return Chosen(TINY_IMAGENET, tuple(map(class_name, target)))
        others = [wnid for wnid in every if wnid not in target]
        if self.source_classes > len(others):
            raise Unfit(
                f"must be at most {len(others)}, what the target leaves, got {self.source_classes}", "source_classes"
            )
        source = by_nearness(others, target, self.similarity, self.source_classes)
        return Chosen(TINY_IMAGENET, tuple(map(class_name, with_common(source, target, self.common))))

    def normalization(self) -> Normalization:
        """That of ImageNet."""
        return IMAGENET
