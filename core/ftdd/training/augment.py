"""Augmentation of whole batches, as tensor operations on bytes."""

import torch
from torch.nn.functional import pad

from ftdd.data.seeds import stream_seed, uniform
from ftdd.training.settings import CropAndFlip


class Augmenter:
    """Crops and flips that are a function of (seed, epoch, image), whatever the batches are."""

    def __init__(self, settings: CropAndFlip, images: torch.Tensor, seed: int, side: str) -> None:
        """images: all training images, uint8, shape (N, C, H, W)."""
        self._settings = settings
        self._padded = pad(images, [settings.padding] * 4)
        self._size = images.shape[2:]
        self._seed = seed
        self._side = side

    def draw(self, epoch: int) -> None:
        """Draw this epoch's crops and flips."""
        count = len(self._padded)
        seed = stream_seed(self._seed, self._side, "augmentation", epoch)
        numbers = torch.from_numpy(uniform(seed, 3 * count)).to(self._padded.device).view(3, count)
        places = 2 * self._settings.padding + 1
        self._top = (numbers[0] * places).long()
        self._left = (numbers[1] * places).long()
        self._flipped = (numbers[2] < 0.5) & self._settings.flip

    def batch(self, indices: torch.Tensor) -> torch.Tensor:
        """The augmented images at these indices, uint8, shape (n, C, H, W)."""
        height, width = self._size
        device = indices.device
        rows = self._top[indices, None] + torch.arange(height, device=device)
        across = torch.arange(width, device=device).expand(len(indices), width)
        across = torch.where(self._flipped[indices, None], width - 1 - across, across)
        columns = self._left[indices, None] + across
        channels = torch.arange(self._padded.shape[1], device=device)
        return self._padded[
            indices[:, None, None, None],
            channels[None, :, None, None],
            rows[:, None, :, None],
            columns[:, None, None, :],
        ]
