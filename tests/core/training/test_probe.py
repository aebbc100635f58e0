"""A frozen layer is a fixed function of one image, or the run fails: whatever it does, and wherever its features lie."""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ftdd.recipe.specs import SPARED
from ftdd.training.features import CacheBudget
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.probe import PROBED_IMAGES, FrozenLayerChanged, generators, probe
from ftdd.training.settings import Adam, CropAndFlip, Training
from tests.core.training import liars
from tests.core.training.liars import LIARS, chain_with
from tests.core.training.test_freezing import assignment, measurements, random_task, small_chain, trained

AUGMENTED = Training(epochs=3, batch_size=8, optimizer=Adam(lr=1e-2), augmentation=CropAndFlip(padding=1))
LARGE = Training(epochs=3, batch_size=20, optimizer=Adam(lr=1e-2))
"""Batches larger than the images that are probed."""


def _unfrozen_gradually(epoch: int) -> frozenset[int]:
    return frozenset(range(3 - min(epoch, 2)))


def _frozen_as_it_goes(epoch: int) -> frozenset[int]:
    return frozenset(range(epoch))


WAYS: dict[str, dict[str, Any]] = {
    "recomputed": {},
    "in memory": {"cache": CacheBudget(memory=1 << 20)},
    "in a file": {"cache": CacheBudget(disk=1 << 20)},
    "augmented": {"training": AUGMENTED, "cache": CacheBudget(memory=1 << 20)},
    "unfrozen gradually": {"frozen_at": _unfrozen_gradually, "cache": CacheBudget(memory=1 << 20)},
    "frozen as it goes": {"frozen_at": _frozen_as_it_goes},
    "above a trained layer": {"frozen_at": lambda epoch: frozenset({1})},
    "scales move": {"spared": SPARED["affine_only"]},
    "statistics move": {"spared": SPARED["live"]},
}


def _given(way: str, folder: Path) -> Assignment:
    given = assignment(2, **{"training": LARGE, **WAYS[way]})
    return replace(given, cache=replace(given.cache, folder=folder))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("liar", LIARS, ids=lambda liar: liar.__name__)
def test_a_layer_that_lies_fails_the_run(liar: Callable[[], nn.Module], way: str, tmp_path: Path) -> None:
    """Before its features are used: the sentence has the layer's name and what it did."""
    at = 1 if way == "above a trained layer" else 0
    sentence = f"layer '{('one', 'two')[at]}' is frozen and no fixed function of an image: it .*{re.escape(LIARS[liar])}"
    if way == "augmented" and liar is liars.DoublesLargeBatches:
        pytest.skip("batches of eight")
    with pytest.raises(FrozenLayerChanged, match=sentence):
        trained(chain_with(liar, at), _given(way, tmp_path))
