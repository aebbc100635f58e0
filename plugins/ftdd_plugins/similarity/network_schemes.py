"""Schemes that look at what the source network makes of the target's images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

import ftdd
from ftdd.components import Scheme, Score
from ftdd.components.comparison import Comparison
from ftdd.values import Json
from ftdd_plugins.similarity.scores.samples import even_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ImageCount = Annotated[int, Field(ge=2, le=20000)]


@ftdd.hookimpl
def ftdd_schemes() -> Sequence[type[Scheme]]:
    """The schemes of this file."""
    return [LinearProbe, LogMe, Leep, HScore, Cka]


class _OfTheSource(Scheme):
    """What these schemes share. How good the source network is at its own task moves them all: read it beside."""

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"images": 100},)

    images: ImageCount = 1000
    """Target images that are looked at, as many of each class as of any other, always the same; fewer where there
    are."""

    @property
    def needs(self) -> Literal["source network", "both networks"]:
        """The source network."""
        return "source network"

    def _features(self, given: Comparison) -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]":
        part = even_part(given.task("target").train, self.images)
        return given.network("source").features(part), part.labels.numpy()


class LinearProbe(_OfTheSource):
    """Test accuracy of a linear classifier on what the source network gives its head; in [0, 1].

    Logistic regression on standardized features of training images, tested on as many test images of the target.
    """

    lowest: ClassVar[float | None] = 0.0

    name: Literal["linear_probe"] = "linear_probe"

    def score(self, given: Comparison) -> Score:
        """The accuracy."""
        from ftdd_plugins.similarity.scores.probe import linear_probe_accuracy

        tested = even_part(given.task("target").test, self.images)
        found = given.network("source").features(tested)
        return Score(linear_probe_accuracy(*self._features(given), found, tested.labels.numpy()))


class LogMe(_OfTheSource):
    """Log of the maximum evidence of a linear model on the source's features, per image (You et al. 2021).

    arXiv 2102.11005; right also with fewer images than features. No bounds; compare networks on one target only.
    """

    name: Literal["logme"] = "logme"

    def score(self, given: Comparison) -> Score:
        """The evidence."""
        from ftdd_plugins.similarity.scores.logme import logme

        return Score(logme(*self._features(given)))


class Leep(_OfTheSource):
    """Log of the expected empirical prediction: how well the source's classes tell the target's apart; ≤ 0.

    Nguyen et al. 2020 (arXiv 2002.12462).
    """

    name: Literal["leep"] = "leep"

    def score(self, given: Comparison) -> Score:
        """From the source network's probabilities."""
        from ftdd_plugins.similarity.scores.leep import leep

        part = even_part(given.task("target").train, self.images)
        return Score(leep(given.network("source").probabilities(part), part.labels.numpy()))


class HScore(_OfTheSource):
    """How much of the features' variance lies between the target's classes; in [0, classes − 1].

    Bao et al. 2019, with shrunk covariances (Ibrahim et al. 2021, arXiv 2110.06893): the plain one is at its greatest
    for any labels where there are fewer images than features.
    """

    lowest: ClassVar[float | None] = 0.0

    name: Literal["h_score"] = "h_score"

    def score(self, given: Comparison) -> Score:
        """From the source network's features."""
        from ftdd_plugins.similarity.scores.hscore import h_score

        return Score(h_score(*self._features(given)))


class Cka(_OfTheSource):
    """Centred kernel alignment between source network and target network, layer by layer; in [0, 1].

    Linear CKA (Kornblith et al. 2019, arXiv 1905.00414) on test images of the target, maps averaged over places. The
    target network is one like the source, trained on the target's own task as the control `selffer` would train it for
    the first run of this pair and source: one network stands for all sizes and seeds of the target. The score is the
    mean over layers below the head; its details say where likeness ends. Biased towards 1 for fewer images than
    features.
    """

    best: ClassVar[float | None] = 1.0
    lowest: ClassVar[float | None] = 0.0
    symmetric: ClassVar[bool] = False

    name: Literal["cka"] = "cka"

    @property
    def needs(self) -> Literal["both networks"]:
        """Source network and target network."""
        return "both networks"

    def score(self, given: Comparison) -> Score:
        """The mean over layers, and every layer's own."""
        from ftdd_plugins.similarity.scores.cka import linear_cka

        part = even_part(given.task("target").test, self.images)
        source, target = (given.network(side).layers(part) for side in ("source", "target"))
        found = {name: linear_cka(a, b) for (name, a), (_, b) in zip(source, target, strict=True)}
        return Score(sum(found.values()) / len(found), found)
