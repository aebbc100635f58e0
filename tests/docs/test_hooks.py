"""docs/reference/hooks.md has a section for every hook, with its signature, and none for a hook that is not there."""

import inspect
import re
from pathlib import Path

import pytest

from ftdd import hookspecs

PAGE = (Path(__file__).parents[2] / "docs/reference/hooks.md").read_text(encoding="utf-8")
HOOKS = {name: function for name, function in vars(hookspecs).items() if name.startswith("ftdd_")}


def test_every_hook_has_a_section_and_every_section_a_hook() -> None:
    assert set(re.findall(r"^### (\w+)$", PAGE, re.M)) == set(HOOKS)


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_the_signature_in_the_docs_is_the_codes(name: str) -> None:
    section = PAGE.split(f"### {name}\n")[1].split("\n### ")[0]
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")
    assert f"```python\ndef {name}{signature}\n```" in section, f"write: def {name}{signature}"


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_says_when_it_is_called(name: str) -> None:
    assert len((HOOKS[name].__doc__ or "").split()) > 8
