"""Study: a validated recipe, an ordered list of fully specified runs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from ftdd.components import Analysis, Architecture, Pair
from ftdd.components.choice import or_else
from ftdd.recipe.specs import AnalysisField, SchemeField, SourceSpec, TargetSpec
from ftdd.records.study import StudyRecord
from ftdd.values import Json, Value, canonical_json

if TYPE_CHECKING:
    from ftdd.components.plugins import Plugins


class MoreSeeds(Value):
    """How much may be spent on runs that analyses ask for, where the runs there are cannot tell."""

    runs: NonNegativeInt | None = None
    """Target runs that may be added at most, in all; as many as the recipe asks for itself where it is left out."""


class Header(Value):
    """What a recipe says beside its settings: nothing here changes a run's numbers or its id."""

    name: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None,
        or_else("must be letters, digits, dots, dashes and underscores, a letter or digit first, 100 at most"),
    ] = None
    """The study's name; the file's name where it is left out."""
    title: str = ""
    """Stands over figures and reports."""
    question: str = ""
    """What the study is to answer."""
    notes: str = ""
    """For the reader."""
    eps: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """A run interpolates when its train error is at or below this."""
    similarity: tuple[SchemeField, ...] = ()
    """Schemes that score how similar source and target are: names, or mappings with `name` and the scheme's fields."""
    analyses: tuple[AnalysisField, ...] | None = None
    """Analyses that look at the runs: names, or mappings with `name` and an analysis's own fields; all that are
    installed where it is left out."""
    more_seeds: MoreSeeds | None = None
    """`{runs: n}` has `ftdd run` add runs where the answer is *cannot tell*, n target runs at most, as
    `--more-seeds-where-unsure --budget n` does."""
    executor: str | None = None
    """What executes runs; `local`, processes on this machine, where it is left out."""
    device: str | None = None
    """`cpu`, `cuda`, `mps`; the fastest there is where it is left out."""
    workers: PositiveInt | None = None
    """Runs executed at once; one for each physical core or GPU where it is left out."""
    store: str | None = None
    """The folder of the runs."""


@dataclass(frozen=True)
class Point:
    """One point of the sweep."""

    settings: Mapping[str, Json]
    """Its value on each swept path."""
    spec: TargetSpec
    added: bool = False
    """Whether an analysis has asked for it, and not the recipe."""


@dataclass(frozen=True)
class Group:
    """Target runs that start from one source."""

    pair: Pair
    architecture: Architecture
    source: SourceSpec | None
    own: SourceSpec | None
    """Like the source, trained on the target's own task; as the first of the runs would train it."""
    runs: tuple[str, ...]

    @property
    def pretrained(self) -> bool:
        """Whether they start from weights that somebody else has trained, and from no source run."""
        return self.source is None and self.architecture.untrained() != self.architecture


@dataclass(frozen=True)
class Recipe:
    """What a recipe asks for."""

    name: str
    text: str
    """The recipe, with what `--set` changed written under it."""
    header: Header
    points: tuple[Point, ...]
    """Those of the sweep, then those that were added."""
    base: Mapping[str, Json] = field(default_factory=dict)
    """The setting without its sweep, as plain values: what the settings of added points are laid over."""
    fixed: tuple[str, ...] = ()
    """Paths that `--set` gave one value."""
    overrides: tuple[str, ...] = ()
    """What `--set` changed, as it was given."""
    file: str = ""
    """The recipe as it was named: a path, or the name of one that ships; "" for a mapping."""

    @property
    def added(self) -> tuple[Point, ...]:
        """The points that analyses have asked for."""
        return tuple(point for point in self.points if point.added)

    @property
    def swept(self) -> tuple[str, ...]:
        """The swept paths, in the recipe's order."""
        return tuple(dict.fromkeys(path for point in self.points for path in point.settings))

    @property
    def depth(self) -> tuple[str, ...]:
        """The swept paths by which every policy of the study that has them sets the number of frozen layers."""
        policies = {type(point.spec.freezing) for point in self.points}
        fields = {path: path.removeprefix("freezing.") for path in self.swept if path.startswith("freezing.")}
        return tuple(
            path
            for path, name in fields.items()
            if all(name in policy.depth for policy in policies if name in policy.model_fields)
            and any(name in policy.depth for policy in policies)
        )

    @property
    def groups(self) -> tuple["Group", ...]:
        """The pairs and sources that its transfers start from: what schemes score, each once."""
        found: dict[str, list[TargetSpec]] = {}
        for spec in self.targets.values():
            if spec.control == "transfer":
                source = spec.source_spec
                key = canonical_json(spec.pair) + (source.id if source else canonical_json(spec.architecture))
                found.setdefault(key, []).append(spec)
        return tuple(
            Group(
                specs[0].pair,
                specs[0].architecture,
                specs[0].source_spec,
                specs[0].own_source_spec,
                tuple(spec.id for spec in specs),
            )
            for specs in found.values()
        )

    @property
    def sources(self) -> dict[str, SourceSpec]:
        """The source runs by their ids: each once, however many targets start from it.

        Where a scheme compares with a network trained on the target itself, one such run for each pair is among them.
        """
        specs = [point.spec.source_spec for point in self.points]
        if any(scheme.needs == "both networks" for scheme in self.header.similarity):
            specs += [group.own for group in self.groups]
        return {spec.id: spec for spec in specs if spec is not None}

    @property
    def targets(self) -> dict[str, TargetSpec]:
        """The target runs by their ids, in the order of the sweep."""
        return {point.spec.id: point.spec for point in self.points}


def chosen_analyses(header: Header, plugins: "Plugins") -> tuple[Analysis, ...]:
    """The analyses that a recipe chooses; all that are installed, with their defaults, by rank, where it chooses none.

    One that needs a setting of its own is there only where a recipe names it.
    """
    if header.analyses is not None:
        return header.analyses
    found = []
    for cls in plugins.components["analysis"].values():
        try:
            found.append(cls())
        except Exception:  # it needs a setting, or its own validators are at fault: seen when it was loaded
            continue
    return tuple(sorted((one for one in found if isinstance(one, Analysis)), key=lambda one: one.rank))


def analyses_of(
    record: StudyRecord, plugins: "Plugins", say: Callable[[str], None] = lambda line: None
) -> tuple[Analysis, ...]:
    """What the recipe chose when a study was run; all that are installed where that is not available now.

    say: takes a line on that.
    """
    given = {} if record.analyses is None else {"analyses": list(record.analyses)}
    try:
        header = Header.model_validate_json(json.dumps(given), strict=True, context=plugins)
    except ValidationError as error:
        say(f"the recipe's analyses are not available ({error.errors()[0]['msg']}); all others are asked")
        header = Header()
    return chosen_analyses(header, plugins)
