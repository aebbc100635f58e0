"""Every command and every block in the documentation is run, in order, page by page."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cli.commands import ftdd

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^\n]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S)
SAVED_AS = re.compile(r"Save this as `([\w.]+)`")
NOT_RUN = "not run by the tests: "


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    saved_as: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if not (match["note"] or "").startswith(NOT_RUN):
            before = text[: match.start()].rsplit("```", 1)[-1]
            saved = SAVED_AS.search(before)
            yield Block(match["kind"], match["text"], saved[1] if saved else "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are run in a folder of the page's own; recipes are validated, Python is executed, hooks are checked elsewhere."""
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(blocks(page)):
        if block.kind == "console":
            for line in filter(None, block.text.splitlines()):
                program, *arguments = shlex.split(line)
                assert program == "ftdd", f"{line}: mark a block that cannot be run, with its reason"
                said = ftdd(*arguments, cwd=tmp_path)
                assert said.code == 0, f"{line}\n{said.err}"
        elif block.kind == "yaml":
            recipe = tmp_path / (block.saved_as or f"block{number}.yaml")
            recipe.write_text(block.text)
            assert ftdd("validate", recipe.name, cwd=tmp_path).code == 0, block.text
        elif block.kind == "python" and page.name != "hooks.md":
            exec(compile(block.text, str(page), "exec"), {"__name__": "block"})


def test_what_is_not_run_is_little_and_has_a_reason() -> None:
    notes = [match["note"] for page in PAGES for match in BLOCK.finditer(page.read_text()) if match["note"]]
    assert all(note.startswith(NOT_RUN) and len(note) > len(NOT_RUN) + 5 for note in notes)
    assert len(notes) <= 3


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_recipes_that_ship_have_a_question() -> None:
    for path in (ROOT / "recipes").glob("*.yaml"):
        assert yaml.safe_load(path.read_text())["question"].endswith("?")
