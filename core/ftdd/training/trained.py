"""A trained network as schemes see it: features, probabilities and layers of images, in evaluation mode."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from ftdd.components import Unfit
from ftdd.data.image_shape import Normalization
from ftdd.data.images import LabelledImages
from ftdd.networks.chain import Chain, Features
from ftdd.training.features import MemoryFormat, Pixels, slices

Array = npt.NDArray[np.float32]


class TrainedNetwork:
    """A chain with weights, and how it takes images."""

    def __init__(
        self,
        chain: Chain,
        normalization: Normalization,
        memory_format: MemoryFormat = "contiguous",
        head_is_new: bool = False,
    ) -> None:
        """head_is_new: its head was never trained, so it tells no classes apart."""
        self._chain = chain.eval()
        self._normalization = normalization
        self._format = memory_format
        self._head_is_new = head_is_new

    def features(self, images: LabelledImages) -> Array:
        """What the head is given, flattened to a row for each image."""
        below = len(self._chain.names) - 1
        return np.concatenate([_rows(self._chain(batch, stop=below)) for batch in self._batches(images)])

    def probabilities(self, images: LabelledImages) -> Array:
        """Softmax of the logits, a row for each image. Raises Unfit where the head is new."""
        if self._head_is_new:
            raise Unfit("looks at the source's own classes, and these weights come without their head")
        return np.concatenate([_numbers(self._chain(batch).softmax(dim=1)) for batch in self._batches(images)])

    def layers(self, images: LabelledImages) -> Iterator[tuple[str, Array]]:
        """What every layer below the head gives, input first, maps averaged over places."""
        kept: list[list[Array]] = [[] for _ in self._chain.names[:-1]]
        for batch in self._batches(images):
            x: Features = batch
            for layer, rows in zip(self._chain.layers, kept, strict=False):
                with torch.no_grad():
                    x = layer(x)
                rows.append(_rows(x, pooled=True))
        for name, rows in zip(self._chain.names, kept, strict=False):
            yield name, np.concatenate(rows)

    def _batches(self, images: LabelledImages) -> Iterator[torch.Tensor]:
        pixels = Pixels(images.images, self._normalization, self._format)
        with torch.no_grad():
            for indices in slices(images.images):
                yield pixels.batch(indices)


def _rows(x: Features, pooled: bool = False) -> Array:
    """A row for each image; of a tuple of tensors their rows side by side."""
    if isinstance(x, tuple):
        return np.concatenate([_rows(part, pooled) for part in x], axis=1)
    if pooled and x.ndim == 4:
        x = x.mean(dim=(2, 3))
    elif pooled and x.ndim == 3:
        x = x.mean(dim=1)
    return _numbers(x.flatten(1))


def _numbers(x: torch.Tensor) -> Array:
    return x.detach().float().cpu().numpy()
