"""The architecture `torchvision`: any of torchvision's classification networks, by its name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
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

WITHOUT_SIDE_OUTPUTS = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
"""Networks that give more than logits in training mode, and how to have them give logits alone."""


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [TorchVision]


class TorchVision(NamedNetwork):
    """Any classification network of torchvision, cut into its own blocks, under its own names, for colour images.

    The chain is proved equal to the network, bit for bit, whenever it is built. With `pretrained` or `checkpoint`,
    those weights are what is transferred: say `source: none` and no source is trained; images are then normalized as
    the weights were trained.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"model": "shufflenet_v2_x0_5"},)

    name: Literal["torchvision"] = "torchvision"
    model: str
    """As torchvision calls it: resnet18, vit_b_16."""

    def normalization(self, image: ImageShape) -> Normalization | None:
        """That of torchvision's weights."""
        if not self.pretrained and self.checkpoint is None:
            return None
        transforms = _weights(self.model).transforms()
        return Normalization(tuple(transforms.mean), tuple(transforms.std))

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that its weights are on this machine, or fetch them."""
        if self.checkpoint is not None:
            read_weights(self.checkpoint)
        elif self.pretrained and not _file(self.model).exists():
            check_reachable(_weights(self.model).url, f"the weights of {self.model}")
            say(f"fetching the weights of {self.model}")
            weights = _weights(self.model)
            fetched(lambda: weights.get_state_dict(progress=False, check_hash=True), self.model)

    def weight_files(self) -> Sequence[Path]:
        """The checkpoint, or the file in which torch keeps torchvision's weights."""
        return super().weight_files() or ((_file(self.model),) if self.pretrained else ())

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torchvision's initialization, or its weights."""
        _known(self.model)
        if image.channels != 3:
            raise Unfit(f"torchvision's networks take 3 channels, got images of {image}")

        def build(count: int = classes, **size: Any) -> "nn.Module":
            more = WITHOUT_SIDE_OUTPUTS.get(self.model, {})
            network: nn.Module = _models().get_model(self.model, weights=None, num_classes=count, **more, **size)
            return network

        network = sized(build, image, self.image_size, "image_size")
        head = _head(build, classes)
        if self.checkpoint is not None:
            load(network, read_weights(self.checkpoint), head, self.checkpoint)
        elif self.pretrained:
            file = _file(self.model)
            if not file.exists():
                raise DataUnavailable(f"the weights of {self.model} are not on this machine; ftdd run fetches them")
            without = tuple(f"{name}." for name in ("AuxLogits", "aux1", "aux2"))
            found = {key: value for key, value in read_weights(str(file)).items() if not key.startswith(without)}
            load(network, found, head, str(file))
        return chain_of(network, image, self.image_size, head, self.granularity, self.model)


def _models() -> Any:
    from ftdd_plugins.torchvision_operators import declare_operators

    declare_operators()
    import torchvision.models

    return torchvision.models


def _known(model: str) -> None:
    """Raise Unfit for a name that torchvision does not have."""
    models = _models()
    known = models.list_models(module=models)
    if model not in known:
        raise Unfit(f"torchvision has no classification model '{model}'; {nearest(model, known)}", "model")


def _weights(model: str) -> Any:
    _known(model)
    return _models().get_model_weights(model).DEFAULT


def _file(model: str) -> Path:
    """Where torch keeps the weights once they are fetched."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / str(_weights(model).url).rpartition("/")[2]


def _head(build: "Callable[..., nn.Module]", classes: int) -> tuple[str, ...]:
    """The modules whose weights change their shape with the number of classes."""
    import torch

    try:
        with torch.device("meta"):
            one, other = build(classes).state_dict(), build(classes + 1).state_dict()
    except NotImplementedError:  # some initializations look at the values
        with torch.random.fork_rng(devices=[]):
            one, other = build(classes).state_dict(), build(classes + 1).state_dict()
    return tuple(dict.fromkeys(key.rpartition(".")[0] for key in one if one[key].shape != other[key].shape))
