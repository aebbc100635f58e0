"""What timm and torchvision have in common: a network built by name becomes a chain, or a clear sentence."""

import re
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt
from typing_extensions import Self

from ftdd.components import Architecture, DataUnavailable, Unfit
from ftdd.data.image_shape import ImageShape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ftdd.networks.chain import Chain

PATIENCE_SECONDS = 1.0
"""For a host to take a connection."""
ANSWER_SECONDS = 5.0
"""For a host to answer, and between two parts of what it sends."""
COUNTER = "num_batches_tracked"
"""Which only weights from after PyTorch 0.4.1 have; 0 where it is missing."""
MOST_SAID = 200
AUXILIARY = ("AuxLogits", "aux1", "aux2", "head_dist")
"""What the libraries call heads that only training needs."""


class NamedNetwork(Architecture):
    """A network that a library builds by its name, and may have weights for."""

    model: str
    """Its name in the library."""
    pretrained: bool = False
    """Whether to start from the library's weights; they are fetched once."""
    checkpoint: str | None = None
    """A file to start from instead: of safetensors, or what torch.save, Lightning or a training script has written."""
    image_size: PositiveInt | None = None
    """Pixels a side to which images are resized first; as they are where it is left out."""
    granularity: Literal["blocks", "modules"] = "blocks"
    """`blocks`: a layer is a block. `modules`: a layer is a convolution or linear map with what follows it."""

    def untrained(self) -> Self:
        """The same network with new weights."""
        return self.model_copy(update={"pretrained": False, "checkpoint": None})

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

    from ftdd.networks.cut import CannotCut, cut

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


def sized(
    build: Callable[..., "nn.Module"], image: ImageShape, size: int | None, word: str
) -> "tuple[nn.Module, dict[str, Any]]":
    """The network for this image size, where the model takes one by this word, and how it was given; else as it is."""
    height, width = (size, size) if size else (image.height, image.width)
    for given in ((height, width), height):
        if given == height and height != width:
            break
        try:
            return build(**{word: given}), {word: given}
        except (TypeError, AssertionError, ValueError, RuntimeError) as error:
            if isinstance(error, TypeError) and word in str(error):
                break  # it takes no size
    return build(), {}


# ---- weights


@dataclass
class Loaded:
    """What a library has loaded into a network of its own."""

    model: str
    origin: str
    """Where the weights come from, in words."""
    fresh: tuple[str, ...]
    """How the names of heads begin: their weights are not taken."""
    given: "dict[str, torch.Tensor] | None" = None
    """The weights under the names that the network has now; None where nothing was loaded."""
    faults: list[str] = field(default_factory=list)

    def prove(self) -> None:
        """Raise DataUnavailable where anything but a head was not in the weights, or not in the network."""
        if self.given is None:
            raise DataUnavailable(f"the weights of {self.origin} were not loaded: {self.model} has no place for them")
        if self.faults:
            more = f" (and {len(self.faults) - 3} more)" if len(self.faults) > 3 else ""
            raise DataUnavailable(
                f"the weights of {self.origin} do not fit: {'; '.join(self.faults[:3])}{more}", "checkpoint"
            )


@contextmanager
def loading(
    model: str, origin: str, head: Collection[str], adapt: "Callable[[dict[str, Any], nn.Module], None] | None" = None
) -> "Iterator[Loaded]":
    """Watch what a library loads into the networks that it builds meanwhile; leave all heads new.

    The libraries tell nobody what was missing in weights or left over, and refuse a head of other classes. So every
    `load_state_dict` of this thread is written down here, and done without the heads; `Loaded.prove` then says whether
    all else was there. A counter of batches that is missing is 0, as in weights from before torch had it.
    adapt: changes weights, in place, to what a network needs.
    """
    from torch import nn

    thread = threading.get_ident()
    original = nn.Module.load_state_dict
    seen = Loaded(model, origin, _fresh(head))

    def watched(network: "nn.Module", weights: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        if threading.get_ident() != thread:
            return original(network, weights, strict, assign)
        seen.given = given = _given(network, weights, seen.fresh)
        if adapt is not None:
            adapt(given, network)
        try:
            done = original(network, given, strict=False, assign=assign)
        except RuntimeError as error:  # shapes
            seen.faults = _other_shapes(network.state_dict(), given) or [one_line(error)]
            seen.prove()
            raise
        seen.faults = [f"{key} is missing" for key in done.missing_keys if not key.startswith(seen.fresh)]
        seen.faults += [f"{key} is not in the network" for key in done.unexpected_keys]
        return done

    nn.Module.load_state_dict = watched  # type: ignore[assignment, method-assign]
    try:
        yield seen
    finally:
        nn.Module.load_state_dict = original  # type: ignore[method-assign]


def _fresh(head: Collection[str]) -> tuple[str, ...]:
    """How the names of weights begin that are not taken: of heads, and of heads that only training needs.

    Of the latter, one that has a head in it is needed: LeViT normalizes what enters `head_dist.linear`.
    """
    spare = [name for name in AUXILIARY if not any(one.startswith(f"{name}.") for one in head)]
    return tuple(f"{name}." for name in (*head, *spare))


def _given(network: "nn.Module", weights: Mapping[str, Any], fresh: tuple[str, ...]) -> "dict[str, torch.Tensor]":
    """Weights without heads, with every counter of batches."""
    import torch

    given: OrderedDict[str, torch.Tensor] = OrderedDict(
        (key, value) for key, value in weights.items() if isinstance(key, str) and not key.startswith(fresh)
    )
    for key in network.state_dict():
        if key.endswith(f".{COUNTER}") and key not in given and not key.startswith(fresh):
            given[key] = torch.tensor(0)
    versions = getattr(weights, "_metadata", None)
    own = getattr(network, "_version", 1)
    if not isinstance(versions, dict) and own > 1:
        versions = {"": {"version": own}}  # torchvision's MNASNet loads no weights of which it is not told the version
    given._metadata = versions  # type: ignore[attr-defined]
    return given


def _other_shapes(own: "Mapping[str, torch.Tensor]", given: "Mapping[str, torch.Tensor]") -> list[str]:
    return [
        f"{name} has shape {tuple(given[name].shape)}, the network needs {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in given and given[name].shape != tensor.shape
    ]


def with_checkpoint(
    path: str, network: "nn.Module", head: Collection[str], loaded: "Callable[[Mapping[str, Any], str], nn.Module]"
) -> "nn.Module":
    """What `loaded` makes of the weights in a file, told also their origin in words.

    Weights that have a network's names, once a common prefix is gone, are taken. Where there are none, the library is
    given first all that is in the file, then what comes nearest: it may know the names of old. Raises DataUnavailable.
    """
    from ftdd_plugins.architectures.zoo.checkpoints import find, nearest_names, read

    file = Path(path).expanduser()
    content = read(file)
    found = find(file, content, needed(network, head))
    if found.fits:
        return loaded(found.taken, f"{file} ({found.place})")
    faults: list[DataUnavailable] = []
    for weights in (content, found.taken) if isinstance(content, dict) else (found.taken,):
        try:
            return loaded(weights, f"{file} ({found.place})")
        except DataUnavailable as error:
            faults.append(error)
    missing = next(name for name in needed(network, head) if name not in found.taken)
    raise DataUnavailable(f"{faults[-1]}; {nearest_names(content, missing)}", "checkpoint") from faults[-1]


def needed(network: "nn.Module", head: Collection[str]) -> list[str]:
    """The names of all weights that a network needs from others: all but those of heads and counters."""
    fresh = _fresh(head)
    return [name for name in network.state_dict() if not name.startswith(fresh) and not name.endswith(f".{COUNTER}")]


def say_what_is_taken(path: str, network: "nn.Module", head: Collection[str], say: Callable[[str], None]) -> bool:
    """Whether a checkpoint has weights of a network's names; say which are taken of several that fit.

    Raises DataUnavailable where it cannot be read or decided.
    """
    from ftdd_plugins.architectures.zoo.checkpoints import find, read

    file = Path(path).expanduser()
    found = find(file, read(file), needed(network, head))
    if found.others:
        say(f"checkpoint: of {file} the weights {found.place} are taken; those {', '.join(found.others)} fit too")
    return found.fits


# ---- files


def first_line(error: BaseException) -> str:
    """What an error says, in one line and without terminal codes."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def one_line(error: BaseException) -> str:
    """All that an error says, in one line; cut off where it is long."""
    said = " ".join(str(error).split())
    return said if len(said) <= MOST_SAID else f"{said[:MOST_SAID]} …"


def in_hub(address: str) -> Path:
    """Where torch keeps what it has fetched from an address."""
    from urllib.parse import urlsplit

    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(address).path).name


def check_reachable(address: str, what: str) -> None:
    """Raise DataUnavailable, within seconds, where the host that has the weights does not answer."""
    from ssl import SSLError
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, getproxies, proxy_bypass, urlopen

    parts = urlsplit(address)
    through = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    host = urlsplit(through if "//" in through else f"//{through}") if through else parts
    by = f"the proxy {host.hostname}" if through else f"{parts.hostname}"
    try:
        port = host.port or (443 if host.scheme == "https" else 80)
        socket.create_connection((host.hostname or "", port), timeout=PATIENCE_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _unreachable(what, by, error) from error
    try:
        urlopen(Request(address, method="HEAD"), timeout=ANSWER_SECONDS).close()
    except HTTPError as error:
        if error.code >= 500 or error.code in (407, 429):  # of others the library has more to say
            raise _unreachable(what, by, error) from error
    except (OSError, ValueError) as error:
        if not isinstance(getattr(error, "reason", None), SSLError):  # the library has certificates of its own
            raise _unreachable(what, by, error) from error


def _unreachable(what: str, host: str, error: Exception) -> DataUnavailable:
    return DataUnavailable(
        f"{what} are not on this machine and {host} cannot be reached ({first_line(error)}); "
        "name a file that has them with `checkpoint`, or say `pretrained: false`"
    )


def fetch(address: str) -> None:
    """Fetch a file to where torch keeps it; the end of its name is checked where it is a digest. Raises OSError."""
    import torch

    file = in_hub(address)
    file.parent.mkdir(parents=True, exist_ok=True)
    digest = re.search(r"-([a-f0-9]{8,})\.", file.name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(ANSWER_SECONDS)
    try:
        torch.hub.download_url_to_file(address, str(file), digest[1] if digest else None, progress=False)
    finally:
        socket.setdefaulttimeout(before)


def fetched(fetch: Callable[[], object], model: str) -> None:
    """Fetch weights. Raises DataUnavailable with the reason where that fails."""
    try:
        fetch()
    except Exception as error:  # whatever the library, its hub and their connections raise
        raise DataUnavailable(
            f"the weights of {model} could not be fetched: {first_line(error)}; name a file that has them with "
            "`checkpoint`, or say `pretrained: false`"
        ) from error
