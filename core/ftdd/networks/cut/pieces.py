"""Cut the record of a network into pieces, each a module from what enters it to what leaves it."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from ftdd.networks.chain import Chain
from ftdd.networks.cut.cannot import CannotCut
from ftdd.networks.cut.record import PREFIX, TRAINING, ForwardRecord


class Cutter:
    """Cuts a record before its blocks."""

    def __init__(self, record: ForwardRecord, heads: Sequence[str], single: bool) -> None:
        """heads: names of the modules that give the logits.   single: whether to cut only where one tensor crosses."""
        self._record = record
        self._nodes = record.nodes
        self._heads = heads
        self._single = single

    def chain(self) -> Chain:
        """The pieces as layers. Raises CannotCut."""
        names, starts = self._starts()
        layers = []
        for name, start, stop in zip(names, starts, [*starts[1:], len(self._nodes)], strict=True):
            layers.append((name, self._piece(start, stop)))
        if len(layers) < 2:
            raise CannotCut("there is nothing before its head")
        return Chain(layers)

    # ---- places

    def _starts(self) -> tuple[list[str], list[int]]:
        """Names and first nodes of the layers: each has a module with weights, and begins where least crosses."""
        names: list[str] = []
        starts: list[int] = []
        last = -1
        for i, node in enumerate(self._nodes):
            if node.op != "call_module":
                continue
            name = str(node.target).removeprefix(PREFIX)
            in_head = any(name == head or name.startswith(f"{head}.") for head in self._heads)
            if not in_head and not any(p.ndim > 1 for p in self._record.part(node).parameters()):
                continue
            place = min(range(last + 1, i + 1), key=lambda p: (len(self._crossing(p)), -p)) if names else 0
            last = i
            if names and self._single and len(self._crossing(place)) > 1:
                continue
            names.append(name if name not in names else f"{name}_again{i}")
            starts.append(place)
            if in_head:
                return names, starts
        raise CannotCut(f"its head ({', '.join(self._heads)}) is not among what it runs")

    def _crossing(self, place: int) -> list[fx.Node]:
        """What is made before a place and needed after it, and holds tensors; in the order in which it was made."""
        before = {self._record.images, *self._nodes[:place]}
        after = {other for node in self._nodes[place:] for other in node.all_input_nodes} | {self._record.output}
        return [
            node
            for node in (self._record.images, *self._nodes[:place])
            if node in before and node in after and node.op != "get_attr" and _tensors(self._record.two[node])
        ]

    # ---- pieces

    def _piece(self, start: int, stop: int) -> nn.Module:
        """The nodes from one place to another, as a module from what crosses the first to what crosses the second."""
        entering = self._crossing(start) if start else [self._record.images]
        leaving = self._crossing(stop) if stop < len(self._nodes) else [self._record.output]
        nodes = list(self._nodes[start:stop])
        if len(nodes) == 1 and nodes[0].op == "call_module" and nodes == leaving:
            (node,) = nodes
            plain = all(self._is_batch(end) for end in (entering[0], node))
            if plain and self._record.args[node] == ((entering[0],), {}):
                module: nn.Module = self._record.part(node)
                return module
        graph = fx.Graph()
        given = graph.placeholder("x")
        count = sum(len(_tensors(self._record.two[node])) for node in entering)
        arrived = [graph.call_function(operator.getitem, (given, i)) for i in range(count)] if count > 1 else [given]
        twos = [tensor for node in entering for tensor in _tensors(self._record.two[node])]
        threes = [tensor for node in entering for tensor in _tensors(self._record.three[node])]
        sizes = _Sizes(graph, arrived)
        symbols = zip(arrived, twos, threes, strict=True)
        left = iter([_unpacked(graph, *one) if start else one[0] for one in symbols])
        known: dict[fx.Node, Any] = {
            node: _rebuilt(self._record.two[node], self._record.three[node], left, sizes) for node in entering
        }
        parts: dict[str, Any] = {"training": True}
        for node in nodes:
            if node.op == "get_attr":
                continue  # read where it is used, so that no weight is in a piece that does not use it
            for other in node.all_input_nodes:
                if other not in known:
                    known[other] = self._elsewhere(graph, other, sizes, parts)
            args, kwargs = _mapped(self._record.args[node], known, graph, sizes)
            if node.op == "call_module":
                parts[_own_name(node)] = self._record.part(node)
            known[node] = graph.create_node(node.op, _own_name(node), args, kwargs)
        given_on: list[Any] = []
        for node in leaving:
            pairs = zip(_tensors(self._record.two[node]), _tensors(self._record.three[node]), strict=True)
            for symbol, (two, three) in zip(_parts(graph, self._record.two[node], known[node]), pairs, strict=True):
                given_on.append(_packed(graph, symbol, two, three, sizes) if stop < len(self._nodes) else symbol)
        graph.output(given_on[0] if len(given_on) == 1 else tuple(given_on))
        return fx.GraphModule(parts, graph, "Piece")

    def _is_batch(self, node: fx.Node) -> bool:
        """Whether it is one tensor whose first axis is the batch."""
        two, three = self._record.two[node], self._record.three[node]
        return isinstance(two, torch.Tensor) and _batch_axis(two, three) == (0, 1)

    def _elsewhere(self, graph: fx.Graph, node: fx.Node, sizes: "_Sizes", parts: dict[str, Any]) -> Any:
        """What another piece has made that is no tensor of a batch: a weight, a number, a multiple of its size."""
        if node.op == "get_attr":
            parts[_own_name(node)] = self._record.part(node)
            return graph.get_attr(_own_name(node))
        return _literal(self._record.two[node], self._record.three[node], sizes)


class _Sizes:
    """What a piece can know of its batch by what enters it: the first axis of the first tensor is the batch."""

    def __init__(self, graph: fx.Graph, arrived: Sequence[fx.Node]) -> None:
        self._graph = graph
        self._first = arrived[0]

    def batch(self, times: int) -> fx.Node:
        """The size of the batch, times a factor."""
        size = self._graph.call_method("size", (self._first, 0))
        return size if times == 1 else self._graph.call_function(operator.mul, (size, times))

    def device(self) -> fx.Node:
        """Where the piece works: constants are made there, wherever the network was recorded."""
        return self._graph.call_function(getattr, (self._first, "device"))


def _batch_axis(two: torch.Tensor, three: torch.Tensor) -> tuple[int, int] | None:
    """The axis along which images lie, and how many places each has there; None for what is the same for all."""
    for axis, (a, b) in enumerate(zip(two.shape, three.shape, strict=True)):
        if a != b and a % 2 == 0 and 3 * a == 2 * b:
            return axis, a // 2
    return None


def _packed(graph: fx.Graph, symbol: Any, two: torch.Tensor, three: torch.Tensor, sizes: _Sizes) -> Any:
    """A tensor as it crosses to the next layer: the batch is its first axis, so that each image has its own row."""
    found = _batch_axis(two, three)
    if found is None:
        lone = graph.call_method("unsqueeze", (symbol, 0))
        return graph.call_method("expand", (lone, sizes.batch(1), *two.shape))
    axis, own = found
    if axis:
        symbol = graph.call_method("movedim", (symbol, axis, 0))
    return graph.call_method("unflatten", (symbol, 0, (-1, own))) if own > 1 else symbol


def _unpacked(graph: fx.Graph, symbol: Any, two: torch.Tensor, three: torch.Tensor) -> Any:
    """The tensor as it was before it was packed."""
    found = _batch_axis(two, three)
    if found is None:
        return graph.call_function(operator.getitem, (symbol, 0))
    axis, own = found
    if own > 1:
        symbol = graph.call_method("flatten", (symbol, 0, 1))
    return graph.call_method("movedim", (symbol, 0, axis)) if axis else symbol


def _own_name(node: fx.Node) -> Any:
    if node.op in ("call_module", "get_attr"):
        return str(node.target).removeprefix(PREFIX)
    return node.target


def _tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in a value that may be nested."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, (tuple, list)) else []


def _rebuilt(two: Any, three: Any, arrived: Iterator[fx.Node], sizes: _Sizes) -> Any:
    """A value that crosses, put together again from the tensors that have arrived."""
    if isinstance(two, torch.Tensor):
        return next(arrived)
    if isinstance(two, (tuple, list)):
        return tuple(_rebuilt(a, b, arrived, sizes) for a, b in zip(two, three, strict=True))
    return _literal(two, three, sizes)


def _mapped(tree: Any, known: Mapping[fx.Node, Any], graph: fx.Graph, sizes: _Sizes) -> Any:
    """Arguments with each node replaced by what it is known as, which may be a tuple."""
    if tree is TRAINING:
        return graph.get_attr("training")
    if isinstance(tree, torch.device):
        return sizes.device()
    if isinstance(tree, fx.Node):
        return known[tree]
    if isinstance(tree, (tuple, list)):
        return type(tree)(_mapped(item, known, graph, sizes) for item in tree)
    if isinstance(tree, dict):
        return {key: _mapped(item, known, graph, sizes) for key, item in tree.items()}
    if isinstance(tree, slice):
        return slice(*(_mapped(part, known, graph, sizes) for part in (tree.start, tree.stop, tree.step)))
    return tree


def _parts(graph: fx.Graph, value: Any, symbol: Any) -> Iterator[Any]:
    """A symbol for each tensor in a value that may be nested."""
    if isinstance(value, torch.Tensor):
        yield symbol
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            if _tensors(item):
                known = isinstance(symbol, (tuple, list))
                inner = symbol[i] if known else graph.call_function(operator.getitem, (symbol, i))
                yield from _parts(graph, item, inner)


def _literal(two: Any, three: Any, sizes: _Sizes) -> Any:
    """A value that is the same for every batch, or a whole multiple of its size."""
    if isinstance(two, (tuple, list)) and isinstance(three, (tuple, list)) and len(two) == len(three):
        return tuple(_literal(a, b, sizes) for a, b in zip(two, three, strict=True))
    if isinstance(two, torch.Tensor):
        raise CannotCut("a tensor passes between two of its blocks that was not foreseen")
    if isinstance(two, torch.device):
        return sizes.device()
    if two == three:
        return two
    if isinstance(two, int) and isinstance(three, int) and two % 2 == 0 and 3 * two == 2 * three:
        return sizes.batch(two // 2)
    raise CannotCut(f"a value that depends on the size of the batch passes between two of its blocks: {two}, {three}")
