"""LabelledImages: a set of images with their labels as tensors, and a task made of two of them.

Images are bytes and labels classes; where a task is a regression, both may be numbers.
"""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from ftdd.data.image_shape import ImageShape
from ftdd.data.repeats import Repeats, count_repeats, digests

SMALL_RANGE = 64
"""Images of which no value is as large as this use less than a quarter of 256."""


@dataclass(frozen=True)
class LabelledImages:
    """Images and the labels to learn or to be tested on.

    Raises ValueError where shapes, types or labels do not fit together.
    """

    images: torch.Tensor
    """uint8, shape (N, C, H, W), contiguous; or float, measurements that are taken as they are."""
    labels: torch.Tensor
    """int64, shape (N,): for each image the index of its class, as it is trained on; or float, the number to give."""
    classes: tuple[str, ...]
    """The classes' names; label i means classes[i]. Of numbers, the one name of what they are."""
    clean_labels: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    """Shape (N,): the right labels; the same as `labels` where no label noise was added."""

    def __post_init__(self) -> None:
        if self.clean_labels.numel() == 0 and self.labels.numel() > 0:
            object.__setattr__(self, "clean_labels", self.labels)
        known = self.images.dtype == torch.uint8 or self.images.is_floating_point()
        if not known or self.images.ndim != 4 or not self.images.is_contiguous():
            raise ValueError(
                "images must be a contiguous tensor of shape (N, C, H, W), uint8 or float, "
                f"got {self.images.dtype} of shape {tuple(self.images.shape)}"
            )
        for labels in (self.labels, self.clean_labels):
            kind = labels.dtype == torch.int64 or labels.is_floating_point()
            if not kind or labels.dtype != self.labels.dtype or labels.shape != self.images.shape[:1]:
                raise ValueError(
                    f"labels must be int64, or float for numbers, of shape ({len(self.images)},), one for each image, "
                    f"got {labels.dtype} of shape {tuple(labels.shape)}"
                )
        if self.numbers and len(self.classes) != 1:
            raise ValueError(f"numbers have one name, got {len(self.classes)}")
        in_range = self.numbers or not len(self)
        if not in_range and not (int(self.labels.min()) >= 0 and int(self.labels.max()) < len(self.classes)):
            raise ValueError(f"labels must be from 0 to {len(self.classes) - 1}")

    @classmethod
    def from_arrays(
        cls, images: npt.NDArray[np.uint8], labels: npt.ArrayLike, classes: tuple[str, ...]
    ) -> "LabelledImages":
        """The same from arrays: bytes of shape (N, C, H, W), copied where they are read-only, and integers, (N,)."""
        pixels = torch.from_numpy(np.require(images, np.uint8, ["C", "W", "E"]))
        return cls(pixels, torch.from_numpy(np.array(labels, dtype=np.int64)), classes)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def numbers(self) -> bool:
        """Whether labels are numbers to give rather than classes."""
        return self.labels.is_floating_point()

    @property
    def shape(self) -> ImageShape:
        """The shape of one image."""
        return ImageShape(*self.images.shape[1:])

    @property
    def mislabelled(self) -> torch.Tensor:
        """Which labels are wrong; bool, shape (N,)."""
        return self.labels != self.clean_labels

    def at(self, indices: torch.Tensor) -> "LabelledImages":
        """The images at these indices, in their order."""
        return replace(
            self,
            images=self.images[indices],
            labels=self.labels[indices],
            clean_labels=self.clean_labels[indices],
        )

    def to(self, device: torch.device | str) -> "LabelledImages":
        """The same on another device."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            clean_labels=self.clean_labels.to(device),
        )

    def digest(self) -> str:
        """SHA-256 of pixels and labels: two sets with the same digest are the same set in the same order."""
        sha = hashlib.sha256(repr((tuple(self.images.shape), self.classes)).encode())
        for tensor in (self.images, self.labels):
            sha.update(tensor.cpu().numpy().tobytes())
        return sha.hexdigest()


@dataclass(frozen=True)
class Task:
    """What is to be learned: images to train on, and images to test on."""

    train: LabelledImages
    test: LabelledImages
    validation: LabelledImages | None = None
    """Of the training half, not trained on; None where there is none."""

    def __post_init__(self) -> None:
        if self.train.classes != self.test.classes:
            raise ValueError("the training and the test half of a task must have the same classes")
        if self.train.shape != self.test.shape:
            raise ValueError("the training and the test half of a task must have images of one shape")

    def to(self, device: torch.device | str) -> "Task":
        """The same on another device."""
        validation = None if self.validation is None else self.validation.to(device)
        return Task(self.train.to(device), self.test.to(device), validation)


def remarks_on_range(images: LabelledImages) -> tuple[str, ...]:
    """A sentence where images of bytes use less than a quarter of their range: they are almost black."""
    if images.images.dtype != torch.uint8 or not len(images) or images.numbers:
        return ()
    most = int(images.images.max())
    return () if most >= SMALL_RANGE else (f"the images are almost black: no value is above {most} of 255",)


def repeats(task: Task) -> Repeats | None:
    """How many images of a task equal others of it, by their pixels and their clean labels.

    60,000 images of 3×32×32 take about 0.2 s of one core. None of measurements, which are no images of bytes.
    """
    if task.train.numbers or task.train.images.dtype != torch.uint8:
        return None
    return count_repeats(
        digests(task.train.images.cpu().numpy()),
        task.train.clean_labels.tolist(),
        digests(task.test.images.cpu().numpy()),
        task.test.clean_labels.tolist(),
    )
