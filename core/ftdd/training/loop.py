"""train(): one function for source and target; values in, measurements out."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from ftdd.components import Side
from ftdd.data.image_shape import Normalization
from ftdd.data.images import Task
from ftdd.data.label_noise import error_on_noisy_labels
from ftdd.data.seeds import permutation, stream_seed
from ftdd.networks.chain import Chain
from ftdd.networks.spared import Spared
from ftdd.records.curve import Record
from ftdd.training.augment import Augmenter
from ftdd.training.evaluation import measure
from ftdd.training.features import (
    NO_CACHE,
    CacheBudget,
    Inputs,
    MemoryFormat,
    Pixels,
    Place,
    augmented_inputs,
    prefix_inputs,
    slices,
)
from ftdd.training.freezing import Phase, check_resumed, check_unchanged, close_phase, open_phase
from ftdd.training.least_squares import fit
from ftdd.training.objective import mean_loss
from ftdd.training.optimizers import Anchor, build_optimizer, carry_over, parameter_groups, set_learning_rate
from ftdd.training.probe import Probe, check_kept, check_marks, probe, spread
from ftdd.training.settings import CropAndFlip, LeastSquares, Training


@dataclass(frozen=True)
class Assignment:
    """All that one training is determined by, besides the chain's weights."""

    task: Task
    """On the device already. `train.labels` are trained on; those of `test` are clean."""
    training: Training
    evaluate_at: tuple[int, ...]
    """Epochs after which to measure."""
    frozen_at: Callable[[int], frozenset[int]]
    """Indices of the layers frozen in the epoch that starts after so many epochs."""
    side: Side
    seed: int
    label_noise: float
    """The fraction asked for: maps the test error to noisy labels."""
    normalization: Normalization
    spared: frozenset[Spared] = frozenset()
    """What may move in frozen layers all the same."""
    layer_decay: float = 1.0
    """The learning rate of a layer over that of the layer above it."""
    anchor: Anchor | None = None
    """Pulls weights towards where they started."""
    memory_format: MemoryFormat = "contiguous"
    cache: CacheBudget = NO_CACHE
    stop_at_test_error: float | None = None
    """End at the first evaluation with a test error at or below it."""


@dataclass(frozen=True)
class Answers:
    """What an evaluation gave every image: its class, int64, or in regression the number; shape (images,)."""

    train: torch.Tensor
    test: torch.Tensor


@dataclass(frozen=True)
class Moment:
    """The state of a training after an epoch, from which it can go on as if it had never stopped.

    Nothing of any random generator is kept: every draw is a function of (seed, purpose, epoch).
    """

    epoch: int
    step: int
    seconds: float
    record: Record | None
    """What was measured at this epoch; None where it was not its turn, or the training has diverged."""
    answers: Answers | None
    """What every image was given then; None where nothing was measured."""
    diverged: bool
    ended: bool
    """Whether it is the last one."""
    optimizer: dict[str, Any]
    """The optimizer's state; its tensors are the living ones, so write them before going on."""
    phases: tuple[Phase, ...]
    """The last one is open until the training ends: its `after` is of then."""
    cache: Place


def train(chain: Chain, assignment: Assignment, resume: Moment | None = None) -> Iterator[Moment]:
    """Train the chain in place, and give the moment after every epoch; the first is before any step.

    resume: the moment to go on from, before the last epoch; the chain then has the weights of that moment, and the
    next moment given is that of the following epoch. Ends early, with `diverged`, where a loss is not finite. Raises
    FrozenLayerChanged where a frozen layer is no fixed function of an image, before any step, or where it moved, after
    the last moment.
    """
    task, settings = assignment.task, assignment.training
    labels = task.train.labels
    batches = batch_slices(len(task.train), settings.batch_size)
    steps = len(batches) * settings.epochs
    began = time.perf_counter() - (resume.seconds if resume else 0.0)
    step = resume.step if resume else 0

    def rate(at: int) -> float:
        factor = settings.schedule.factor(min(at, steps - 1), len(batches), steps)
        return settings.optimizer.rate * factor

    chain.freeze(assignment.frozen_at(max(resume.epoch - 1, 0) if resume else 0), assignment.spared)
    optimizer = build_optimizer(settings.optimizer, parameter_groups(chain, assignment.layer_decay))
    if resume:
        optimizer.load_state_dict(resume.optimizer)
        check_resumed(chain, resume.phases[-1])
    phases = resume.phases if resume else (open_phase(chain, 0),)
    proof = _probe(chain, assignment)
    if resume:
        check_marks(chain, phases[-1].marks, proof)
    phases = _with_probe(phases, proof)
    views = _proved_views(chain, assignment, proof)

    def moment(epoch: int, finite: bool = True) -> Moment:
        record = answers = None
        if finite and epoch in assignment.evaluate_at:
            record, answers = _evaluate(chain, views, assignment, epoch, step, rate(step), began)
            finite = record.finite
        good_enough = (
            record is not None
            and assignment.stop_at_test_error is not None
            and record.test_error <= assignment.stop_at_test_error
        )
        ended = epoch == settings.epochs or not finite or good_enough
        return Moment(
            epoch,
            step,
            time.perf_counter() - began,
            record if finite else None,
            answers if finite else None,
            not finite,
            ended,
            optimizer.state_dict(),
            (*phases[:-1], close_phase(chain, phases[-1], epoch, proof)) if ended else phases,
            views.place,
        )

    if resume is None:
        now = moment(0)
        yield now
        if now.ended:
            return
    for epoch in range(resume.epoch if resume else 0, settings.epochs):
        if assignment.frozen_at(epoch) != chain.frozen:
            closed = close_phase(chain, phases[-1], epoch, proof)
            check_unchanged(chain, closed, proof)
            chain.freeze(assignment.frozen_at(epoch), assignment.spared)
            phases = (*phases[:-1], closed, open_phase(chain, epoch))
            proof = _probe(chain, assignment)
            phases = _with_probe(phases, proof)
            groups = parameter_groups(chain, assignment.layer_decay)
            carried, optimizer = optimizer, build_optimizer(settings.optimizer, groups)
            carry_over(carried, optimizer)
            views = _proved_views(chain, assignment, proof)
        order = permutation(stream_seed(assignment.seed, assignment.side, "batch order", epoch), len(task.train))
        shuffled = torch.from_numpy(order).to(labels.device)
        torch.manual_seed(stream_seed(assignment.seed, assignment.side, "dropout", epoch))
        views.draw(epoch)
        chain.train()
        finite = torch.ones((), dtype=torch.bool, device=labels.device)
        exact = isinstance(settings.optimizer, LeastSquares)
        if exact:
            fit(chain, views.train, labels, assignment.anchor)
            step += 1
        learns = any(parameter.requires_grad for parameter in chain.parameters())
        for batch in batches if learns and not exact else ():
            indices = shuffled[batch]
            set_learning_rate(optimizer, rate(step))
            loss = mean_loss(chain(views.train.batch(indices), start=views.train.start), labels[indices])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if assignment.anchor is not None:
                assignment.anchor.pull(optimizer)
            finite &= loss.detach().isfinite()
            step += 1
        now = moment(epoch + 1, finite=bool(finite))
        yield now
        if now.ended:
            break
    check_unchanged(chain, now.phases[-1], proof)


def batch_slices(images: int, batch_size: int) -> list[slice]:
    """An epoch's batches as slices of its order; a rest of one image joins the batch before it.

    Batch normalization cannot train on one image whose maps have shrunk to a pixel.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], images], strict=True)]


class _Views:
    """Training and test images as the trained part of the chain sees them, for one set of frozen layers."""

    def __init__(self, chain: Chain, assignment: Assignment) -> None:
        task, augmentation = assignment.task, assignment.training.augmentation
        length = chain.fixed_prefix
        chain.eval()
        pixels = Pixels(task.train.images, assignment.normalization, assignment.memory_format)
        test_pixels = Pixels(task.test.images, assignment.normalization, assignment.memory_format)
        self.train_plain = prefix_inputs(chain, length, pixels, assignment.cache, "features-train.npy")
        left = assignment.cache.less(self.train_plain)
        self.test = prefix_inputs(chain, length, test_pixels, left, "features-test.npy")
        self.validation: Inputs | None = None
        if task.validation is not None:
            validation = Pixels(task.validation.images, assignment.normalization, assignment.memory_format)
            left = left.less(self.test)
            self.validation = prefix_inputs(chain, length, validation, left, "features-validation.npy")
        self.train: Inputs = self.train_plain
        self._augmenter = None
        if isinstance(augmentation, CropAndFlip):
            augmenter = Augmenter(augmentation, task.train.images, assignment.seed, assignment.side)
            self.train = augmented_inputs(chain, length, pixels, augmenter.batch)
            self._augmenter = augmenter

    @property
    def place(self) -> Place:
        """Where the frozen layers' outputs lie."""
        return self.train_plain.place

    def draw(self, epoch: int) -> None:
        if self._augmenter is not None:
            self._augmenter.draw(epoch)


def _evaluate(
    chain: Chain, views: _Views, assignment: Assignment, epoch: int, step: int, rate: float, began: float
) -> tuple[Record, Answers]:
    task = assignment.task
    train = measure(chain, views.train_plain, task.train)
    test = measure(chain, views.test, task.test)
    validation = None
    if views.validation is not None and task.validation is not None:
        validation = measure(chain, views.validation, task.validation).error
    mislabelled = task.train.mislabelled
    record = Record(
        epoch=epoch,
        step=step,
        learning_rate=rate,
        train_error=train.error,
        train_loss=train.loss,
        train_error_clean=train.error_where(~mislabelled),
        train_error_mislabelled=train.error_where(mislabelled),
        test_error=test.error,
        test_loss=test.loss,
        test_error_noisy=error_on_noisy_labels(test.error, assignment.label_noise, len(task.test.classes)),
        seconds=time.perf_counter() - began,
        validation_error=validation,
    )
    return record, Answers(train.answers, test.answers)


def _probe(chain: Chain, assignment: Assignment) -> Probe:
    images = assignment.task.train.images
    pixels = Pixels(images, assignment.normalization, assignment.memory_format)
    chosen = torch.tensor(spread(len(images)), device=images.device)
    batch_size = min(assignment.training.batch_size, len(images))
    return probe(chain, pixels.batch(chosen), batch_size, len(next(slices(images))))


def _with_probe(phases: tuple[Phase, ...], proof: Probe) -> tuple[Phase, ...]:
    """The last phase with what its probe says; one that goes on keeps what it began with."""
    last = phases[-1]
    return (*phases[:-1], replace(last, probed_images=proof.images, marks=last.marks or proof.marks))


def _proved_views(chain: Chain, assignment: Assignment, proof: Probe) -> _Views:
    """The views, their first piece compared with the probe, whether it is kept or made anew each time."""
    views, images = _Views(chain, assignment), assignment.task.train.images
    if proof.prefix is not None:
        piece = next(slices(images))
        both = [(row, i) for i, row in enumerate(spread(len(images))) if row < len(piece)]
        check_kept(chain, proof, views.train_plain.batch(piece), *zip(*both, strict=True))
    return views
