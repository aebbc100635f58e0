"""Transfer: all layers but the head begin as the source's; the head is new."""

import pytest
import torch
from torch import nn

from ftdd.networks.chain import Chain
from ftdd.training.transfer import TransferRefused, transfer


def chain(width: int = 4, classes: int = 3) -> Chain:
    return Chain(
        [
            ("stem", nn.Conv2d(1, width, 3)),
            ("body", nn.Sequential(nn.Conv2d(width, width, 3), nn.BatchNorm2d(width))),
            ("head", nn.Sequential(nn.Flatten(), nn.Linear(width * 4, classes))),
        ]
    )


def test_all_layers_but_the_head_are_the_sources_and_the_head_is_new() -> None:
    torch.manual_seed(0)
    source, target = chain(classes=5), chain(classes=3)
    source.layers[1][1].running_mean += 3
    head = {name: tensor.clone() for name, tensor in target.layers[-1].state_dict().items()}
    transfer(target, source.state_dict())
    for name in ("stem", "body"):
        for key, tensor in getattr(target, name).state_dict().items():
            assert torch.equal(tensor, getattr(source, name).state_dict()[key])
    assert all(torch.equal(head[name], tensor) for name, tensor in target.layers[-1].state_dict().items())


def test_wrong_shapes_are_refused_by_name_and_nothing_is_changed() -> None:
    source, target = chain(width=8), chain(width=4)
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    with pytest.raises(
        TransferRefused, match=r"stem\.weight has shape \(8, 1, 3, 3\), the network needs \(4, 1, 3, 3\)"
    ):
        transfer(target, source.state_dict())
    assert all(torch.equal(before[name], tensor) for name, tensor in target.state_dict().items())


def test_missing_and_left_over_tensors_are_refused() -> None:
    weights = dict(chain().state_dict())
    weights["tail.weight"] = weights.pop("stem.bias")
    with pytest.raises(TransferRefused, match=r"stem\.bias is missing; tail\.weight is not in the network"):
        transfer(chain(), weights)
