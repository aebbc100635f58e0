"""The probe: some images go through the frozen layers, which must be fixed functions of one image each.

A hash sees what moves a parameter or a buffer. The probe sees the rest: a layer that draws at random, counts its calls,
remembers or looks at other images, or drifts in an attribute that is neither.
"""

import hashlib
import itertools
import math
import random
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import nn

from ftdd.networks.chain import Chain, Features
from ftdd.networks.cut.modes import buffers_put_back

PROBED_IMAGES = 8
"""So many of the training images, or all where there are fewer."""
ROUNDING = 1e-4
"""How far features may differ, over the largest of them, where the order of sums may differ: between batches of other
sizes, at other places in a batch, and with gradients or without."""
DEEP_ROUNDING = 1e-3
"""The same for a whole prefix, where a layer is given what other layers rounded, perhaps on another machine."""


class FrozenLayerChanged(RuntimeError):
    """A frozen layer is not one and the same function of an image: the run proves the opposite of what it says."""


class NoBatch(FrozenLayerChanged):
    """A layer gives what cannot pass between layers."""


Kind = Literal["shape", "moves", "draws", "changes", "company", "size"]


@dataclass(frozen=True)
class Fault:
    """What shows that a layer is no fixed function of one image."""

    kind: Kind
    text: str
    """A clause whose subject is the layer."""


Mark = tuple[float, float]
"""The size of some features (root mean square), and their product with a fixed vector of about the same size."""


@dataclass(frozen=True)
class Probe:
    """What the frozen layers made of some images when a phase began."""

    images: int
    """How many were tried; 0 where nothing is frozen."""
    inputs: Mapping[int, Features]
    """What each first layer of a row of fixed layers was given, by its index."""
    digests: Mapping[int, str]
    """Of the features that each fixed layer gave, by its index."""
    checksums: Mapping[int, Mapping[str, int]]
    """Of the tensors of each frozen layer, by its index: they tell which tensor moved."""
    prefix: "Features | None"
    """What the last layer of the fixed prefix gave; None where there is none."""
    marks: tuple[Mark, ...]
    """Of the features that each layer of the fixed prefix gave: what a checkpoint keeps of them."""


def probe(chain: Chain, images: torch.Tensor, batch_size: int = 1, most: int = 1000) -> Probe:
    """Try every frozen layer as a function of one image, on what the layers before it make of these images.

    images: normalized, as the chain takes them, shape (n, C, H, W).   batch_size: of the training; a batch of that size
    is made of these images.   most: images that a fixed prefix is given at once, whatever the training is.
    Leaves the random generators, the mode, and the tensors of layers that are not frozen as they were. Raises
    FrozenLayerChanged, with the layer's name and what it did.
    """
    frozen = chain.frozen
    if not frozen:
        return Probe(0, {}, {}, {}, None, ())
    moving = {i: chain.moving(i) for i in frozen}
    fixed = {i for i in frozen if not moving[i]}
    still = {i for i in frozen if moving[i].isdisjoint(dict(chain.layers[i].named_buffers()))}  # until a step is taken
    sums = {i: checksums(chain.layers[i], moving[i]) for i in frozen}
    inputs: dict[int, Features] = {}
    digests: dict[int, str] = {}
    prefix, marks = None, []
    others = [layer for i, layer in enumerate(chain.layers) if i not in frozen and i < max(frozen)]
    x: Features = images
    with undisturbed(chain, others):
        for i in range(max(frozen) + 1):
            layer = chain.layers[i]
            if i in frozen:
                above_trained = not fixed.issuperset(range(i + 1))
                size = batch_size if above_trained else min(batch_size, most)
                for fault in faults(layer, x, size, above_trained, moving[i]):
                    raise _refused(chain, i, fault.text)
            if i in still and (i - 1 not in still or (i in fixed and i - 1 not in fixed)):
                inputs[i] = x
            x = _passed(layer, x)
            if i in still:
                digests[i] = _digest(x)
            if fixed.issuperset(range(i + 1)):
                prefix = x
                marks.append(_mark(x))
        made = Probe(_count(images), inputs, digests, sums, prefix, tuple(marks))
        chain.train()
        for i in _others_than(chain, made):
            raise _refused(chain, i, MODE)
    kept = {i: features for i, features in inputs.items() if i in fixed}
    return replace(made, inputs=kept, digests={i: digest for i, digest in digests.items() if i in fixed})


def _refused(chain: Chain, index: int, text: str) -> FrozenLayerChanged:
    return FrozenLayerChanged(
        f"layer '{chain.names[index]}' is frozen and no fixed function of an image: it {text} "
        "(docs/howto/architecture.md says what a frozen layer must be)"
    )


def drifted(chain: Chain, before: Probe) -> tuple[int, ...]:
    """The fixed layers that no longer give what they gave when the probe was made, the first of each row of them."""
    with undisturbed(chain, []):
        return tuple(_others_than(chain, before))


def _others_than(chain: Chain, before: Probe) -> Iterator[int]:
    """The first layer of each row of fixed ones that does not give what it gave then, or that draws at random."""
    for first, given in before.inputs.items():
        x, i, drawn = given, first, generators(given)
        while i in before.digests:
            x = _passed(partial(chain, start=i, stop=i + 1), x)
            if _digest(x) != before.digests[i] or generators(x) != drawn:
                yield i
                break
            i += 1


def first_other(one: Chain, other: Chain, images: torch.Tensor) -> int | None:
    """The first layer below the heads of two chains of the same layers that does not give the same in both."""
    x: Features = images
    with undisturbed(one, one.layers), undisturbed(other, other.layers):
        for i in range(len(one.names) - 1):
            given, x = x, _passed(one.layers[i], x)
            if not near(x, _passed(other.layers[i], given)):
                return i
    return None


def moved(chain: Chain, before: Probe, index: int) -> tuple[str, ...]:
    """Names of the tensors of a frozen layer that are no longer what they were when the probe was made."""
    now = checksums(chain.layers[index], chain.moving(index))
    return tuple(name for name, value in before.checksums[index].items() if now.get(name) != value)


def check_kept(chain: Chain, before: Probe, features: Features, rows: Sequence[int], probed: Sequence[int]) -> None:
    """Raise FrozenLayerChanged if the fixed prefix gave images other features in a large batch than in the probe.

    features: of the large batch; its images at `rows` are those of the probe at `probed`.
    """
    if before.prefix is not None and not near(rows_of(features, rows), rows_of(before.prefix, probed), DEEP_ROUNDING):
        layers = chain.names[: len(before.marks)]
        raise FrozenLayerChanged(
            f"frozen layers give an image other features in a batch of {_count(features)} images than in one of "
            f"{before.images}: one of {', '.join(layers)} looks at its batch"
        )


def check_marks(chain: Chain, marks: Sequence[Mark], before: Probe) -> None:
    """Raise FrozenLayerChanged if the fixed prefix does not give what it gave when these marks were made."""
    for name, (size, product), (was, old) in zip(chain.names, before.marks, marks, strict=False):
        if max(abs(size - was), abs(product - old)) > DEEP_ROUNDING * max(size, was):
            raise FrozenLayerChanged(
                f"layer '{name}' is frozen and gives the same images other features than before the run was "
                "interrupted: something in it that is neither a parameter nor a buffer was lost, or came with loading"
            )


def spread(count: int) -> list[int]:
    """Indices of the images to probe among so many, rising from 0: evenly spread, so that they differ."""
    chosen = min(count, PROBED_IMAGES)
    return [i * count // chosen for i in range(chosen)]


def faults(
    layer: nn.Module, x: Features, batch_size: int = 1, with_gradients: bool = True, moving: Collection[str] = ()
) -> Iterator[Fault]:
    """What a layer in evaluation mode does that a fixed function of one image does not; what says most comes first.

    x: what it is given for some images.   batch_size: of a batch that is made of these images, to compare with.
    with_gradients: try it with gradients too, as training uses what is frozen above a trained layer.
    moving: names of tensors that are of no concern.
    """
    tensors, drawn = checksums(layer, moving), generators(x)
    found, firsts = [], []
    for gradients in (False, True)[: 1 + with_gradients]:
        with torch.set_grad_enabled(gradients):
            given = _each(x, lambda t: t.detach().requires_grad_(gradients and t.is_floating_point()))  # noqa: B023
            try:
                first, fault = _tried(layer, given, batch_size)
            except NoBatch as error:
                yield Fault("shape", str(error))
                return
        firsts.append(first)
        found += [fault] if fault else []
    if not found and not near(firsts[0], firsts[-1]):
        found.append(Fault("changes", "gives other features with gradients than without"))
    for name in _differ(tensors, checksums(layer, moving)):
        sort = "parameter" if name in dict(layer.named_parameters()) else "buffer"
        yield Fault("moves", f"moves its {sort} '{name}' when images pass through it")
    for name in _differ(drawn, generators(x)):
        yield Fault("draws", f"draws from {name} generator, in evaluation mode")
    yield from found


def _tried(layer: nn.Module, x: Features, batch_size: int) -> tuple[Features, Fault | None]:
    """What it gives for these images, and what is wrong when it is given them again and otherwise."""
    n = _count(x)
    halves = [half for half in (range(n // 2), range(n // 2, n)) if half]
    first, attributes = _passed(layer, x, range(n)), plain_state(layer)
    beside = [_passed(layer, x, [i if i in half else half[i % len(half)] for i in range(n)]) for half in halves]
    again = _passed(layer, x, range(n))
    if not _same(first, again):
        return first, Fault("changes", AGAIN)
    for name in _differ(attributes, plain_state(layer)):
        return first, Fault("changes", f"moves its attribute '{name}' when images pass through it: it counts or draws")
    if not all(_same(rows_of(first, half), rows_of(other, half)) for half, other in zip(halves, beside, strict=True)):
        return first, Fault("company", COMPANY)
    others = [(n - 1 - i) % n for i in range(batch_size if batch_size != n else n - 1)]
    if others and not near(rows_of(first, others), _passed(layer, x, others)):
        return first, Fault("size", SIZE)
    return first, None


AGAIN = "gives the same images other features the second time: it draws at random, counts its calls or remembers images"
COMPANY = "gives an image other features beside other images: it looks at its batch"
SIZE = "gives an image other features at another place or in a batch of another size: it looks at its batch"
MODE = "gives other features, or draws at random, while other layers are trained: it looks at another module's mode"


def generators(x: Features) -> dict[str, object]:
    """The states of the global random generators, by whose they are."""
    device = _tensors(x)[0].device
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch's": _bytes(torch.get_rng_state()),
        "the device's": _bytes(torch.cuda.get_rng_state(device)) if device.type == "cuda" else None,
        "numpy's": (kind, np.asarray(keys).tobytes(), *rest),
        "Python's": random.getstate(),
    }


def plain_state(layer: nn.Module) -> dict[str, object]:
    """What the layer's attributes hold besides parameters, buffers and modules, by name: numbers, tensors, generators.

    Looks into containers; what else an object holds is not seen.
    """
    return {
        f"{path}.{name}" if path else name: _content(value)
        for path, part in layer.named_modules()
        for name, value in vars(part).items()
        if name not in _OF_EVERY_MODULE
    }


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_DEPTH = 4
"""Containers in containers are looked into so far."""


def _content(value: object, depth: int = 0) -> object:
    """What can be compared of a value, None of what cannot."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return value if value == value else "nan"
    if depth < _DEPTH and isinstance(value, Mapping):
        return {repr(key): _content(each, depth + 1) for key, each in value.items()}
    if depth < _DEPTH and isinstance(value, (list, tuple, set, frozenset, deque)):
        return [_content(each, depth + 1) for each in value]
    if isinstance(value, torch.Tensor):
        return zlib.crc32(_bytes(value))
    if isinstance(value, torch.Generator):
        return zlib.crc32(_bytes(value.get_state()))
    if isinstance(value, (np.ndarray, np.generic)):
        return zlib.crc32(value.tobytes()) if value.dtype != object else None
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, np.random.RandomState):
        return repr(value.get_state(legacy=False))
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, itertools.count):
        return repr(value)
    return None


def _differ(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


@contextmanager
def undisturbed(chain: Chain, layers: Sequence[nn.Module]) -> Iterator[None]:
    """Within it the chain is in evaluation mode; after it mode, generators and these layers' tensors are as before."""
    kept = [(t, t.detach().clone()) for layer in layers for t in layer.parameters()]
    python, numpys, mode = random.getstate(), np.random.get_state(), chain.training
    devices = {p.device for p in chain.parameters() if p.device.type == "cuda"}
    chain.eval()
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad(), ExitStack() as buffers:
            for layer in layers:
                buffers.enter_context(buffers_put_back(layer))
            yield
    finally:
        with torch.no_grad():
            for tensor, values in kept:
                tensor.copy_(values)
        random.setstate(python)
        np.random.set_state(numpys)
        chain.train(mode)


def checksums(layer: nn.Module, without: Collection[str] = ()) -> dict[str, int]:
    """A checksum of every parameter and buffer of a layer, by name."""
    return {name: zlib.crc32(_bytes(tensor)) for name, tensor in _tensors_of(layer).items() if name not in without}


def _tensors_of(layer: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(layer.named_parameters()), **dict(layer.named_buffers())}


def _passed(layer: Callable[[Features], Features], x: Features, rows: Sequence[int] | None = None) -> Features:
    """A copy of what a layer gives for a copy of all or some rows: it may write into both. Raises NoBatch."""
    given = _each(x, torch.clone) if rows is None else rows_of(x, rows)
    count, y = _count(given), layer(given)
    for part in _tensors(y) or ((),):
        if not isinstance(part, torch.Tensor) or part.shape[:1] != (count,):
            sort = (
                f"a tensor of shape {tuple(part.shape)}"
                if isinstance(part, torch.Tensor)
                else f"a {type(part).__name__}"
            )
            raise NoBatch(
                f"gives {sort} for {count} images, and between layers pass tensors, or tuples of tensors, whose first "
                "axis is the batch"
            )
    return _each(y, lambda t: t.detach().clone())


def rows_of(x: Features, rows: Sequence[int]) -> Features:
    """Some images' features."""
    return _each(x, lambda t: _at(t, rows))


def _at(t: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Rows of a tensor, in its own memory format."""
    found = t[torch.tensor(rows, device=t.device)]
    channels_last = t.ndim == 4 and t.is_contiguous(memory_format=torch.channels_last) and not t.is_contiguous()
    return found.contiguous(memory_format=torch.channels_last) if channels_last else found


def _each(x: Features, change: Callable[[torch.Tensor], torch.Tensor]) -> Features:
    return tuple(change(t) for t in x) if isinstance(x, tuple) else change(x)


def _tensors(x: Features) -> tuple[torch.Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def _count(x: Features) -> int:
    return len(_tensors(x)[0])


def _bits(t: torch.Tensor) -> torch.Tensor:
    return t.detach().contiguous().flatten().view(torch.uint8)


def _bytes(t: torch.Tensor) -> memoryview:
    return _bits(t).cpu().numpy().data


def _same(one: Features, other: Features) -> bool:
    """Whether two are equal, bit for bit."""
    pairs = zip(_tensors(one), _tensors(other), strict=True)
    return all(a.shape == b.shape and a.dtype == b.dtype and torch.equal(_bits(a), _bits(b)) for a, b in pairs)


def near(one: Features, other: Features, rounding: float = ROUNDING) -> bool:
    """Whether two are equal up to rounding."""
    for a, b in zip(_tensors(one), _tensors(other), strict=True):
        if a.shape != b.shape:
            return False
        if not (a.is_floating_point() or a.is_complex()):
            if not torch.equal(a, b):
                return False
            continue
        finite = a.detach().abs().double().nan_to_num(posinf=0.0)
        size = float(finite.max()) if finite.numel() else 0.0
        if not torch.allclose(a, b, rtol=0.0, atol=rounding * size, equal_nan=True):
            return False
    return True


def _digest(x: Features) -> str:
    sha = hashlib.sha256()
    for t in _tensors(x):
        sha.update(f"{t.dtype} {tuple(t.shape)}".encode())
        sha.update(_bytes(t))
    return sha.hexdigest()


def _mark(x: Features) -> Mark:
    values = torch.cat([t.detach().double().flatten()[:: max(t.numel() // _MARKED, 1)] for t in _tensors(x)])
    vector = torch.arange(len(values), dtype=values.dtype, device=values.device).cos()
    count = max(len(values), 1)
    return math.sqrt(float(values.square().sum()) / count), float(values @ vector) / math.sqrt(count)


_MARKED = 4096
"""Values of a tensor that its mark is made of, about."""
