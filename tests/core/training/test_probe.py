"""A frozen layer is a fixed function of one image, or the run fails: whatever it does, and wherever its features lie."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd.recipe.specs import SPARED
from ftdd.training.features import CacheBudget
from ftdd.training.freezing import hashes, layer_facts, ledger
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.probe import PROBED_IMAGES, FrozenLayerChanged, plain_state, probe, spread, undisturbed
from ftdd.training.settings import Adam, CropAndFlip, Training
from tests.core.training import liars
from tests.core.training.liars import LIARS, chain_with
from tests.core.training.test_freezing import assignment, measurements, random_task, small_chain, trained

AUGMENTED = Training(epochs=3, batch_size=20, optimizer=Adam(lr=1e-2), augmentation=CropAndFlip(padding=1))
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


FEW = (liars.MovesABuffer, *list(LIARS)[:3])
"""All lie in the first way, and these in all ways; the rest is slow."""


@pytest.mark.parametrize(
    ("liar", "way"),
    [
        pytest.param(liar, way, marks=() if way == "recomputed" or liar in FEW else pytest.mark.slow)
        for liar in LIARS
        for way in WAYS
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_a_layer_that_lies_fails_the_run(liar: Callable[[], nn.Module], way: str, tmp_path: Path) -> None:
    """Before its features are used: the sentence has the layer's name and what it did."""
    at = 1 if way == "above a trained layer" else 0
    sentence = (
        f"layer '{('one', 'two')[at]}' is frozen and no fixed function of an image: it .*{re.escape(LIARS[liar])}"
    )
    with pytest.raises(FrozenLayerChanged, match=sentence):
        trained(chain_with(liar, at), _given(way, tmp_path))


@pytest.mark.parametrize("way", ["recomputed", "in memory", "in a file"])
def test_what_only_a_large_batch_shows_is_found_where_features_are_kept(way: str, tmp_path: Path) -> None:
    """The training's batches have eight images; evaluation and cache take all 24 at once."""
    given = replace(_given(way, tmp_path), training=assignment().training)
    with pytest.raises(
        FrozenLayerChanged, match="in a batch of 24 images than in one of 8: one of one, two looks at its"
    ):
        trained(chain_with(liars.DoublesLargeBatches), given)


def test_a_layer_that_moves_with_gradients_is_found_where_it_is_given_them() -> None:
    """Frozen above a trained layer. In a prefix, which is never given gradients, it is a fixed function."""
    with pytest.raises(FrozenLayerChanged, match=r"layer 'two' .* moves its buffer '4\.ema'"):
        trained(chain_with(liars.MovesWithGradients, 1), assignment(frozen_at=lambda epoch: frozenset({1})))
    trained(chain_with(liars.MovesWithGradients), assignment(2))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_drifts_only_after_many_calls_is_found_when_the_phase_ends(at: int) -> None:
    """Counted where nobody looks, so nothing is wrong in the beginning; in a prefix, and above a trained layer."""
    given = assignment(frozen_at=lambda epoch: frozenset({at}))
    moments = []
    with pytest.raises(FrozenLayerChanged, match=rf"other features .*: '{small_chain().names[at]}' \(epochs 0 to 3\)"):
        moments.extend(train(chain_with(liars.DriftsUnseen, at), given))
    assert moments[-1].ended
    book = ledger(layer_facts(small_chain(), ImageShape(1, 6, 6)), moments[-1].phases)
    assert book["unchanged"] is False
    assert book["phases"][0]["drifted"] == [small_chain().names[at]]  # type: ignore[index]


class _Follows(nn.Module):
    """Looks at another layer's weights, which it keeps out of sight."""

    def __init__(self, other: nn.Module) -> None:
        super().__init__()
        self.others = [other]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + sum(p.mean() for p in self.others[0].parameters()).detach()  # type: ignore[union-attr]


@pytest.mark.parametrize("budget", [CacheBudget(), CacheBudget(memory=1 << 20)], ids=["recomputed", "memory"])
def test_a_frozen_layer_that_hangs_on_a_trained_one_is_found(budget: CacheBudget) -> None:
    chain = small_chain()
    chain.layers[0].append(_Follows(chain.layers[2]))  # type: ignore[operator]
    with pytest.raises(FrozenLayerChanged, match=r"other features after training than before: 'one' \(epochs 0 to 3\)"):
        trained(chain, assignment(1, cache=budget))


@pytest.mark.parametrize("way", ["recomputed", "in memory", "augmented", "scales move"])
@pytest.mark.parametrize("at", [None, 2], ids=["chain", "trained layer"])
def test_a_frozen_layer_that_looks_at_the_mode_of_another_module_is_found(
    at: int | None, way: str, tmp_path: Path
) -> None:
    chain = small_chain()
    other = chain if at is None else chain.layers[at]
    chain.layers[0].append(liars.LooksAtAnother(other))  # type: ignore[operator]
    with pytest.raises(FrozenLayerChanged, match=r"layer 'one' .* draws at random, while other layers are trained"):
        trained(chain, _given(way, tmp_path))


def test_what_cannot_pass_between_layers_is_said() -> None:
    with pytest.raises(FrozenLayerChanged, match=r"layer 'one' .* gives a tensor of shape \(1, 4, 6, 6\) for 8 images"):
        trained(chain_with(liars.GivesATable), assignment(2))


@pytest.mark.parametrize("budget", [CacheBudget(), CacheBudget(memory=1 << 20)], ids=["recomputed", "memory"])
def test_a_dropout_that_layers_share_rests_in_those_that_are_frozen(budget: CacheBudget) -> None:
    """And only there: the curves are those of layers that have one each."""

    def chain(shared: bool) -> Chain:
        made, dropout = small_chain(dropout=0.0), nn.Dropout(0.5)
        for layer in made.layers[:-1]:
            layer.append(dropout if shared else nn.Dropout(0.5))  # type: ignore[operator]
        return made

    given = assignment(2, cache=budget)
    assert measurements(trained(chain(True), given)) == measurements(trained(chain(False), given))


def test_scripted_layers_can_be_frozen() -> None:
    chain = small_chain()
    scripted = [*(torch.jit.script(layer) for layer in chain.layers[:2]), *chain.layers[2:]]
    moments = trained(Chain(zip(chain.names, scripted, strict=True)), assignment(2))
    assert moments[-1].ended


def test_a_drift_ends_the_run_with_its_phase() -> None:
    frozen_at = lambda epoch: frozenset({0, 1}) if epoch < 2 else frozenset({0})  # noqa: E731
    with pytest.raises(FrozenLayerChanged, match=r"'two' \(epochs 0 to 2\)"):
        trained(chain_with(liars.DriftsUnseen, 1), assignment(frozen_at=frozen_at))


def _interrupted(liar: Callable[[], nn.Module], given: Assignment, at: int) -> tuple[Chain, Moment]:
    """A new chain with the weights, as a checkpoint gives them, and the moment after an epoch."""
    chain, other = chain_with(liar, at), chain_with(liar, at)
    moments = train(chain, given)
    moment = next(moment for moment in moments if moment.epoch == 1)
    moments.close()
    other.load_state_dict(chain.state_dict())
    return other, moment


RESUMED = {
    liars.MovesWhenResumed: "layer 'one' is frozen .* moves its buffer '4.ema'",
    liars.IsAnotherWhenResumed: "layer 'one' .* other features than before the run was interrupted",
    liars.ChangesAsItIsLoaded: "frozen layers are not those with which epoch 0 began: one",
}


@pytest.mark.parametrize(
    "way",
    ["recomputed", *(pytest.param(way, marks=pytest.mark.slow) for way in ("in memory", "in a file", "augmented"))],
)
@pytest.mark.parametrize("liar", RESUMED, ids=lambda liar: liar.__name__)
def test_a_lie_that_begins_with_a_checkpoint_is_found(liar: Callable[[], nn.Module], way: str, tmp_path: Path) -> None:
    given = _given(way, tmp_path)
    trained(chain_with(liar), given)
    chain, moment = _interrupted(liar, given, 0)
    with pytest.raises(FrozenLayerChanged, match=RESUMED[liar]):
        trained(chain, given, moment)


@pytest.mark.slow
def test_what_is_not_frozen_may_do_as_it_likes() -> None:
    for liar in LIARS.keys() - {liars.DrawsIntoWhatItGivesAgain}:  # which no gradient goes through
        trained(chain_with(liar, 1), assignment(1))
        trained(chain_with(liar, 0), assignment(0))


class _Notes(nn.Module):
    """Keeps what honest layers keep: a table made at the first call, what it saw last, and all sorts of things."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[str, torch.Tensor] = {}
        self.seen: torch.Tensor | None = None
        self.nan, self.things, self.me = float("nan"), [object(), {1, 2}, (lambda: 1, int)], [self]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return x + self.table.setdefault("bias", torch.ones(()))


class _WritesIntoItsInput(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2)


class _Two(nn.Module):
    """Its tensors cross to the next layer as a tuple; one holds whole numbers."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x, (x.detach() > 0).long(), x.flatten(1).transpose(0, 1).contiguous().transpose(0, 1)


class _One(nn.Module):
    def forward(self, x: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return x[0] * x[1] + x[2].mean(dim=1)[:, None, None, None]


def _crossing(*more: nn.Module) -> Chain:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 3))
    layers = [nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), _Two()), nn.Sequential(_One(), *more), nn.ReLU()]
    return Chain(zip(("one", "two", "three", "head"), [*layers, head], strict=True))


@pytest.mark.parametrize("budget", [CacheBudget(), CacheBudget(memory=1 << 20)], ids=["recomputed", "memory"])
@pytest.mark.parametrize("count", [1, 2])
def test_tuples_that_cross_a_cut_are_tried_too(count: int, budget: CacheBudget) -> None:
    last = trained(_crossing(), assignment(count, cache=budget))[-1]
    assert last.phases[0].probed_images == PROBED_IMAGES
    with pytest.raises(FrozenLayerChanged, match="layer 'two'"):
        trained(_crossing(liars.SubtractsTheMean()), assignment(2, cache=budget))


@pytest.mark.parametrize("honest", [_Notes, _WritesIntoItsInput, nn.GELU, nn.Dropout])
@pytest.mark.parametrize("at", [0, 1])
def test_honest_layers_pass(honest: Callable[[], nn.Module], at: int) -> None:
    chain = small_chain()
    chain.layers[at].insert(0, honest())  # type: ignore[operator]
    trained(chain, assignment(frozen_at=lambda epoch: frozenset({at})))


@pytest.mark.parametrize("images", [1, 2, 3, 7, 9])
def test_few_images_are_enough(images: int) -> None:
    given = assignment(2, task=random_task(images))
    assert trained(small_chain(), given)[-1].phases[0].probed_images == min(images, PROBED_IMAGES)
    if images > 1:
        with pytest.raises(FrozenLayerChanged, match="looks at its batch"):
            trained(chain_with(liars.SubtractsTheMean), given)


def test_images_are_probed_from_everywhere() -> None:
    assert spread(3) == [0, 1, 2]
    assert spread(80) == [0, 10, 20, 30, 40, 50, 60, 70]


@pytest.mark.parametrize("frozen", [{0}, {1}, {0, 2}])
def test_the_probe_leaves_no_trace(frozen: set[int]) -> None:
    """Weights, buffers of what is not frozen, modes, and generators are as before: no curve moves by a bit."""
    chain = small_chain()
    other = next(i for i in range(3) if i not in frozen)
    for liar in (liars.MovesABuffer, liars.AssignsABuffer, liars.DrawsFromTorch, liars.DrawsFromNumpy):
        chain.layers[other].append(liar())  # type: ignore[operator]
    chain.freeze(frozen)
    chain.train()
    torch.manual_seed(1)
    before = (hashes(chain), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate())
    probe(chain, torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(0)), 16)
    assert chain.training
    assert before == (
        hashes(chain),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
    )


def test_facts_of_layers_move_no_tensor_and_no_generator() -> None:
    chain = chain_with(liars.MovesABuffer)
    chain.layers[1].append(liars.DrawsFromTorch())  # type: ignore[operator]
    before, drawn = hashes(chain), torch.get_rng_state().tolist()
    layer_facts(chain, ImageShape(1, 6, 6))
    assert (before, drawn) == (hashes(chain), torch.get_rng_state().tolist())


def test_the_ledger_says_that_the_probe_was_made() -> None:
    facts = layer_facts(small_chain(), ImageShape(1, 6, 6))
    for count, images in ((0, 0), (2, PROBED_IMAGES)):
        phase = ledger(facts, trained(small_chain(), assignment(count))[-1].phases)["phases"][0]  # type: ignore[index]
        assert (phase["probed_images"], phase["drifted"]) == (images, [])


def test_what_attributes_hold_is_told_apart() -> None:
    layer = nn.Linear(1, 1)
    seen = []
    for value in (
        1,
        2,
        "1",
        [1],
        {"a": 1},
        torch.ones(1),
        np.ones(1),
        random.Random(1),
        np.random.default_rng(1),
        None,
    ):
        layer.kept = value  # type: ignore[assignment]
        seen.append(plain_state(layer))
    assert all(seen[i] != seen[j] for i in range(len(seen)) for j in range(i))


class Sized(nn.Module):
    """Makes a table anew where images have another size."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.table.shape[1] != x.shape[-1]:
            self.table = torch.arange(1.0, x.shape[-1] + 1)[None]
        return x * self.table


def test_a_buffer_that_a_layer_makes_anew_is_put_back_and_not_overwritten() -> None:
    chain = chain_with(Sized)
    images = random_task(8).train.images.float()
    with undisturbed(chain, chain.layers):
        expected = chain(images)
    with torch.no_grad():
        assert torch.equal(chain.eval()(images), expected)
