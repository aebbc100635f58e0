"""What the schemes share that compare the images of both tasks in a space of features."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from ftdd.components import Architecture, Scheme, Score, Unfit
from ftdd.components.choice import component_choice
from ftdd.components.comparison import Comparison, Side
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.similarity.samples import even_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import LabelledImages


ANY_CLASSES = 2
"""Of a network that gives a space: its head is not used."""


class Points(NamedTuple):
    """Images of one side in the space."""

    features: "npt.NDArray[np.float64]"
    """Shape (n, D)."""
    labels: "npt.NDArray[np.int64]"
    """Shape (n,)."""


Space = Annotated[
    Architecture | Literal["source", "pixels"], component_choice("architecture", words=("source", "pixels"))
]


class FeatureSpaceScheme(Scheme):
    """Minus a distance of both sides' images in a space of features."""

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
