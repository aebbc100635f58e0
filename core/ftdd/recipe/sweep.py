"""Sweeps: dotted paths with lists, ranges and `all`, as the points of a grid."""

import copy
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from ftdd.recipe.document import Path
from ftdd.values import Json

ALL = "all"
MOST_POINTS = 10_000

Tree: TypeAlias = "dict[str, Json]"

_RANGE = re.compile(r"^\s*(-?[0-9.eE+-]+?)\.\.(-?[0-9.eE+-]+?)(?:\.\.(-?[0-9.eE+-]+?))?\s*$")


class SweepError(ValueError):
    """An axis cannot be read, or a path leads nowhere; `path` is the path that does, where it is known."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True)
class Axis:
    """One swept path and its values; `values` is None for `all`, known only at a point."""

    path: str
    values: tuple[Json, ...] | None
    place: Path
    """Where it stands in the recipe."""

    def place_of(self, position: int) -> Path:
        """Where the value at a position stands."""
        return (*self.place, position)


def read_axis(path: str, given: Json, place: Path) -> Axis:
    """An axis from what a recipe says. Raises SweepError."""
    if not path or any(not part for part in path.split(".")):
        raise SweepError(f"'{path}' is not a dotted path such as target.images")
    if given == ALL:
        return Axis(path, None, place)
    if isinstance(given, str):
        return Axis(path, read_range(given), place)
    if isinstance(given, list) and given:
        return Axis(path, tuple(given), place)
    raise SweepError(f"must be a list of values, a range a..b or a..b..step, or all; got {json.dumps(given)}")


def read_range(text: str) -> tuple[Json, ...]:
    """`0..3` is 0, 1, 2, 3; `0..0.3..0.1` is 0, 0.1, 0.2, 0.3, exactly as written in decimals.

    Both ends are included where the steps meet them. Raises SweepError.
    """
    match = _RANGE.match(text)
    if not match:
        raise SweepError(f"'{text}' is not a range a..b or a..b..step, a list, or all")
    try:
        first, last = Decimal(match[1]), Decimal(match[2])
        step = Decimal(match[3]) if match[3] else Decimal(1 if last >= first else -1)
    except ArithmeticError:
        raise SweepError(f"'{text}' is not a range of numbers") from None
    if step == 0 or (last - first) * step < 0:
        raise SweepError(f"the range '{text}' never arrives: its step must lead from {first} to {last}")
    count = int((last - first) / step) + 1
    if count > MOST_POINTS:
        raise SweepError(f"the range '{text}' has {count:,} values; at most {MOST_POINTS:,}")
    whole = all(number == number.to_integral_value() for number in (first, step))
    numbers = (first + i * step for i in range(count))
    return tuple(int(number) if whole else float(number) for number in numbers)


def combinations(axes: Sequence[Axis], lengths: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """Positions on every axis, the last axis fastest.   lengths: of each axis, by path."""
    return itertools.product(*(range(lengths[axis.path]) for axis in axes))


def with_values(base: Tree, values: Mapping[str, Json], tags: Mapping[str, str]) -> Tree:
    """A copy of the base setting with these paths set, shorter paths first.

    tags: the field that holds the name, by the first part of a path, where a name stands for a mapping and
    it is not `name`. Raises SweepError where a path leads into something that has no fields.
    """
    tree = copy.deepcopy(base)
    for path in sorted(values, key=lambda path: path.count(".")):
        *parents, last = path.split(".")
        here = tree
        for depth, part in enumerate(parents):
            there = here.get(part)
            if there is None and part not in here:
                there = {}
            elif isinstance(there, str) and there != "none":
                there = {tags.get(parents[0] if depth == 0 else "", "name"): there}
            if not isinstance(there, dict):
                at = ".".join(parents[: depth + 1])
                found = "none" if there in (None, "none") else there
                raise SweepError(f"{at} is {found}: it has no '{last}'", path)
            here[part] = there
            here = there
        here[last] = copy.deepcopy(values[path])
    return tree
