"""Which modules of a network are its blocks, and which only hold blocks and are looked into."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from torch import nn

from ftdd.networks.cut.cannot import CannotCut

Granularity = Literal["blocks", "modules"]
Descends = Callable[[str, nn.Module], bool]
"""Whether to look into a module, by its name."""

LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def ways(network: nn.Module, heads: Sequence[str], granularity: Granularity) -> Iterator[Descends]:
    """Which modules to look into, by name and module: first as the blocks are, then further, then less far."""
    above = {".".join(name.split(".")[:i]) for name in heads for i in range(len(name.split(".")))}
    if granularity == "modules":
        yield lambda name, module: not _is_primitive(module)
    yield lambda name, module: name in above or _holds_blocks(module) or _holds_weights(module)
    yield lambda name, module: name in above or isinstance(module, LISTS) or _holds_blocks(module)
    yield lambda name, module: not _is_primitive(module)
    yield lambda name, module: name in above or isinstance(module, LISTS)


def _is_primitive(module: nn.Module) -> bool:
    own = type(module).__module__.startswith("torch.nn") and not isinstance(module, LISTS)
    return own or not any(True for _ in module.children())


def _weights(module: nn.Module) -> int:
    """How many convolutions, linear maps and the like are in it."""
    return sum(any(p.ndim > 1 for p in part.parameters(recurse=False)) for part in module.modules())


def _holds_blocks(module: nn.Module) -> bool:
    """Whether it is, or has, a list most of which are blocks (two weights or more), or is of blocks of one kind."""
    if isinstance(module, LISTS):
        lists = [module]
    else:
        lists = [child for child in module.children() if isinstance(child, LISTS)]
        parts = [child for child in module.children() if _weights(child)]
        if len(parts) > 1 and len({type(part) for part in parts}) == 1 and all(_weights(part) > 1 for part in parts):
            return True
    for one in lists:
        parts = [child for child in one.children() if _weights(child)]
        blocks = [child for child in parts if _weights(child) > 1 or _holds_blocks(child)]
        if blocks and 2 * len(blocks) >= len(parts):
            return True
    return False


def _holds_weights(module: nn.Module) -> bool:
    """Whether it is a plain sequence with more than two weights of its own: many layers, not one."""
    own = [child for child in module.children() if _is_primitive(child) and _weights(child)]
    return type(module) is nn.Sequential and len(own) > 2


def last_weight(network: nn.Module) -> str:
    """The name of the last module with a weight of its own. Raises CannotCut where there is none."""
    names = [name for name, part in network.named_modules() if any(p.ndim > 1 for p in part.parameters(recurse=False))]
    if not names:
        raise CannotCut(f"{type(network).__name__} has no weights, so there is no head")
    return str(names[-1])
