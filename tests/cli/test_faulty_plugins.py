"""Beside a package of faulty plugins all else works: each fault is one sentence that names it, and costs itself."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from ftdd.records.status import State
from ftdd.study.store import Store
from tests.cli.commands import Said, ftdd
from tests.cli.faulty_plugins import COMMANDS, COSTS_ITSELF, MISTAKES, REFUSED, SPOKEN_OF, install
from tests.core.study.small_study import RECIPE


def call(site: Path, *arguments: str, cwd: Path) -> Said:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    said = ftdd(*arguments, cwd=cwd, PYTHONPATH=path, COLUMNS="200")
    assert "Traceback" not in said.out + said.err
    return said


def sentences(said: str, name: str, part: str) -> list[str]:
    return [line for line in said.splitlines() if name in line and part in line]


def assert_each_is_said(said: str, expected: Iterable[tuple[str, str]]) -> None:
    """Once, in one line that names it and its package."""
    missing = [(name, part) for name, part in expected if len(sentences(said, name, part)) != 1]
    assert missing == [], said


def test_what_is_refused_costs_no_other_plugin(tmp_path: Path) -> None:
    site = install(tmp_path / "site", "refused", "spoken_of")
    listed = call(site, "list", "plugins", cwd=tmp_path)
    assert listed.code == 0
    problems = [line for line in listed.out.splitlines() if line.startswith("problem:")]
    faults = {name: part for name, (_, part) in (REFUSED | SPOKEN_OF).items()}
    assert_each_is_said("\n".join(problems), faults.items())
    assert len(problems) == len(faults)
    assert all("faulty 1.0" in line for line in problems)
    rows = [line.split() for line in listed.out.splitlines() if line.startswith("  ") and line[2:3].strip()]
    states = {row[0]: row[1] for row in rows if len(row) > 1}
    broken = {name for name, state in states.items() if state == "broken"}
    assert broken == set(REFUSED)
    assert {"works", "resnet", "digits", "local", "mlflow"} <= {n for n, state in states.items() if state == "loaded"}


def test_help_names_each_bad_command_and_shows_the_rest(tmp_path: Path) -> None:
    site = install(tmp_path / "site", "refused", "commands")
    helped = call(site, "--help", cwd=tmp_path)
    assert helped.code == 0
    assert_each_is_said(helped.err, ((name, part) for name, (_, part) in COMMANDS.items()))
    assert "  run  " in helped.out
    assert "  sync  " in helped.out
    assert "  ui  " not in helped.out  # two plugins claim it, so nobody has it
    assert_each_is_said(
        call(site, "list", "plugins", cwd=tmp_path).out, ((n, part) for n, (_, part) in COMMANDS.items())
    )


def test_a_plugins_command_that_raises_is_a_sentence(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    (site / "faulty_works.py").write_text(
        "import click, ftdd\n@click.command('breaks')\ndef breaks(): raise TypeError('oh')\n"
        "@ftdd.hookimpl\ndef ftdd_commands(): return [breaks]\n"
    )
    said = call(site, "breaks", cwd=tmp_path)
    assert said.code == 1
    assert "command 'breaks' of plugin 'works' of faulty 1.0 failed: TypeError: oh" in said.err


def test_a_plugins_command_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    (site / "faulty_works.py").write_text(
        "import click, ftdd\n@click.command('leaves')\ndef leaves(): raise SystemExit(7)\n"
        "@ftdd.hookimpl\ndef ftdd_commands(): return [leaves]\n"
    )
    said = call(site, "leaves", cwd=tmp_path)
    assert (said.code, said.err) == (7, "")


def test_validate_says_of_each_recipe_what_its_plugin_does_wrong(tmp_path: Path) -> None:
    """All in one call: a recipe with a bad component costs the others nothing."""
    site = install(tmp_path / "site", "mistakes", "costs_itself")
    recipe = RECIPE.replace("target_classes: [3, 4, 5]", "target_classes: [3, 4, 5, 6, 7]")
    recipe = recipe.replace("sweep:\n  freezing.count: [0, 3, 9]\n", "")
    network, policy = "{name: resnet, width: 1}", "{policy: first_layers, count: 0}"
    for name, (source, _) in MISTAKES.items():
        text = recipe.replace(network, name) if "Architecture):" in source else recipe.replace(policy, name)
        text = text.replace("count: 0", "count: 1") if name == "tied" else text
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "right.yaml").write_text(recipe.replace(policy, "works"))
    said = call(site, "validate", *(f"{name}.yaml" for name in (*MISTAKES, "right")), cwd=tmp_path)
    assert said.code == 2
    assert said.out == "right.yaml: valid: 1 target run, 1 source run\n", said.out + said.err
    lines = said.err.splitlines()
    assert_each_is_said(said.err, ((f"{name}.yaml:", part) for name, (_, part) in MISTAKES.items()))
    assert len(lines) == len(MISTAKES)
    assert all("of faulty 1.0" in line for line in lines)


@pytest.mark.slow
def test_a_study_is_whole_beside_scores_findings_listeners_and_commands_that_fail(tmp_path: Path) -> None:
    site = install(tmp_path / "site", "refused", "commands", "costs_itself", "spoken_of", "mistakes")
    schemes = "similarity: [image_statistics, score_float, score_nan, score_raises]\n"
    (tmp_path / "small.yaml").write_text(RECIPE + schemes.replace("image_statistics, ", ""))
    said = call(site, "run", "small.yaml", cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert_each_is_said(said.out + said.err, ((name, part) for name, (_, part) in COSTS_ITSELF.items()))
    store = Store(tmp_path / "ftdd-runs")
    assert {folder.status().state for folder in store.run_folders()} == {State.DONE}
    folder = store.study_folder("small")
    assert (folder / "figures" / "freezingwise.png").exists()
    assert (folder / "report.html").exists()
    assert '"analysis"' in (folder / "findings.json").read_text()
