"""What every pair must do. Where its files are not on this machine, what needs them passes unseen."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch

from ftdd.components import DataUnavailable, Pair, Side, Unfit
from ftdd.components.guards import answer_fault
from ftdd.data.images import Task, repeats

SIDES: tuple[Side, ...] = get_args(Side)


def says_what_its_images_are(pair: Pair) -> None:
    """Shape, classes and normalization are known without any file, and fit each other; remarks are sentences."""
    _is_right(pair, "image_shape", pair.image_shape())
    _is_right(pair, "normalization", pair.normalization())
    for side in _sides(pair):
        classes = pair.classes(side, _data())
        _is_right(pair, "classes", classes, side)
        many = pair.task == "classification"
        assert (len(classes) > 1) == many, f"the {side} has {len(classes)} names; its task is {pair.task}"
        try:
            remarks = pair.remarks(side, _data())
        except DataUnavailable:  # nothing is known of images that are not there
            continue
        _is_right(pair, "remarks", remarks, side)
        broken = next((one for one in remarks if len(one.splitlines()) != 1), None)
        assert broken is None, f"a remark on the {side} is not one line: {broken!r}"


def loads_what_it_says(pair: Pair) -> None:
    """Both halves of both sides have the shape, the classes and the counts that the pair says."""
    for side in _sides(pair):
        task = _loaded(pair, side)
        if task is None:
            continue
        _is_right(pair, "load", task, side)
        _is_right(pair, "class_counts", pair.class_counts(side, _data()), side)
        said = pair.test_count(side, _data())
        _is_right(pair, "test_count", said, side)
        assert said in (None, len(task.test)), (
            f"the {side} has {len(task.test)} test images, but test_count says {said}"
        )
        for half, images in (("training", task.train), ("test", task.test)) if pair.task == "classification" else ():
            where = f"the {half} images of the {side}"
            assert images.images.dtype == torch.uint8, f"{where} are {images.images.dtype}, not uint8"
            found = torch.bincount(images.labels, minlength=len(images.classes))
            assert len(found) == len(images.classes), f"{where} have labels past the last class"
            assert bool((found > 0).all()), f"{where} lack a class"


def loads_the_same_again(pair: Pair) -> None:
    """A second time, the same images in the same order."""
    for side in _sides(pair):
        one, again = _loaded(pair, side), _loaded(pair, side)
        if one is not None and again is not None:
            same = one.train.digest() == again.train.digest() and one.test.digest() == again.test.digest()
            assert same, f"the {side} is another one the second time"


def tests_on_other_images(pair: Pair) -> None:
    """No image is both trained and tested on, but for one in a hundred; those that it says are repeated are."""
    for side in _sides(pair):
        task = _loaded(pair, side)
        found = None if task is None else repeats(task)
        if found is None:
            continue
        assert found.shared <= found.test // 100, (
            f"{found.shared} of {found.test} test images of the {side} are trained on too"
        )
        said = pair.repeats(side, _data())
        for name in ("shared", "two_labels", "within_train", "within_test") if said else ():
            assert getattr(said, name) <= getattr(found, name), (
                f"the {side} says {getattr(said, name)} for {name}, and of its images it is {getattr(found, name)}"
            )


PAIR_CHECKS: tuple[Callable[[Pair], None], ...] = (
    says_what_its_images_are,
    loads_what_it_says,
    loads_the_same_again,
    tests_on_other_images,
)


def _is_right(pair: Pair, method: str, given: object, *side: Side) -> None:
    fault = answer_fault(pair, method, given, (*side, _data()) if side else ())
    assert fault is None, f"{' of the '.join((method, *side))} gives {fault}"


def _data() -> Path:
    return Path(os.environ.get("FTDD_DATA", "data"))


def _sides(pair: Pair) -> tuple[Side, ...]:
    """The sides that it has; a source it may do without. None where its classes are what is found in missing files."""
    try:
        pair.classes("target", _data())
        pair.classes("source", _data())
    except DataUnavailable:
        return ()
    except Unfit as unfit:
        if unfit.field == "source":
            return ("target",)
        raise AssertionError(f"its example does not fit itself: {unfit}") from unfit
    return SIDES


def _loaded(pair: Pair, side: Side) -> Task | None:
    try:
        return pair.load(side, _data())
    except DataUnavailable:
        return None
