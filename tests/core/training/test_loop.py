"""train(): what an evaluation records, when, and that the same seed gives the same bits."""

import functools
import itertools
import math
import operator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from ftdd.data.images import Task
from ftdd.data.seeds import permutation, stream_seed
from ftdd.networks.chain import Chain
from ftdd.training.augment import Augmenter
from ftdd.training.features import NO_CACHE, CacheBudget
from ftdd.training.loop import batch_slices, train
from ftdd.training.settings import (
    SGD,
    Adam,
    Constant,
    Cosine,
    CropAndFlip,
    EveryEpochs,
    InverseSquareRoot,
    Step,
    Training,
    evaluation_epochs,
)
from tests.core.training.test_freezing import assignment, measurements, random_task, small_chain, trained


def test_the_same_seed_gives_the_same_curve_bit_for_bit() -> None:
    assert measurements(trained(small_chain(), assignment(1))) == measurements(trained(small_chain(), assignment(1)))
    other = trained(small_chain(), replace(assignment(1), seed=1))
    assert measurements(other)[1:] != measurements(trained(small_chain(), assignment(1)))[1:]


def test_the_loop_is_plain_gradient_descent() -> None:
    """Against ten lines without any of ftdd's loop: the same batches, the same steps, the same weights."""
    settings = Training(epochs=2, batch_size=8, optimizer=SGD(lr=0.1, momentum=0.9, weight_decay=0.01))
    given = assignment(0, 2, training=settings)
    ours, theirs = small_chain(dropout=0.0), small_chain(dropout=0.0)
    trained(ours, given)
    images = (given.task.train.images.float() / 255 - 0.5) / 0.5
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for epoch in range(2):
        order = torch.from_numpy(permutation(stream_seed(0, "target", "batch order", epoch), 24))
        theirs.train()
        for batch in order.split(8):
            optimizer.zero_grad()
            cross_entropy(theirs(images[batch]), given.task.train.labels[batch]).backward()
            optimizer.step()
    for name, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, theirs.state_dict()[name], atol=1e-5), name


def test_epoch_0_is_measured_before_any_step_and_the_last_epoch_always() -> None:
    chain = small_chain()
    moments = trained(chain, replace(assignment(0, 5), evaluate_at=evaluation_epochs(EveryEpochs(every=3), 5)))
    assert [m.record.epoch for m in moments if m.record] == [0, 3, 5]
    first = moments[0].record
    assert first is not None
    task = assignment().task
    untrained = small_chain().eval()
    images = (task.test.images.float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        logits = untrained(images)
    assert first.test_error == pytest.approx(float((logits.argmax(1) != task.test.labels).float().mean()))
    assert first.test_loss == pytest.approx(float(cross_entropy(logits, task.test.labels)), abs=1e-5)
    assert first.step == 0


def test_errors_on_clean_and_mislabelled_images_are_told_apart() -> None:
    """The train error is the mean of both parts, weighted by their sizes; without noise there is one part."""
    task = random_task()
    wrong = torch.arange(24) < 6
    labels = torch.where(wrong, (task.train.labels + 1) % 3, task.train.labels)
    noisy = Task(replace(task.train, labels=labels), task.test)
    record = trained(small_chain(), assignment(0, 2, task=noisy, label_noise=0.25))[-1].record
    assert record is not None
    assert record.train_error_clean is not None
    assert record.train_error_mislabelled is not None
    assert record.train_error == pytest.approx(0.75 * record.train_error_clean + 0.25 * record.train_error_mislabelled)
    e = record.test_error
    assert record.test_error_noisy == pytest.approx((1 - e) * 0.25 + e * (1 - 0.25 / 2))
    plain = trained(small_chain(), assignment(0, 1))[-1].record
    assert plain is not None
    assert plain.train_error_mislabelled is None
    assert plain.train_error_clean == plain.train_error


def test_a_loss_that_is_not_finite_ends_the_training_and_keeps_what_was_measured() -> None:
    settings = Training(epochs=6, batch_size=8, optimizer=SGD(lr=1e30))
    moments = trained(small_chain(), assignment(0, 6, training=settings))
    assert moments[-1].diverged
    assert moments[-1].record is None
    assert len(moments) < 7
    assert next(m.record.epoch for m in moments if m.record) == 0
    assert all(m.record.finite for m in moments if m.record)


@pytest.mark.parametrize(("images", "size"), [(24, 8), (25, 8), (26, 8), (7, 8), (8, 8), (9, 8), (2, 1), (1, 4)])
def test_batches_take_every_image_once_and_a_rest_of_one_joins_the_batch_before(images: int, size: int) -> None:
    pieces = [list(range(images))[piece] for piece in batch_slices(images, size)]
    assert functools.reduce(operator.iadd, pieces, []) == list(range(images))
    assert all(len(piece) > 1 for piece in pieces) or size == 1 or images == 1
    assert len(pieces[0]) in (size, size + 1, images)


def test_a_rest_of_one_image_trains_through_batch_normalization() -> None:
    """Batch normalization refuses a single value per channel; nine images in batches of eight must train."""
    task = random_task(9)
    assert trained(small_chain(), assignment(0, 1, task=task))[-1].epoch == 1


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [1, 1, 1, 1, 1, 1]),
        (Cosine(), [(1 + math.cos(math.pi * i / 5)) / 2 for i in range(6)]),
        (Cosine(final=0.5), [0.5 + 0.25 * (1 + math.cos(math.pi * i / 5)) for i in range(6)]),
        (InverseSquareRoot(every=2), [1, 1, 2**-0.5, 2**-0.5, 3**-0.5, 3**-0.5]),
        (Step(every=1, by=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25]),
    ],
    ids=["constant", "cosine", "cosine to a half", "inverse square root", "step"],
)
def test_schedules_follow_their_formulas(schedule: Constant, expected: list[float]) -> None:
    """Six steps, two an epoch."""
    assert [schedule.factor(i, 2, 6) for i in range(6)] == pytest.approx(expected)


def test_a_record_has_the_learning_rate_of_the_step_that_comes_next() -> None:
    settings = Training(epochs=3, batch_size=8, optimizer=Adam(lr=0.5), schedule=Step(every=1, by=0.1))
    moments = trained(small_chain(), assignment(0, 3, training=settings))
    assert [m.record.learning_rate for m in moments if m.record] == pytest.approx([0.5, 0.05, 0.005, 0.005])


@pytest.mark.parametrize("epochs", [1, 2, 9, 10, 100, 250, 4000])
def test_log_evaluation_is_even_on_a_log_axis(epochs: int) -> None:
    chosen = evaluation_epochs("log", epochs)
    assert chosen[0] == 0
    assert chosen[-1] == epochs
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) <= 300
    steps = [b / a for a, b in itertools.pairwise(chosen) if a >= 10]
    assert all(step < 1.2 for step in steps)


def test_augmentation_is_a_function_of_seed_epoch_and_image() -> None:
    """Whatever the batches are: an image's crop does not depend on its neighbours."""
    images = random_task().train.images
    one, other = (Augmenter(CropAndFlip(padding=2), images, 3, "target") for _ in range(2))
    one.draw(5)
    other.draw(5)
    whole = one.batch(torch.arange(24))
    assert torch.equal(other.batch(torch.tensor([7, 3])), whole[[7, 3]])
    other.draw(6)
    assert not torch.equal(other.batch(torch.arange(24)), whole)


def test_augmented_images_are_crops_of_the_padded_image_or_of_its_mirror() -> None:
    images = random_task().train.images
    augmenter = Augmenter(CropAndFlip(padding=1), images, 0, "source")
    augmenter.draw(0)
    flips = 0
    for i, crop in enumerate(augmenter.batch(torch.arange(24))):
        padded = torch.nn.functional.pad(images[i], [1, 1, 1, 1])
        straight = [padded[:, y : y + 6, x : x + 6] for y in range(3) for x in range(3)]
        mirrored = any(torch.equal(crop, piece.flip(-1)) for piece in straight)
        assert mirrored or any(torch.equal(crop, piece) for piece in straight)
        flips += mirrored
    assert 4 < flips < 20


def test_training_goes_on_where_a_generator_is_dropped() -> None:
    """Closing the generator early leaves the chain as it was then, and raises nothing."""
    moments = train(small_chain(), assignment())
    next(moments)
    moments.close()


class _Two(torch.nn.Module):
    """Gives a pair of tensors of different shapes and kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = self.conv(x)
        return y, (y.mean(dim=(2, 3)) > 0).long()


class _Join(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4 * 36 + 4, 3)

    def forward(self, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        maps, flags = pair
        return self.linear(torch.cat([maps.flatten(1), flags.float()], dim=1))


@pytest.mark.parametrize("place", ["memory", "file", "recomputed"])
def test_several_tensors_that_cross_are_cached_like_one(place: str, tmp_path: Path) -> None:
    def pair_chain() -> Chain:
        torch.manual_seed(0)
        return Chain([("two", _Two()), ("head", _Join())])

    budget = {
        "memory": CacheBudget(memory=1 << 20),
        "file": CacheBudget(disk=1 << 20, folder=tmp_path),
        "recomputed": NO_CACHE,
    }[place]
    moments = trained(pair_chain(), replace(assignment(1), cache=budget))
    assert moments[-1].cache == place
    plain = measurements(trained(pair_chain(), assignment(1)))
    for one, other in zip(measurements(moments), plain, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    names = {path.name for path in tmp_path.iterdir()}
    both = {f"features-{half}{number}.npy" for half in ("train", "test") for number in ("", "-1")}
    assert names == (both if place == "file" else set())
