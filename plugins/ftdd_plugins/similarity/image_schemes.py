"""Schemes that compare the images of both tasks in a space of features: `frechet`, `mmd`, `otdd`."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

import ftdd
from ftdd.components import Architecture, Scheme, Score, Unfit
from ftdd.components.choice import component_choice
from ftdd.components.comparison import Comparison, Side
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.similarity.scores.samples import even_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import LabelledImages


ANY_CLASSES = 2
"""Of a network that gives a space: what its head would tell apart is not looked at."""


class Points(NamedTuple):
    """Images of one side in the space."""

    features: "npt.NDArray[np.float64]"
    """Shape (n, D)."""
    labels: "npt.NDArray[np.int64]"
    """Shape (n,)."""


Space = Annotated[
    Architecture | Literal["source", "pixels"], component_choice("architecture", words=("source", "pixels"))
]


@ftdd.hookimpl
def ftdd_schemes() -> Sequence[type[Scheme]]:
    """The schemes of this file."""
    return [Frechet, Mmd, Otdd]


class _InASpace(Scheme):
    """What the schemes of this file share."""

    best: ClassVar[float | None] = 0.0
    symmetric: ClassVar[bool] = True
    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"images": 100}, {"space": "pixels", "images": 100})

    space: Space = "source"
    """Where images are compared: in what the `source` network gives its head, in `pixels`, or in what another network
    does: `{name: timm, model: resnet18, pretrained: true}`; one without weights is random, the same each time. The
    source network's space is another one for each source."""
    images: Annotated[int, Field(ge=2, le=20000)] = 1000
    """Training images of each side, as many of each class as of any other, always the same; fewer where there are
    fewer."""

    def fits(self, image: ImageShape) -> None:
        """Whether the network that gives the space takes such images."""
        if isinstance(self.space, str):
            return
        try:
            self.space.layers(image, ANY_CLASSES)
        except Unfit as unfit:
            raise Unfit(str(unfit), f"space.{unfit.field}" if unfit.field else "space") from unfit

    def prepare(self, say: Callable[[str], None]) -> None:
        """The weights of the network that gives the space."""
        if not isinstance(self.space, str):
            self.space.prepare(say)

    @property
    def needs(self) -> Literal["images", "source network"]:
        """A network only where it gives the space."""
        return "source network" if self.space == "source" else "images"

    def score(self, given: Comparison) -> Score:
        """Minus the distance."""
        return Score(0.0 - self._distance(self._points(given, "source"), self._points(given, "target")))

    @abstractmethod
    def _distance(self, source: Points, target: Points) -> float: ...

    def _points(self, given: Comparison, side: Side) -> Points:
        import numpy as np

        part = even_part(given.task(side).train, self.images)
        return Points(self._features(given, part).astype(np.float64), part.labels.numpy())

    def _features(self, given: Comparison, images: "LabelledImages") -> "npt.NDArray[np.float32]":
        if self.space == "pixels":
            return images.images.flatten(1).float().div(255).numpy()
        if self.space == "source":
            return given.network("source").features(images)
        import torch

        from ftdd.training.trained import TrainedNetwork

        architecture, channels = self.space, images.shape.channels
        normalization = architecture.normalization(images.shape) or Normalization((0.5,) * channels, (0.25,) * channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            chain = architecture.build(images.shape, ANY_CLASSES)
        return TrainedNetwork(chain, normalization, architecture.memory_format).features(images)


class Frechet(_InASpace):
    """Minus the squared Fréchet distance of the Gaussians fitted to both sides' features; ≤ 0.

    Dowson and Landau 1982; with Inception's features known as FID. Finite samples of one distribution are apart:
    compare scores of equal numbers of images only.
    """

    name: Literal["frechet"] = "frechet"

    def _distance(self, source: Points, target: Points) -> float:
        from ftdd_plugins.similarity.scores.frechet import frechet_distance

        return frechet_distance(source.features, target.features)


class Mmd(_InASpace):
    """Minus the squared maximum mean discrepancy of both sides' features, with Gaussian kernels; from −2 to 0.

    Gretton et al. 2012, the biased estimate: finite samples of one distribution are apart by some 2/n.
    """

    lowest: ClassVar[float | None] = -2.0

    name: Literal["mmd"] = "mmd"
    images: Annotated[int, Field(ge=2, le=5000)] = 1000
    """Training images of each side, as many of each class as of any other, always the same; fewer where there are
    fewer. The distances of all pairs are held in memory: 2 GB at 5,000."""

    def _distance(self, source: Points, target: Points) -> float:
        from ftdd_plugins.similarity.scores.mmd import mmd_squared

        return mmd_squared(source.features, target.features)


class Otdd(_InASpace):
    """Minus the optimal-transport distance of both sides' images with their classes; ≤ 0.

    Alvarez-Melis and Fusi 2020 (arXiv 2002.02923), exact, so on 2,000 images a side at most. Needs POT, an extra:
    pip install 'ftdd[transport]'. Finite samples of one distribution are apart.
    """

    name: Literal["otdd"] = "otdd"
    images: Annotated[int, Field(ge=2, le=2000)] = 500
    """Training images of each side, as many of each class as of any other, always the same; fewer where there are
    fewer."""

    def _distance(self, source: Points, target: Points) -> float:
        from ftdd_plugins.similarity.scores.transport import dataset_distance

        return dataset_distance(source.features, source.labels, target.features, target.labels)
