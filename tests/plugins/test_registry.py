"""Every component that is registered passes the checks of its kind: a new one is tested by being there."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ftdd.components import KINDS, Analysis, Architecture, Component, Unfit
from ftdd.data.image_shape import ImageShape
from ftdd.testing import checks_of, examples
from ftdd_plugins.analyses.widthwise import Widthwise
from ftdd_plugins.architectures.densenet import DenseNet
from ftdd_plugins.architectures.linear import Linear
from ftdd_plugins.architectures.named_network import NamedNetwork
from ftdd_plugins.architectures.resnet import ResNet
from ftdd_plugins.architectures.vit import ViT
from tests.installed import installed_plugins

PLUGINS = installed_plugins()


def _takes_seconds(component: Component, check: str) -> bool:
    """Of checks whose own code `tests/testing` tries.

    Networks by name are cut and proved anew for each check; networks learn by heart in a hundred steps; analyses read
    eight studies.
    """
    if isinstance(component, Architecture):
        return isinstance(component, NamedNetwork) or (check == "interpolates" and not isinstance(component, Linear))
    return isinstance(component, Analysis) and not isinstance(component, Widthwise)


def _cases() -> list[Any]:
    return [
        pytest.param(component, one, marks=pytest.mark.slow if _takes_seconds(component, one.__name__) else ())
        for word in KINDS
        for cls in PLUGINS.components[word].values()
        for component in examples(cls, PLUGINS)
        for one in checks_of(component)
    ]


def _id(value: object) -> str:
    if isinstance(value, Component):
        fields = value.model_dump(mode="json", exclude_unset=True)
        return " ".join([type(value).__name__, *(f"{key}={item}" for key, item in fields.items())])
    return value.__name__


@pytest.mark.parametrize(("component", "check"), _cases(), ids=_id)
def test_a_component_passes_its_kinds_check(component: Component, check: Callable[[Component], None]) -> None:
    check(component)


@pytest.mark.parametrize("word", ["architecture", "pair", "policy"])
def test_every_class_has_an_example(word: str) -> None:
    for cls in PLUGINS.components[word].values():
        assert examples(cls, PLUGINS), f"{cls.__name__} names no example, so no check tries it"


def _parameters(component: object, image: ImageShape, classes: int) -> int:
    return sum(p.numel() for p in component.build(image, classes).parameters())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("architecture", "image", "classes", "count"),
    [
        (ResNet(), ImageShape(3, 32, 32), 10, 11_172_170),
        (ResNet(preactivation=False), ImageShape(3, 224, 224), 1000, 11_689_512),
        (ResNet(depth=34, preactivation=False), ImageShape(3, 224, 224), 1000, 21_797_672),
        (ResNet(depth=50, preactivation=False), ImageShape(3, 224, 224), 1000, 25_557_032),
        (DenseNet(), ImageShape(3, 32, 32), 10, 769_162),
        # One position less than timm's ViT-Tiny of 5,717,416: the class token has none, only its own value.
        (ViT(patch=16), ImageShape(3, 224, 224), 1000, 5_717_416 - 192),
    ],
    ids=lambda value: _id(value) if isinstance(value, Component) else str(value),
)
def test_networks_are_those_of_the_papers(architecture: Component, image: ImageShape, classes: int, count: int) -> None:
    """A network whose count is off is a different network. ResNets at 224 pixels: torchvision's counts."""
    assert _parameters(architecture, image, classes) == count


@pytest.mark.parametrize("name", ["resnet", "densenet", "vit"])
def test_width_means_the_same_in_all_three_families(name: str) -> None:
    """64 is the standard network, and all channels go with it: twice the width is four times the weights, about."""
    cls = PLUGINS.components["architecture"][name]
    assert cls.model_fields["width"].default == 64
    image = ImageShape(3, 32, 32)
    small, large = (_parameters(cls.model_validate({"width": width}), image, 10) for width in (32, 64))
    assert 3.5 < large / small < 4.1


def test_the_last_stage_of_a_resnet_holds_three_quarters_of_its_parameters() -> None:
    """Why depth alone misleads: FIELD's figure for ResNet-18, counted."""
    chain = ResNet(width=64).build(ImageShape(3, 32, 32), 10)
    counts = {
        name: sum(p.numel() for p in layer.parameters()) for name, layer in zip(chain.names, chain.layers, strict=True)
    }
    last = sum(count for name, count in counts.items() if name.startswith("stage4"))
    assert last / sum(counts.values()) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize(
    ("architecture", "image", "message"),
    [
        (ResNet(), ImageShape(3, 7, 8), "takes images of 8 pixels a side or more, got 3×7×8"),
        (DenseNet(), ImageShape(3, 8, 4), "takes images of 8 pixels a side or more"),
        (DenseNet(depth=41), ImageShape(3, 32, 32), "must be 6n [+] 4, such as 40 or 46; got 41"),
        (ViT(), ImageShape(3, 30, 32), "must divide the image's sides, 30 and 32; got 4"),
        (ViT(width=5, heads=2), ImageShape(3, 32, 32), "must divide the values of a token, 3 · width = 15; got 2"),
    ],
    ids=str,
)
def test_what_a_network_was_not_made_for_is_refused(architecture: Component, image: ImageShape, message: str) -> None:
    with pytest.raises(Unfit, match=message):
        architecture.layers(image, 10)  # type: ignore[attr-defined]


def test_large_images_get_the_stem_of_imagenet() -> None:
    for architecture in (ResNet(width=2), DenseNet(depth=10, growth=2)):
        chain = architecture.build(ImageShape(3, 96, 96), 3).eval()
        with torch.no_grad():
            assert chain(torch.zeros(1, 3, 96, 96), stop=1).shape[-2:] == (24, 24)
