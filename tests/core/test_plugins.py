"""Plugins: found by entry points, loaded one by one; what is wrong with one is a sentence and touches no other."""

import sys
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

import ftdd
from ftdd.components import KINDS
from ftdd.components.class_faults import component_fault, example_faults, schema_fault
from ftdd.components.plugins import Plugins, installed_plugins, load_plugins
from ftdd.values import described_fields

GOOD = """
from typing import Literal
import ftdd
from ftdd.components import Policy

class {cls}(Policy):
    \"\"\"Freezes nothing.\"\"\"
    policy: Literal["{name}"] = "{name}"
    def frozen(self, layers, epoch):
        return frozenset()

@ftdd.hookimpl
def ftdd_policies():
    return [{cls}]
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Write modules, each a distribution of its own, and load them as entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def load_sources(disabled: tuple[str, ...] = (), **sources: str) -> Plugins:
        points = []
        for name, source in sources.items():
            module = f"module_{name}_{tmp_path.name.replace('-', '_')}"
            (tmp_path / f"{module}.py").write_text(source)
            sys.modules.pop(module, None)
            info = tmp_path / f"dist_{name}-1.0.dist-info"
            info.mkdir(exist_ok=True)
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[ftdd]\n{name} = {module}\n")
            (point,) = (p for p in Distribution.at(info).entry_points if p.group == "ftdd")
            points.append(point)
        return load_plugins(points, disabled)

    return load_sources


def test_built_ins_enter_by_their_entry_points_only() -> None:
    plugins = installed_plugins()
    assert plugins.problems == ()
    assert {info.name for info in plugins.infos} == {
        "resnet",
        "densenet",
        "vit",
        "linear",
        "timm",
        "torchvision",
        "digits",
        "mnist5k",
        "cifar",
        "tiny_imagenet",
        "imagenet_subset",
        "image_folder",
        "transformed",
        "gaussian_linear",
        "similarity",
        "analyses",
        "freezing",
        "local",
        "mlflow",
    }
    assert all(info.distribution == f"ftdd {ftdd.__version__}" for info in plugins.infos)
    assert load_plugins(()).components == {word: {} for word in KINDS}


def test_every_component_is_right_has_a_page_and_every_field_a_meaning() -> None:
    plugins = installed_plugins()
    for word, components in plugins.components.items():
        for name, cls in components.items():
            assert component_fault(KINDS[word], cls) is None, name
            assert schema_fault(cls) is None, name
            assert list(example_faults(cls, plugins)) == [], name
            assert cls.__doc__, name
            for field, info in described_fields(cls).items():
                if field != KINDS[word].base.tag:
                    assert info.description, f"{name}.{field}"


GOOD_LATER = GOOD.format(cls="Later", name="later")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "import nothing_of_this_name",
            "plugin 'bad' of dist-bad 1.0 could not be imported: ModuleNotFoundError: No module named "
            "'nothing_of_this_name'; mend or uninstall the package, or set FTDD_DISABLED_PLUGINS=bad",
        ),
        ("1 / 0", "could not be imported: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit('no')", "could not be imported: SystemExit: no"),
        ("def broken(:", "could not be imported: SyntaxError"),
        (
            GOOD.format(cls="A", name="a").replace("return [A]", "return A"),
            "plugin 'bad' of dist-bad 1.0 failed in ftdd_policies: it returns <class",
        ),
        (
            GOOD.format(cls="A", name="a").replace("def ftdd_policies", "def ftdd_polices"),
            "plugin 'bad' of dist-bad 1.0 implements an unknown hook 'ftdd_polices'; nearest: ftdd_policies",
        ),
        (
            "import ftdd\n@ftdd.hookimpl\ndef ftdd_run_finished(study, outcome): ...",
            "plugin 'bad' of dist-bad 1.0 cannot be called in ftdd_run_finished: it asks for 'outcome', which "
            "ftdd_run_finished has not; the hook has study, run, state",
        ),
        (
            GOOD.format(cls="A", name="a").replace("return [A]", "return [int]"),
            "returns <class 'int'>, which is not a subclass of ftdd.components.Policy",
        ),
        (
            GOOD.format(cls="A", name="a").replace("return [A]", "raise OSError('no')"),
            "plugin 'bad' of dist-bad 1.0 failed in ftdd_policies: OSError: no; mend or uninstall the package",
        ),
        (GOOD.format(cls="A", name="a").replace('"""Freezes nothing."""', "x: int = 1"), "has no docstring"),
        (GOOD.format(cls="A", name="a").replace("def frozen", "def frosen"), "leaves out frozen"),
        (GOOD.format(cls="A", name="a").replace('    policy: Literal["a"] = "a"\n', ""), "needs a field policy"),
    ],
    ids=[
        "import",
        "crash",
        "exit",
        "syntax",
        "no list",
        "misspelt",
        "argument",
        "class",
        "hook fails",
        "no docstring",
        "abstract",
        "no name",
    ],
)
def test_a_broken_plugin_is_named_and_the_others_load(load, source: str, sentence: str) -> None:  # type: ignore[no-untyped-def]
    plugins = load(bad=source, good=GOOD_LATER)
    (problem,) = plugins.problems
    assert sentence in problem
    assert list(plugins.components["policy"]) == ["later"]
    assert {info.name: info.state for info in plugins.infos} == {"bad": "broken", "good": "loaded"}


def test_a_name_that_two_bring_belongs_to_nobody(load) -> None:  # type: ignore[no-untyped-def]
    """Whichever came first would win by chance; so neither does, and the sentence says how to choose."""
    plugins = load(one=GOOD.format(cls="A", name="same"), two=GOOD.format(cls="B", name="same"), good=GOOD_LATER)
    (problem,) = plugins.problems
    assert problem == (
        "policy 'same' is brought by plugin 'one' of dist-one 1.0 and plugin 'two' of dist-two 1.0, so nobody gets the "
        "name; set FTDD_DISABLED_PLUGINS=one or FTDD_DISABLED_PLUGINS=two"
    )
    assert list(plugins.components["policy"]) == ["later"]
    with pytest.raises(LookupError, match="is brought by plugin 'one'"):
        plugins.named("policy", "same")
    chosen = load(disabled=("two",), one=GOOD.format(cls="A", name="same"), two=GOOD.format(cls="B", name="same"))
    assert chosen.problems == ()
    assert list(chosen.components["policy"]) == ["same"]


def test_a_disabled_plugin_is_not_imported_and_an_unknown_one_is_named(load) -> None:  # type: ignore[no-untyped-def]
    plugins = load(disabled=("bad", "goood"), bad="raise SystemExit", good=GOOD_LATER)
    assert plugins.problems == ("FTDD_DISABLED_PLUGINS: there is no plugin 'goood'; nearest: good",)
    assert {info.name: info.state for info in plugins.infos} == {"bad": "disabled", "good": "loaded"}


def test_the_order_of_entry_points_does_not_matter() -> None:
    from importlib.metadata import entry_points

    points: list[EntryPoint] = list(entry_points(group="ftdd"))
    one, other = load_plugins(points), load_plugins(points[::-1])
    assert one.components == other.components
    assert one.infos == other.infos
