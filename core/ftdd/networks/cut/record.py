"""Write down what a network does with a batch of images, with the value of every step."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from ftdd.networks.cut.blocks import Descends
from ftdd.networks.cut.cannot import CannotCut, first_line
from ftdd.networks.cut.modes import buffers_put_back

PREFIX = "network."


@dataclass(frozen=True)
class ForwardRecord:
    """The steps of a network, in order, less those that nothing depends on."""

    root: nn.Module
    """Holds what the steps name: the network as `network`, and constants."""
    images: fx.Node
    output: fx.Node
    nodes: tuple[fx.Node, ...]
    args: Mapping[fx.Node, Any]
    """Of each node: positional and named arguments, as they are in both modes."""
    two: Mapping[fx.Node, Any]
    """Values for a batch of 2 images."""
    three: Mapping[fx.Node, Any]
    """Values for a batch of 3."""

    def part(self, node: fx.Node) -> Any:
        """The module that a node calls, or the weight that it reads."""
        return operator.attrgetter(str(node.target))(self.root)


def record(network: nn.Module, images: torch.Tensor, descends: Descends) -> ForwardRecord:
    """What the network does, from 3 images. Raises CannotCut."""
    root = _Whole(network)
    evaluating, two = _traced(root, images[:2], descends, training=False)
    training, _ = _traced(root, images[:2], descends, training=True)
    args = _in_both_modes(evaluating, training, lambda node: operator.attrgetter(str(node.target))(root))
    given = next(node for node in evaluating.nodes if node.op == "placeholder")
    (output,) = next(node for node in evaluating.nodes if node.op == "output").args
    if not isinstance(output, fx.Node) or not isinstance(two[output], torch.Tensor):
        raise CannotCut("it gives more than one tensor, or none")
    network.eval()
    steps = [node for node in evaluating.nodes if _does_something(node)]
    three = _replayed(root, given, steps, images)
    return ForwardRecord(root, given, output, _needed(steps, output), args, two, three)


def _traced(
    root: "_Whole", images: torch.Tensor, descends: Descends, training: bool
) -> tuple[fx.Graph, dict[fx.Node, Any]]:
    """What the network does in one mode, and the value of each node."""
    root.network.train(training)
    recorder = _Recorder(images, descends)
    with torch.no_grad(), buffers_put_back(root.network):
        try:
            return recorder.trace(root), recorder.values
        except Exception as error:  # whatever the network's own code raises when it is given symbols
            raise CannotCut(f"its forward pass cannot be written down: {first_line(error)}") from error


@torch.no_grad()
def _replayed(root: "_Whole", given: fx.Node, steps: list[fx.Node], images: torch.Tensor) -> dict[fx.Node, Any]:
    """The values of all nodes for another batch size."""
    values: dict[fx.Node, Any] = {given: images}
    for node in steps:
        try:
            values[node] = _computed(node, root, values, images)
        except Exception as error:  # whatever torch says of a shape that does not fit
            raise CannotCut(f"its forward pass depends on the size of the batch: {first_line(error)}") from error
    return values


def _needed(steps: list[fx.Node], output: fx.Node) -> tuple[fx.Node, ...]:
    """The steps that the output depends on, or that change what they are given."""
    needed = {output}
    for node in reversed(steps):
        if node in needed or _acts(node):
            needed.add(node)
            needed.update(node.all_input_nodes)
    return tuple(node for node in steps if node in needed)


def _does_something(node: fx.Node) -> bool:
    return node.op not in ("placeholder", "output") and node.target is not torch._assert


def _acts(node: fx.Node) -> bool:
    """Whether it may change what it is given: `x += y`, `x.relu_()`, `x[i] = y`."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    in_place = node.op == "call_method" and name.endswith("_") and not name.endswith("__")
    return in_place or node.target is operator.setitem


TRAINING = object()
"""Stands for an argument that is false in evaluation mode and true in training mode."""


def _in_both_modes(evaluating: fx.Graph, training: fx.Graph, part: Callable[[fx.Node], Any]) -> dict[fx.Node, Any]:
    """Arguments of every node as they are in both modes. Raises CannotCut where the modes do different things."""
    pairs = list(zip(evaluating.nodes, training.nodes, strict=False))
    twin = dict(pairs)
    other = CannotCut("it does other things in training mode than in evaluation mode")

    def merged(a: Any, b: Any) -> Any:
        if isinstance(a, fx.Node):
            if twin[a] is not b:
                raise other
            return a
        if isinstance(a, (tuple, list)) and type(a) is type(b) and len(a) == len(b):
            return type(a)(merged(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            return {key: merged(a[key], b[key]) for key in a}
        if isinstance(a, slice) and isinstance(b, slice):
            return slice(merged(a.start, b.start), merged(a.stop, b.stop), merged(a.step, b.step))
        if (a, b) == (False, True) and isinstance(a, bool):
            return TRAINING
        if a != b:
            raise other
        return a

    if len(evaluating.nodes) != len(training.nodes):
        raise other
    for a, b in pairs:
        constant = a.op == b.op == "get_attr" and torch.equal(part(a), part(b))
        if (a.op, a.target) != (b.op, b.target) and not constant:
            raise other
    return {
        a: (tuple(merged(x, y) for x, y in zip(a.args, b.args, strict=True)), merged(dict(a.kwargs), dict(b.kwargs)))
        for a, b in pairs
    }


class _Known(fx.Proxy):
    """A symbol whose value in this run is known, for where Python wants one."""

    def __getattr__(self, name: str) -> Any:
        return _KnownAttribute(self, name)

    def __len__(self) -> int:
        return len(_value(self))

    def __index__(self) -> int:
        return operator.index(_value(self))

    def __int__(self) -> int:
        return int(_value(self))

    def __float__(self) -> float:
        return float(_value(self))


class _KnownAttribute(fx.proxy.Attribute, _Known):
    """An attribute or method of a symbol."""

    @property
    def node(self) -> fx.Node:  # type: ignore[override]
        # As in torch.fx: the node is made when it is first asked for, since most attributes are methods to be called.
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node


def _value(symbol: fx.Proxy) -> Any:
    return symbol.tracer.values[symbol.node]  # type: ignore[attr-defined]


class _Recorder(fx.Tracer):
    """Writes down a run of a network on a batch of images."""

    def __init__(self, images: torch.Tensor, descends: Callable[[str, nn.Module], bool]) -> None:
        super().__init__()
        self._images = images
        self._descends = descends
        self._watches = True
        self.values: dict[fx.Node, Any] = {}

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        inner = name.removeprefix(PREFIX)
        return name != PREFIX[:-1] and not self._descends(inner, module)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Known(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        if node.op != "output":
            self._watches = False
            try:
                self.values[node] = _computed(node, self.root, self.values, self._images)
            finally:
                self._watches = True
        return node

    # While a value is computed, modules do what they do and nothing is written down. torch.fx replaces the methods of
    # all modules that lead here; putting them back for each value would cost milliseconds, for thousands of classes.

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return super().call_module(m, forward, args, kwargs) if self._watches else forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return super().getattr(attr, attr_val, parameter_proxy_cache) if self._watches else attr_val

    def to_bool(self, symbol: fx.Proxy) -> bool:
        return bool(_value(symbol))

    def iter(self, symbol: fx.Proxy) -> Iterator[Any]:
        return (operator.getitem(symbol, i) for i in range(len(_value(symbol))))

    def keys(self, symbol: fx.Proxy) -> Any:
        return list(_value(symbol).keys())


class _Whole(nn.Module):
    """The network with one argument: all others have their defaults."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> Any:
        return self.network(images)


def _computed(node: fx.Node, root: nn.Module, values: Mapping[fx.Node, Any], images: torch.Tensor) -> Any:
    """The value of a node whose arguments' values are known."""
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda other: values[other])
    if node.op == "placeholder":
        return images
    if node.op == "get_attr":
        return operator.attrgetter(str(node.target))(root)
    if node.op == "call_module":
        return root.get_submodule(str(node.target))(*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    return args[0]
