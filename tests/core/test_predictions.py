"""Predictions of runs: kept and read back as they were, and what they say by hand-counted examples."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from ftdd.analysis.predictions import agreement, compare_by_image, error_correlation, errors_at, vote_errors
from ftdd.records.predictions import Predictions, from_bytes, no_predictions, read, to_bytes
from ftdd.records.run import Run

LABELS = np.array([0, 0, 1, 1, 2, 2])


def answered(*rows: list[int], digest: str = "same", labels: np.ndarray = LABELS, classes: int = 3) -> Predictions:
    found = no_predictions(tuple("abcdefghij"[:classes]), labels, digest, np.array([0, 1]), np.array([0, 1]))
    for epoch, row in enumerate(rows):
        found = found.grown(epoch, np.array(row), np.array([0, 0]))
    return found


def numbers(*rows: list[float], labels: list[float]) -> Predictions:
    of = np.array(labels)
    found = no_predictions(("y",), of, "same", of, of)
    for epoch, row in enumerate(rows):
        found = found.grown(epoch, np.array(row), None)
    return found


def same(one: Predictions, other: Predictions) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=isinstance(a, np.ndarray) and a.dtype.kind == "f")
        if isinstance(a, np.ndarray)
        else a == b
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(0, 5),
    st.integers(1, 20),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_what_was_kept_is_read_back(classes: int, evaluations: int, images: int, noisy: bool, seed: int) -> None:
    """Any number of classes, evaluations and images, and numbers in place of classes; the same values, the same bytes."""
    random = np.random.default_rng(seed)
    names = tuple(f"ä{i}" for i in range(classes))
    labels, clean = random.integers(0, classes, (2, images))
    kept = no_predictions(names, labels, "0f", labels if noisy else clean, clean)
    regression = no_predictions(names[:1], random.standard_normal(images), "0f", np.ones(2), np.ones(2))
    for epoch in range(evaluations):
        kept = kept.grown(3 * epoch, *random.integers(0, classes, (2, images)))
        regression = regression.grown(3 * epoch, random.standard_normal(images), np.ones(2))
    for one in (kept, regression):
        content = to_bytes(one)
        again = from_bytes(content)
        assert same(again, one)
        assert to_bytes(again) == content
    assert kept.test.dtype == (np.uint8 if classes <= 256 else np.uint16)
    assert regression.test.dtype == np.float32
    assert (kept.train is not None) == bool(noisy and (labels != clean).any())
    assert regression.train is None


def test_answers_cannot_be_written_into() -> None:
    with pytest.raises(ValueError, match="read-only"):
        answered([0, 0, 1, 1, 2, 2]).test[0, 0] = 1


@pytest.mark.parametrize("at", [0, 20, 200, -30, -1])
def test_a_file_that_is_torn_or_changed_is_not_believed(at: int, tmp_path: Path) -> None:
    content = to_bytes(answered([0, 0, 1, 1, 2, 2]))
    path = tmp_path / "predictions.npz"
    path.write_bytes(content[:at])
    with pytest.raises(ValueError, match=r"predictions.npz cannot be read: .*; delete the run's folder"):
        read(path)
    (name,) = {"test.npy"}
    inside = content.index(name.encode()) + len(name) + 60
    path.write_bytes(content[:inside] + bytes([content[inside] ^ 255]) + content[inside + 1 :])
    with pytest.raises(ValueError, match="cannot be read"):
        read(path)


def test_a_run_without_predictions_says_so(tmp_path: Path) -> None:
    assert Run("a", "target").predictions() is None
    assert Run("a", "target", kept_predictions=tmp_path / "predictions.npz").predictions() is None
    kept = answered([0, 0, 1, 1, 2, 2])
    assert Run("a", "target", kept_predictions=kept).predictions() is kept


def test_confusion_error_by_class_and_wrong_images() -> None:
    run = answered([0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 1])
    assert run.confusion().tolist() == [[1, 1, 0], [0, 2, 0], [1, 1, 0]]
    assert run.confusion().tolist() == confusion_matrix(LABELS, run.test[-1]).tolist()
    assert run.error_by_class().tolist() == [0.5, 0.0, 1.0]
    assert run.error_by_class(0).tolist() == [0.0, 1.0, 1.0]
    assert run.wrong().tolist() == [1, 4, 5]
    assert run.wrong(0).tolist() == [2, 3, 4, 5]
    assert run.test_errors.mean(axis=1).tolist() == [4 / 6, 3 / 6]


def test_a_class_without_test_image_has_no_error() -> None:
    errors = answered([0, 0, 1, 1, 2, 2], classes=4).error_by_class()
    assert errors[:3].tolist() == [0, 0, 0]
    assert np.isnan(errors[3])


def test_epochs_that_were_not_evaluated_are_refused() -> None:
    with pytest.raises(LookupError, match="no evaluation at epoch 7; there are 0, 1"):
        answered([0] * 6, [0] * 6).wrong(7)
    with pytest.raises(LookupError, match="it diverged before the first"):
        answered().confusion()


def test_numbers_have_squared_errors_and_no_classes() -> None:
    run = numbers([1.0, 2.0], labels=[0.0, 2.5])
    assert run.test_errors.tolist() == [[1.0, 0.25]]
    for ask in (run.wrong, run.confusion, run.error_by_class):
        with pytest.raises(ValueError, match="gives numbers, not classes"):
            ask()


def test_two_runs_by_image() -> None:
    """By hand: the first alone errs on one image, the second alone on two, both on one; p of 1 : 2 is 1."""
    one, other = answered([0, 1, 1, 1, 2, 0]), answered([1, 0, 1, 0, 2, 1])
    paired = compare_by_image(one, other)
    assert (paired.both, paired.first, paired.second, paired.images) == (1, 1, 2, 6)
    assert paired.difference == pytest.approx(-1 / 6)
    assert paired.p == pytest.approx(1.0)
    assert agreement(one, other) == pytest.approx(2 / 6)
    assert error_correlation(one, other) == pytest.approx(np.corrcoef([0, 1, 0, 0, 0, 1], [1, 0, 0, 1, 0, 1])[0, 1])


def test_the_test_of_mcnemar_is_exact() -> None:
    """Ten images apart, all one way: 2 · 2⁻¹⁰. None apart: 1."""
    labels = np.zeros(12, int)
    right, wrong = answered([0] * 12, labels=labels), answered([1] * 10 + [0] * 2, labels=labels)
    assert compare_by_image(wrong, right).p == pytest.approx(2 * 0.5**10)
    assert compare_by_image(right, right).p == 1.0
    assert np.isnan(error_correlation(right, wrong))


def test_runs_that_were_tested_on_different_images_are_not_compared() -> None:
    one, other = answered([0] * 6), answered([0] * 6, digest="other")
    for ask in (agreement, compare_by_image, error_correlation):
        with pytest.raises(ValueError, match="different images"):
            ask(one, other)
    with pytest.raises(ValueError, match="different images"):
        vote_errors([one, other])


def test_the_ensemble_gives_what_most_give_and_shares_ties() -> None:
    """Images: 3 : 0 right, 2 : 1 right, 1 : 2 wrong, 1 : 1 : 1, 0 : 3 wrong, 0 : 1 : 2."""
    runs = [answered([0, 0, 1, 0, 0, 0]), answered([0, 0, 0, 1, 0, 1]), answered([0, 1, 0, 2, 0, 1])]
    assert vote_errors(runs) == pytest.approx([0, 0, 1, 2 / 3, 1, 1])
    assert vote_errors(runs[:1]).tolist() == errors_at(runs[:1])[0].tolist()
    with pytest.raises(ValueError, match="one run or more"):
        vote_errors([])


@given(st.integers(1, 5), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_the_ensemble_is_what_counting_by_hand_gives(runs: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, given = random.integers(0, classes, 7), random.integers(0, classes, (runs, 7))
    members = [answered(row.tolist(), labels=labels, classes=classes) for row in given]
    for image, error in enumerate(vote_errors(members)):
        votes = [list(given[:, image]).count(label) for label in range(classes)]
        winners = [label for label in range(classes) if votes[label] == max(votes)]
        assert error == pytest.approx(1 - winners.count(labels[image]) / len(winners))


def test_the_ensemble_of_numbers_is_their_mean() -> None:
    runs = [numbers([1.0, 0.0], labels=[0.0, 0.0]), numbers([-1.0, 2.0], labels=[0.0, 0.0])]
    assert vote_errors(runs).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="numbers, not classes"):
        agreement(*runs)
