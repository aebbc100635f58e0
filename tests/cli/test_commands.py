"""The commands that only look: help, list, show, validate, plan, schema; and how wrong requests end."""

import json
import re
from pathlib import Path

import pytest

from ftdd.cli.commands import COMMANDS
from tests.cli.commands import ftdd
from tests.core.study.small_study import RECIPE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    (folder / "small.yaml").write_text(RECIPE)
    (folder / "wrong.yaml").write_text(RECIPE.replace("label_noise: 0.2", "label_noise: 1.2"))
    return folder


@pytest.mark.parametrize("command", [*COMMANDS, "sync", "ui"])
def test_every_command_has_a_help_worth_reading(command: str, folder: Path) -> None:
    said = ftdd(command, "--help", cwd=folder)
    assert said.code == 0, said.err
    assert len(said.out.splitlines()) > 5
    assert said.out.startswith(f"Usage: ftdd {command}")


def test_the_help_of_ftdd_names_every_command(folder: Path) -> None:
    said = ftdd("--help", cwd=folder)
    assert said.code == 0
    assert all(re.search(rf"^  {name} ", said.out, re.M) for name in (*COMMANDS, "sync", "ui"))


def test_a_wrong_command_names_the_nearest(folder: Path) -> None:
    said = ftdd("lsit", cwd=folder)
    assert (said.code, said.out) == (2, "")
    assert "no command 'lsit'; nearest: list" in said.err


def test_list_names_components_with_their_distribution_and_recipes(folder: Path) -> None:
    said = ftdd("list", cwd=folder)
    assert said.code == 0
    for word in ("resnet", "digits", "cifar10_halves", "first_layers", "all_but_head", "local", "quickstart"):
        assert re.search(rf"^  {word} ", said.out, re.M), word
    assert "ftdd 0.1.0" in said.out
    assert "broken" not in said.out


def test_show_gives_fields_defaults_and_layers(folder: Path) -> None:
    """The standard ResNet-18 of width 64 has 11.17 million parameters at 10 classes."""
    said = ftdd("show", "resnet", cwd=folder)
    assert said.code == 0, said.err
    assert re.search(r"width +whole number +64 +Channels of the first stage", said.out)
    total = re.search(r"^  all +([\d,]+)", said.out, re.M)
    assert total is not None
    assert int(total[1].replace(",", "")) == pytest.approx(11.17e6, rel=1e-3)
    assert len(re.findall(r"stage\d_block\d", said.out)) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet", "--set", "width=0"), "width: must be 1 or more, got 0"),
        (("resnet", "--set", "widht=8"), "widht: no such field; nearest: width"),
        (("resnet", "--image", "3x4x4"), "takes images of 8 pixels a side or more, got 3×4×4"),
        (("resnet", "--image", "3by4"), "'3by4' is not channels x height x width"),
        (("resnett",), "no component, recipe or run 'resnett'; nearest: resnet"),
    ],
)
def test_show_says_what_is_wrong(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    said = ftdd("show", *arguments, cwd=folder)
    assert said.code == 2
    assert message in said.err


def test_show_writes_a_recipe_that_can_be_copied(folder: Path) -> None:
    said = ftdd("show", "quickstart", cwd=folder)
    copy = folder / "copy.yaml"
    copy.write_text(said.out)
    assert ftdd("validate", "copy.yaml", cwd=folder).code == 0


def test_validate_names_every_mistake_with_its_line_and_exits_with_2(folder: Path) -> None:
    said = ftdd("validate", "small.yaml", "wrong.yaml", cwd=folder)
    assert said.code == 2
    assert said.out == "small.yaml: valid: 3 target runs, 1 source run\n"
    assert said.err == "wrong.yaml:12: target.label_noise: must be from 0 to 1, got 1.2\n"


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_recipe_is_refused_before_anything_is_done(command: str, folder: Path) -> None:
    said = ftdd(command, "wrong.yaml", "--store", "nowhere", cwd=folder)
    assert said.code == 2
    assert "wrong.yaml:12: target.label_noise: must be from 0 to 1, got 1.2" in said.err
    assert not (folder / "nowhere").exists()


def test_a_recipe_that_is_not_there_names_those_that_are(folder: Path) -> None:
    said = ftdd("run", "quikstart", cwd=folder)
    assert said.code == 2
    assert "there is no file 'quikstart', nor a recipe of that name; nearest: quickstart" in said.err


def test_plan_shows_the_grid_and_writes_nothing(folder: Path) -> None:
    said = ftdd("plan", "small.yaml", "--store", "planned", cwd=folder)
    assert said.code == 0, said.err
    assert said.out.count("waiting") == 5
    assert "to do: 840 image passes" in said.out
    assert not (folder / "planned").exists()
    tree = json.loads(ftdd("plan", "small.yaml", "--store", "planned", "--json", cwd=folder).out)
    assert [run["role"] for run in tree["runs"]] == ["source", "target", "target", "target"]
    assert tree["image_passes_left"] == 60 * 2 + 3 * 60 * 4


def test_the_schema_covers_the_components_of_plugins(folder: Path) -> None:
    schema = json.loads(ftdd("schema", cwd=folder).out)
    names = [form.get("enum") for form in schema["$defs"]["architecture"]["anyOf"]]
    assert ["resnet"] in names or any("resnet" in (enum or ()) for enum in names)
    assert "sweep" in schema["properties"]


def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    said = ftdd("run", "small.yaml", "--device", "cuda:99", cwd=folder)
    assert said.code == 2
    assert "torch finds no cuda:99 here" in said.err
    assert "must be cpu, cuda, cuda:N or mps, got 'gpu'" in ftdd("run", "small.yaml", "--device", "gpu", cwd=folder).err


def test_a_broken_plugin_is_named_and_the_rest_goes_on(folder: Path) -> None:
    """A distribution whose module cannot be imported: one sentence, and the command does its work."""
    package = folder / "site"
    info = package / "brokenftdd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brokenftdd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ftdd]\nbroken = broken_ftdd_module\n")
    (package / "broken_ftdd_module.py").write_text("import a_module_that_is_not_there\n")
    said = ftdd("validate", "small.yaml", cwd=folder, PYTHONPATH=str(package))
    assert said.code == 0
    assert "plugin 'broken' of brokenftdd 1.0 could not be imported: ModuleNotFoundError" in said.err
    quiet = ftdd("validate", "small.yaml", cwd=folder, PYTHONPATH=str(package), FTDD_DISABLED_PLUGINS="broken")
    assert (quiet.code, quiet.err) == (0, "")


def test_brackets_in_what_a_user_wrote_are_brackets(folder: Path) -> None:
    """rich takes [words] for styles: it swallows them, and ends on [/words] that nothing opened."""
    recipe = RECIPE.replace("title: A small study", 'title: "Study [/bold] of [red] layers"')
    sweep = 'sweep:\n  freezing: [{policy: selected, layers: ["stage1*", "stem"]}]\n'
    (folder / "brackets.yaml").write_text(recipe[: recipe.index("sweep:")] + sweep)
    said = ftdd("plan", "brackets.yaml", cwd=folder)
    assert said.code == 0, said.err
    assert "Study [/bold] of [red] layers" in said.out
    assert "[stage1*," in said.out
