"""The plan: what a study asks for, what is done already, and what the rest will cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from ftdd.components import DataUnavailable
from ftdd.recipe.recipe import Recipe
from ftdd.recipe.specs import SourceSpec, Spec, TargetSpec, TaskSettings
from ftdd.records.events import RunRef
from ftdd.records.status import State, Status
from ftdd.records.study import Inputs
from ftdd.study.inputs import judged, known_inputs, weights_now
from ftdd.study.noise import AlikeRun
from ftdd.study.store import RunFolder, Store, Unreadable
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
    """Of a run that had ended: why it is to be executed again, or what differs where its inputs have changed."""


@dataclass(frozen=True)
class Plan:
    """All runs of a study: sources first, then targets in the order of the sweep."""

    runs: tuple[PlannedRun, ...]
    seconds_per_pass: float | None
    """Of one worker, as finished runs of the same network and images in this store took; None without any."""
    inputs: Inputs = field(default_factory=dict)
    """The study's; see `ftdd.study.inputs`."""
    alike: tuple[AlikeRun, ...] = ()
    """The runs of the store that have ended, of a network and a pair that runs of the study have too."""

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
        """What is still to be executed."""
        left_out = {run.ref.id for run in (*self.changed, *self.held_back)}
        return tuple(run for run in self.runs if not run.state.final and run.ref.id not in left_out)

    @property
    def changed(self) -> tuple[PlannedRun, ...]:
        """Those that have ended with other inputs than the study's."""
        return tuple(run for run in self.runs if run.state is State.CHANGED)

    @property
    def held_back(self) -> tuple[PlannedRun, ...]:
        """Those that would start from such a source, and wait until it is trained anew."""
        sources = {run.ref.id for run in self.changed}
        waiting = (run for run in self.runs if not run.state.final and run.state is not State.CHANGED)
        return tuple(run for run in waiting if run.ref.source_id in sources)

    def seconds_left(self, workers: int) -> float | None:
        """Foreseen time for what is open; None where nothing like it was measured yet."""
        if self.seconds_per_pass is None:
            return None
        return self.seconds_per_pass * sum(run.image_passes for run in self.open) / max(workers, 1)


def make_plan(study: Recipe, store: Store, data: Path, inputs: Inputs | None = None) -> Plan:
    """What there is to do for a study in a store; writes nothing.

    data: the folder where data sets lie, to know how many images `all` are.
    inputs: what there is now; where it is left out, what the study was last run with, and the files of weights that
    there are now: images are not loaded.
    """
    specs: tuple[Spec, ...] = (*study.sources.values(), *study.targets.values())
    if inputs is None:
        inputs = {**known_inputs(study.name, store), **weights_now(specs, store)}
    refs = {spec.id: _ref(spec, store) for spec in specs}
    own = {run_id: store.run(run_id).status() for run_id in refs}
    found = judged(store, own, {run_id: ref.source_id for run_id, ref in refs.items()}, inputs)

    def planned(spec: Spec, settings: Mapping[str, Json]) -> PlannedRun:
        return _planned(refs[spec.id], spec, found[spec.id], settings, data)

    targets = [planned(point.spec, point.settings) for point in study.points]
    needed = {run.ref.source_id for run in targets if not run.state.final and run.state is not State.CHANGED}
    sources = [_with_weights(planned(spec, {}), needed) for spec in study.sources.values()]
    runs = (*sources, *targets)
    alike = _alike(runs, store)
    return Plan(runs, _seconds_per_pass(alike), inputs, alike)


def _ref(spec: Spec, store: Store) -> RunRef:
    source = spec.source_spec if isinstance(spec, TargetSpec) else None
    settings = flat(spec.model_dump(mode="json"))
    return RunRef(spec.id, spec.role, source.id if source else None, store.run(spec.id).path, settings)


def _planned(ref: RunRef, spec: Spec, status: Status, settings: Mapping[str, Json], data: Path) -> PlannedRun:
    damage = status.error if status.state in (State.DAMAGED, State.CHANGED) else ""
    return PlannedRun(ref, spec, status.state, _image_passes(spec, data), settings, damage)


def _with_weights(source: PlannedRun, needed: Collection[str | None]) -> PlannedRun:
    """A source as it is, or to be executed again where a target needs its weights and they are gone."""
    weights = RunFolder(source.ref.folder).weights
    if source.state is not State.DONE or source.ref.id not in needed or weights.exists():
        return source
    return replace(source, state=State.DAMAGED, damage=f"{weights} is gone, and targets are to start from it")


def _image_passes(spec: Spec, data: Path) -> int:
    settings: TaskSettings = spec.source if isinstance(spec, SourceSpec) else spec.target
    if settings.images != "all":
        return settings.images * settings.training.epochs
    try:
        images = sum(spec.pair.class_counts(spec.task, data)) - settings.validation
        return images * settings.training.epochs
    except DataUnavailable:
        return 0


def _alike(runs: Sequence[PlannedRun], store: Store) -> tuple[AlikeRun, ...]:
    kinds = {_kind(run.ref.settings) for run in runs}
    found = []
    for folder in store.run_folders():
        status = folder.said()  # an estimate needs no proof
        if status.state.final and _kind(settings := _settings(folder)) in kinds:
            found.append(AlikeRun(folder, status, settings))
    return tuple(found)


def _seconds_per_pass(runs: Sequence[AlikeRun]) -> float | None:
    """The median over these runs."""
    found = []
    for run in runs:
        passes = run.status.epoch * int(run.status.facts.get("data", {}).get("train_images", 0))
        if passes:
            found.append(run.status.seconds / passes)
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
