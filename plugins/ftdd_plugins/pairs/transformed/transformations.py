"""Transformations of images and labels with a strength from 0, which changes nothing, to 1, which changes most.

Images are uint8 of shape (N, C, H, W), and so is what is given back. What is drawn is a function of the draw, the half
and the image's rank alone: the same on every machine, whatever the strength and however many images there are.
"""

import hashlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ftdd.data.seeds import permutation, uniform

if TYPE_CHECKING:
    from ftdd_plugins.pairs.files.image_set import Half

YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""NTSC's luma, and two axes of colour, each of weights 0 in sum: greys have none."""
VALUES_AT_ONCE = 1 << 22
"""Pixel values transformed at a time: 32 MiB of doubles, a few times over."""


def rotated(images: torch.Tensor, strength: float) -> torch.Tensor:
    """Turned counterclockwise about the centre, by a quarter turn at 1; bilinear, with the border's pixels repeated.

    Not by half a turn: many things look alike upside down, so that similarity would rise again (seen on digits).
    """
    angle = strength * math.pi / 2
    height, width = images.shape[-2:]
    # A grid's coordinates run from −1 to 1 along both sides, however long each is.
    turn = [
        [math.cos(angle), -math.sin(angle) * height / width, 0.0],
        [math.sin(angle) * width / height, math.cos(angle), 0.0],
    ]
    theta = torch.tensor([turn], dtype=torch.float64)

    def turned(some: torch.Tensor) -> torch.Tensor:
        grid = functional.affine_grid(theta, [1, *some.shape[1:]], align_corners=False).expand(len(some), -1, -1, -1)
        return functional.grid_sample(some, grid, mode="bilinear", padding_mode="border", align_corners=False)

    return _by_batches(images, turned)


def hue_turned(images: torch.Tensor, strength: float) -> torch.Tensor:
    """Colours turned about the axis of greys in YIQ, by half a turn at 1: luma stays, but for colours that are clipped.

    images: of three channels, red, green and blue.
    """
    angle = strength * math.pi
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    matrix = torch.from_numpy(np.linalg.inv(np.array(YIQ)) @ turn @ np.array(YIQ))
    return _by_batches(images, lambda some: torch.einsum("oc,nchw->nohw", matrix, some))


def blurred(images: torch.Tensor, strength: float) -> torch.Tensor:
    """Under a Gaussian of σ = strength / 4 of the shorter side, with the border's pixels repeated outward."""
    height, width = images.shape[-2:]
    sigma = strength * min(height, width) / 4
    down, across = (torch.from_numpy(_gaussian(side, sigma)) for side in (height, width))
    return _by_batches(images, lambda some: down @ some @ across.T)


def noisy(images: torch.Tensor, strength: float, draw: int, half: "Half") -> torch.Tensor:
    """Mixed with uniform bytes, (1 − strength) of the image and strength of the noise: at 1, noise alone."""
    mixed = torch.empty_like(images)
    for rank, image in enumerate(images):
        drawn = uniform(_seed("noise", draw, half, rank), image.numel())
        noise = torch.from_numpy(np.floor(256 * drawn)).reshape(image.shape)
        mixed[rank] = _bytes((1 - strength) * image.double() + strength * noise)
    return mixed


def pixels_permuted(images: torch.Tensor, strength: float, draw: int) -> torch.Tensor:
    """A fraction of the places exchanged, the same ones in every image and channel; see `places`."""
    height, width = images.shape[-2:]
    taken_from = torch.from_numpy(places(height * width, strength, draw))
    return images.flatten(2)[:, :, taken_from].reshape(images.shape)


def places(count: int, strength: float, draw: int) -> npt.NDArray[np.intp]:
    """For each of `count` places the one whose pixel it gets: a permutation, shape (count,).

    A fraction of the places, rounded, gets the next one's in an order drawn at random, the last the first one's. More
    strength adds places to those of less.
    """
    return _cycle(permutation(_seed("places", draw), count), strength)


def labels_permuted(labels: torch.Tensor, strength: float, draw: int, half: "Half") -> torch.Tensor:
    """The labels of a fraction of the images, rounded, permuted among themselves: as many of each class as before.

    Where labels p_c of all are c, about strength · (1 − Σ p_c²) of them are then others. More strength adds images to
    those of less, and leaves the labels that these got as they are, but for one.
    """
    return labels[torch.from_numpy(_cycle(permutation(_seed("labels", draw, half), len(labels)), strength))]


def _cycle(order: npt.NDArray[np.intp], strength: float) -> npt.NDArray[np.intp]:
    """The permutation that moves the first of an order, a fraction, by one step around a circle."""
    chosen = order[: math.floor(strength * len(order) + 0.5)]
    taken_from = np.arange(len(order))
    taken_from[chosen] = np.roll(chosen, 1)
    return taken_from


def _gaussian(side: int, sigma: float) -> npt.NDArray[np.float64]:
    """What each pixel of a row, after the blur, has of each before it: shape (side, side), rows of sum 1."""
    reach = math.floor(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2) if reach else np.ones(1)
    matrix = np.zeros((side, side))
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        np.add.at(matrix, (np.arange(side), np.clip(np.arange(side) + step, 0, side - 1)), weight)
    return matrix


def _by_batches(images: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The function's values of the images as doubles, as bytes."""
    new = torch.empty_like(images)
    at_once = max(1, VALUES_AT_ONCE // max(1, images[:1].numel()))
    for first in range(0, len(images), at_once):
        new[first : first + at_once] = _bytes(function(images[first : first + at_once].double()))
    return new


def _bytes(values: torch.Tensor) -> torch.Tensor:
    """Rounded half up; a billionth more, so that a half is one on every machine, whatever the last bits of a sum."""
    return (values + (0.5 + 1e-9)).floor().clamp(0, 255).to(torch.uint8)


def _seed(*name: str | int) -> int:
    """A seed of 63 bits for a stream, hashed from its name."""
    text = "/".join(map(str, ("transformed", *name)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
