"""Fenced blocks of a Markdown page, with what the HTML comment before a block says of its test.

    <!-- test: skip: REASON -->       not run: installs a package, starts a server, takes an hour
    <!-- test: with ARGUMENTS -->     given to every `ftdd run` (and `ftdd.run`) of the block, to make its study small
    <!-- test: fails CODE -->         the block's last command ends with this exit code
    <!-- test: file NAME -->          written to a file of this name, for the blocks after it
    <!-- test: same as PATH -->       word for word the repository's file
    <!-- test: plugin PATH -->        not run, but from here on the package of this folder is installed
    <!-- test: fragment -->           compiled (python) or left alone (yaml): no whole of its kind

Several comments may stand before a block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
DIRECTIVE = re.compile(r"<!-- test: (?P<word>skip|with|fails|file|same as|plugin|fragment)(?:: | )?(?P<rest>.*?) ?-->")
LIKE_A_DIRECTIVE = re.compile(r"<!--\s*tests?\b")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    path: Path
    line: int
    """Of its first fence."""
    language: str
    text: str
    directives: tuple[tuple[str, str], ...]

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path.name}:{self.line}"

    def said(self, word: str) -> str | None:
        """What a directive says; None where there is none of this word."""
        return next((rest for name, rest in self.directives if name == word), None)


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a page. Raises ValueError for a directive that nobody knows, and a fence that is not closed."""
    directives: list[tuple[str, str]] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            found = DIRECTIVE.fullmatch(lines[at].strip())
            if found:
                directives.append((found["word"], found["rest"].strip()))
            elif LIKE_A_DIRECTIVE.match(lines[at].strip()):
                raise ValueError(f"{path.name}:{at + 1}: no such directive: {lines[at].strip()}")
            elif lines[at].strip():
                directives = []
            at += 1
            continue
        end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == "```"), None)
        if end is None:
            raise ValueError(f"{path.name}:{at + 1}: a block without an end")
        indent = len(fence["indent"])
        text = "".join(f"{line[indent:]}\n" for line in lines[at + 1 : end])
        yield Block(path, at + 1, fence["language"], text, tuple(directives))
        directives = []
        at = end + 1


def pages() -> list[Path]:
    """README, and every page of the docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
