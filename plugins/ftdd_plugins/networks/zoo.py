"""What timm and torchvision have in common: a network built by name becomes a chain, or a clear sentence."""

import socket
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from pydantic import PositiveInt
from typing_extensions import Self

from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.image_shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ftdd.chain import Chain

PATIENCE_SECONDS = 1.0


class NamedNetwork(Architecture):
    """A network that a library builds by its name, and may have weights for."""

    model: str
    """Its name in the library."""
    pretrained: bool = False
    """Whether to start from the library's weights; they are fetched once."""
    checkpoint: str | None = None
    """A safetensors file, or one of torch's with nothing but weights, to start from instead."""
    image_size: PositiveInt | None = None
    """Pixels a side to which images are resized first; as they are where it is left out."""
    granularity: Literal["blocks", "modules"] = "blocks"
    """`blocks`: a layer is a block. `modules`: a layer is a convolution or linear map with what follows it."""

    def untrained(self) -> Self:
        """The same network with new weights."""
        return self.model_copy(update={"pretrained": False, "checkpoint": None})

    def weight_files(self) -> Sequence[Path]:
        """The checkpoint."""
        return () if self.checkpoint is None else (Path(self.checkpoint).expanduser(),)

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """The names of the blocks, found by cutting the network once."""
        return _layers(self.untrained(), image, classes)


@lru_cache(maxsize=256)
def _layers(architecture: NamedNetwork, image: ImageShape, classes: int) -> tuple[str, ...]:
    import torch

    with torch.random.fork_rng(devices=[]):
        return architecture.build(image, classes).names


def chain_of(
    network: "nn.Module",
    image: ImageShape,
    size: int | None,
    head: Collection[str],
    granularity: Literal["blocks", "modules"],
    name: str,
) -> "Chain":
    """The network cut into its layers, the first of which resizes images where a size is given. Raises Unfit."""
    import torch

    from ftdd.cut import CannotCut, cut

    height, width = (size, size) if size else (image.height, image.width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(3, image.channels, height, width)
    try:
        chain = cut(network, images, head, granularity)
    except CannotCut as error:
        larger = "" if size else "; where it needs larger images, set image_size, to which they are then resized"
        raise Unfit(
            f"{name} on images of {ImageShape(image.channels, height, width)}: {error}{larger}", "model"
        ) from error
    if size and (size, size) != (image.height, image.width):
        chain.layers[0].register_forward_pre_hook(_Resize(size))
    return chain


class _Resize:
    """Resizes what a layer is given, bilinearly."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, _: "nn.Module", given: tuple["torch.Tensor", ...]) -> tuple["torch.Tensor", ...]:
        from torch.nn.functional import interpolate

        (images,) = given
        return (interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=True),)


def sized(build: Callable[..., "nn.Module"], image: ImageShape, size: int | None, word: str) -> "nn.Module":
    """The network for this image size, where the model takes one by this word; else the model as it is."""
    height, width = (size, size) if size else (image.height, image.width)
    for given in ((height, width), height):
        if given == height and height != width:
            break
        try:
            return build(**{word: given})
        except (TypeError, AssertionError, ValueError, RuntimeError) as error:
            if isinstance(error, TypeError) and word in str(error):
                break  # it takes no size
    return build()


def load(network: "nn.Module", weights: "dict[str, Any]", head: Collection[str], origin: str) -> None:
    """Copy weights into everything but the head. Raises DataUnavailable with what does not fit."""
    from ftdd.training.transfer import misfits

    fresh = tuple(f"{name}." for name in head)
    own = {key: value for key, value in network.state_dict().items() if not key.startswith(fresh)}
    given = {key: value for key, value in weights.items() if not key.startswith(fresh)}
    if faults := misfits(own, given):
        raise DataUnavailable(f"the weights of {origin} do not fit: {faults}")
    import torch

    with torch.no_grad():
        for key, tensor in own.items():
            tensor.copy_(given[key])


def read_weights(path: str) -> "dict[str, Any]":
    """A state dict from a safetensors file, or from one of torch's that holds nothing but weights.

    Raises DataUnavailable.
    """
    import torch
    from safetensors.torch import load_file

    file = Path(path).expanduser()
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        found = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataUnavailable(f"checkpoint: there is no file {file}") from None
    except Exception as error:  # whatever unpickling and safetensors raise for a file that is no such thing
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataUnavailable(f"checkpoint: {file} cannot be read as weights: {reason}") from error
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataUnavailable(f"checkpoint: {file} holds no state dict")
    return found


def check_reachable(address: str, what: str) -> None:
    """Raise DataUnavailable, within a second, where the host that has the weights cannot be reached."""
    parts = urlsplit(address)
    if getproxies().get(parts.scheme):
        return  # a proxy answers in its own time
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=PATIENCE_SECONDS).close()
    except OSError as error:
        raise DataUnavailable(
            f"{what} are not on this machine and {parts.hostname} cannot be reached ({error}); "
            "name a file that has them with `checkpoint`, or say `pretrained: false`"
        ) from error


def fetched(fetch: Callable[[], object], model: str) -> None:
    """Fetch weights. Raises DataUnavailable with the reason where that fails."""
    try:
        fetch()
    except Exception as error:  # whatever the library, its hub and their connections raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataUnavailable(
            f"the weights of {model} could not be fetched: {reason}; name a file that has them with "
            "`checkpoint`, or say `pretrained: false`"
        ) from error
