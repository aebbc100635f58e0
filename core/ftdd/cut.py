"""cut(): any network as a Chain of its own blocks, proved equal to it.

The network is run once on real images while torch.fx writes down what it does. Sizes stay symbols, so that any batch
size will do; where Python itself wants to know a value (a branch, a loop), it is told the one of this run. What was
written down is cut before every block, and the pieces are the layers.
"""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import fx, nn

from ftdd.chain import Chain

Granularity = Literal["blocks", "modules"]

ENOUGH_LAYERS = 4
"""A network that falls into fewer pieces is taken apart further."""
FEWEST_LAYERS = 3
"""Fewer are no chain that could be frozen at a depth."""

LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class CannotCut(ValueError):
    """A network that is not to be had as a chain: a sentence that says why."""


def cut(
    network: nn.Module, images: torch.Tensor, head: Collection[str] = (), granularity: Granularity = "blocks"
) -> Chain:
    """The network as a chain of its own blocks; it shares their weights with the network.

    images: any 3 that the network takes, float, shape (3, C, H, W).   head: names of the modules that give the
    logits; all from the first of them on is the head. The last module with a weight where none is named.
    granularity: `blocks` cuts before every block, and lets several tensors cross as a tuple where it must;
    `modules` cuts before every convolution or linear map where a single tensor crosses.

    The chain is proved equal to the network, bit for bit: its logits in evaluation and in training mode, and in the
    latter every gradient and buffer too. Raises CannotCut with a sentence.
    """
    if images.shape[0] != 3:
        raise ValueError(f"needs a batch of 3 images, got {images.shape[0]}")
    heads = tuple(head) or (_last_weight(network),)
    faults = []
    best: Chain | None = None
    for descends in _ways(network, heads, granularity):
        try:
            with _kept_as_it_is(network):
                chain = _Cutter(network, images, heads, descends, single=granularity == "modules").chain()
                prove_equal(chain, network, images)
        except CannotCut as error:
            faults.append(str(error))
            continue
        if best is None or len(chain.names) > len(best.names):
            best = chain
        if len(best.names) >= ENOUGH_LAYERS:
            break
    if best is None or len(best.names) < FEWEST_LAYERS:
        why = faults[0] if faults else f"it falls into {len(best.names) if best else 0} pieces only"
        raise CannotCut(f"{type(network).__name__} cannot be cut into layers: {why}")
    return best


def prove_equal(chain: Chain, network: nn.Module, images: torch.Tensor) -> None:
    """Raise CannotCut where chain and network differ in any bit of logits, gradients or buffers.

    The chain shares the network's tensors. Evaluation mode with batches of 2 and of 3, training mode with one of 2 and
    the same state of torch's generator for both.
    """
    for count, training in ((2, False), (3, False), (2, True)):
        expected = _outcome(network, network, images[:count], training)
        found = _outcome(chain, network, images[:count], training)
        for name, value in expected.items():
            if not _same(value, found[name]):
                mode = "training" if training else "evaluation"
                raise CannotCut(f"the pieces together do not give the whole: other {name} in {mode} mode")


# ---- where to cut


def _ways(
    network: nn.Module, heads: Sequence[str], granularity: Granularity
) -> Iterator[Callable[[str, nn.Module], bool]]:
    """Which modules to look into, by name and module: first as the blocks are, then further, then less far."""
    above = {".".join(name.split(".")[:i]) for name in heads for i in range(len(name.split(".")))}
    if granularity == "modules":
        yield lambda name, module: not _is_primitive(module)
    yield lambda name, module: name in above or _holds_blocks(module) or _holds_weights(module)
    yield lambda name, module: name in above or isinstance(module, LISTS) or _holds_blocks(module)
    yield lambda name, module: not _is_primitive(module)
    yield lambda name, module: name in above or isinstance(module, LISTS)


def _is_primitive(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn") and not isinstance(module, LISTS)


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


def _last_weight(network: nn.Module) -> str:
    names = [name for name, part in network.named_modules() if any(p.ndim > 1 for p in part.parameters(recurse=False))]
    if not names:
        raise CannotCut(f"{type(network).__name__} has no weights, so there is no head")
    return str(names[-1])


# ---- what the network does


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
        self.values: dict[fx.Node, Any] = {}

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        inner = name.removeprefix(PREFIX)
        return name != PREFIX[:-1] and not self._descends(inner, module)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Known(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        if node.op != "output":
            with _unwatched():
                self.values[node] = _computed(node, self.root, self.values, self._images)
        return node

    def to_bool(self, symbol: fx.Proxy) -> bool:
        return bool(_value(symbol))

    def iter(self, symbol: fx.Proxy) -> Iterator[Any]:
        return (operator.getitem(symbol, i) for i in range(len(_value(symbol))))

    def keys(self, symbol: fx.Proxy) -> Any:
        return list(_value(symbol).keys())


_CALL, _GETATTR = nn.Module.__call__, nn.Module.__getattr__


@contextmanager
def _unwatched() -> Iterator[None]:
    """Modules do what they do, without torch.fx writing it down: it replaces these two methods of all modules."""
    watched = nn.Module.__call__, nn.Module.__getattr__
    nn.Module.__call__, nn.Module.__getattr__ = _CALL, _GETATTR  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__call__, nn.Module.__getattr__ = watched  # type: ignore[method-assign]


PREFIX = "network."


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


# ---- from the record to layers


class _Cutter:
    """Cuts one record of a network."""

    def __init__(
        self,
        network: nn.Module,
        images: torch.Tensor,
        heads: Sequence[str],
        descends: Callable[[str, nn.Module], bool],
        single: bool,
    ) -> None:
        self._root = _Whole(network)
        self._heads = heads
        self._single = single
        evaluating, self._two = self._record(images[:2], descends, training=False)
        training, _ = self._record(images[:2], descends, training=True)
        self._args = _in_both_modes(evaluating, training, self._part)
        self._nodes = [node for node in evaluating.nodes if _does_something(node)]
        self._images = next(node for node in evaluating.nodes if node.op == "placeholder")
        (self._output,) = next(node for node in evaluating.nodes if node.op == "output").args
        if not isinstance(self._output, fx.Node) or not isinstance(self._two[self._output], torch.Tensor):
            raise CannotCut("it gives more than one tensor, or none")
        network.eval()
        self._three = self._run(images)
        self._prune()

    def chain(self) -> Chain:
        names, starts = self._starts()
        layers = []
        for name, start, stop in zip(names, starts, [*starts[1:], len(self._nodes)], strict=True):
            layers.append((name, self._piece(start, stop)))
        if len(layers) < 2:
            raise CannotCut("there is nothing before its head")
        return Chain(layers)

    def _record(
        self, images: torch.Tensor, descends: Callable[[str, nn.Module], bool], training: bool
    ) -> tuple[fx.Graph, dict[fx.Node, Any]]:
        """What the network does in one mode, and the value of each node."""
        network = self._root.network
        network.train(training)
        recorder = _Recorder(images, descends)
        with torch.no_grad(), _buffers_put_back(network):
            try:
                return recorder.trace(self._root), recorder.values
            except Exception as error:  # whatever the network's own code raises when it is given symbols
                raise CannotCut(f"its forward pass cannot be written down: {_first_line(error)}") from error

    @torch.no_grad()
    def _run(self, images: torch.Tensor) -> dict[fx.Node, Any]:
        """The values of all nodes for another batch size."""
        values: dict[fx.Node, Any] = {self._images: images}
        for node in self._nodes:
            try:
                values[node] = _computed(node, self._root, values, images)
            except Exception as error:  # whatever torch says of a shape that does not fit
                raise CannotCut(f"its forward pass hangs on the size of the batch: {_first_line(error)}") from error
        return values

    def _prune(self) -> None:
        """Leave out what nothing hangs on."""
        needed = {self._output}
        for node in reversed(self._nodes):
            if node in needed or _acts(node):
                needed.add(node)
                needed.update(node.all_input_nodes)
        self._nodes = [node for node in self._nodes if node in needed]

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
            if not in_head and not any(p.ndim > 1 for p in self._module(node).parameters()):
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
        before = {self._images, *self._nodes[:place]}
        after = {other for node in self._nodes[place:] for other in node.all_input_nodes} | {self._output}
        return [
            node
            for node in (self._images, *self._nodes[:place])
            if node in before and node in after and node.op != "get_attr" and _tensors(self._two[node])
        ]

    # ---- pieces

    def _piece(self, start: int, stop: int) -> nn.Module:
        """The nodes from one place to another, as a module from what crosses the first to what crosses the second."""
        entering = self._crossing(start) if start else [self._images]
        leaving = self._crossing(stop) if stop < len(self._nodes) else [self._output]
        nodes = self._nodes[start:stop]
        if len(nodes) == 1 and nodes[0].op == "call_module" and nodes == leaving:
            (node,) = nodes
            plain = all(isinstance(self._two[end], torch.Tensor) for end in (entering[0], node))
            if plain and self._args[node] == ((entering[0],), {}):
                return self._module(node)
        graph = fx.Graph()
        given = graph.placeholder("x")
        count = sum(len(_tensors(self._two[node])) for node in entering)
        arrived = [graph.call_function(operator.getitem, (given, i)) for i in range(count)] if count > 1 else [given]
        batch = self._batch(graph, entering, arrived)
        left = iter(arrived)
        known: dict[fx.Node, Any] = {
            node: _rebuilt(self._two[node], self._three[node], left, batch) for node in entering
        }
        parts: dict[str, Any] = {"training": True}
        for node in nodes:
            for other in node.all_input_nodes:
                if other not in known:
                    known[other] = self._elsewhere(graph, other, batch, parts)
            args, kwargs = _mapped(self._args[node], known, graph)
            if node.op in ("call_module", "get_attr"):
                parts[_own_name(node)] = self._part(node)
            known[node] = graph.create_node(node.op, _own_name(node), args, kwargs)
        given_on: list[Any] = []
        for node in leaving:
            given_on.extend(_parts(graph, self._two[node], known[node]))
        graph.output(given_on[0] if len(given_on) == 1 else tuple(given_on))
        return fx.GraphModule(parts, graph, type(self._root.network).__name__)

    def _module(self, node: fx.Node) -> nn.Module:
        return self._root.get_submodule(str(node.target))

    def _part(self, node: fx.Node) -> Any:
        """The module that a node calls, or the weight that it reads."""
        return operator.attrgetter(str(node.target))(self._root)

    def _batch(self, graph: fx.Graph, entering: Sequence[fx.Node], arrived: Sequence[fx.Node]) -> Callable[[int], Any]:
        """Makes the size of the batch, times a factor, out of what enters the piece."""
        twos = [tensor for node in entering for tensor in _tensors(self._two[node])]
        threes = [tensor for node in entering for tensor in _tensors(self._three[node])]
        for symbol, two, three in zip(arrived, twos, threes, strict=True):
            for axis, (a, b) in enumerate(zip(two.shape, three.shape, strict=True)):
                if a != b and a % 2 == 0 and 3 * a == 2 * b:
                    return lambda times: _times(graph, symbol, axis, a // 2, times)

        def unknown(_: int) -> Any:
            raise CannotCut("the size of the batch is lost between two of its blocks")

        return unknown

    def _elsewhere(self, graph: fx.Graph, node: fx.Node, batch: Callable[[int], Any], parts: dict[str, Any]) -> Any:
        """What another piece has made that is no tensor of a batch: a weight, a number, a multiple of its size."""
        if node.op == "get_attr":
            parts[_own_name(node)] = self._part(node)
            return graph.get_attr(_own_name(node))
        return _literal(self._two[node], self._three[node], batch)


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


def _does_something(node: fx.Node) -> bool:
    return node.op not in ("placeholder", "output") and node.target is not torch._assert


def _acts(node: fx.Node) -> bool:
    """Whether it may change what it is given: `x += y`, `x.relu_()`, `x[i] = y`."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    in_place = node.op == "call_method" and name.endswith("_") and not name.endswith("__")
    return in_place or node.target is operator.setitem


def _own_name(node: fx.Node) -> Any:
    if node.op in ("call_module", "get_attr"):
        return str(node.target).removeprefix(PREFIX)
    return node.target


def _tensors(value: Any) -> list[torch.Tensor]:
    """The tensors in a value that may be nested."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for item in value for tensor in _tensors(item)] if isinstance(value, (tuple, list)) else []


def _rebuilt(two: Any, three: Any, arrived: Iterator[fx.Node], batch: Callable[[int], Any]) -> Any:
    """A value that crosses, put together again from the tensors that have arrived."""
    if isinstance(two, torch.Tensor):
        return next(arrived)
    if isinstance(two, (tuple, list)):
        return tuple(_rebuilt(a, b, arrived, batch) for a, b in zip(two, three, strict=True))
    return _literal(two, three, batch)


def _mapped(tree: Any, known: Mapping[fx.Node, Any], graph: fx.Graph) -> Any:
    """Arguments with each node replaced by what it is known as, which may be a tuple."""
    if tree is TRAINING:
        return graph.get_attr("training")
    if isinstance(tree, fx.Node):
        return known[tree]
    if isinstance(tree, (tuple, list)):
        return type(tree)(_mapped(item, known, graph) for item in tree)
    if isinstance(tree, dict):
        return {key: _mapped(item, known, graph) for key, item in tree.items()}
    if isinstance(tree, slice):
        return slice(*(_mapped(part, known, graph) for part in (tree.start, tree.stop, tree.step)))
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


def _times(graph: fx.Graph, symbol: fx.Node, axis: int, own: int, times: int) -> Any:
    size: Any = graph.call_method("size", (symbol, axis))
    if own != 1:
        size = graph.call_function(operator.floordiv, (size, own))
    return size if times == 1 else graph.call_function(operator.mul, (size, times))


def _literal(two: Any, three: Any, batch: Callable[[int], Any]) -> Any:
    """A value that is the same for every batch, or a whole multiple of its size."""
    if isinstance(two, (tuple, list)) and isinstance(three, (tuple, list)) and len(two) == len(three):
        return tuple(_literal(a, b, batch) for a, b in zip(two, three, strict=True))
    if isinstance(two, torch.Tensor):
        raise CannotCut("a tensor passes between two of its blocks that was not foreseen")
    if two == three:
        return two
    if isinstance(two, int) and isinstance(three, int) and two % 2 == 0 and 3 * two == 2 * three:
        return batch(two // 2)
    raise CannotCut(f"a value that hangs on the size of the batch passes between two of its blocks: {two}, {three}")


# ---- proof


def _outcome(module: nn.Module, network: nn.Module, images: torch.Tensor, training: bool) -> dict[str, Any]:
    """Logits of a module, and in training mode the network's gradients and buffers after it. Puts buffers back."""
    module.train(training)
    network.zero_grad(set_to_none=True)
    found: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(training), _buffers_put_back(network):
        torch.manual_seed(0)
        try:
            logits = module(images.clone())
        except Exception as error:  # whatever a network's own code raises
            raise CannotCut(f"it does not run: {_first_line(error)}") from error
        if not isinstance(logits, torch.Tensor):
            raise CannotCut(f"in {'training' if training else 'evaluation'} mode it gives more than logits")
        found["logits"] = logits.detach().clone()
        if training:
            weights = torch.linspace(-1, 1, logits.numel(), device=logits.device).view_as(logits)
            (logits * weights).sum().backward()  # type: ignore[no-untyped-call]
            for name, parameter in network.named_parameters():
                found[f"gradient of {name}"] = parameter.grad
            for name, buffer in network.named_buffers():
                found[f"buffer {name}"] = buffer.clone()
    network.zero_grad(set_to_none=True)
    return found


@contextmanager
def _buffers_put_back(network: nn.Module) -> Iterator[None]:
    """Batch statistics that move meanwhile are put back."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all())


@contextmanager
def _kept_as_it_is(network: nn.Module) -> Iterator[None]:
    """Leave the modes of all modules as they were, and torch's generator too."""
    modes = {module: module.training for module in network.modules()}
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
