"""What batch normalizations of frozen layers do: frozen, affine_only, live, recalibrate."""

from dataclasses import replace

import pytest
import torch

from ftdd.networks.chain import Chain
from ftdd.recipe.specs import SPARED
from ftdd.training.features import CacheBudget, Pixels
from ftdd.training.freezing import layer_facts, ledger
from ftdd.training.loop import Assignment
from ftdd.training.recalibration import recalibrate
from tests.core.training.test_freezing import assignment, measurements, small_chain, trained


def _moved(spared: frozenset[str], frozen: int = 2) -> set[str]:
    """Names of the tensors of the frozen layers that training moves."""
    chain = small_chain()
    before = {name: tensor.clone() for name, tensor in chain.state_dict().items()}
    trained(chain, replace(assignment(frozen), spared=spared))
    prefixes = chain.prefixes[:frozen]
    return {
        name
        for name, tensor in chain.state_dict().items()
        if name.startswith(prefixes) and not torch.equal(tensor, before[name])
    }


@pytest.mark.parametrize(
    ("mode", "moving"),
    [
        ("frozen", set()),
        ("recalibrate", set()),
        ("affine_only", {"1.weight", "1.bias"}),
        ("live", {"1.running_mean", "1.running_var", "1.num_batches_tracked"}),
    ],
)
def test_exactly_what_is_spared_moves(mode: str, moving: set[str]) -> None:
    assert _moved(SPARED[mode]) == {f"{layer}.{name}" for layer in ("one", "two") for name in moving}  # type: ignore[index]


def test_live_statistics_normalize_by_the_batch_in_training() -> None:
    """As where freezing is done by `requires_grad=False` alone: the accident, on purpose."""
    chain = small_chain(dropout=0.0)
    chain.freeze({0}, SPARED["live"])
    chain.train()
    images = torch.randn(8, 1, 6, 6)
    inner = chain(images, stop=1)
    alone = chain(images[:1], stop=1)
    assert not torch.allclose(inner[:1], alone)
    chain.eval()
    torch.testing.assert_close(chain(images, stop=1)[:1], chain(images[:1], stop=1))


@pytest.mark.parametrize(("mode", "prefix"), [("frozen", 2), ("recalibrate", 2), ("affine_only", 0), ("live", 0)])
def test_only_layers_that_stay_one_function_are_cached(mode: str, prefix: int) -> None:
    chain = small_chain()
    chain.freeze({0, 1}, SPARED[mode])  # type: ignore[index]
    assert chain.fixed_prefix == prefix


@pytest.mark.parametrize("mode", SPARED)
def test_curves_with_and_without_the_cache_agree(mode: str) -> None:
    given = replace(assignment(2), spared=SPARED[mode])
    cached = replace(given, cache=CacheBudget(memory=1 << 20))
    curves = (measurements(trained(small_chain(), one)) for one in (cached, given))
    for one, other in zip(*curves, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_what_moves_counts_as_trainable_and_stands_in_the_ledger() -> None:
    chain = small_chain()
    last = trained(chain, replace(assignment(2), spared=SPARED["affine_only"]))[-1]
    facts = layer_facts(chain, _shape(assignment()))
    book = ledger(facts, last.phases)
    assert book["unchanged"]
    assert book["frozen_layers"] == 2
    whole = sum(parameter.numel() for parameter in chain.parameters())
    frozen = (4 * 9 + 4) + (4 * 4 * 9 + 4)
    assert (book["parameters"], book["trainable_parameters"]) == (whole, whole - frozen)
    layers = book["phases"][0]["layers"]  # type: ignore[index]
    assert [layer["moving"] for layer in layers] == [["1.bias", "1.weight"], ["1.bias", "1.weight"], [], []]


def _shape(given: Assignment) -> object:
    return given.task.train.shape


def test_recalibrated_statistics_are_those_of_the_images() -> None:
    """Of one batch with all images: mean and variance of what the convolution gives, computed here again."""
    chain = small_chain()
    given = assignment()
    pixels = Pixels(given.task.train.images, given.normalization, "contiguous")
    images = pixels.batch(torch.arange(24))
    recalibrate(chain, {0}, [images])
    convolution, norm = chain.layers[0][0], chain.layers[0][1]  # type: ignore[index]
    with torch.no_grad():
        out = convolution(images)
    assert torch.allclose(norm.running_mean, out.mean(dim=(0, 2, 3)), atol=1e-5)
    assert torch.allclose(norm.running_var, out.var(dim=(0, 2, 3)), atol=1e-5)
    assert norm.momentum == 0.1
    untouched: Chain = small_chain()
    assert torch.equal(chain.layers[1][1].running_mean, untouched.layers[1][1].running_mean)  # type: ignore[index]
