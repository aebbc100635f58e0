"""Load weights into a library's network by the library's own code, but for the heads, and prove that all fit."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ftdd.components import DataUnavailable
from ftdd_plugins.architectures.weights.finding import COUNTER, find, nearest_names
from ftdd_plugins.architectures.weights.messages import first_line, one_line
from ftdd_plugins.architectures.weights.reading import read

AUXILIARY = ("AuxLogits", "aux1", "aux2", "head_dist")
"""What the libraries call heads that only training needs."""


@dataclass
class Loaded:
    """What a library has loaded into a network of its own."""

    model: str
    origin: str
    """Where the weights come from, in words."""
    weights: dict[str, torch.Tensor] | None = None
    """Under the names that the network has now; None where nothing was loaded."""
    faults: list[str] = field(default_factory=list)

    def prove(self) -> None:
        """Raise DataUnavailable where anything but a head was not in the weights, or not in the network."""
        if self.weights is None:
            raise DataUnavailable(f"the weights of {self.origin} were not loaded: {self.model} has no place for them")
        if self.faults:
            more = f" (and {len(self.faults) - 3} more)" if len(self.faults) > 3 else ""
            raise DataUnavailable(
                f"the weights of {self.origin} do not fit: {'; '.join(self.faults[:3])}{more}", "checkpoint"
            )


@contextmanager
def loading(
    library: str,
    model: str,
    origin: str,
    head: Collection[str],
    adapt: Callable[[dict[str, Any], nn.Module], None] | None = None,
) -> Iterator[Loaded]:
    """Watch what a library loads into the networks that it builds meanwhile; leave all heads new.

    The libraries tell nobody what was missing in weights or left over, and refuse a head of other classes. So every
    `load_state_dict` of this thread is written down here, and done without the heads; `Loaded.prove` then says whether
    all else was there. A counter of batches that is missing is 0, as in weights from before torch had it. torch's
    generator is put back.
    adapt: changes weights, in place, to what a network needs. Raises DataUnavailable for whatever the library's own
    code raises for weights that are not the model's.
    """
    thread = threading.get_ident()
    original = nn.Module.load_state_dict
    fresh = _fresh(head)
    seen = Loaded(model, origin)

    def watched(network: nn.Module, weights: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        if threading.get_ident() != thread:
            return original(network, weights, strict, assign)
        seen.weights = given = _without_heads(network, weights, fresh)
        if adapt is not None:
            adapt(given, network)
        try:
            done = original(network, given, strict=False, assign=assign)
        except RuntimeError as error:  # shapes
            seen.faults = [
                f"{name} has shape {tuple(given[name].shape)}, the network needs {tuple(tensor.shape)}"
                for name, tensor in network.state_dict().items()
                if name in given and given[name].shape != tensor.shape
            ] or [one_line(error)]
            seen.prove()
            raise
        seen.faults = [f"{key} is missing" for key in done.missing_keys if not key.startswith(fresh)]
        seen.faults += [f"{key} is not in the network" for key in done.unexpected_keys]
        return done

    nn.Module.load_state_dict = watched  # type: ignore[assignment, method-assign]
    try:
        with torch.random.fork_rng(devices=[]):
            yield seen
    except DataUnavailable:
        raise
    except Exception as error:
        raise DataUnavailable(
            f"the weights of {origin} do not fit: {library} says: {first_line(error)}", "checkpoint"
        ) from error
    finally:
        nn.Module.load_state_dict = original  # type: ignore[method-assign]


def _fresh(head: Collection[str]) -> tuple[str, ...]:
    """How the names of weights begin that are not taken: of heads, and of heads that only training needs.

    Of the latter, one that has a head in it is needed: LeViT normalizes what enters `head_dist.linear`.
    """
    spare = [name for name in AUXILIARY if not any(one.startswith(f"{name}.") for one in head)]
    return tuple(f"{name}." for name in (*head, *spare))


def _without_heads(network: nn.Module, weights: Mapping[str, Any], fresh: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Weights without heads, with every counter of batches."""
    given: OrderedDict[str, torch.Tensor] = OrderedDict(
        (key, value) for key, value in weights.items() if isinstance(key, str) and not key.startswith(fresh)
    )
    for key in network.state_dict():
        if key.endswith(f".{COUNTER}") and not key.startswith(fresh):
            given.setdefault(key, torch.tensor(0))
    versions = getattr(weights, "_metadata", None)
    own = getattr(network, "_version", 1)
    if not isinstance(versions, dict) and own > 1:
        versions = {"": {"version": own}}  # torchvision's MNASNet loads no weights of which it is not told the version
    given._metadata = versions  # type: ignore[attr-defined]
    return given


def needed(network: nn.Module, head: Collection[str]) -> list[str]:
    """The names of all weights that a network needs from others: all but those of heads and counters."""
    fresh = _fresh(head)
    return [name for name in network.state_dict() if not name.startswith(fresh) and not name.endswith(f".{COUNTER}")]


def with_checkpoint(
    path: str, network: nn.Module, head: Collection[str], loaded: Callable[[Mapping[str, Any], str], nn.Module]
) -> nn.Module:
    """What `loaded` makes of the weights in a file, told also their origin in words.

    Weights that have a network's names, once a common prefix is gone, are taken. Where there are none, the library is
    given first all that is in the file, then what comes nearest: it may know the names of old. Raises DataUnavailable.
    """
    file = Path(path).expanduser()
    content = read(file)
    names = needed(network, head)
    found = find(file, content, names)
    attempts = [found.taken] if found.fits or not isinstance(content, dict) else [content, found.taken]
    for weights in attempts:
        try:
            return loaded(weights, f"{file} ({found})")
        except DataUnavailable as error:
            fault = error
    if found.fits:
        raise fault
    missing = next(name for name in names if name not in found.taken)
    raise DataUnavailable(f"{fault}; {nearest_names(content, missing)}", "checkpoint") from fault


def say_what_is_taken(path: str, network: nn.Module, head: Collection[str], say: Callable[[str], None]) -> bool:
    """Whether a checkpoint has weights of a network's names; say which are taken of several that fit.

    Raises DataUnavailable where it cannot be read or decided.
    """
    file = Path(path).expanduser()
    found = find(file, read(file), needed(network, head))
    if found.others:
        say(f"checkpoint: of {file} the weights {found} are taken; those {', '.join(found.others)} fit too")
    return found.fits
