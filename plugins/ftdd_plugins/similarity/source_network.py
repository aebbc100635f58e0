"""What the schemes share that evaluate a source network on the target's images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ftdd.components import Scheme
from ftdd.components.comparison import Comparison
from ftdd.values import Json
from ftdd_plugins.similarity.samples import even_part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SourceNetworkScheme(Scheme):
    """A score of the source network. How good it is at its own task moves them all: read that beside."""

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"images": 100},)

    images: Annotated[int, Field(ge=2, le=20000)] = 1000
    """Target images that are looked at, as many of each class as of any other, always the same; fewer where there
    are."""

    @property
    def needs(self) -> Literal["source network", "both networks"]:
        """The source network."""
        return "source network"

    def _features(self, given: Comparison) -> "tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]":
        """Of the target's training images, what the source network gives its head, (N, D), and their labels, (N,)."""
        part = even_part(given.task("target").train, self.images)
        return given.network("source").features(part), part.labels.numpy()
