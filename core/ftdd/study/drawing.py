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
from ftdd.data.subsets import even_subset
from ftdd.recipe.specs import TaskSettings


@dataclass(frozen=True)
class Drawn:
    """A task as it is trained on."""

    task: Task
    indices: tuple[int, ...]
    """Of the training images, in the order in which they lie in the task, within the pair's training half."""

    def facts(self, label_noise: float) -> Mapping[str, object]:
        """Counts, digests and the realised noise, as JSON. label_noise: the fraction asked for."""
        wrong = self.task.train.mislabelled.cpu().numpy()
        return {
            "train_images": len(self.task.train),
            "test_images": len(self.task.test),
            "train_digest": self.task.train.digest(),
            "test_digest": self.task.test.digest(),
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
    """Choose the images of a run and add its label noise. Raises ValueError where a class has too few images."""
    chosen = _chosen(task.train, settings.images, seed, side, "subset")
    tested = _chosen(task.test, settings.test_images, seed, side, "test subset")
    if task.train.numbers:  # how noisy numbers are is the pair's own business
        return Drawn(
            Task(task.train.at(torch.from_numpy(chosen)), task.test.at(torch.from_numpy(tested))), _plain(chosen)
        )
    classes = len(task.train.classes)
    labels = task.train.labels.numpy()
    noise_seed = stream_seed(seed, side, "label noise")
    noisy = noisy_labels(labels, chosen, classes, settings.label_noise, noise_seed)
    train = replace(task.train.at(torch.from_numpy(chosen)), labels=torch.from_numpy(noisy))
    test = task.test.at(torch.from_numpy(tested))
    return Drawn(Task(train, test), _plain(chosen))


def _plain(indices: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> tuple[int, ...]:
    return tuple(int(index) for index in indices)


def _chosen(
    images: LabelledImages, count: int | Literal["all"], seed: int, side: Side, purpose: Purpose
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    if count == "all":
        return np.arange(len(images), dtype=np.int64)
    classes = np.zeros(len(images), dtype=np.int64) if images.numbers else images.labels.numpy()
    return even_subset(classes, len(images.classes), count, stream_seed(seed, side, purpose))
