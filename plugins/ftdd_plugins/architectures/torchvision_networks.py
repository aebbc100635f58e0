"""The architecture `torchvision`: any of torchvision's classification networks, by its name."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ftdd
from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json
from ftdd_plugins.architectures.zoo.networks import (
    AUXILIARY,
    NamedNetwork,
    chain_of,
    check_reachable,
    fetch,
    fetched,
    first_line,
    in_hub,
    loading,
    say_what_is_taken,
    sized,
    with_checkpoint,
)

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
    those weights are what is transferred: say `source: none` and no source is trained; images are then normalized as
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
        transforms = _weights(self.model).transforms()
        return Normalization(tuple(transforms.mean), tuple(transforms.std))

    def weight_files(self) -> Sequence[Path]:
        """The checkpoint, or the file of torchvision's weights once they are fetched."""
        if self.checkpoint is not None:
            return (Path(self.checkpoint).expanduser(),)
        file = in_hub(_weights(self.model).url) if self.pretrained else None
        return (file,) if file is not None and file.exists() else ()

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that its weights are on this machine, or fetch them."""
        if self.checkpoint is not None:
            network = _without_weights(self._plain, 2)
            if not say_what_is_taken(self.checkpoint, network, _head(self._plain, 2), say):
                self._network(ImageShape(3, 224, 224), classes=2)
        elif self.pretrained and not self.weight_files():
            address = _weights(self.model).url
            check_reachable(address, f"the weights of {self.model}")
            say(f"fetching the weights of {self.model}")
            fetched(lambda: fetch(address), self.model)

    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with torchvision's initialization, or its weights."""
        _known(self.model)
        if image.channels != 3:
            raise Unfit(f"torchvision's networks take 3 channels, got images of {image}")
        network, head = self._network(image, classes)
        return chain_of(network, image, self.image_size, head, self.granularity, self.model)

    def _network(self, image: ImageShape, classes: int) -> "tuple[nn.Module, tuple[str, ...]]":
        """The network before it is cut, and the names of its heads."""
        network, _ = sized(lambda **size: self._plain(classes, **size), image, self.image_size, "image_size")
        head = _head(self._plain, classes)
        if self.checkpoint is not None:
            network = with_checkpoint(
                self.checkpoint, network, head, lambda weights, origin: self._with(weights, origin, network, head)
            )
        elif self.pretrained:
            network = self._with(self._published(), self.model, network, head)
        return network, head

    def _plain(self, classes: int, **size: Any) -> "nn.Module":
        """As torchvision makes it without weights."""
        _known(self.model)
        more = WITHOUT_SIDE_OUTPUTS.get(self.model, {})
        network: nn.Module = _models().get_model(self.model, weights=None, num_classes=classes, **more, **size)
        return network

    def _published(self) -> "Mapping[str, Any]":
        from ftdd_plugins.architectures.zoo.checkpoints import read

        files = self.weight_files()
        if not files:
            raise DataUnavailable(f"the weights of {self.model} are not on this machine; ftdd run fetches them")
        weights: Mapping[str, Any] = read(files[0])
        return weights

    def _with(
        self, weights: "Mapping[str, Any]", origin: str, network: "nn.Module", head: tuple[str, ...]
    ) -> "nn.Module":
        """A network of torchvision's own with weights, and the given one's head. Raises DataUnavailable."""
        import torch

        published = _weights(self.model)
        with torch.random.fork_rng(devices=[]), loading(self.model, origin, head, _resize_positions) as loaded:
            try:
                with _in_place_of(published, weights):
                    theirs: nn.Module = _models().get_model(self.model, weights=published, progress=False)
            except DataUnavailable:
                raise
            except Exception as error:  # whatever torchvision's own code raises for weights that are not the model's
                raise DataUnavailable(
                    f"the weights of {origin} do not fit: torchvision says: {first_line(error)}", "checkpoint"
                ) from error
            loaded.prove()
            if _same_shapes(theirs, network, head):
                for name in head:
                    _put(theirs, name, network.get_submodule(name))
                _drop_side_outputs(theirs)
                return theirs
            network.load_state_dict(loaded.given or {})  # made for images of another size
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


def _put(network: "nn.Module", name: str, part: "nn.Module") -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, part)


def _drop_side_outputs(network: "nn.Module") -> None:
    """Have it give logits alone, in training mode too."""
    if getattr(network, "aux_logits", False):
        network.aux_logits = False  # type: ignore[assignment]
        for name in AUXILIARY:
            if hasattr(network, name):
                setattr(network, name, None)


def _models() -> Any:
    from ftdd_plugins.architectures.zoo.torchvision_operators import declare_operators

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


def _head(build: "Callable[..., nn.Module]", classes: int) -> tuple[str, ...]:
    """The modules whose weights change their shape with the number of classes."""
    one, other = (_without_weights(build, count).state_dict() for count in (classes, classes + 1))
    return tuple(dict.fromkeys(key.rpartition(".")[0] for key in one if one[key].shape != other[key].shape))


def _without_weights(build: "Callable[..., nn.Module]", classes: int) -> "nn.Module":
    """The network for its names and shapes alone."""
    import torch

    try:
        with torch.device("meta"):
            return build(classes)
    except NotImplementedError:  # some initializations look at the values
        with torch.random.fork_rng(devices=[]):
            return build(classes)
