"""The scheme `wordnet`: how near the classes' nouns are in WordNet."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from ftdd.components import Scheme, Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.wordnet import nouns
from ftdd_plugins.wordnet.choice import wnids_of

MEASURES = {"lin": nouns.lin, "wu_palmer": nouns.wu_palmer, "path": nouns.path_similarity}


class WordNet(Scheme):
    """How near the classes' nouns are in WordNet 3.0, in [0, 1].

    Each class of one side is matched with the class of the other to which it is nearest; the score is the mean over the
    classes of both sides, each side counting half (best matching). 1 means the same nouns. Names are those of
    ImageNet-1k, Tiny ImageNet, CIFAR-10 and CIFAR-100, or any word that means one of their classes. Lin's measure (Lin
    1998) with the information content of Seco et al. 2004; Wu and Palmer 1994; or 1 / (1 + edges of the shortest way).
    """

    best: ClassVar[float | None] = 1.0
    lowest: ClassVar[float | None] = 0.0
    symmetric: ClassVar[bool] = True

    name: Literal["wordnet"] = "wordnet"
    measure: Literal["lin", "wu_palmer", "path"] = "lin"
    """How near two nouns are."""

    @property
    def needs(self) -> Literal["classes"]:
        """Names of classes."""
        return "classes"

    def score(self, given: Comparison) -> Score:
        """From the two lists of names. Raises Unfit for names that are no noun of the table."""
        source, target = (wnids_of(given.classes(side), apart=False) for side in ("source", "target"))
        return Score((self._matched(source, target) + self._matched(target, source)) / 2)

    def _matched(self, these: Sequence[str], those: Sequence[str]) -> float:
        measure = MEASURES[self.measure]
        return sum(max(measure(one, other) for other in those) for one in these) / len(these)
