"""What the frozen-prefix cache gains: seconds an epoch with it and without, for every number of frozen layers.

    python bench/prefix_cache.py [--width 8] [--size 16] [--images 2000] [--rounds 5]

Paired: for each depth the two are timed in turn, and the medians and the median of the ratios are printed, beside
the bound: the share of the forward FLOPs that is left to the trained layers.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

import torch

from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.images import LabelledImages, Task
from ftdd.training.features import CacheBudget
from ftdd.training.freezing import layer_facts
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.settings import Adam, Training
from ftdd_plugins.architectures.resnet import ResNet

EPOCHS = 200
"""More than are ever trained: the training is dropped after the rounds."""


def training(width: int, size: int, images: int, frozen: int, cache: CacheBudget) -> Iterator[Moment]:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 5, (images,), generator=generator)
    half = LabelledImages(pixels, labels, tuple("abcde"))
    torch.manual_seed(0)
    chain = ResNet(width=width).build(ImageShape(3, size, size), 5).to(memory_format=torch.channels_last)
    assignment = Assignment(
        task=Task(half, half.at(torch.arange(10))),
        training=Training(epochs=EPOCHS, batch_size=128, optimizer=Adam(lr=1e-3)),
        evaluate_at=(0, EPOCHS),
        frozen_at=lambda epoch: frozenset(range(frozen)),
        side="target",
        seed=0,
        label_noise=0.0,
        normalization=Normalization((0.5,) * 3, (0.25,) * 3),
        memory_format="channels_last",
        cache=cache,
    )
    moments = train(chain, assignment)
    next(moments)
    next(moments)
    return moments


def seconds(moments: Iterator[Moment]) -> float:
    began = time.perf_counter()
    next(moments)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("width", 8), ("size", 16), ("images", 2000), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    torch.set_num_threads(1)
    shape = ImageShape(3, given.size, given.size)
    facts = layer_facts(ResNet(width=given.width).build(shape, 5), shape)
    flops = [layer.flops for layer in facts]
    print("frozen  without (s)  with (s)  ratio  bound")
    for frozen in range(len(facts)):
        plain = training(given.width, given.size, given.images, frozen, CacheBudget())
        kept = training(given.width, given.size, given.images, frozen, CacheBudget(memory=4 << 30))
        pairs = [(seconds(plain), seconds(kept)) for _ in range(given.rounds)]
        without, with_it = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        bound = sum(flops[frozen:]) / sum(flops)
        print(f"{frozen:>6}  {without:>11.3f}  {with_it:>8.3f}  {ratio:>5.2f}  {bound:>5.2f}")


if __name__ == "__main__":
    main()
