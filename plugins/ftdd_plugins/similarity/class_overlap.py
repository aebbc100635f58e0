"""The scheme `class_overlap`: the share of classes in common."""

from typing import ClassVar, Literal

from ftdd.components import Scheme, Score
from ftdd.components.comparison import Comparison


class ClassOverlap(Scheme):
    """The share of classes in common: those of both over those of either (Jaccard), in [0, 1]. Names must be equal."""

    best: ClassVar[float | None] = 1.0
    lowest: ClassVar[float | None] = 0.0
    symmetric: ClassVar[bool] = True

    name: Literal["class_overlap"] = "class_overlap"

    @property
    def needs(self) -> Literal["classes"]:
        """Names of classes."""
        return "classes"

    def score(self, given: Comparison) -> Score:
        """From the two sets of names."""
        source, target = (set(given.classes(side)) for side in ("source", "target"))
        return Score(len(source & target) / len(source | target))
