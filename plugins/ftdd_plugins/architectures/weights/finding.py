"""Find in a checkpoint the one mapping of tensors that fits a network."""

import re
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ftdd_plugins.architectures.weights.reading import SAVE_ALONE, Unread, refused

COUNTER = "num_batches_tracked"
"""Which only weights from after PyTorch 0.4.1 have; 0 where it is missing."""
DEPTH = 6
"""Mappings within mappings that are looked through for tensors."""
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch.compile, FSDP and activation checkpointing put into names, anywhere."""
TAKEN_FIRST = {"ema", "swa", "averaged", "average", "teacher", "q", "query"}
TAKEN_LAST = {"student", "k", "key", "momentum", "target"}


@dataclass(frozen=True)
class Found:
    """A mapping of tensors in what a file holds, and the prefix of its names."""

    keys: tuple[str, ...]
    """That lead to it in the file."""
    prefix: str
    tensors: Mapping[str, torch.Tensor]
    prefixes: tuple[str, ...]
    """Of all that fit in this mapping."""
    fits: bool
    """Whether each of the network's names is there."""
    others: tuple[str, ...] = ()
    """Where others are that fit too."""

    def __str__(self) -> str:
        under = f"under `{'.'.join(self.keys)}`" if self.keys else "at the top"
        return f"{under}, names without `{self.prefix}`" if self.prefix else under

    @property
    def rank(self) -> int:
        """The lower ones are preferred."""
        words = set(re.split(r"[._]", ".".join((*self.keys, self.prefix)).lower()))
        return -1 if words & TAKEN_FIRST else int(bool(words & TAKEN_LAST))

    @cached_property
    def taken(self) -> dict[str, torch.Tensor]:
        """The tensors under the network's names, with what torch keeps of versions; other copies left out."""
        within = tuple(other for other in self.prefixes if other != self.prefix and other.startswith(self.prefix))
        cut = len(self.prefix)
        mapping: OrderedDict[str, torch.Tensor] = OrderedDict(
            (name[cut:], tensor)
            for name, tensor in self.tensors.items()
            if name.startswith(self.prefix) and not name.startswith(within)
        )
        versions = getattr(self.tensors, "_metadata", None)
        if isinstance(versions, Mapping):
            mapping._metadata = {  # type: ignore[attr-defined]
                f"{name}."[cut:].removesuffix("."): dict(version)
                for name, version in ((_unwrapped(str(key)), version) for key, version in versions.items())
                if f"{name}.".startswith(self.prefix) or not cut
            }
        return mapping


def find(file: Path, content: Any, names: Collection[str]) -> Found:
    """The mapping of tensors in a file's content that has a network's names once a common prefix is gone.

    names: of the tensors that are needed. Averaged weights are taken before others (`ema`), a teacher's before its
    student's, a query encoder's before the key's. Where none has all names, the one that has most. Raises
    DataUnavailable where the file has no tensors, or several mappings fit and none of them is to be preferred.
    """
    needed = {name for name in names if not name.endswith(COUNTER)}
    whole: list[Found] = []
    nearest: tuple[int, Found] | None = None
    for keys, tensors in _mappings(content, ()):
        counted = _prefixes(tensors, needed)
        fitting = tuple(prefix for prefix, count in counted.items() if count == len(needed))
        for found in (Found(keys, prefix, tensors, fitting, fits=True) for prefix in fitting):
            if not any(_equal(found.taken, other.taken) for other in whole):  # the same may stand in a file twice
                whole.append(found)
        prefix, count = counted.most_common(1)[0] if counted else ("", 0)
        if nearest is None or count > nearest[0]:
            nearest = count, Found(keys, prefix, tensors, (prefix,), fits=False)
    if nearest is None:
        raise refused(file, f"has no tensors by name: {_described(content)}; {SAVE_ALONE}")
    if not whole:
        return nearest[1]
    best = min(found.rank for found in whole)
    first, *equals = [found for found in whole if found.rank == best]
    if equals:
        raise refused(
            file,
            f"has weights of this network more than once, and they differ: {' and '.join(map(str, [first, *equals]))}; "
            "write the ones that are meant into a file of their own",
        )
    return replace(first, others=tuple(str(found) for found in whole if found is not first))


def nearest_names(content: Any, missing: str) -> str:
    """A file's names, the first three and the one most like a missing one; for a sentence."""
    names = [name for _, tensors in _mappings(content, ()) for name in tensors]
    close = get_close_matches(missing, names, n=1, cutoff=0.0)
    more = f", … ({len(names)} tensors)" if len(names) > 3 else ""
    near = f", of which '{close[0]}' is nearest to '{missing}'" if close else ""
    return f"the file has {', '.join(repr(name) for name in names[:3])}{more}{near}"


def _mappings(content: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, torch.Tensor]]]:
    """Every mapping of names to tensors in what a file holds, with the keys that lead to it; the outer ones first."""
    if isinstance(content, list | tuple):
        content = {str(i): value for i, value in enumerate(content) if isinstance(value, Mapping)}
    if not isinstance(content, Mapping) or len(keys) > DEPTH:
        return
    tensors: OrderedDict[str, torch.Tensor] = OrderedDict(
        (_unwrapped(key), value)
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    )
    if tensors:
        tensors._metadata = getattr(content, "_metadata", None)  # type: ignore[attr-defined]
        yield keys, tensors
    for key, value in content.items():
        if isinstance(key, str):
            yield from _mappings(value, (*keys, key))


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _prefixes(tensors: Mapping[str, torch.Tensor], needed: Collection[str]) -> "Counter[str]":
    """How many of the needed names there are behind each prefix."""
    counted: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for i in range(len(parts)):
            if ".".join(parts[i:]) in needed:
                counted["".join(f"{part}." for part in parts[:i])] += 1
    return counted


def _equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        tensor is other[name] or (tensor.shape == other[name].shape and torch.equal(tensor, other[name]))
        for name, tensor in one.items()
    )


def _described(content: Any) -> str:
    if isinstance(content, Mapping):
        keys = [str(key) for key in content]
        unread = next((key for key, value in content.items() if isinstance(value, Unread)), None)
        more = "" if unread is None else f"; under `{unread}` {_described(content[unread])}"
        return f"its keys are {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}{more}" if keys else "it is empty"
    if isinstance(content, Unread):
        if content.origin.startswith("numpy."):
            return "it has a NumPy array, which torch.from_numpy makes a tensor of"
        return f"it is an object of {content.origin}, which only that code could read"
    return f"it is of type {type(content).__name__}"
