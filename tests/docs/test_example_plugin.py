"""The example package is a plugin like any other: installed by pip, found by its entry point, usable by its name."""

import json
import os
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli.commands import Said, ftdd
from tests.docs.blocks import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "ftdd-mlp"

Call = Callable[..., Said]


@pytest.fixture
def call(installed: Callable[[Path], Path], tmp_path: Path) -> Call:
    """Calls `ftdd` where the example is installed, in an empty folder."""
    site = installed(EXAMPLE)

    def ftdd_with_example(*arguments: str, **changes: str) -> Said:
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
        return ftdd(*arguments, cwd=tmp_path, **{"PYTHONPATH": path, "FTDD_DISABLED_PLUGINS": "mlflow", **changes})

    return ftdd_with_example


def test_ftdd_itself_knows_no_mlp() -> None:
    """What these tests see is found through the example's entry point, and not through anything of ours."""
    assert "mlp" not in {point.name for point in entry_points(group="ftdd")}
    for folder in ("core", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            assert "ftdd_mlp" not in path.read_text(encoding="utf-8"), path


def test_it_is_listed_with_its_distribution(call: Call) -> None:
    said = call("list", "architectures")
    assert said.code == 0, said.err
    assert re.search(r"^  mlp +A multilayer perceptron: .* ftdd-mlp 0\.1\.0$", said.out, re.MULTILINE), said.out
    assert re.search(r"^  resnet ", said.out, re.MULTILINE)
    plugins = call("list", "plugins").out
    assert re.search(r"mlp +loaded +ftdd-mlp 0\.1\.0 +architecture mlp", plugins), plugins
    assert "problem" not in plugins


def test_it_is_shown_with_its_fields_and_layers(call: Call) -> None:
    said = call("show", "mlp", "--set", "width=16", "--set", "depth=2", "--image", "1x8x8", "--classes", "5")
    assert said.code == 0, said.err
    assert re.search(r"depth +whole number +3 +Hidden layers\.", said.out)
    for layer in (r"0 +hidden1 +1,040", r"1 +hidden2 +272", r"2 +head +85", r"all +1,397"):
        assert re.search(layer, said.out), said.out


def test_it_can_be_switched_off(call: Call) -> None:
    said = call("validate", str(EXAMPLE / "mlp_digits.yaml"), FTDD_DISABLED_PLUGINS="mlp")
    assert said.code == 2
    assert "mlp_digits.yaml:4: architecture: no architecture 'mlp'" in said.err


def test_its_recipe_is_executed(call: Call, tmp_path: Path) -> None:
    few = ["--set", "source.training.epochs=2", "--set", "target.training.epochs=2", "--set", "sweep.seed=[0]"]
    said = call("run", str(EXAMPLE / "mlp_digits.yaml"), "--store", "runs", *few)
    assert said.code == 0, said.out + said.err
    store = Store(tmp_path / "runs")
    states = {folder.path.name: folder.status().state for folder in store.run_folders()}
    assert len(states) == 5
    assert set(states.values()) == {State.DONE}
    frozen = [store.run(entry.id).read_ledger()["frozen_layers"] for entry in store.read_study("mlp_digits").entries]
    assert frozen == [0, 1, 2, 3]
    assert json.loads(next(store.run_folders()).spec.read_text())["architecture"]["name"] == "mlp"
