"""The frozen-prefix cache: what frozen layers make of an image is computed once.

A frozen prefix is a fixed function of the image, so where no augmentation comes before it, its outputs are
kept: in memory while they fit the budget, past that in a memory-mapped file, past that not at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch

from ftdd.data.image_shape import Normalization
from ftdd.networks.chain import Chain, Features

EVALUATION_PIXELS = 1_000_000
"""Pixels a step where nothing is trained: 976 images of 32 × 32, 19 of 224 × 224."""

Place = Literal["none", "memory", "file", "recomputed"]
Batch = Callable[[torch.Tensor], Features]
MemoryFormat = Literal["contiguous", "channels_last"]


@dataclass(frozen=True)
class CacheBudget:
    """How much a run may keep of its frozen layers' outputs, in bytes; `folder` holds the file."""

    memory: int = 0
    disk: int = 0
    folder: Path | None = None

    def less(self, used: "Inputs") -> "CacheBudget":
        """What is left of it."""
        return replace(
            self,
            memory=self.memory - (used.kept if used.place == "memory" else 0),
            disk=self.disk - (used.kept if used.place == "file" else 0),
        )


NO_CACHE = CacheBudget()


@dataclass(frozen=True)
class Inputs:
    """What the chain is given from layer `start` on."""

    start: int
    batch: Batch
    """From indices, int64 of shape (n,), to the chain's input at `start`: tensors of shape (n, …)."""
    place: Place
    """Where they come from: `none` where no layer is frozen from the input on."""
    kept: int = 0
    """Bytes that are kept."""


class Pixels:
    """Images as a network takes them: normalized floats, made from bytes a batch at a time."""

    def __init__(self, images: torch.Tensor, normalization: Normalization, memory_format: MemoryFormat) -> None:
        shape = (1, images.shape[1], 1, 1)
        mean = torch.tensor(normalization.mean, device=images.device).view(shape)
        std = torch.tensor(normalization.std, device=images.device).view(shape)
        self.images = images
        self._scale = 1 / (255 * std)
        self._shift = mean / std
        self._format = torch.channels_last if memory_format == "channels_last" else torch.contiguous_format

    def normalized(self, images: torch.Tensor) -> torch.Tensor:
        """Bytes, shape (n, C, H, W), as floats of mean about 0 and deviation about 1; measurements as they are."""
        if images.is_floating_point():
            return images
        return (images.float() * self._scale - self._shift).contiguous(memory_format=self._format)

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """The images at these indices, normalized."""
        return self.normalized(self.images[indices])


def prefix_inputs(chain: Chain, length: int, pixels: Pixels, budget: CacheBudget, name: str) -> Inputs:
    """The outputs of the chain's first `length` layers, all frozen, for these images.

    name: of the file, where one is needed. Features keep the memory format in which the layers leave them.
    """
    if length == 0:
        return Inputs(0, pixels.batch, "none")
    compute = _prefix(chain, length, pixels.batch)
    count, device = len(pixels.images), pixels.images.device
    firsts = _tensors(compute(torch.arange(1, device=device)))
    needed = count * sum(first[0].numel() * first.element_size() for first in firsts)
    if needed <= budget.memory:
        place = "memory"
    elif needed <= budget.disk and budget.folder is not None:
        place = "file"
    else:
        return Inputs(length, compute, "recomputed")
    kept = [
        _Kept(first, count, None if place == "memory" else _numbered(cast(Path, budget.folder) / name, i))
        for i, first in enumerate(firsts)
    ]
    for indices in slices(pixels.images):
        for one, features in zip(kept, _tensors(compute(indices)), strict=True):
            one.put(indices, features)

    def gather(indices: torch.Tensor) -> Features:
        found = tuple(one.at(indices) for one in kept)
        return found[0] if len(found) == 1 else found

    return Inputs(length, gather, cast(Place, place), needed)


class _Kept:
    """One tensor that crosses the end of the prefix, for all images, as it lies in memory."""

    def __init__(self, first: torch.Tensor, count: int, path: Path | None) -> None:
        """first: of one image.   path: of the file that holds them, None for memory."""
        self._channels_last = _is_channels_last(first)
        self._device = first.device
        shape = (count, *self._stored(first).shape[1:])
        if path is None:
            self._features = torch.empty(shape, dtype=first.dtype, device=first.device)
        else:
            self._features = _mapped(path, shape, first.dtype)

    def put(self, indices: torch.Tensor, features: torch.Tensor) -> None:
        there = self._features.device
        self._features[indices.to(there)] = self._stored(features).to(there)

    def at(self, indices: torch.Tensor) -> torch.Tensor:
        found = self._features[indices.to(self._features.device)].to(self._device)
        return found.permute(0, 3, 1, 2) if self._channels_last else found

    def _stored(self, x: torch.Tensor) -> torch.Tensor:
        """An image's features in one piece."""
        return x.permute(0, 2, 3, 1) if self._channels_last else x


def augmented_inputs(
    chain: Chain, length: int, pixels: Pixels, augmented: Callable[[torch.Tensor], torch.Tensor]
) -> Inputs:
    """The same for images that are augmented anew each time: nothing can be kept."""

    def images(indices: torch.Tensor) -> torch.Tensor:
        return pixels.normalized(augmented(indices))

    if length == 0:
        return Inputs(0, images, "none")
    return Inputs(length, _prefix(chain, length, images), "recomputed")


def slices(images: torch.Tensor) -> Iterator[torch.Tensor]:
    """The indices of these images in order, in pieces that fit into memory with their activations."""
    size = max(1, EVALUATION_PIXELS // (images.shape[-2] * images.shape[-1]))
    return iter(torch.arange(len(images), device=images.device).split(min(size, 1000)))  # type: ignore[no-untyped-call]


def _prefix(chain: Chain, length: int, batch: Batch) -> Batch:
    @torch.no_grad()
    def compute(indices: torch.Tensor) -> Features:
        output: Features = chain(batch(indices), stop=length)
        return output

    return compute


def _is_channels_last(x: torch.Tensor) -> bool:
    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def _tensors(x: Features) -> tuple[torch.Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def _numbered(path: Path, number: int) -> Path:
    return path.with_stem(f"{path.stem}-{number}") if number else path


def _mapped(path: Path, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A tensor that lies in a file; the file goes when the run's folder is tidied."""
    kind = torch.empty(0, dtype=dtype).numpy().dtype
    return torch.from_numpy(np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape))
