"""Subsets, label noise and streams: exact, even, nested, and never moved by another setting."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ftdd.data.images import LabelledImages, Task
from ftdd.data.label_noise import error_on_noisy_labels, mislabelled_count, noisy_labels
from ftdd.data.seeds import permutation, stream_seed, uniform
from ftdd.data.subsets import even_subset, largest_even_subset
from ftdd.recipe.check import most_validation
from ftdd.recipe.specs import TargetSettings
from ftdd.study.drawing import Drawn, draw

seeds = st.integers(0, 2**62)
label_sets = st.integers(2, 6).flatmap(lambda classes: st.lists(st.integers(3, 30), min_size=classes, max_size=classes))


def labels_of(counts: list[int], seed: int) -> np.ndarray:
    labels = np.repeat(np.arange(len(counts)), counts)
    return labels[np.random.default_rng(seed % 1000).permutation(len(labels))]


@given(counts=label_sets, seed=seeds, data=st.data())
def test_a_smaller_subset_is_contained_in_a_larger_one_and_both_are_even(
    counts: list[int], seed: int, data: st.DataObject
) -> None:
    labels = labels_of(counts, seed)
    most = largest_even_subset(counts)
    small = data.draw(st.integers(1, most))
    large = data.draw(st.integers(small, most))
    one, other = (even_subset(labels, len(counts), count, seed) for count in (small, large))
    assert list(other[:small]) == list(one)
    assert len(set(other.tolist())) == large
    for chosen in (one, other):
        of_class = np.bincount(labels[chosen], minlength=len(counts))
        assert of_class.max() - of_class.min() <= 1


@given(counts=label_sets)
def test_the_largest_even_subset_is_what_taking_turns_gives(counts: list[int]) -> None:
    """Against taking turns by hand, the fullest classes first in the last round."""
    rounds = min(counts)
    by_hand = rounds * len(counts) + sum(count > rounds for count in counts)
    assert largest_even_subset(counts) == by_hand


def test_too_large_a_subset_is_refused_with_the_largest_one() -> None:
    with pytest.raises(ValueError, match="8 images cannot be taken evenly from 2 classes: at most 7"):
        even_subset(labels_of([3, 9], 0), 2, 8, 0)


def test_another_seed_gives_another_subset() -> None:
    labels = labels_of([50, 50], 0)
    assert set(even_subset(labels, 2, 20, 1)) != set(even_subset(labels, 2, 20, 2))


@given(count=st.integers(1, 400), fraction=st.floats(0, 1), classes=st.integers(2, 12), seed=seeds)
def test_the_fraction_of_wrong_labels_is_exact(count: int, fraction: float, classes: int, seed: int) -> None:
    """Every label that is counted as noise is wrong: none falls back on its own class by chance."""
    labels = np.arange(count) % classes
    noisy = noisy_labels(labels, np.arange(count), classes, fraction, seed)
    assert (noisy != labels).sum() == mislabelled_count(count, fraction)
    assert abs(mislabelled_count(count, fraction) - fraction * count) <= 0.5 + 1e-9
    assert ((noisy >= 0) & (noisy < classes)).all()


@given(seed=seeds, low=st.floats(0, 1), high=st.floats(0, 1))
def test_the_noise_of_a_larger_fraction_contains_that_of_a_smaller_one(seed: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    labels = np.arange(120) % 4
    less, more = (noisy_labels(labels, np.arange(120), 4, fraction, seed) for fraction in (low, high))
    touched = less != labels
    assert (more[touched] == less[touched]).all()


@given(seed=seeds)
@settings(max_examples=20)
def test_an_image_has_the_same_wrong_label_in_every_subset_that_mislabels_it(seed: int) -> None:
    labels = np.arange(200) % 5
    small, large = np.arange(0, 200, 4), np.arange(200)
    one = noisy_labels(labels, small, 5, 0.5, seed)
    other = noisy_labels(labels, large, 5, 0.5, seed)[small]
    both = (one != labels[small]) & (other != labels[small])
    assert both.any()
    assert (one[both] == other[both]).all()


def test_wrong_labels_are_uniform_over_the_other_classes() -> None:
    """Chi-square on 20,000 wrong labels of one class: 3 degrees of freedom, 16.3 is exceeded once in 1,000."""
    labels = np.full(20_000, 2)
    noisy = noisy_labels(labels, np.arange(20_000), 5, 1.0, 7)
    counts = np.bincount(noisy, minlength=5)
    assert counts[2] == 0
    expected = 20_000 / 4
    assert sum((counts[c] - expected) ** 2 / expected for c in (0, 1, 3, 4)) < 16.3


@pytest.mark.parametrize(
    ("error", "fraction", "classes"), [(0.0, 0.2, 10), (0.3, 0.2, 10), (0.5, 0.6, 3), (1.0, 0.3, 2)]
)
def test_the_error_on_noisy_labels_agrees_with_a_simulation(error: float, fraction: float, classes: int) -> None:
    """Make the test labels noisy and count: within 4 standard errors of the affine map."""
    random = np.random.default_rng(0)
    count = 200_000
    truth = random.integers(0, classes, count)
    off = random.integers(1, classes, count) if classes > 1 else 0
    answers = np.where(random.random(count) < error, (truth + off) % classes, truth)
    wrong = (truth + random.integers(1, classes, count)) % classes
    noisy = np.where(random.random(count) < fraction, wrong, truth)
    seen = (answers != noisy).mean()
    assert error_on_noisy_labels(error, fraction, classes) == pytest.approx(seen, abs=4 * 0.5 / count**0.5)


def a_task(count: int = 60) -> Task:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 1, 2, 2), generator=generator, dtype=torch.uint8)
    half = LabelledImages(pixels, torch.arange(count) % 3, ("a", "b", "c"))
    return Task(half, half)


def target(**changes: object) -> TargetSettings:
    training = {"epochs": 1, "batch_size": 2, "optimizer": {"name": "sgd", "lr": 1.0}}
    return TargetSettings.model_validate({"training": training, "images": 30, "label_noise": 0.2, **changes})


def test_changing_one_setting_never_reshuffles_another() -> None:
    """More noise leaves the images, a smaller test set leaves the training set, and so on."""
    base = draw(a_task(), target(), 5, "target")
    assert draw(a_task(), target(label_noise=0.5), 5, "target").indices == base.indices
    other_test = draw(a_task(), target(test_images=12), 5, "target")
    assert torch.equal(other_test.task.train.labels, base.task.train.labels)
    clean = draw(a_task(), target(label_noise=0.0), 5, "target")
    assert clean.indices == base.indices
    assert torch.equal(clean.task.train.labels, base.task.train.clean_labels)
    larger = draw(a_task(), target(images=45), 5, "target")
    assert larger.indices[:30] == base.indices


def test_source_and_target_and_seeds_have_streams_of_their_own() -> None:
    base = draw(a_task(), target(), 5, "target")
    assert draw(a_task(), target(), 5, "source").indices != base.indices
    assert draw(a_task(), target(), 6, "target").indices != base.indices


def test_test_labels_are_clean() -> None:
    assert not draw(a_task(), target(label_noise=1.0), 0, "target").task.test.mislabelled.any()
    assert draw(a_task(), target(label_noise=1.0), 0, "target").task.train.mislabelled.all()


def test_the_facts_and_the_table_say_what_was_drawn() -> None:
    drawn = draw(a_task(), target(), 5, "target")
    facts = drawn.facts(0.2)
    assert (facts["train_images"], facts["mislabelled"], facts["label_noise_realised"]) == (30, 6, 0.2)
    rows = [line.split(",") for line in drawn.table().splitlines()[1:]]
    assert sum(int(row[3]) for row in rows) == 6
    assert all((row[1] != row[2]) == (row[3] == "1") for row in rows)
    assert all(int(row[0]) % 3 == int(row[2]) for row in rows)
    assert (
        draw(a_task(), target(label_noise=0.3), 5, "target").facts(0.3)["mislabelled_digest"]
        != facts["mislabelled_digest"]
    )


def test_streams_are_told_apart_by_seed_side_purpose_and_epoch() -> None:
    names = {
        stream_seed(seed, side, purpose, epoch)
        for seed in (0, 1)
        for side in ("source", "target")
        for purpose in ("subset", "label noise", "batch order")
        for epoch in (0, 1)
    }
    assert len(names) == 24


def test_golden_draws() -> None:
    """The first numbers of a stream, written down: another generator would give every study other images."""
    assert stream_seed(0, "target", "subset") == 8783461509894520206
    assert uniform(0, 3).tolist() == [0.6369616873214543, 0.2697867137638703, 0.04097352393619469]
    assert sorted(permutation(3, 10).tolist()) == list(range(10))
    assert uniform(9, 5).tolist() == uniform(9, 50)[:5].tolist()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 2, 2, dtype=torch.int16), torch.zeros(2, dtype=torch.int64), "uint8 or float"),
        (torch.zeros(2, 2, 2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), r"shape \(N, C, H, W\)"),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "one for each image"),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 2]), "labels must be from 0 to 1"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LabelledImages(images, labels, ("a", "b"))


def drawn_with(validation: int, images: int | str = 40, counts: tuple[int, ...] = (60, 60, 60), **more: float) -> Drawn:
    labels = torch.from_numpy(labels_of(list(counts), 0))
    pixels = torch.arange(len(labels)).reshape(-1, 1, 1, 1).repeat(1, 3, 16, 1).to(torch.float32)
    half = LabelledImages(pixels, labels, tuple("abcdefgh"[: len(counts)]))
    return draw(
        Task(half, half),
        target(**{"images": images, "validation": validation, "label_noise": 0.0, **more}),
        7,
        "target",
    )


def numbered(images: LabelledImages | None) -> list[int]:
    """Each image says which one of the half it is."""
    return [] if images is None else images.images[:, 0, 0, 0].int().tolist()


@pytest.mark.parametrize("images", [40, "all"])
def test_validation_images_are_nested_and_not_trained_on(images: int | str) -> None:
    before: list[int] = []
    for count in (0, 1, 10, 33, 100):
        drawn = drawn_with(count, images)
        now = numbered(drawn.task.validation)
        assert len(set(now)) == count
        assert now[: len(before)] == before
        assert set(now).isdisjoint(numbered(drawn.task.train))
        before = now


def test_they_leave_the_training_subset_and_its_wrong_labels_as_they_are() -> None:
    plain, validated = drawn_with(0, label_noise=0.3), drawn_with(50, label_noise=0.3)
    assert validated.table() == plain.table()
    assert torch.equal(validated.task.test.labels, plain.task.test.labels)
    assert plain.task.validation is None


def test_where_all_images_are_trained_on_the_rest_is_in_its_own_order() -> None:
    drawn = drawn_with(50, "all")
    left = sorted(set(range(180)) - set(numbered(drawn.task.validation)))
    assert numbered(drawn.task.train) == list(drawn.indices) == left


def test_validation_images_are_even_where_the_training_images_are_and_their_labels_right() -> None:
    drawn = drawn_with(31, label_noise=0.5, counts=(30, 60, 90))
    validation = drawn.task.validation
    assert validation is not None
    assert sorted(np.bincount(validation.labels).tolist()) == [10, 10, 11]
    assert not validation.mislabelled.any()
    labels = labels_of([30, 60, 90], 0)
    assert validation.labels.tolist() == [int(labels[i]) for i in numbered(validation)]


def test_validation_images_have_a_stream_of_their_own() -> None:
    """Taking turns in their own order: not the images that a larger training subset would take next."""
    trained, larger = drawn_with(20, 40), drawn_with(0, 60)
    following = set(numbered(larger.task.train)) - set(numbered(trained.task.train))
    assert set(numbered(trained.task.validation)) != following


def test_of_two_training_sizes_most_validation_images_are_the_same() -> None:
    """An image's turn does not depend on the training subset: those that are trained on are passed over."""
    one, other = (numbered(drawn_with(60, images).task.validation) for images in (3, 6))
    assert len(set(one) & set(other)) >= 57


def test_facts_count_validation_images_and_have_their_digest() -> None:
    assert not any("validation" in name for name in drawn_with(0).facts(0.0))
    facts = drawn_with(10).facts(0.0)
    assert facts["validation_images"] == 10
    assert facts["validation_digest"] != drawn_with(11).facts(0.0)["validation_digest"]


@given(counts=st.lists(st.integers(1, 12), min_size=2, max_size=5), images=st.integers(1, 30), seed=st.integers(0, 99))
def test_what_a_recipe_may_ask_for_can_be_drawn(counts: list[int], images: int, seed: int) -> None:
    """The most that the check allows, for any classes, training images and seeds."""
    assume(len(counts) <= images <= largest_even_subset(counts))
    labels = labels_of(counts, seed)
    trained = even_subset(labels, len(counts), images, seed)
    most = most_validation(tuple(counts), images)
    found = even_subset(labels, len(counts), max(most, 0), seed + 5, trained)
    assert set(found.tolist()).isdisjoint(trained.tolist())
