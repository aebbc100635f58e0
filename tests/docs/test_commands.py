"""Every fenced block of README and docs is run: commands in an empty folder, recipes validated, Python executed.

A page's blocks run in order in one folder with one store, so later ones see what earlier ones made. What a block's
test does otherwise stands in a comment before it: see blocks.py.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import ftdd
from ftdd.recipe.read import read_recipe
from tests.cli.commands import environment, folder_with_ftdd
from tests.docs.blocks import ROOT, Block, blocks, pages
from tests.installed import installed_plugins

LONGEST_SECONDS = 300
OUTPUT_ELSEWHERE = re.compile(r"^\s*(pip|git|python -m venv|source)\b", re.MULTILINE)
"""Commands that a block may be skipped for: they need a network, or change the machine."""
SHIPPED = {path.stem for path in (ROOT / "recipes").glob("*.yaml")}

Install = Callable[[Path], Path]


@dataclass
class Reader:
    """Somebody who tries a page out from its top to its end."""

    folder: Path
    install: Install
    mirror: bool
    """Whether the page has a command that needs MLflow; the mirror takes seconds."""
    sites: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def read(self, block: Block) -> None:
        if (reason := block.said("skip")) is not None:
            assert reason, f"{block.place}: say why it is skipped"
            return
        if (package := block.said("plugin")) is not None:
            self.sites.append(str(self.install(ROOT / package)))
            return
        if (original := block.said("same as")) is not None:
            assert block.text == (ROOT / original).read_text(encoding="utf-8"), f"{block.place} is not {original}"
        if (name := block.said("file")) is not None:
            (self.folder / name).write_text(block.text, encoding="utf-8")
        getattr(self, f"_{block.language}", self._unknown)(block)

    def _unknown(self, block: Block) -> None:
        raise AssertionError(f"{block.place}: nobody knows how to test a block of '{block.language}'")

    def _console(self, block: Block) -> None:
        """`$ command` lines, each followed by what it prints: these lines in this order, `…` for anything."""
        commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not commands[0].strip(), f"{block.place}: a console block begins with '$ '"
        for number, part in enumerate(commands[1:], start=1):
            command, _, printed = part.partition("\n")
            while command.endswith("\\"):
                more, _, printed = printed.partition("\n")
                command = f"{command}\n{more}"
            changed, said = self._shell(block, command, last=number == len(commands) - 1)
            if not changed:
                _expect(block, printed, said)

    def _bash(self, block: Block) -> None:
        self._shell(block, block.text, last=True)

    _sh = _bash

    def _shell(self, block: Block, script: str, last: bool) -> tuple[bool, str]:
        """Run it, small where the block says how; gives whether it was changed, and what was printed."""
        small = block.said("with") or ""
        slow = [name for name in SHIPPED if re.search(rf"^\s*ftdd run {name}\b", script, re.MULTILINE)]
        assert small or not slow, (
            f"{block.place}: `ftdd run {slow[0]}` takes minutes; put before the block a comment such as\n"
            "<!-- test: with --set target.training.epochs=2 --set sweep.freezing.count=[0,9] --set sweep.seed=[0] -->"
        )
        changed = re.sub(r"^(\s*ftdd run (?:[^\n]*\\\n)*[^\n#]*)", rf"\1 {small}", script, flags=re.MULTILINE)
        path = os.pathsep.join([folder_with_ftdd().name, str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        # A page's reader has no FTDD_DATA: data sets lie in ./ftdd-data, where pages put them.
        extra = {"PATH": path, "PYTHONPATH": os.pathsep.join(self.sites), "FTDD_DATA": ""}
        if not self.mirror:
            extra["FTDD_DISABLED_PLUGINS"] = "mlflow"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", changed if small else script],
            cwd=self.folder,
            env=environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        expected = int(block.said("fails") or 0) if last else 0
        assert done.returncode == expected, f"{block.place}:\n{script}\n{done.stdout}"
        return bool(small) and changed != script, done.stdout

    def _yaml(self, block: Block) -> None:
        """A recipe, where it has a pair: validated, by the command where it may need a plugin of the page."""
        if block.said("fragment") is not None or "pair" not in (yaml.safe_load(block.text) or {}):
            return
        recipe = self.folder / (block.said("file") or "block.yaml")
        recipe.write_text(block.text, encoding="utf-8")
        if self.sites:
            self._shell(block, f"ftdd validate {recipe.name}", last=True)
        else:
            assert read_recipe(recipe, installed_plugins(), self.folder / "ftdd-data").points, block.place

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, block.place, "exec", dont_inherit=True)
        if block.said("fragment") is not None or block.said("file") is not None:
            return
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("FTDD_DATA", "")
            if not self.mirror:
                patched.setenv("FTDD_DISABLED_PLUGINS", "mlflow")
            if small := block.said("with"):
                patched.setattr(ftdd, "run", partial(_run_small, ftdd.run, settings_of(small)))
            exec(code, self.names)

    def _math(self, block: Block) -> None:
        """An equation in LaTeX: what is opened is closed."""
        for left, right in (
            (r"(?<!\\){", r"(?<!\\)}"),
            (r"\\left(?!arrow)", r"\\right(?!arrow)"),
            (r"\\begin", r"\\end"),
        ):
            opened, closed = (len(re.findall(sign, block.text)) for sign in (left, right))
            assert opened == closed, f"{block.place}: {opened} times {left}, {closed} times {right}"

    def _json(self, block: Block) -> None:
        json.loads(block.text)

    def _toml(self, block: Block) -> None:
        tomllib = pytest.importorskip("tomllib")
        tomllib.loads(block.text)

    def _text(self, block: Block) -> None:
        assert not re.search(r"^(\$ )?(ftdd|pip) ", block.text, re.MULTILINE), (
            f"{block.place}: commands go into `console`"
        )


def settings_of(arguments: str) -> dict[str, Any]:
    """What `--set PATH=VALUE` arguments say."""
    words = shlex.split(arguments)
    assert words[::2] == ["--set"] * (len(words) // 2), f"in Python only --set: {arguments}"
    return {path: yaml.safe_load(value) for path, _, value in (word.partition("=") for word in words[1::2])}


def _run_small(run: Callable[..., Any], small: dict[str, Any], recipe: Any, **given: Any) -> Any:
    """`ftdd.run` with settings of the test's own, without the lines that its progress prints."""
    overrides = {**given.pop("overrides", {}), **small}
    return run(recipe, **{"progress": False, **given}, overrides=overrides)


def _expect(block: Block, printed: str, said: str) -> None:
    """Raise AssertionError where the lines are not in what was said, in their order."""
    rest = [_plain(line) for line in said.splitlines()]
    for line in filter(None, map(_plain, printed.splitlines())):
        if line == "…":
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        found = next((i for i, other in enumerate(rest) if pattern.fullmatch(other)), None)
        assert found is not None, f"{block.place}: not printed, or not in this order: {line}\n\n{said}"
        rest = rest[found + 1 :]


def _plain(line: str) -> str:
    return " ".join(line.split())


@pytest.mark.slow
@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_does_what_it_says(
    page: Path, tmp_path: Path, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = list(blocks(page))
    mirror = any(re.search(r"^(\$ )?ftdd sync\b", block.text, re.MULTILINE) for block in found)
    reader = Reader(tmp_path, installed, mirror)
    for block in found:
        reader.read(block)


def test_only_what_changes_the_machine_serves_or_takes_long_is_skipped() -> None:
    """A command of ftdd's own is run, except for the server and for what says that it takes long."""
    for page in pages():
        for block in blocks(page):
            reason = block.said("skip")
            if reason is None or OUTPUT_ELSEWHERE.search(block.text):
                continue
            assert re.search(r"server|hours?|minutes|network", reason), (
                f"{block.place}: skipped for no good reason: {reason}"
            )


# ---- the tests' own tests


def _page(tmp_path: Path, text: str) -> list[Block]:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return list(blocks(path))


def test_blocks_are_found_with_their_directives(tmp_path: Path) -> None:
    text = "a\n\n<!-- test: with --set a=1 -->\n<!-- test: fails 2 -->\n\n```bash\nftdd x\n```\n\n```yaml\na: 1\n```\n"
    first, second = _page(tmp_path, text)
    assert (first.language, first.text, first.line) == ("bash", "ftdd x\n", 6)
    assert (first.said("with"), first.said("fails")) == ("--set a=1", "2")
    assert second.directives == ()
    with pytest.raises(ValueError, match="no such directive"):
        _page(tmp_path, "<!-- test: sikp -->\n")
    with pytest.raises(ValueError, match="without an end"):
        _page(tmp_path, "```bash\nls\n")


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nfalse\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ printf 'a\\nb\\n'\nb\na\n```\n",
        "```python\n1 / 0\n```\n",
        "```yaml\npair: nowhere\n```\n",
        "```math\n\\frac{1}{2\n```\n",
        "```bash\nftdd run quickstart\n```\n",
        "```\nno language\n```\n",
        "<!-- test: same as LICENSE -->\n```text\nx\n```\n",
        "<!-- test: fails 2 -->\n```bash\ntrue\n```\n",
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_noticed(text: str, tmp_path: Path, installed: Install) -> None:
    (block,) = _page(tmp_path, text)
    with pytest.raises(Exception):  # noqa: B017, PT011 (each fails in its own way)
        Reader(tmp_path, installed, mirror=False).read(block)


def test_output_may_leave_out_lines_and_parts_of_lines(tmp_path: Path, installed: Install) -> None:
    (block,) = _page(tmp_path, "```console\n$ printf 'a\\nb 5 s\\nc\\n'\na\n…\nb … s\n$ true\n```\n")
    Reader(tmp_path, installed, mirror=False).read(block)
