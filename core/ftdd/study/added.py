"""Runs that analyses have asked for: which are taken, where they are kept, and which still fit the recipe.

`studies/<name>/added.json` lists their settings, which are laid over the recipe as it is now. A run that was added
belongs to the study as long as the recipe has a run that differs from it only where it differed when it was added.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from filelock import FileLock

from ftdd.components import Proposal
from ftdd.components.plugins import Plugins
from ftdd.recipe.points import NoPoint, added_point
from ftdd.recipe.recipe import Recipe
from ftdd.recipe.specs import TargetSpec
from ftdd.records.study import SEEDS
from ftdd.study.files import write_json
from ftdd.values import Json, flat

Leaves = Mapping[str, str]
"""A spec's dotted paths with their values as text."""


@dataclass(frozen=True)
class Added:
    """A run that was added to a study."""

    settings: Mapping[str, Json]
    """Laid over the recipe's base."""
    reason: str
    round: int
    """From 1: how often analyses had been asked."""
    analysis: str
    """The name of the one that asked for it."""
    new: tuple[str, ...]
    """Paths in which it differs from the recipe's own run that is most like it."""


@dataclass(frozen=True)
class Asked:
    """A run that an analysis asks for."""

    analysis: str
    proposal: Proposal


@dataclass(frozen=True)
class Round:
    """What is added at once."""

    runs: tuple[Added, ...]
    over_budget: int
    """Further runs that it would have had, were there budget left."""
    there_already: int
    """Runs that were asked for although the study has them: they failed, or diverged."""
    mistaken: tuple[str, ...]
    """A sentence for each run that was asked for and that cannot be."""


def read_added(folder: Path) -> tuple[Added, ...]:
    """What was added to the study of this folder. Raises ValueError with a sentence where it cannot be read."""
    try:
        tree = json.loads((folder / "added.json").read_text(encoding="utf-8"))
        return tuple(Added(**{**one, "settings": dict(one["settings"]), "new": tuple(one["new"])}) for one in tree)
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{folder / 'added.json'} cannot be read ({error}); mend it, or delete it") from error


def keep_added(folder: Path, more: Sequence[Added]) -> None:
    """Add to what was added before."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "added.lock"):
        again = [one.settings for one in more]
        before = [one for one in read_added(folder) if one.settings not in again]
        write_json(folder / "added.json", [asdict(one) for one in (*before, *more)])


def with_added(study: Recipe, added: Iterable[Added], plugins: Plugins, data: Path) -> tuple[Recipe, tuple[str, ...]]:
    """The study with these runs, and a sentence for each that does not fit the recipe any more.

    What the sweep has itself is not added.   data: the folder where data sets lie.
    """
    added = tuple(added)
    if not added:
        return study, ()
    points = {point.spec.id: point for point in study.points}
    own = [_leaves(point.spec) for point in study.points if not point.added]
    similar: dict[tuple[str, ...], set[frozenset[tuple[str, str]]]] = {}
    left_out = []
    for one in added:
        try:
            point = added_point(study.base, one.settings, plugins, data)
            _check_fixed(study, one.new)
            if one.new not in similar:
                similar[one.new] = {_rest(leaves, one.new) for leaves in own}
            if _rest(_leaves(point.spec), one.new) not in similar[one.new]:
                raise NoPoint("the recipe has no run like it any more")
        except NoPoint as error:
            left_out.append(f"{_words(one.settings)}: {error}")
            continue
        points.setdefault(point.spec.id, point)
    return replace(study, points=tuple(points.values())), tuple(left_out)


def next_round(study: Recipe, asked: Iterable[Asked], left: int, number: int, plugins: Plugins, data: Path) -> Round:
    """What to add of the runs that are asked for; `left` at most.

    Analyses take turns, each with the runs of one reason at a time. A run that the study has with other seeds is
    repeated once at most: after each round analyses look again.
    """
    own = [_leaves(point.spec) for point in study.points if not point.added]
    there = {point.spec.id for point in study.points}
    runs_but_seeds = {_rest(_leaves(point.spec), SEEDS) for point in study.points}
    taken: set[str | frozenset[tuple[str, str]]] = set()
    runs: list[Added] = []
    over_budget = there_already = 0
    mistaken: dict[str, None] = {}
    for one in _in_turn(asked):
        try:
            point = added_point(study.base, one.proposal.settings, plugins, data)
            leaves = _leaves(point.spec)
            new = _differing(leaves, own)
            _check_fixed(study, new)
        except NoPoint as error:
            words = _words(one.proposal.settings)
            mistaken[f"{one.analysis} asked for a run that cannot be: {words}: {error}"] = None
            continue
        but_seeds = _rest(leaves, SEEDS)
        if point.spec.id in there:
            there_already += 1
        elif point.spec.id not in taken and but_seeds not in taken:
            taken |= {point.spec.id, *({but_seeds} & runs_but_seeds)}
            if len(runs) < left:
                runs.append(Added(point.settings, one.proposal.reason, number, one.analysis, new))
            else:
                over_budget += 1
    return Round(tuple(runs), over_budget, there_already, tuple(mistaken))


def _check_fixed(study: Recipe, new: Sequence[str]) -> None:
    """Raises NoPoint where `--set` says what a run wants to be different."""
    for path in study.fixed:
        if any(_overlap(path, other) for other in new):
            raise NoPoint(f"--set gives {path} one value")


def _in_turn(asked: Iterable[Asked]) -> Iterator[Asked]:
    """One reason of each analysis, then the next of each: no analysis has all of a budget that is short."""
    reasons: dict[str, dict[str, list[Asked]]] = {}
    for one in asked:
        reasons.setdefault(one.analysis, {}).setdefault(one.proposal.reason, []).append(one)
    for turn in zip_longest(*(of_one.values() for of_one in reasons.values()), fillvalue=()):
        for group in turn:
            yield from group


def _differing(leaves: Leaves, own: Sequence[Leaves]) -> tuple[str, ...]:
    """The paths in which a run differs from the one most like it."""
    differences = (tuple(sorted(key for key, _ in leaves.items() ^ other.items())) for other in own)
    return min((tuple(dict.fromkeys(paths)) for paths in differences), key=len, default=())


def _leaves(spec: TargetSpec) -> Leaves:
    tree: Mapping[str, Any] = spec.model_dump(mode="json")
    return {path: json.dumps(value, sort_keys=True) for path, value in flat(tree).items()}


def _rest(leaves: Leaves, without: Sequence[str]) -> frozenset[tuple[str, str]]:
    return frozenset((path, value) for path, value in leaves.items() if path not in without)


def _overlap(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")


def _words(settings: Mapping[str, Json]) -> str:
    return " ".join(
        f"{path}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for path, value in settings.items()
    )
