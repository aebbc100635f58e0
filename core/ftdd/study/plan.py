"""The plan: what a study asks for, what is done already, and what the rest will cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from ftdd.components import DataUnavailable
from ftdd.events import RunRef
from ftdd.recipe.specs import SourceSpec, Spec, TargetSpec, TaskSettings
from ftdd.recipe.study import Study
from ftdd.study.store import RunFolder, State, Store, Unreadable
from ftdd.values import Json, flat


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study."""

    ref: RunRef
    spec: Spec
    state: State
    image_passes: int
    """Training images times epochs: the unit in which cost is foreseen."""
    settings: Mapping[str, Json]
    """Its value on each swept path; nothing for sources."""
    damage: str = ""
    """Of a run that had ended: why it is to be carried out again."""


@dataclass(frozen=True)
class Plan:
    """All runs of a study: sources first, then targets in the order of the sweep."""

    runs: tuple[PlannedRun, ...]
    seconds_per_pass: float | None
    """Of one worker, as finished runs of the same network and images in this store took; None without any."""

    @property
    def sources(self) -> tuple[PlannedRun, ...]:
        """The source runs, each once."""
        return tuple(run for run in self.runs if run.ref.role == "source")

    @property
    def targets(self) -> tuple[PlannedRun, ...]:
        """The target runs."""
        return tuple(run for run in self.runs if run.ref.role == "target")

    @property
    def open(self) -> tuple[PlannedRun, ...]:
        """What is still to be carried out."""
        return tuple(run for run in self.runs if not run.state.final)

    def seconds_left(self, workers: int) -> float | None:
        """Foreseen time for what is open; None where nothing like it was measured yet."""
        if self.seconds_per_pass is None:
            return None
        return self.seconds_per_pass * sum(run.image_passes for run in self.open) / max(workers, 1)


def make_plan(study: Study, store: Store, data: Path) -> Plan:
    """What there is to do for a study in a store; writes nothing.

    data: the folder where data sets lie, to know how many images `all` are.
    """
    targets = [_planned(point.spec, store, point.settings, data) for point in study.points]
    needed = {run.ref.source_id for run in targets if not run.state.final}
    sources = [_with_weights(_planned(spec, store, {}, data), needed) for spec in study.sources.values()]
    runs = (*sources, *targets)
    return Plan(runs, _seconds_per_pass(runs, store))


def _planned(spec: Spec, store: Store, settings: Mapping[str, Json], data: Path) -> PlannedRun:
    source = spec.source_spec if isinstance(spec, TargetSpec) else None
    folder = store.run(spec.id)
    ref = RunRef(spec.id, spec.role, source.id if source else None, folder.path, flat(spec.model_dump(mode="json")))
    status = folder.status()
    damage = status.error if status.state is State.DAMAGED else ""
    return PlannedRun(ref, spec, status.state, _image_passes(spec, data), settings, damage)


def _with_weights(source: PlannedRun, needed: Collection[str | None]) -> PlannedRun:
    """A source as it is, or to be carried out again where a target needs its weights and they are gone."""
    weights = RunFolder(source.ref.folder).weights
    if source.state is not State.DONE or source.ref.id not in needed or weights.exists():
        return source
    return replace(source, state=State.DAMAGED, damage=f"{weights} is gone, and targets are to start from it")


def _image_passes(spec: Spec, data: Path) -> int:
    settings: TaskSettings = spec.source if isinstance(spec, SourceSpec) else spec.target
    if settings.images != "all":
        return settings.images * settings.training.epochs
    try:
        return sum(spec.pair.class_counts(spec.task, data)) * settings.training.epochs
    except DataUnavailable:
        return 0


def _seconds_per_pass(runs: Sequence[PlannedRun], store: Store) -> float | None:
    """The median over finished runs with a network and a pair that these runs have too."""
    kinds = {_kind(run.ref.settings) for run in runs}
    found = []
    for folder in store.run_folders():
        status = folder.said()  # an estimate needs no proof
        passes = status.epoch * int(status.facts.get("data", {}).get("train_images", 0))
        if status.state.final and passes and _kind(_settings(folder)) in kinds:
            found.append(status.seconds / passes)
    return median(found) if found else None


def _settings(folder: RunFolder) -> Mapping[str, Json]:
    try:
        return flat(folder.read_spec())
    except Unreadable:  # a damaged file of some other study's run costs an estimate one measurement
        return {}


def _kind(settings: Mapping[str, Json]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (path, str(value)) for path, value in settings.items() if path.startswith(("architecture.", "pair."))
    )
