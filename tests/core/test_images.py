"""LabelledImages: what they hold fits together, and a digest tells two sets apart."""

import hashlib

import pytest
import torch

from ftdd.data.images import LabelledImages, Task


def images(count: int = 6, side: int = 2, classes: tuple[str, ...] = ("a", "b", "c")) -> LabelledImages:
    pixels = torch.arange(count * side * side, dtype=torch.uint8).reshape(count, 1, side, side)
    return LabelledImages(pixels, torch.arange(count) % len(classes), classes)


def test_without_noise_every_label_is_right() -> None:
    assert torch.equal(images().clean_labels, images().labels)
    assert not images().mislabelled.any()


def test_mislabelled_are_those_whose_label_is_not_the_right_one() -> None:
    base = images(4)
    noisy = LabelledImages(base.images, torch.tensor([0, 2, 2, 1]), base.classes, base.labels)
    assert base.labels.tolist() == [0, 1, 2, 0]
    assert noisy.mislabelled.tolist() == [False, True, False, True]


def test_a_selection_keeps_image_label_and_right_label_together_in_the_order_asked_for() -> None:
    base = images()
    noisy = LabelledImages(base.images, (base.labels + 1) % 3, base.classes, base.labels)
    chosen = noisy.at(torch.tensor([5, 0, 3]))
    assert chosen.images[:, 0, 0, 0].tolist() == [20, 0, 12]
    assert chosen.labels.tolist() == [0, 1, 1]
    assert chosen.clean_labels.tolist() == [2, 0, 0]
    assert (len(chosen), chosen.shape) == (3, (1, 2, 2))


def test_a_digest_is_the_hash_of_pixels_and_labels_as_one_would_take_it_by_hand() -> None:
    base = images()
    raw = base.images.numpy().tobytes() + base.labels.numpy().tobytes()
    assert base.digest() == hashlib.sha256(b"((6, 1, 2, 2), ('a', 'b', 'c'))" + raw).hexdigest()
    assert base.to("cpu").digest() == base.digest()


def test_sets_that_differ_in_a_pixel_a_label_an_order_or_a_name_have_other_digests() -> None:
    base = images()
    pixel = base.images.clone()
    pixel[3, 0, 1, 1] += 1
    label = base.labels.clone()
    label[0] = 2
    others = [
        LabelledImages(pixel, base.labels, base.classes),
        LabelledImages(base.images, label, base.classes),
        LabelledImages(base.images, base.labels, ("a", "b", "d")),
        LabelledImages(base.images.reshape(6, 1, 1, 4), base.labels, base.classes),
        base.at(torch.tensor([1, 0, 2, 3, 4, 5])),
        base.at(torch.arange(5)),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == len(others) + 1


def test_no_images_are_a_set_too() -> None:
    assert len(images().at(torch.tensor([], dtype=torch.int64))) == 0


PIXELS = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("pixels", "labels", "clean", "message"),
    [
        (PIXELS.int(), [0, 1], [0, 1], r"uint8 or float, got torch.int32 of shape \(2, 1, 4, 4\)"),
        (PIXELS[:, 0], [0, 1], [0, 1], r"got torch.uint8 of shape \(2, 4, 4\)"),
        (PIXELS.to(memory_format=torch.preserve_format).transpose(1, 2)[:, :, :, ::2], [0, 1], [0, 1], "contiguous"),
        (PIXELS, [0, 1, 1], [0, 1], r"labels must be int64, .* of shape \(2,\), .* got torch.int64 of shape \(3,\)"),
        (PIXELS, [0, 1], [0, 1, 1], r"got torch.int64 of shape \(3,\)"),
        (PIXELS, [0.0, 1.0], [0, 1], "got torch.int64"),
        (PIXELS, [0.0, 1.0], [0.0, 1.0], "numbers have one name, got 2"),
        (PIXELS, [0, 2], [0, 1], "labels must be from 0 to 1"),
        (PIXELS, [-1, 1], [0, 1], "labels must be from 0 to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    pixels: torch.Tensor, labels: list[float], clean: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LabelledImages(pixels, torch.tensor(labels), ("a", "b"), torch.tensor(clean))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (images(classes=("a", "b")), "the same classes"),
        (images(classes=("b", "a", "c")), "the same classes"),
        (images(side=3), "images of one shape"),
    ],
)
def test_a_task_has_one_shape_and_one_list_of_classes(test: LabelledImages, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Task(images(), test)
