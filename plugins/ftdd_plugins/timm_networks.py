"""The architecture `timm`: any network of timm, by its name."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ftdd
from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.image_shape import ImageShape, Normalization
from ftdd.plugins import nearest
from ftdd.values import Json
from ftdd_plugins.networks.zoo import (
    NamedNetwork,
    chain_of,
    check_reachable,
    fetched,
    load,
    read_weights,
    sized,
)

if TYPE_CHECKING:
    from torch import nn

    from ftdd.chain import Chain


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [Timm]


class Timm(NamedNetwork):
    """Any network of timm (PyTorch Image Models), cut into its own blocks: a layer is a block under timm's own name.

    The chain is proved equal to the network, bit for bit, whenever it is built; a network that cannot be cut is
    refused. With `pretrained` or `checkpoint`, those weights are what is transferred: say `source: none` and no
    source is trained; images are then normalized as the weights were trained.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"model": "test_convnext"},
        {"model": "test_vit", "granularity": "modules"},
    )

    name: Literal["timm"] = "timm"
    model: str
    """As timm calls it, with or without the tag of its weights: convnext_atto, resnet18.a1_in1k."""

    def normalization(self, image: ImageShape) -> Normalization | None:
        """That of timm's weights."""
        if not self.pretrained and self.checkpoint is None:
            return None
        found = _config(self.model)
        if image.channels == len(found.mean):
            return Normalization(tuple(found.mean), tuple(found.std))
        mean, std = sum(found.mean) / len(found.mean), sum(found.std) / len(found.std)
        return Normalization((mean,) * image.channels, (std,) * image.channels)

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that its weights are on this machine, or fetch them."""
        if self.checkpoint is not None:
            read_weights(self.checkpoint)
        elif self.pretrained and not _is_here(self.model):
            from huggingface_hub import constants

            config = _config(self.model)
            if not config.has_weights:
                raise DataUnavailable(f"timm has no weights of {self.model}; say pretrained: false")
            check_reachable(constants.ENDPOINT, f"the weights of {self.model}")
            say(f"fetching the weights of {self.model}")
            fetched(self._created(classes=None, channels=3), self.model)

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with timm's initialization, or its weights."""
        config = _config(self.model)
        head = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
        build = self._created(classes, image.channels)
        network = sized(build, image, self.image_size, "img_size")
        if self.pretrained and config.num_classes == classes and self.checkpoint is None:
            network.reset_classifier(classes)  # type: ignore[operator]
        if self.checkpoint is not None:
            load(network, read_weights(self.checkpoint), head, self.checkpoint)
        return chain_of(network, image, self.image_size, head, self.granularity, self.model)

    def _created(self, classes: int | None, channels: int) -> Callable[..., "nn.Module"]:
        timm = _timm()
        fetch = self.pretrained and self.checkpoint is None
        if fetch and classes is not None and not _is_here(self.model):
            raise DataUnavailable(f"the weights of {self.model} are not on this machine; ftdd run fetches them")

        def build(**size: Any) -> "nn.Module":
            more = {} if classes is None else {"num_classes": classes}
            network: nn.Module = timm.create_model(self.model, pretrained=fetch, in_chans=channels, **more, **size)
            return network

        return build


def _timm() -> Any:
    from ftdd_plugins.torchvision_operators import declare_operators

    declare_operators()
    import timm

    return timm


def _config(model: str) -> Any:
    """What timm knows of a model's weights. Raises Unfit for a name that it does not have."""
    timm = _timm()
    if not timm.is_model(model):
        base = model.partition(".")[0]
        known = nearest(base, timm.list_models(), "timm.list_models() has them all")
        raise Unfit(f"timm has no model '{model}'; {known}", "model")
    try:
        config = timm.get_pretrained_cfg(model, allow_unregistered=False)
    except (RuntimeError, KeyError) as error:
        tags = sorted(name.partition(".")[2] for name in timm.list_pretrained(f"{model.partition('.')[0]}.*"))
        raise Unfit(f"timm has no such weights '{model}'; there are: {', '.join(tags) or 'none'}", "model") from error
    if config is None:
        raise Unfit(f"timm tells nothing of '{model}'", "model")
    return config


def _is_here(model: str) -> bool:
    """Whether the weights are in the cache on this machine."""
    from huggingface_hub import try_to_load_from_cache

    repository = _config(model).hf_hub_id
    files = ("model.safetensors", "pytorch_model.bin")
    return bool(repository) and any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)
