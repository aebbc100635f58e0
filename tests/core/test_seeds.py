"""What seeds draw, written down: whoever changes a draw gives every study other images, and says so."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdd.data.label_noise import mislabelled_count, noisy_labels
from ftdd.data.seeds import permutation, stream_seed, uniform
from ftdd.data.subsets import even_subset

LABELS = np.arange(12, dtype=np.int64) % 3


def test_a_streams_seed_is_the_hash_of_its_name() -> None:
    """By hand: the first 63 bits of the SHA-256 of seed, side, purpose and epoch."""
    digest = hashlib.sha256(b"7/source/batch order/3").hexdigest()
    assert stream_seed(7, "source", "batch order", 3) == int(digest[:16], 16) // 2
    assert stream_seed(7, "source", "batch order") != stream_seed(7, "source", "batch order", 3)


def test_golden_subset() -> None:
    assert even_subset(LABELS, 3, 7, 11).tolist() == [11, 3, 7, 2, 6, 4, 5]


def test_golden_noise() -> None:
    assert noisy_labels(LABELS, np.arange(12), 3, 0.5, 11).tolist() == [1, 1, 2, 1, 2, 2, 2, 2, 2, 0, 2, 2]


@given(seed=st.integers(0, 2**63 - 1), count=st.integers(0, 60), more=st.integers(0, 60))
def test_the_first_numbers_of_a_stream_do_not_depend_on_how_many_are_asked_for(
    seed: int, count: int, more: int
) -> None:
    assert uniform(seed, count).tolist() == uniform(seed, count + more)[:count].tolist()
    assert sorted(permutation(seed, count).tolist()) == list(range(count))


def test_every_image_is_first_as_often_as_any_other() -> None:
    """Chi-square over 4,000 permutations of 8: 7 degrees of freedom, 24.3 is exceeded once in 1,000."""
    firsts = np.bincount([permutation(seed, 8)[0] for seed in range(4000)], minlength=8)
    assert sum((firsts - 500) ** 2 / 500) < 24.3


@pytest.mark.parametrize(
    ("images", "fraction", "count"),
    [(10, 0.0, 0), (10, 0.04, 0), (10, 0.05, 1), (10, 0.25, 3), (10, 0.2, 2), (7, 0.5, 4), (10, 1.0, 10), (0, 0.5, 0)],
)
def test_a_fraction_is_rounded_half_up_to_whole_images(images: int, fraction: float, count: int) -> None:
    assert mislabelled_count(images, fraction) == count


def test_noise_needs_a_class_to_be_wrong_in() -> None:
    with pytest.raises(ValueError, match="two classes or more"):
        noisy_labels(np.zeros(4, dtype=np.int64), np.arange(4), 1, 0.5, 0)
    assert noisy_labels(np.zeros(4, dtype=np.int64), np.arange(4), 1, 0.0, 0).tolist() == [0, 0, 0, 0]


def test_an_even_subset_is_uniform_over_the_images_of_a_class() -> None:
    """And which class has one image more is drawn too: in 3,000 subsets of 4 of 3 classes, within 5 standard errors."""
    chosen = [even_subset(LABELS, 3, 4, seed) for seed in range(0, 6000, 2)]
    of_image = np.bincount(np.concatenate(chosen), minlength=12)
    assert abs(of_image - 1000).max() < 5 * (3000 * (1 / 3) * (2 / 3)) ** 0.5
    fullest = np.bincount([np.bincount(LABELS[subset], minlength=3).argmax() for subset in chosen], minlength=3)
    assert abs(fullest - 1000).max() < 5 * (3000 * (1 / 3) * (2 / 3)) ** 0.5
