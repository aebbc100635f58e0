"""The generated tables of the reference are current, and pages lead where they say."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, pages

LINK = re.compile(r"\[[^\]]*\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")
LINKED = [*pages(), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def test_the_tables_of_the_recipe_reference_are_current() -> None:
    command = [sys.executable, "docs/make_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `python docs/make_reference.py` and commit the page:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        assert target.exists(), f"{page.relative_to(ROOT)}: {link[0]}"
        if link["heading"]:
            assert link["heading"] in headings(target), f"{page.relative_to(ROOT)}: {link[0]}"


def test_the_code_that_the_method_names_is_there() -> None:
    page = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    lines = "\n".join(line for line in page.splitlines() if "*Code*" in line)
    named = set(re.findall(r"`(ftdd\w*(?:\.\w+)+)`", lines))
    assert len(named) > 10
    assert [name for name in sorted(named) if find_spec(name) is None] == []


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_decision_says_its_status_context_decision_and_consequences() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"], path
    listed = re.findall(r"\(decisions/(.+?)\)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in decisions]
