"""Soft freezing: from plain fine-tuning to hard freezing, and what lies between."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ftdd.networks.chain import Chain
from ftdd.training.loop import Assignment
from ftdd.training.optimizers import Anchor, build_optimizer, parameter_groups
from ftdd.training.settings import SGD, Adam, Optimizer, Training
from tests.core.training.test_freezing import assignment, measurements, small_chain, trained

OPTIMIZERS = [Adam(lr=1e-2), SGD(lr=0.05, momentum=0.9)]


def _pulled(chain: Chain, strength: float, layers: int) -> Anchor:
    parameters = [p for layer in chain.layers[:layers] for p in layer.parameters()]
    return Anchor(dict.fromkeys(parameters, strength), {p: p.detach().clone() for p in parameters})


def _given(optimizer: Optimizer, frozen: int = 0, **changes: object) -> Assignment:
    return assignment(frozen, training=Training(epochs=3, batch_size=8, optimizer=optimizer), **changes)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one.name)
def test_strength_0_is_plain_fine_tuning(optimizer: Optimizer) -> None:
    chain = small_chain()
    soft = trained(chain, _given(optimizer, anchor=_pulled(chain, 0.0, 3)))
    assert measurements(soft) == measurements(trained(small_chain(), _given(optimizer)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one.name)
def test_a_very_large_strength_agrees_with_hard_freezing(optimizer: Optimizer) -> None:
    """Of the weights: statistics of batch normalizations move in soft freezing, so the hard one lets them live too."""
    chain = small_chain(dropout=0.0)
    before = {name: tensor.clone() for name, tensor in chain.named_parameters()}
    soft = trained(chain, _given(optimizer, anchor=_pulled(chain, 1e12, 2)))
    for name, parameter in chain.named_parameters():
        if name.startswith(chain.prefixes[:2]):
            assert torch.allclose(parameter, before[name], atol=1e-6), name
    live = frozenset({"batch_norm_statistics"})
    hard = trained(small_chain(dropout=0.0), _given(optimizer, 2, spared=live))
    for one, other in zip(measurements(soft), measurements(hard), strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_the_stronger_the_nearer() -> None:
    distances = []
    for strength in (0.0, 1.0, 10.0, 100.0, 1000.0):
        chain = small_chain()
        before = [p.detach().clone() for p in chain.layers[0].parameters()]
        trained(chain, _given(Adam(lr=1e-2), anchor=_pulled(chain, strength, 3)))
        after = chain.layers[0].parameters()
        distances.append(sum(float((a - b.detach()).square().sum()) for a, b in zip(before, after, strict=True)))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.01 * distances[0]


def test_the_pull_ends_where_ridge_regression_towards_the_start_does() -> None:
    """Gradient descent on a quadratic with the pull converges to the minimum of loss + a/2 · |w − s|², in closed form."""
    torch.manual_seed(0)
    x, y = torch.randn(20, 5, dtype=torch.float64), torch.randn(20, dtype=torch.float64)
    start = torch.randn(5, dtype=torch.float64)
    strength = 0.7
    weight = nn.Parameter(start.clone())
    optimizer = torch.optim.SGD([{"params": [weight], "factor": 1.0}], lr=0.01)
    anchor = Anchor({weight: strength}, {weight: start})
    for _ in range(20_000):
        optimizer.zero_grad()
        ((x @ weight - y).square().sum() / 2).backward()
        optimizer.step()
        anchor.pull(optimizer)
    exact = torch.linalg.solve(x.T @ x + strength * torch.eye(5, dtype=torch.float64), x.T @ y + strength * start)
    assert torch.allclose(weight, exact, atol=1e-6)


def test_layer_decay_1_is_the_same_run_and_less_moves_lower_layers_less() -> None:
    plain = trained(small_chain(), assignment(0))
    assert measurements(trained(small_chain(), replace(assignment(0), layer_decay=1.0))) == measurements(plain)
    moved = {}
    for decay in (1.0, 0.1):
        chain = small_chain()
        before = chain.layers[0][0].weight.detach().clone()  # type: ignore[index]
        settings = Training(epochs=1, batch_size=24, optimizer=SGD(lr=0.1))
        trained(chain, assignment(0, 1, training=settings, layer_decay=decay))
        moved[decay] = float((chain.layers[0][0].weight - before).norm())  # type: ignore[index]
    assert moved[0.1] == pytest.approx(1e-3 * moved[1.0], rel=0.01)


def test_learning_rates_fall_from_the_head_down() -> None:
    chain = small_chain()
    chain.freeze({0})
    groups = parameter_groups(chain, 0.5)
    assert [(group["factor"], len(group["params"])) for group in groups] == [(0.25, 4), (0.5, 4), (1.0, 2)]  # type: ignore[arg-type]
    optimizer = build_optimizer(SGD(lr=0.1), groups)
    trained_parameters = [p for group in optimizer.param_groups for p in group["params"]]
    assert trained_parameters == [p for p in chain.parameters() if p.requires_grad]


def test_a_resumed_run_is_pulled_to_the_same_place() -> None:
    def begin() -> tuple[Chain, Assignment]:
        chain = small_chain()
        return chain, replace(assignment(0, 4), anchor=_pulled(chain, 3.0, 3), layer_decay=0.8)

    whole = trained(*begin())
    chain, given = begin()
    moments = trained_until(chain, given, 2)
    other, again = begin()
    other.load_state_dict(chain.state_dict())
    rest = trained(other, again, moments)
    assert measurements(rest) == measurements(whole)[3:]


def trained_until(chain: Chain, given: Assignment, stop: int) -> object:
    from ftdd.training.loop import train

    for moment in train(chain, given):
        if moment.epoch == stop:
            return moment
    raise AssertionError("it ended before")
