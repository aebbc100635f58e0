"""Carry out a study: sources first, then the runs that need them; one that fails never stops the rest."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ftdd.components import Crew, Executor, Job
from ftdd.events import StudyRef
from ftdd.listeners import Listeners
from ftdd.recipe.study import Study
from ftdd.study.files import write_json
from ftdd.study.inputs import judged, keep_inputs
from ftdd.study.plan import Plan, PlannedRun
from ftdd.study.store import RunFolder, State, Status, Store, StudyEntry, StudyRecord, Unreadable
from ftdd.values import Json

LOOK_SECONDS = 0.5
"""How often the folders of runs at work are looked at."""


@dataclass(frozen=True)
class Machine:
    """Where and how runs are carried out; none of it changes their numbers' meaning or their ids."""

    data: Path
    device: str
    workers: int | None = None
    threads: int = 1
    cache_memory: int = 1 << 30
    """Bytes of frozen layers' outputs that a worker keeps in memory."""
    cache_disk: int = 8 << 30
    """Bytes that it keeps in a file where memory is not enough."""


@dataclass(frozen=True)
class AtWork:
    """A run at work, as it looks now."""

    run: PlannedRun
    status: Status
    test_error: float | None


@dataclass(frozen=True)
class Snapshot:
    """How far a study has come."""

    done: int
    """Runs that have ended, those found done and those that failed included."""
    total: int
    failed: int
    at_work: tuple[AtWork, ...]
    seconds_left: float | None


@dataclass(frozen=True)
class Outcome:
    """How a study ended."""

    carried_out: int
    found_done: int
    diverged: tuple[str, ...]
    failed: Mapping[str, str]
    """Ids of failed runs, and why."""
    changed: Mapping[str, str]
    """Ids of runs that have ended with other inputs than the study's, and what differs."""
    held_back: tuple[str, ...]
    """Ids of runs that were not carried out because their source is one of these."""
    seconds: float


Show = Callable[[Snapshot], None]
Say = Callable[[str], None]
More = Callable[[], "tuple[StudyRef, Plan] | None"]
"""The study with runs added, written down; None where nothing is to be added."""


def study_record(study: Study) -> StudyRecord:
    """What the study's folder will say of it."""
    entries = []
    for point in study.points:
        source = point.spec.source_spec
        entries.append(StudyEntry(point.spec.id, source.id if source else None, point.settings, point.added))
    header = study.header
    started_from = {entry.source_id for entry in entries}
    return StudyRecord(
        study.name,
        header.title or study.name,
        header.question,
        header.eps,
        study.swept,
        tuple(entries),
        tuple(run_id for run_id in study.sources if run_id not in started_from),
        study.points[0].spec.pair.labels,
        _likeness(study),
        None if header.analyses is None else tuple(one.model_dump(mode="json") for one in header.analyses),
    )


def _likeness(study: Study) -> dict[str, Json]:
    """What its pairs say of their swept fields."""
    found: dict[str, Json] = {}
    for pair in dict.fromkeys(point.spec.pair for point in study.points):
        for name, order in pair.likeness.items():
            if f"pair.{name}" in study.swept:
                found[f"pair.{name}"] = order if isinstance(order, str) else list(order)
    return found


def write_down(study: Study, plan: Plan, store: Store) -> StudyRef:
    """Write the study's folder and every run's spec, and give the reference that listeners are told of."""
    record = replace(study_record(study), inputs=plan.inputs)
    store.write_study(record, study.text)
    for run in plan.runs:
        folder, spec = RunFolder(run.ref.folder), run.spec.model_dump(mode="json")
        if not _says(folder, spec):
            write_json(folder.spec, spec)
    return StudyRef(
        study.name,
        store.path,
        store.study_folder(study.name),
        record.question,
        record.eps,
        tuple(run.ref for run in plan.runs),
    )


def _says(folder: RunFolder, spec: Mapping[str, Json]) -> bool:
    """Whether spec.json is there and whole."""
    try:
        return folder.read_spec() == spec
    except Unreadable:
        return False


def conduct(
    study: StudyRef,
    plan: Plan,
    executor: Executor,
    machine: Machine,
    modules: Mapping[str, object],
    show: Show,
    say: Say,
    afterwards: Callable[[], None],
    more: More = lambda: None,
) -> Outcome:
    """Carry out what is open of a plan that `write_down` has written.

    modules: plugin modules, those that listen are told.   show: takes how far it has come, twice a second.
    say: takes a line on something that the user should know at once.   afterwards: draws what is to be seen, before
    listeners hear that the study has finished.   more: asked when all runs have ended, and again after those that it
    adds; listeners hear of the grown study as of one that is started. What failed is not tried again for that.
    Interrupted by KeyboardInterrupt, it ends its workers and raises it again; the next call goes on from the
    checkpoints.
    """
    began = time.monotonic()
    tried: set[str] = set()
    with Listeners(modules, say) as listeners:
        with ExitStack() as workplace:
            crew: Crew | None = None
            grown: tuple[StudyRef, Plan] | None = (study, plan)
            while grown is not None:
                study, plan = grown
                listeners.tell("ftdd_study_started", study=study)
                runs = tuple(run for run in plan.open if run.ref.id not in tried)
                if runs:
                    crew = crew or workplace.enter_context(executor.open(machine.workers, machine.device))
                    _Shift(study, plan, runs, crew.submit, crew.slots, machine, listeners, show, say).work()
                tried |= {run.ref.id for run in runs}
                grown = more()
        store = Store(study.store)
        keep_inputs(store, study.name)
        afterwards()
        listeners.tell("ftdd_study_finished", study=study)
    own = {run.ref.id: store.run(run.ref.id).status() for run in plan.runs}
    source_of = {run.ref.id: run.ref.source_id for run in plan.runs}
    states = judged(store, own, source_of, store.read_study(study.name).inputs)
    changed = {key: status.error for key, status in states.items() if status.state is State.CHANGED}
    held_back = tuple(run.ref.id for run in plan.held_back if not states[run.ref.id].state.final)
    return Outcome(
        carried_out=sum(states[run_id].state.final for run_id in tried),
        found_done=len(plan.runs) - len(tried),
        diverged=tuple(key for key, status in states.items() if status.state is State.DIVERGED),
        failed={
            key: status.error
            for key, status in states.items()
            if not status.state.final and key not in changed and key not in held_back
        },
        changed=changed,
        held_back=held_back,
        seconds=time.monotonic() - began,
    )


class _Shift:
    """Some of a plan's open runs on their way through the crew."""

    def __init__(
        self,
        study: StudyRef,
        plan: Plan,
        runs: Sequence[PlannedRun],
        submit: Callable[[Job], "Future[None]"],
        slots: int,
        machine: Machine,
        listeners: Listeners,
        show: Show,
        say: Say,
    ) -> None:
        self._study = study
        self._store = Store(study.store)
        self._submit = submit
        self._slots = slots
        self._machine = machine
        self._listeners = listeners
        self._show = show
        self._say = say
        self._total = len(plan.runs)
        self._waiting = list(_in_order(runs))
        self._states = {run.ref.id: run.state for run in plan.runs}
        self._at_work: dict[Future[None], PlannedRun] = {}
        self._told: dict[str, int] = {}
        self._passes_open = sum(run.image_passes for run in runs)
        self._passes_done = 0
        self._began = time.monotonic()

    def work(self) -> None:
        """Until nothing is left that could be carried out."""
        while self._waiting or self._at_work:
            self._give_out()
            if self._at_work:
                done, _ = wait(self._at_work, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take_back(self._at_work.pop(future), future)
            self._look()

    def _give_out(self) -> None:
        for run in list(self._waiting):
            source = self._states.get(run.ref.source_id) if run.ref.source_id else State.DONE
            if source is State.DONE and len(self._at_work) < self._slots:
                self._waiting.remove(run)
                self._start(run)
            elif source in (State.FAILED, State.DIVERGED):
                self._waiting.remove(run)
                self._fail(run, f"its source {run.ref.source_id} {_ended(source)}")

    def _start(self, run: PlannedRun) -> None:
        machine = self._machine
        job = Job(
            run.ref.id,
            self._store.path,
            machine.data,
            machine.device,
            machine.threads,
            machine.cache_memory,
            machine.cache_disk,
        )
        self._listeners.tell("ftdd_run_started", study=self._study, run=run.ref)
        self._at_work[self._submit(job)] = run

    def _take_back(self, run: PlannedRun, future: "Future[None]") -> None:
        folder = self._store.run(run.ref.id)
        status = folder.status()
        if not status.state.final and status.state is not State.FAILED:
            error = future.exception()
            self._fail(run, str(error) if error else "its worker ended without a word")
            return
        self._tell_records(run)
        self._ended(run, status)

    def _fail(self, run: PlannedRun, reason: str) -> None:
        folder = self._store.run(run.ref.id)
        status = replace(folder.status(), state=State.FAILED, error=reason, updated=time.time())
        with folder.lock():
            folder.write_status(status)
        self._ended(run, status)

    def _ended(self, run: PlannedRun, status: Status) -> None:
        self._states[run.ref.id] = status.state
        self._passes_done += run.image_passes
        if status.state is State.FAILED:
            self._say(f"{run.ref.role} run {run.ref.id} failed: {status.error}")
        elif status.state is State.DIVERGED:
            self._say(
                f"{run.ref.role} run {run.ref.id} diverged after epoch {status.epoch}: its loss is not finite "
                "(a smaller optimizer.lr may help); its curve is kept"
            )
        self._listeners.tell("ftdd_run_finished", study=self._study, run=run.ref, state=str(status.state))

    def _look(self) -> None:
        at_work = []
        for run in self._at_work.values():
            test_error = self._tell_records(run)
            at_work.append(AtWork(run, self._store.run(run.ref.id).status(), test_error))
        ended = sum(state.final or state is State.FAILED for state in self._states.values())
        failed = sum(state is State.FAILED for state in self._states.values())
        # A run that failed before and is open again counts as failed only once it has failed anew.
        again = sum(self._states[run.ref.id] is State.FAILED for run in (*self._waiting, *self._at_work.values()))
        self._show(Snapshot(ended - again, self._total, failed - again, tuple(at_work), self._seconds_left(at_work)))

    def _seconds_left(self, at_work: Sequence[AtWork]) -> float | None:
        under_way = sum(
            one.run.image_passes * one.status.epoch / one.status.epochs for one in at_work if one.status.epochs
        )
        done = self._passes_done + under_way
        elapsed = time.monotonic() - self._began
        if done <= 0 or elapsed < 2:
            return None
        return elapsed * max(self._passes_open - done, 0) / done

    def _tell_records(self, run: PlannedRun) -> float | None:
        """Tell listeners of new evaluations; gives the last test error."""
        try:
            records = self._store.run(run.ref.id).curve().records
        except Unreadable:  # damaged before; the run will put its own in this place
            return None
        told = self._told.get(run.ref.id, 0)
        if len(records) > told:
            self._listeners.tell("ftdd_run_evaluated", study=self._study, run=run.ref, records=records[told:])
            self._told[run.ref.id] = len(records)
        return records[-1].test_error if records else None


def _in_order(runs: Sequence[PlannedRun]) -> Sequence[PlannedRun]:
    """Sources first, those that most runs wait for ahead."""
    needed: dict[str | None, int] = {}
    for run in runs:
        needed[run.ref.source_id] = needed.get(run.ref.source_id, 0) + 1
    sources = [run for run in runs if run.ref.role == "source"]
    targets = [run for run in runs if run.ref.role == "target"]
    return [*sorted(sources, key=lambda run: -needed.get(run.ref.id, 0)), *targets]


def _ended(state: State) -> str:
    return "failed" if state is State.FAILED else "diverged, so there is nothing to transfer"
