"""The architecture `torchvision`: any of torchvision's classification networks, by its name."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ftdd
from ftdd.components import Architecture, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.architectures.named_network import NamedNetwork, skeleton

if TYPE_CHECKING:
    from torch import nn

    from ftdd.networks.chain import Chain

WITHOUT_SIDE_OUTPUTS = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
"""Networks that give more than logits in training mode, and how to have them give logits alone."""


@ftdd.hookimpl
def ftdd_architectures() -> Sequence[type[Architecture]]:
    """The architecture of this file."""
    return [TorchVision]


class TorchVision(NamedNetwork):
    """Any classification network of torchvision, cut into its own blocks, under its own names, for colour images.

    The chain is proved equal to the network, bit for bit, whenever it is built. With `pretrained` or `checkpoint`,
    those weights are what is transferred: set `source: none` and no source is trained; images are then normalized as
    the weights were trained. They are loaded as torchvision loads them, with what it sets where it has weights:
    googlenet and inception_v3 then transform what they are given, with `checkpoint` too.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"model": "shufflenet_v2_x0_5"},)

    name: Literal["torchvision"] = "torchvision"
    model: str
    """As torchvision calls it: resnet18, vit_b_16."""

    def normalization(self, image: ImageShape) -> Normalization | None:
        """That of torchvision's weights."""
        if not self.pretrained and self.checkpoint is None:
            return None
        transforms = self._weights().transforms()
        return Normalization(tuple(transforms.mean), tuple(transforms.std))

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torchvision's initialization, or its weights."""
        self._models()
        if image.channels != 3:
            raise Unfit(f"torchvision's networks take 3 channels, got images of {image}")
        return super().build(image, classes)

    def _network(self, image: ImageShape, classes: int) -> "tuple[nn.Module, tuple[str, ...]]":
        network, _ = self.sized(lambda **size: self._plain(classes, **size), image, keyword="image_size")
        head = self._head(classes)

        def with_weights(weights: Mapping[str, Any], origin: str) -> "nn.Module":
            return self._with_weights(weights, origin, network, head)

        if self.checkpoint is not None:
            from ftdd_plugins.architectures.weights.loading import with_checkpoint

            return with_checkpoint(self.checkpoint, network, head, with_weights), head
        if self.pretrained:
            from ftdd_plugins.architectures.weights.reading import read

            return with_weights(read(self.published_file()), self.model), head
        return network, head

    def _skeleton(self) -> "tuple[nn.Module, tuple[str, ...]]":
        return skeleton(lambda: self._plain(2)), self._head(2)

    def _published(self) -> Path | None:
        from ftdd_plugins.architectures.weights.fetching import in_hub

        file = in_hub(self._weights().url)
        return file if file.exists() else None

    def _fetch(self, say: Callable[[str], None]) -> None:
        from ftdd_plugins.architectures.weights.fetching import check_reachable, fetch, fetched

        address, what = self._weights().url, f"the weights of {self.model}"
        check_reachable(address, what)
        fetched(lambda: fetch(address), what, say)

    def _models(self) -> Any:
        """Torchvision's module of models. Raises Unfit where it does not have this one."""
        from ftdd_plugins.architectures.torchvision_operators import declare_operators

        declare_operators()
        from torchvision import models

        known = models.list_models(module=models)
        if self.model not in known:
            message = f"torchvision has no classification model '{self.model}'; {nearest(self.model, known)}"
            raise Unfit(message, "model")
        return models

    def _weights(self) -> Any:
        return self._models().get_model_weights(self.model).DEFAULT

    def _plain(self, classes: int, **size: Any) -> "nn.Module":
        """As torchvision makes it without weights."""
        more = WITHOUT_SIDE_OUTPUTS.get(self.model, {})
        network: nn.Module = self._models().get_model(self.model, weights=None, num_classes=classes, **more, **size)
        return network

    def _head(self, classes: int) -> tuple[str, ...]:
        """The modules whose weights change their shape with the number of classes."""
        one, other = (skeleton(lambda n=n: self._plain(n)).state_dict() for n in (classes, classes + 1))
        return tuple(dict.fromkeys(key.rpartition(".")[0] for key in one if one[key].shape != other[key].shape))

    def _with_weights(
        self, weights: Mapping[str, Any], origin: str, network: "nn.Module", head: tuple[str, ...]
    ) -> "nn.Module":
        """A network of torchvision's own with weights, and the given one's head. Raises DataUnavailable."""
        from ftdd_plugins.architectures.weights.loading import loading

        published = self._weights()
        with loading("torchvision", self.model, origin, head, _resize_positions) as loaded:
            with _in_place_of(published, weights):
                theirs: nn.Module = self._models().get_model(self.model, weights=published, progress=False)
            loaded.prove()
            if _same_shapes(theirs, network, head):
                for name in head:
                    parent, _, own = name.rpartition(".")
                    setattr(theirs.get_submodule(parent), own, network.get_submodule(name))
                _drop_side_outputs(theirs)
                return theirs
            network.load_state_dict(loaded.weights or {})  # made for images of another size
            loaded.prove()
        return network


def _resize_positions(weights: "dict[str, Any]", network: "nn.Module") -> None:
    """Fit a vision transformer's positions to another size of image, as torchvision has it for fine-tuning."""
    key = "encoder.pos_embedding"
    own, given = network.state_dict().get(key), weights.get(key)
    if own is None or given is None or own.shape == given.shape:
        return
    from torchvision.models.vision_transformer import interpolate_embeddings

    patches = round((own.shape[1] - 1) ** 0.5)
    weights[key] = interpolate_embeddings(image_size=patches, patch_size=1, model_state={key: given})[key]


@contextmanager
def _in_place_of(published: Any, weights: "Mapping[str, Any]") -> "Iterator[None]":
    """Have torchvision's builders get these weights, in this thread, where they ask for those that they fetch."""
    kind, thread = type(published), threading.get_ident()
    original = kind.get_state_dict

    def given(which: Any, *args: Any, **kwargs: Any) -> Any:
        return weights if threading.get_ident() == thread else original(which, *args, **kwargs)

    kind.get_state_dict = given
    try:
        yield
    finally:
        del kind.get_state_dict


def _same_shapes(one: "nn.Module", other: "nn.Module", head: tuple[str, ...]) -> bool:
    fresh = tuple(f"{name}." for name in head)
    theirs = one.state_dict()
    return all(
        key in theirs and theirs[key].shape == tensor.shape
        for key, tensor in other.state_dict().items()
        if not key.startswith(fresh)
    )


def _drop_side_outputs(network: "nn.Module") -> None:
    """Have it give logits alone, in training mode too."""
    from ftdd_plugins.architectures.weights.loading import AUXILIARY

    if getattr(network, "aux_logits", False):
        network.aux_logits = False  # type: ignore[assignment]
        for name in AUXILIARY:
            if hasattr(network, name):
                setattr(network, name, None)
