"""All that is wrong with a recipe, as one error."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

MOST_OF_ONE = 5
LONGEST_WORDS = 300
"""Characters that are said of an option, and of a path."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing wrong with a recipe."""

    line: int
    """0 for what a command's option says."""
    where: str
    """File and line, or the option; "" in a recipe given as a mapping."""
    path: str
    """Dotted path of the field; "" for the whole."""
    message: str

    def __str__(self) -> str:
        parts = (shortened(self.where, LONGEST_WORDS), shortened(self.path, LONGEST_WORDS), self.message)
        return ": ".join(part for part in parts if part)


class RecipeError(Exception):
    """A recipe is wrong.

    Attributes:
        mistakes: All of them, in the order of their lines, each with `line`, `path` and `message`.
    """

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(_abridged(sorted(set(mistakes))))
        super().__init__("\n".join(map(str, self.mistakes)))

    def __reduce__(self) -> tuple[type["RecipeError"], tuple[tuple[Mistake, ...]]]:
        """Exceptions are pickled by their text, and a process pool would lose this one."""
        return type(self), (self.mistakes,)


def place(file: str, line: int) -> str:
    """File and line; "" for a recipe that is no file."""
    return f"{file}:{line}" if file else ""


def _abridged(mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Of many mistakes of one field in one line (a long range, mostly) the first few, and how many more there are."""
    for (line, where, path), group in groupby(mistakes, key=lambda one: (one.line, one.where, one.path)):
        same = list(group)
        yield from same[:MOST_OF_ONE]
        if len(same) > MOST_OF_ONE:
            yield Mistake(line, where, path, f"and {len(same) - MOST_OF_ONE:,} more such values")


def shortened(text: str, longest: int) -> str:
    """A text, its end left out where it has more characters."""
    return text if len(text) <= longest else f"{text[: longest - 3]}…"
