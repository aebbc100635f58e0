"""docs/reference/hooks.md says what ftdd.components.hookspecs says: every hook, its signature, and an example that works."""

import ast
import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ftdd.components import KINDS, hookspecs
from ftdd.components.comparison import Comparison, Side
from ftdd.components.plugins import component_fault
from ftdd.data.images import Task
from tests.docs.blocks import ROOT, Block, blocks

PAGE = ROOT / "docs" / "reference" / "hooks.md"
HOOKS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("ftdd_")}
HEADING = re.compile(r"^### (\S+)$", re.MULTILINE)


def documented() -> dict[str, tuple[Block, Block]]:
    """For every hook with a heading: the block of its signature, and the block of its example."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    heads = [(number, match[1]) for number, line in enumerate(lines, start=1) if (match := HEADING.match(line))]
    found = [block for block in blocks(PAGE) if block.language == "python"]
    sections = {}
    for (start, name), (end, _) in zip(heads, [*heads[1:], (len(lines) + 1, "")], strict=True):
        within = [block for block in found if start < block.line < end]
        assert len(within) == 2, f"{name}: one block for the signature, one for the example"
        sections[name] = (within[0], within[1])
    return sections


def signature_in_code(name: str) -> str:
    """As one line, annotations without their quotes."""
    signature = inspect.signature(HOOKS[name])
    parameters = [f"{parameter.name}: {_words(parameter.annotation)}" for parameter in signature.parameters.values()]
    return f"def {name}({', '.join(parameters)}) -> {_words(signature.return_annotation)}: ..."


def _words(annotation: Any) -> str:
    if annotation is None:
        return "None"
    return annotation if isinstance(annotation, str) else str(annotation.__name__)


def _normal(code: str) -> str:
    return ast.unparse(ast.parse(code))


def test_every_hook_is_documented_and_every_documented_hook_exists() -> None:
    assert list(documented()) == list(HOOKS), f"{PAGE} must have the hooks of core/ftdd/hookspecs.py, in their order"


@pytest.mark.parametrize("name", HOOKS)
def test_the_signature_in_the_docs_is_that_of_the_code(name: str) -> None:
    signature, _ = documented()[name]
    assert _normal(signature.text) == _normal(signature_in_code(name)), (
        f"{signature.place} is stale; write:\n{signature_in_code(name)}"
    )


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_implements_the_hook(name: str) -> None:
    """Its function is marked, takes no argument that the hook has not, and brings right components."""
    _, example = documented()[name]
    names: dict[str, Any] = {}
    exec(compile(example.text, example.place, "exec", dont_inherit=True), names)
    function = names[name]
    assert hasattr(function, "ftdd_impl"), f"{example.place}: @ftdd.hookimpl is missing"
    assert set(inspect.signature(function).parameters) <= set(inspect.signature(HOOKS[name]).parameters)
    for kind in KINDS.values():
        if kind.hook == name:
            classes = function()
            assert classes
            assert [fault for cls in classes if (fault := component_fault(kind, cls))] == []


def test_the_examples_do_what_they_say(tmp_path: Path) -> None:
    """A network and images that fit each other, a score, and a policy that thaws."""
    names: dict[str, Any] = {}
    for name in ("ftdd_architectures", "ftdd_pairs", "ftdd_policies", "ftdd_schemes"):
        exec(compile(documented()[name][1].text, name, "exec", dont_inherit=True), names)
    image = names["Stripes"]().image_shape()
    chain = names["LinearMap"]().build(image, 2)
    assert chain.names == names["LinearMap"]().layers(image, 2)
    source, target = (names["Stripes"]().load(side, tmp_path) for side in ("source", "target"))
    assert (len(source.train), len(target.test)) == (200, 100)
    assert source.train.digest() != target.train.digest()
    darker = Task(replace(source.train, images=source.train.images // 2), source.test)
    tasks: dict[Side, Task] = {"source": darker, "target": target}
    same: dict[Side, Task] = {"source": target, "target": target}
    compared = [
        Comparison(lambda side: (), each.__getitem__, lambda side: pytest.fail("no network is asked for"))
        for each in (tasks, same)
    ]
    scores = [names["Brightness"]().score(given).value for given in compared]
    assert -1 <= scores[0] < scores[1] == 0.0
    assert [names["Thaw"](every=2).frozen(chain.names, epoch) for epoch in (0, 1, 2, 9)] == [
        frozenset({0}),
        frozenset({0}),
        frozenset(),
        frozenset(),
    ]
