"""The freezing policies, one by one."""

import itertools

import pytest
from pydantic import ValidationError

from ftdd.components import Policy, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd_plugins.architectures.resnet import ResNet
from ftdd_plugins.policies import (
    AllButHead,
    AllButNorm,
    FirstLayers,
    FreezeAsYouGo,
    GradualUnfreezing,
    LastLayers,
    NoFreezing,
    RandomLayers,
    Selected,
)

LAYERS = ("stem", "a1", "a2", "b1", "b2", "head")


@pytest.mark.parametrize(
    ("policy", "epoch", "frozen"),
    [
        (NoFreezing(), 0, []),
        (AllButHead(), 0, [0, 1, 2, 3, 4]),
        (FirstLayers(count=0), 0, []),
        (FirstLayers(count=3), 9, [0, 1, 2]),
        (FirstLayers(fraction=0.5), 0, [0, 1]),
        (FirstLayers(fraction=1.0), 0, [0, 1, 2, 3, 4]),
        (LastLayers(count=0), 0, []),
        (LastLayers(count=2), 0, [3, 4]),
        (LastLayers(count=5), 0, [0, 1, 2, 3, 4]),
        (Selected(layers=("a*", "stem")), 0, [0, 1, 2]),
        (Selected(layers=("b1",), train=True), 0, [0, 1, 2, 4]),
        (Selected(layers=("*",)), 0, [0, 1, 2, 3, 4]),
        (AllButNorm(), 0, [0, 1, 2, 3, 4]),
        (GradualUnfreezing(every=2), 0, [0, 1, 2, 3, 4]),
        (GradualUnfreezing(every=2), 2, [0, 1, 2, 3]),
        (GradualUnfreezing(every=2), 100, []),
        (GradualUnfreezing(every=1, keep=2), 100, [0, 1]),
        (FreezeAsYouGo(every=3), 2, []),
        (FreezeAsYouGo(every=3), 3, [0]),
        (FreezeAsYouGo(every=3), 100, [0, 1, 2, 3, 4]),
        (FreezeAsYouGo(every=1, count=2), 100, [0, 1]),
    ],
    ids=str,
)
def test_what_is_frozen(policy: Policy, epoch: int, frozen: list[int]) -> None:
    assert sorted(policy.frozen(LAYERS, epoch)) == frozen


def test_random_layers_are_nested_and_drawn() -> None:
    sets = [RandomLayers(count=count).frozen(LAYERS, 0) for count in range(6)]
    assert [len(one) for one in sets] == [0, 1, 2, 3, 4, 5]
    assert all(small < large for small, large in itertools.pairwise(sets))
    assert len({RandomLayers(count=2, draw=draw).frozen(LAYERS, 0) for draw in range(20)}) > 3


@pytest.mark.parametrize(
    ("policy", "field", "message"),
    [
        (FirstLayers(count=6), "count", "must be from 0 to 5, the layers below the head 'head', got 6"),
        (LastLayers(count=6), "count", "must be from 0 to 5"),
        (RandomLayers(count=6), "count", "must be from 0 to 5"),
        (GradualUnfreezing(every=1, keep=6), "keep", "must be from 0 to 5"),
        (Selected(layers=("a1", "c1")), "layers", "no layer is named 'c1'; there are: a1, a2, b1, b2, head, stem"),
    ],
    ids=str,
)
def test_what_does_not_fit_the_network_is_refused(policy: Policy, field: str, message: str) -> None:
    with pytest.raises(Unfit, match=message) as caught:
        policy.frozen(LAYERS, 0)
    assert caught.value.field == field


@pytest.mark.parametrize("fields", [{}, {"count": 1, "fraction": 0.5}], ids=str)
def test_first_layers_takes_a_count_or_a_fraction(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="needs count or fraction, one of the two"):
        FirstLayers.model_validate(fields)


def test_all_but_norm_trains_scales_and_shifts_and_the_head() -> None:
    chain: Chain = ResNet(width=2).build(ImageShape(1, 8, 8), 3)
    policy = AllButNorm()
    chain.freeze(policy.frozen(chain.names, 0), policy.spared)
    trained = {name for name, parameter in chain.named_parameters() if parameter.requires_grad}
    head = chain.prefixes[-1]
    norms = {name for name, p in chain.named_parameters() if "norms." in name}
    assert trained == norms | {name for name, _ in chain.named_parameters() if name.startswith(head)}
    assert norms
