"""What can be wrong with a spec whose fields are all right: parts that do not fit each other."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ftdd.components import Architecture, ComponentFailed, DataUnavailable, Pair, Policy, Side, Unfit
from ftdd.components.guards import component_words
from ftdd.data.image_shape import ImageShape
from ftdd.data.subsets import largest_even_subset
from ftdd.recipe.specs import SourceSettings, TargetSpec, TaskSettings
from ftdd.training.settings import LeastSquares

Fault = tuple[str, str]
"""Dotted path, message."""

ASKED_EPOCHS = 64
"""At how many epochs of a training a policy is asked beforehand."""


def faults(spec: TargetSpec, data: Path) -> Iterator[Fault]:
    """Everything that would stop this run later, without torch and without loading an image.

    data: the folder where data sets lie; what is missing there is not this check's business.
    """
    yield from _task_faults(spec.pair, "target", spec.target, data)
    if spec.source is not None:
        yield from _task_faults(spec.pair, "source", spec.source, data)
    try:
        image, classes = spec.pair.image_shape(), len(_classes(spec.pair, "target", data))
    except (Unfit, DataUnavailable):
        return  # said already
    except ComponentFailed as failed:
        yield _at("pair", failed)
        return
    try:
        layers = layer_names(spec.architecture, image, classes)
        spec.architecture.normalization(image)
        spec.architecture.untrained()
    except (Unfit, ComponentFailed) as unfit:
        yield _at("architecture", unfit)
        return
    except DataUnavailable as unavailable:
        yield _at("architecture", unavailable)
        return
    yield from _fit_to_layers(spec, layers)
    if spec.control == "selffer" and spec.source is None:
        yield "control", "selffer trains on the target's own task first, as source.training says; source is none"
    if spec.control == "scratch":
        return
    try:
        frozen = frozenset().union(*phases(spec.freezing, layers, spec.target.training.epochs))
    except (Unfit, ComponentFailed) as unfit:
        yield _at("freezing", unfit)
        return
    if len(layers) - 1 in frozen:
        yield "freezing", f"freezes the head '{layers[-1]}', which is new for the target and must be trained"
    elif not frozen <= set(range(len(layers))):
        yield "freezing", f"freezes layers that are not there; the network has 0 to {len(layers) - 1}"


@lru_cache(maxsize=4096)
def phases(policy: Policy, layers: tuple[str, ...], epochs: int) -> tuple[frozenset[int], ...]:
    """The sets of layers that a policy freezes, asked at some 64 epochs of a training, each once.

    Raises Unfit like the policy, and ComponentFailed where it gives another answer when it is asked again.
    """
    found: dict[frozenset[int], None] = {}
    for epoch in sorted({*range(0, epochs, max(epochs // ASKED_EPOCHS, 1)), epochs - 1}):
        one, again = policy.frozen(layers, epoch), policy.frozen(layers, epoch)
        if one != again:
            raise ComponentFailed(
                f"{component_words(policy)}: frozen gave {sorted(one)} for epoch {epoch}, and {sorted(again)} when it "
                "was asked again; it must be a function of its arguments alone"
            )
        found.setdefault(one)
    return tuple(found)


def _fit_to_layers(spec: TargetSpec, layers: tuple[str, ...]) -> Iterator[Fault]:
    below = len(layers) - 1
    count = spec.transfer.first_layers
    if isinstance(count, int) and count > below:
        yield (
            "transfer.first_layers",
            f"must be from 0 to {below}, the layers below the head '{layers[-1]}', got {count}",
        )
    strengths = spec.soft_freezing.l2_sp
    if isinstance(strengths, tuple) and len(strengths) != below:
        yield (
            "soft_freezing.l2_sp",
            f"must be one number, or {below}, one for each layer below the head; got {len(strengths)}",
        )


@lru_cache(maxsize=4096)
def layer_names(architecture: Architecture, image: ImageShape, classes: int) -> tuple[str, ...]:
    """The names of a network's layers, remembered: a sweep asks for the same ones again and again."""
    return architecture.layers(image, classes)


@lru_cache(maxsize=4096)
def _classes(pair: Pair, side: Side, data: Path) -> tuple[str, ...]:
    return pair.classes(side, data)  # a walk through folders, for some pairs; a sweep asks again and again


@lru_cache(maxsize=4096)
def _class_counts(pair: Pair, side: Side, data: Path) -> tuple[int, ...]:
    return pair.class_counts(side, data)  # what it raises is not remembered: files may arrive


def _task_faults(pair: Pair, side: Side, settings: TaskSettings, data: Path) -> Iterator[Fault]:
    try:
        classes = len(_classes(pair, side, data))
    except Unfit as unfit:
        yield _at("pair", unfit)
        return
    except (DataUnavailable, ComponentFailed) as unavailable:
        yield _at("pair", unavailable)
        return
    yield from _fit_to_labels(pair, side, settings)
    if classes < 2 and pair.task == "classification":
        yield "pair", f"the {side} has {classes} class; a task needs two or more"
        return
    try:
        counts = _class_counts(pair, side, data)
        pair.normalization()
    except DataUnavailable:
        counts = None
    except (Unfit, ComponentFailed) as unfit:
        yield _at("pair", unfit)
        return
    if settings.images != "all":
        if settings.images < classes:
            yield f"{side}.images", f"must be {classes} or more, one for each class; got {settings.images}"
        elif counts is not None and settings.images > largest_even_subset(counts):
            yield (
                f"{side}.images",
                f"must be at most {largest_even_subset(counts):,}, as many as can be taken evenly from "
                f"{classes} classes; got {settings.images:,} (or say all)",
            )
            return
    if counts is not None and settings.validation > (most := most_validation(counts, settings.images)):
        kept = f"{len(counts) if settings.images == 'all' else settings.images:,}"
        yield (
            f"{side}.validation",
            f"must be at most {most:,}, so that {kept} of {sum(counts):,} images can be trained on; "
            f"got {settings.validation:,}",
        )


def most_validation(counts: Sequence[int], images: int | Literal["all"]) -> int:
    """How many validation images can be taken beside so many training images.

    counts: of the training half, by class.   Where all are trained on, as many must stay as there are classes.
    """
    if images == "all":
        return sum(counts) - len(counts)
    each = -(-images // len(counts))
    return largest_even_subset([max(count - each, 0) for count in counts])


def _fit_to_labels(pair: Pair, side: Side, settings: TaskSettings) -> Iterator[Fault]:
    """Numbers are fitted, classes are told apart: what is asked for must be of the pair's kind."""
    training = settings.training
    exact = isinstance(training.optimizer, LeastSquares)
    if pair.task == "classification" and exact:
        yield f"{side}.training.optimizer", "least_squares fits numbers; the labels of this pair are classes"
    if pair.task == "regression":
        if settings.label_noise > 0:
            yield (
                f"{side}.label_noise",
                "the labels of this pair are numbers; its own fields say their noise",
            )
        if training.augmentation.name != "none":
            yield f"{side}.training.augmentation", "the images of this pair are measurements, which cannot be cropped"
        if isinstance(settings, SourceSettings) and settings.stop_at is not None:
            yield f"{side}.stop_at", "the labels of this pair are numbers, so there is no accuracy"


def _at(part: str, error: Unfit | DataUnavailable | ComponentFailed) -> Fault:
    field = "" if isinstance(error, ComponentFailed) else error.field
    return f"{part}.{field}" if field else part, str(error)
