"""Every architecture and policy that is registered: a new one is tested by being there."""

import pytest
import torch

from ftdd.components import Architecture, Policy, Unfit
from ftdd.image_shape import ImageShape
from ftdd.plugins import installed_plugins
from ftdd_plugins.resnet import ResNet

PLUGINS = installed_plugins()
SHAPES = [ImageShape(1, 8, 8), ImageShape(3, 16, 16), ImageShape(3, 20, 24)]


def architectures() -> list[Architecture]:
    """Each with its smallest width, where it has one."""
    found = []
    for cls in PLUGINS.components["architecture"].values():
        assert issubclass(cls, Architecture)
        found.append(cls.model_validate({"width": 2} if "width" in cls.model_fields else {}))
    return found


@pytest.mark.parametrize("image", SHAPES, ids=str)
@pytest.mark.parametrize("architecture", architectures(), ids=lambda a: type(a).__name__)
def test_a_chain_is_what_the_architecture_says(architecture: Architecture, image: ImageShape) -> None:
    """Layers by name, logits of the right shape, and going on from any layer gives the same bits."""
    torch.manual_seed(0)
    chain = architecture.build(image, 7)
    assert chain.names == architecture.layers(image, 7)
    x = torch.randn(3, *image)
    chain.eval()
    with torch.no_grad():
        whole = chain(x)
        assert whole.shape == (3, 7)
        for start in range(len(chain.names) + 1):
            assert torch.equal(chain(chain(x, stop=start), start=start), whole)


@pytest.mark.parametrize("architecture", architectures(), ids=lambda a: type(a).__name__)
def test_building_draws_from_torchs_generator_and_nothing_else(architecture: Architecture) -> None:
    def weights(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return list(architecture.build(SHAPES[0], 3).state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(0), weights(0), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(0), weights(1), strict=True))


@pytest.mark.parametrize("name", list(PLUGINS.components["policy"]))
def test_a_policy_never_freezes_the_head_and_is_a_function_of_layers_and_epoch(name: str) -> None:
    cls = PLUGINS.components["policy"][name]
    policy = cls.model_validate({"count": 2} if "count" in cls.model_fields else {})
    assert isinstance(policy, Policy)
    layers = ("a", "b", "c", "head")
    for epoch in (0, 1, 100):
        frozen = policy.frozen(layers, epoch)
        assert frozen <= {0, 1, 2}
        assert frozen == policy.frozen(layers, epoch)


def test_first_layers_freezes_one_more_at_a_time() -> None:
    cls = PLUGINS.components["policy"]["first_layers"]
    layers = tuple("abcdefgh")
    sets = [cls.model_validate({"count": count}).frozen(layers, 0) for count in range(8)]
    assert sets == [frozenset(range(count)) for count in range(8)]
    with pytest.raises(Unfit, match="must be from 0 to 7, the layers below the head 'h', got 8"):
        cls.model_validate({"count": 8}).frozen(layers, 0)


@pytest.mark.parametrize(("width", "millions"), [(64, 11.17), (32, 2.80)])
def test_the_resnet_is_the_networks_of_the_papers(width: int, millions: float) -> None:
    """11.17 million parameters at width 64, 10 classes: a network whose count is off is a different network."""
    chain = ResNet(width=width).build(ImageShape(3, 32, 32), 10)
    assert sum(parameter.numel() for parameter in chain.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    assert len(chain.names) == 10


@pytest.mark.parametrize("image", [ImageShape(3, 7, 8), ImageShape(1, 65, 64)], ids=str)
def test_images_that_the_resnet_was_not_made_for_are_refused(image: ImageShape) -> None:
    with pytest.raises(Unfit, match="takes images of 8 to 64 pixels a side"):
        ResNet().build(image, 10)


def test_the_last_stage_of_a_resnet_holds_three_quarters_of_its_parameters() -> None:
    """Why depth alone misleads: FIELD's figure for ResNet-18, counted."""
    chain = ResNet(width=64).build(ImageShape(3, 32, 32), 10)
    counts = {
        name: sum(p.numel() for p in layer.parameters()) for name, layer in zip(chain.names, chain.layers, strict=True)
    }
    last = sum(count for name, count in counts.items() if name.startswith("stage4"))
    assert last / sum(counts.values()) == pytest.approx(0.75, abs=0.01)
