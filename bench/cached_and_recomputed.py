"""Where curves with the frozen-prefix cache are those without it, bit for bit, and how far apart they are elsewhere.

    python bench/cached_and_recomputed.py [--images 98] [--epochs 2] [--batch 49 32 3]

For each network, frozen at half and all of its layers below the head, with each batch size: of the kept features of all
training images, the share that is bit-equal to what the frozen layers give a batch of the training, and the largest
difference over the largest feature; whether the curves (train and test errors and losses) are bit-equal; and the
largest difference between two losses. Kept in memory and in a file curves must be equal: the script ends with an error
where they are not.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ftdd.components import Architecture
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.images import LabelledImages, Task
from ftdd.networks.chain import Chain
from ftdd.training.features import CacheBudget, Pixels, prefix_inputs
from ftdd.training.loop import Assignment, batch_slices, train
from ftdd.training.settings import Adam, Training
from ftdd_plugins.architectures.densenet import DenseNet
from ftdd_plugins.architectures.linear import Linear
from ftdd_plugins.architectures.resnet import ResNet
from ftdd_plugins.architectures.timm_networks import Timm
from ftdd_plugins.architectures.torchvision_networks import TorchVision
from ftdd_plugins.architectures.vit import ViT


class Perceptron(Architecture):
    """As in docs/howto/architecture.md."""

    name: Literal["perceptron"] = "perceptron"

    def build(self, image: ImageShape, classes: int) -> Chain:
        inputs = [prod(image), 64, 64]
        hidden = [nn.Sequential(nn.Flatten(), nn.Linear(count, 64), nn.ReLU()) for count in inputs]
        return Chain(zip(("one", "two", "three", "head"), [*hidden, nn.Linear(64, classes)], strict=True))


NETWORKS: dict[str, tuple[Architecture, ImageShape]] = {
    "resnet, width 4": (ResNet(width=4), ImageShape(3, 16, 16)),
    "densenet, depth 22": (DenseNet(depth=22, growth=4), ImageShape(3, 16, 16)),
    "vit, width 16": (ViT(width=16, depth=4, patch=4), ImageShape(3, 16, 16)),
    "linear": (Linear(), ImageShape(1, 1, 48)),
    "perceptron, width 64": (Perceptron(), ImageShape(3, 16, 16)),
    "resnet, width 32": (ResNet(width=32), ImageShape(3, 16, 16)),
    "vit, width 64": (ViT(width=64, depth=2, patch=4), ImageShape(3, 32, 32)),
    "timm resnet10t": (Timm(model="resnet10t"), ImageShape(3, 32, 32)),
    "torchvision mobilenet_v3_small": (TorchVision(model="mobilenet_v3_small"), ImageShape(3, 32, 32)),
}
MEMORY = CacheBudget(memory=4 << 30)


def task(shape: ImageShape, images: int) -> Task:
    generator = torch.Generator().manual_seed(0)
    numbers = shape.height == 1
    pixels = torch.randint(0, 256, (images, *shape), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 5, (images,), generator=generator)
    if numbers:
        half = LabelledImages(pixels / 128 - 1, labels.float(), ("y",))
    else:
        half = LabelledImages(pixels, labels, tuple("abcde"))
    return Task(half, half.at(torch.arange(images // 2)))


def built(architecture: Architecture, shape: ImageShape) -> Chain:
    torch.manual_seed(0)
    chain: Any = architecture.build(shape, 1 if shape.height == 1 else 5)
    last = architecture.memory_format == "channels_last"
    return chain.to(memory_format=torch.channels_last) if last else chain


def assignment(
    architecture: Architecture, shape: ImageShape, frozen: int, given: argparse.Namespace, batch: int
) -> Assignment:
    return Assignment(
        task=task(shape, given.images),
        training=Training(epochs=given.epochs, batch_size=batch, optimizer=Adam(lr=1e-3)),
        evaluate_at=tuple(range(given.epochs + 1)),
        frozen_at=lambda epoch: frozenset(range(frozen)),
        side="target",
        seed=0,
        label_noise=0.0,
        normalization=Normalization((0.5,) * shape.channels, (0.25,) * shape.channels),
        memory_format=architecture.memory_format,
    )


def features(build: Callable[[], Chain], given: Assignment, frozen: int) -> tuple[float, float]:
    """The share of kept features equal to those of the training's batches, and the largest difference."""
    chain = build()
    chain.freeze(range(frozen))
    chain.eval()
    images = given.task.train.images
    pixels = Pixels(images, given.normalization, given.memory_format)
    kept = prefix_inputs(chain, frozen, pixels, MEMORY, "")
    anew = prefix_inputs(chain, frozen, pixels, CacheBudget(), "")
    equal = count = 0
    largest = 0.0
    for batch in batch_slices(len(images), given.training.batch_size):
        indices = torch.arange(len(images))[batch]
        for one, other in zip(_tensors(kept.batch(indices)), _tensors(anew.batch(indices)), strict=True):
            equal += int((one == other).sum())
            count += one.numel()
            largest = max(largest, float((one - other).abs().max() / one.abs().max()))
    return equal / count, largest


def curve(chain: Chain, given: Assignment) -> list[tuple[float, ...]]:
    records = [moment.record for moment in train(chain, given)]
    return [(r.train_error, r.test_error, r.train_loss, r.test_loss) for r in records if r is not None]


def _tensors(x: Any) -> tuple[torch.Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=98)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=[49, 32, 3])
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | batch | frozen | features equal | largest difference | curves equal | losses differ by |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (architecture, shape) in NETWORKS.items():
        below = len(built(architecture, shape).names) - 1
        for batch in given.batch:
            for frozen in (below // 2, below):
                one = assignment(architecture, shape, frozen, given, batch)
                share, largest = features(lambda: built(architecture, shape), one, frozen)  # noqa: B023
                kept = curve(built(architecture, shape), replace(one, cache=MEMORY))
                plain = curve(built(architecture, shape), one)
                with tempfile.TemporaryDirectory() as folder:
                    budget = CacheBudget(disk=4 << 30, folder=Path(folder))
                    if curve(built(architecture, shape), replace(one, cache=budget)) != kept:
                        raise SystemExit(f"{name}: a file and memory give other curves")
                apart = max(
                    abs(a - b) for x, y in zip(kept, plain, strict=True) for a, b in zip(x[2:], y[2:], strict=True)
                )
                same = "yes" if kept == plain else "no"
                print(
                    f"| {name} | {batch} | {frozen} of {below} | {share:.1%} | {largest:.0e} | {same} | {apart:.0e} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
