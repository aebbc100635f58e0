"""Equal images in a task: counted, and said in a sentence."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdd.data.images import LabelledImages, Task, remarks_on_range, repeats
from ftdd.data.repeats import Repeats
from ftdd_plugins.pairs.digits import Digits
from ftdd_plugins.pairs.gaussian_linear import GaussianLinear

CLASSES = ("a", "b", "c")
Half = list[tuple[int, int]]
"""For each image its one pixel and its label."""


def half(images: Half) -> LabelledImages:
    pixels = torch.tensor([pixel for pixel, _ in images], dtype=torch.uint8).reshape(-1, 1, 1, 1)
    return LabelledImages(
        pixels.expand(-1, 3, 2, 2).contiguous(), torch.tensor([label for _, label in images]), CLASSES
    )


def counted(train: Half, test: Half) -> Repeats:
    found = repeats(Task(half(train), half(test)))
    assert found is not None
    return found


def test_a_test_half_that_is_a_copy_of_the_training_half() -> None:
    both: Half = [(i, i % 3) for i in range(24)]
    assert counted(both, both) == Repeats(24, 24, shared=24, two_labels=0, within_train=0, within_test=0)
    assert counted(both, both).sentence("target") == "target: 24 of 24 test images are also trained on"


def test_each_kind_is_counted_apart() -> None:
    found = counted(train=[(1, 0), (1, 0), (2, 0), (2, 1), (3, 2)], test=[(3, 2), (4, 0), (4, 0), (5, 1)])
    assert found == Repeats(5, 4, shared=1, two_labels=2, within_train=2, within_test=1)
    assert found.sentence("source") == (
        "source: 1 of 4 test images is also trained on; 2 of 9 images are under two labels; "
        "2 of 5 training images repeat another; 1 of 4 test images repeats another"
    )


def test_where_nothing_is_repeated_nothing_is_said() -> None:
    assert counted([(1, 0), (2, 1)], [(3, 0), (4, 1)]).sentence("target") == ""


def test_labels_that_were_made_wrong_on_purpose_are_not_two_labels() -> None:
    """Label noise is the recipe's business: what counts is the right label."""
    train = half([(1, 0), (1, 0), (2, 1)])
    noisy = LabelledImages(train.images, torch.tensor([0, 2, 1]), CLASSES, train.labels)
    found = repeats(Task(noisy, half([(3, 0)])))
    assert found is not None
    assert (found.two_labels, found.within_train) == (0, 1)


IMAGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=12)


@given(train=IMAGES, test=IMAGES)
@settings(max_examples=100, deadline=None)
def test_counts_are_those_of_comparing_each_with_each(train: Half, test: Half) -> None:
    every = train + test
    assert counted(train, test) == Repeats(
        len(train),
        len(test),
        shared=sum(any(one[0] == other[0] for other in train) for one in test),
        two_labels=sum(any(one[0] == other[0] and one[1] != other[1] for other in every) for one in every),
        within_train=sum(any(other[0] == one[0] for other in train[:i]) for i, one in enumerate(train)),
        within_test=sum(any(other[0] == one[0] for other in test[:i]) for i, one in enumerate(test)),
    )


def test_one_pixel_makes_another_image() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 5, 7), dtype=np.uint8)
    others = pixels.copy()
    for i in range(8):
        others[i].flat[13 * i] ^= 1 << i
    task = Task(*(LabelledImages(torch.from_numpy(one), torch.arange(8) % 3, CLASSES) for one in (pixels, others)))
    assert repeats(task) == Repeats(8, 8, 0, 0, 0, 0)


@pytest.mark.parametrize("digits", [tuple(range(10)), (0, 1), (9, 3, 5)])
def test_the_digits_say_without_loading_what_their_images_say(digits: tuple[int, ...], tmp_path: object) -> None:
    from pathlib import Path

    pair = Digits(source_classes=digits)
    assert pair.repeats("source", Path()) == repeats(pair.load("source", Path()))


def test_measurements_are_no_images() -> None:
    from pathlib import Path

    assert repeats(GaussianLinear().load("target", Path())) is None


def test_images_that_are_almost_black_are_spoken_of() -> None:
    """Masks of 0 and 1, or 12 bits in 16 of which the upper 8 were read."""
    assert remarks_on_range(half([(0, 0), (15, 1)])) == ("the images are almost black: no value is above 15 of 255",)
    assert remarks_on_range(half([(0, 0), (64, 1)])) == ()
    assert remarks_on_range(half([(0, 0)]).at(torch.tensor([], dtype=torch.int64))) == ()
