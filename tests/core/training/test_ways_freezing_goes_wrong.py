"""The ways in which frozen layers are known to move: each done as it is done elsewhere, noticed; then by us, and it holds.

Way by way the table of measured ones in FIELD, with the projects where they were met.
"""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrizations

from ftdd.networks.chain import Chain
from ftdd.training.freezing import hashes, layer_hash
from ftdd.training.probe import FrozenLayerChanged
from tests.core.training.test_freezing import assignment, small_chain, trained


def _batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(2)
    return [
        (3 * torch.randn(8, 1, 6, 6, generator=generator), torch.randint(0, 3, (8,), generator=generator))
        for _ in range(count)
    ]


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, set_to_none: bool, steps: int = 5) -> None:
    for images, labels in _batches(steps):
        optimizer.zero_grad(set_to_none=set_to_none)
        cross_entropy(network(images), labels).backward()
        optimizer.step()


def _plain(chain: Chain) -> nn.Sequential:
    """The same network, without any of ours."""
    return nn.Sequential(*chain.layers)


def no_gradient_and_train(network: nn.Sequential) -> None:
    network[0].requires_grad_(False)
    network.train()
    _step(network, torch.optim.AdamW(network.parameters()), set_to_none=True)


def evaluation_mode_undone_by_train(network: nn.Sequential) -> None:
    network[0].requires_grad_(False)
    network[0].eval()
    network.train()
    _step(network, torch.optim.Adam([p for p in network.parameters() if p.requires_grad]), set_to_none=True)


def momentum_and_decay_go_on(network: nn.Sequential) -> None:
    """Frozen in the middle of training, left in the optimizer, gradients zeroed instead of dropped."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    network.train()
    _step(network, optimizer, set_to_none=False)
    network[0].requires_grad_(False)
    network[0].eval()
    before = layer_hash(network[0])
    _step(network, optimizer, set_to_none=False)
    assert layer_hash(network[0]) != before


def attribute_of_a_module(network: nn.Sequential) -> None:
    network[0].requires_grad = False  # type: ignore[assignment]
    network.train()
    _step(network, torch.optim.Adam(network.parameters()), set_to_none=True)


@pytest.mark.parametrize(
    "way",
    [no_gradient_and_train, evaluation_mode_undone_by_train, momentum_and_decay_go_on, attribute_of_a_module],
    ids=lambda way: way.__name__,
)
def test_done_that_way_the_hash_notices_and_done_our_way_it_holds(way: Callable[[nn.Sequential], None]) -> None:
    theirs = small_chain()
    before = layer_hash(theirs.layers[0])
    way(_plain(theirs))
    assert layer_hash(theirs.layers[0]) != before
    ours = small_chain()
    trained(ours, assignment(1))
    assert layer_hash(ours.layers[0]) == before


def test_statistics_that_are_not_tracked_are_those_of_the_batch_and_a_frozen_layer_is_one_function_all_the_same() -> (
    None
):
    """`track_running_stats=False` switches to batch statistics: outputs hang on the company an image is in."""
    norm = nn.BatchNorm2d(1)
    images = _batches(1)[0][0]
    for _ in range(3):
        norm(images)
    theirs = nn.BatchNorm2d(1)
    theirs.load_state_dict(norm.state_dict())
    theirs.track_running_stats = False
    theirs.running_mean = theirs.running_var = None
    theirs.eval()
    assert not torch.allclose(theirs(images)[:1], theirs(images[:1]))
    chain = Chain([("one", norm), ("head", nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))])
    chain.freeze({0})
    chain.train()
    assert torch.equal(chain(images, stop=1)[:1], chain(images[:1], stop=1))


class _Averages(nn.Module):
    """A buffer of its own, a running mean that moves in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean.mul_(0.9).add_(0.1 * x.detach().mean())
        return x - self.mean


class _AveragesAlways(_Averages):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.mean.mul_(0.9).add_(0.1 * x.detach().mean())
        return x - self.mean


def _with(first: nn.Module) -> Chain:
    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 3))
    torch.manual_seed(0)
    return Chain([("first", nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), first)), ("head", head)])


def test_buffers_of_custom_layers_rest_and_one_that_does_not_fails_the_run() -> None:
    chain = _with(_Averages())
    before = hashes(chain)[0]
    trained(chain, assignment(1))
    assert hashes(chain)[0] == before
    trained(chain, assignment(0))
    assert hashes(chain)[0] != before
    with pytest.raises(FrozenLayerChanged, match=r"layer 'first' is frozen .* moves its buffer '1\.mean'"):
        trained(_with(_AveragesAlways()), assignment(1))


@pytest.mark.parametrize(
    "norm", [parametrizations.spectral_norm, parametrizations.weight_norm], ids=["spectral", "weight"]
)
def test_parametrized_weights_rest(norm: Callable[[nn.Module], nn.Module]) -> None:
    """Spectral normalization moves its vectors with every pass in training mode, whatever the gradient says."""
    chain = _with(norm(nn.Conv2d(4, 4, 3, padding=1)))
    weight = chain.layers[0][1].weight.detach().clone()  # type: ignore[index]
    before = hashes(chain)[0]
    trained(chain, assignment(1))
    assert hashes(chain)[0] == before
    assert torch.equal(chain.layers[0][1].weight, weight)  # type: ignore[index]


def test_a_weight_shared_by_a_frozen_and_a_trained_layer_is_named() -> None:
    shared = nn.Conv2d(4, 4, 3, padding=1)
    head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 36, 3))
    chain = Chain([("stem", nn.Conv2d(1, 4, 3, padding=1)), ("one", shared), ("two", shared), ("head", head)])
    with pytest.raises(ValueError, match="layers 'one' and 'two' share the weight 'weight': freeze both or neither"):
        trained(chain, assignment(2))


class _StochasticDepth(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * (torch.rand(len(x), 1, 1, 1) < 0.5) if self.training else x


@pytest.mark.parametrize("noise", [nn.Dropout(0.5), _StochasticDepth()], ids=["dropout", "stochastic depth"])
def test_nothing_is_dropped_in_a_frozen_layer(noise: nn.Module) -> None:
    chain = _with(noise)
    images = _batches(1)[0][0]
    chain.train()
    assert not torch.equal(chain(images, stop=1), chain(images, stop=1))
    chain.freeze({0})
    chain.train()
    assert torch.equal(chain(images, stop=1), chain(images, stop=1))
