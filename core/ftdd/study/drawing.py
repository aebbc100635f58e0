"""Draw what a run trains and tests on: subsets and label noise, each from a stream of its own."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from ftdd.components import Side
from ftdd.data.images import LabelledImages, Task
from ftdd.data.label_noise import noisy_labels
from ftdd.data.seeds import Purpose, stream_seed
from ftdd.data.subsets import Indices, even_subset
from ftdd.recipe.specs import TaskSettings


@dataclass(frozen=True)
class Drawn:
    """A task as it is trained on."""

    task: Task
    indices: tuple[int, ...]
    """Of the training images, in the order in which they lie in the task, within the pair's training half."""

    def facts(self, label_noise: float) -> Mapping[str, object]:
        """Counts, digests and the realised noise, as JSON. label_noise: the fraction asked for."""
        wrong, validation = self.task.train.mislabelled.cpu().numpy(), self.task.validation
        validated = {}
        if validation is not None:
            validated = {"validation_images": len(validation), "validation_digest": validation.digest()}
        return {
            "train_images": len(self.task.train),
            "test_images": len(self.task.test),
            "train_digest": self.task.train.digest(),
            "test_digest": self.task.test.digest(),
            **validated,
            "label_noise_asked": label_noise,
            "label_noise_realised": float(wrong.mean()),
            "mislabelled": int(wrong.sum()),
            "mislabelled_digest": hashlib.sha256(np.packbits(wrong).tobytes()).hexdigest(),
        }

    def table(self) -> str:
        """CSV, a row per training image: its index in the pair's training half, its label, its right label."""
        text = io.StringIO()
        text.write("index,label,clean_label,mislabelled\n")
        train = self.task.train
        rows = zip(self.indices, train.labels.tolist(), train.clean_labels.tolist(), strict=True)
        for index, label, clean in rows:
            text.write(f"{index},{label},{clean},{int(label != clean)}\n")
        return text.getvalue()


def draw(task: Task, settings: TaskSettings, seed: int, side: Side) -> Drawn:
    """Choose the images of a run and add its label noise. Raises ValueError where a class has too few images.

    Validation images are drawn, in an order of their own, from what is not chosen for training, so they leave the
    training subset as it is. Where all images are trained on, they are drawn first, and the rest is trained on.
    """

    def chosen(images: LabelledImages, count: int | Literal["all"], purpose: Purpose, without: Indices) -> Indices:
        if count == "all":
            return np.setdiff1d(np.arange(len(images)), without)
        classes, labels = len(images.classes), images.labels.numpy()
        if images.numbers or (purpose == "validation subset" and settings.images == "all"):
            classes, labels = 1, np.zeros(len(images), dtype=np.int64)
        return even_subset(labels, classes, count, stream_seed(seed, side, purpose), without)

    def at(images: LabelledImages, indices: Indices) -> LabelledImages:
        return images.at(torch.from_numpy(indices))

    half, none = task.train, np.empty(0, dtype=np.int64)
    trained = none if settings.images == "all" else chosen(half, settings.images, "subset", none)
    validated = chosen(half, settings.validation, "validation subset", trained) if settings.validation else none
    if settings.images == "all":
        trained = chosen(half, "all", "subset", validated)
    train, test = at(half, trained), at(task.test, chosen(task.test, settings.test_images, "test subset", none))
    if not half.numbers:  # how noisy numbers are is the pair's own business
        noise_seed = stream_seed(seed, side, "label noise")
        noisy = noisy_labels(half.labels.numpy(), trained, len(half.classes), settings.label_noise, noise_seed)
        train = replace(train, labels=torch.from_numpy(noisy))
    return Drawn(Task(train, test, at(half, validated) if len(validated) else None), tuple(trained.tolist()))
