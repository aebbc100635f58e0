"""Run a study: sources first, then the runs that need them; one that fails never stops the rest."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from pathlib import Path

from filelock import Timeout

from ftdd.components import Executor, Job
from ftdd.components.guards import component_words
from ftdd.components.listeners import Listeners
from ftdd.recipe.recipe import Recipe
from ftdd.records.curve import Record
from ftdd.records.events import StudyRef
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.study.files import make_folder, sync_folder, write_json
from ftdd.study.inputs import judged, keep_inputs
from ftdd.study.plan import Plan, PlannedRun
from ftdd.study.remarks import repeats_in
from ftdd.study.store import RunFolder, Store, Unreadable
from ftdd.study.workplace import SubmitFailed, Workplace, last_words
from ftdd.values import Json

LOOK_SECONDS = 0.5
"""How often the folders of running runs are read."""
QUIET_SECONDS = 30.0
"""How long a run may lie without a worker, or be begun without training, before one says so."""
ENDED_SECONDS = 10.0
"""How long an executor may take to say that a run has ended whose folder says so already."""


@dataclass(frozen=True)
class Machine:
    """Where and how runs are executed; none of it changes their numbers' meaning or their ids."""

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
    """A running run, as it is now."""

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

    executed: int
    found_done: int
    diverged: tuple[str, ...]
    failed: Mapping[str, str]
    """Ids of failed runs, and why."""
    changed: Mapping[str, str]
    """Ids of runs that have ended with other inputs than the study's, and what differs."""
    held_back: tuple[str, ...]
    """Ids of runs that were not executed because their source is one of these."""
    seconds: float


Show = Callable[[Snapshot], None]
Say = Callable[[str], None]
More = Callable[[], "tuple[StudyRef, Plan] | None"]
"""The study with runs added, written down; None where nothing is to be added."""


def study_record(study: Recipe) -> StudyRecord:
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
        study.points[0].spec.pair.task,
        _similarity_order(study),
        study.depth,
        None if header.analyses is None else tuple(one.model_dump(mode="json") for one in header.analyses),
        file=study.file,
        overrides=study.overrides,
    )


def _similarity_order(study: Recipe) -> dict[str, Json]:
    """What its pairs say of their swept fields."""
    found: dict[str, Json] = {}
    for pair in dict.fromkeys(point.spec.pair for point in study.points):
        for name, order in pair.similarity_order.items():
            if f"pair.{name}" in study.swept:
                found[f"pair.{name}"] = order if isinstance(order, str) else list(order)
    return found


def write_down(study: Recipe, plan: Plan, store: Store) -> StudyRef:
    """Write the study's folder and every run's spec, and give the reference that listeners are told of."""
    record = replace(study_record(study), inputs=plan.inputs)
    store.write_study(record, study.text)
    runs = store.path / "runs"
    make_folder(runs)
    for run in plan.runs:
        folder, spec = RunFolder(run.ref.folder), run.spec.model_dump(mode="json")
        if not _says(folder, spec):
            folder.path.mkdir(exist_ok=True)
            write_json(folder.spec, spec, lasting=False)  # the recipe, which lasts, writes it again
        if run.state.final:
            folder.tidy()
    sync_folder(runs)
    return StudyRef(
        study.name,
        store.path,
        store.study_folder(study.name),
        record.question,
        record.eps,
        tuple(run.ref for run in plan.runs),
    )


def begin_changed_anew(plan: Plan, store: Store) -> None:
    """Set the files of those runs aside that have ended with other inputs; what another process does stays."""
    for run in reversed(plan.changed):  # targets before the sources that they are judged by
        folder, source_id = RunFolder(run.ref.folder), run.ref.source_id
        with suppress(Timeout), folder.lock(timeout=0):
            own = {run_id: store.run(run_id).status() for run_id in (run.ref.id, source_id) if run_id}
            if judged(store, own, {run.ref.id: source_id}, plan.inputs)[run.ref.id].state is State.CHANGED:
                folder.begin_anew()


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
    """Execute what is open of a plan that `write_down` has written.

    modules: plugin modules, those that listen are told.   show: takes how far it has come, twice a second.
    say: takes a line on something that the user should know at once.   afterwards: draws what is to be seen, before
    listeners hear that the study has finished.   more: asked when all runs have ended, and again after those that it
    adds; listeners hear of the grown study as of one that is started. What failed is not tried again for that.
    An executor that breaks costs the runs that it does not execute; what is done is drawn and told all the same.
    Interrupted by KeyboardInterrupt, it ends its workers and raises it again; the next call goes on from the
    checkpoints.
    """
    began = time.monotonic()
    tried: set[str] = set()
    reasons: dict[str, str] = {}
    with Listeners(modules, say) as listeners:
        with Workplace(executor, machine.workers, machine.device, say) as workplace:
            grown: tuple[StudyRef, Plan] | None = (study, plan)
            while grown is not None:
                study, plan = grown
                listeners.tell("ftdd_study_started", study=study)
                runs = tuple(run for run in plan.open if run.ref.id not in tried)
                if runs and workplace.ready():
                    reasons |= _Shift(study, plan, runs, workplace, machine, listeners, show, say).work()
                tried |= {run.ref.id for run in runs}
                grown = None if workplace.broken else more()
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
        executed=sum(states[run_id].state.final for run_id in tried),
        found_done=len(plan.runs) - len(tried),
        diverged=tuple(key for key, status in states.items() if status.state is State.DIVERGED),
        failed={
            key: status.error or reasons.get(key, "")
            for key, status in states.items()
            if not status.state.final and key not in changed and key not in held_back
        },
        changed=changed,
        held_back=held_back,
        seconds=time.monotonic() - began,
    )


class _Watched:
    """The folder of a run at work; a file is read again only where it was replaced."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._stamps: dict[str, tuple[int, int, int] | None] = {}
        self._said = self.status = folder.said()
        """What status.json said at the last look; and whether it was so, as `RunFolder.status` has it."""
        self.held = False
        """Whether a living process was at work on the run then."""
        self._records: tuple[Record, ...] | None = ()

    def look(self) -> Status:
        """What the folder says now."""
        if self._replaced("status.json"):
            self._said = self.status = self._folder.said()
            if self._said.state.final:
                self.status = self._folder.status()
        self.held = not self._said.state.final and self._folder.held
        if self._said.state is State.RUNNING:
            self.status = self._said if self.held else replace(self._said, state=State.INTERRUPTED)
        return self.status

    def records(self) -> tuple[Record, ...] | None:
        """The curve so far; None where it cannot be read: it was damaged before, and the run will replace it."""
        if self._replaced("curve.csv"):
            try:
                self._records = self._folder.curve().records
            except Unreadable:
                self._records = None
        return self._records

    def _replaced(self, name: str) -> bool:
        try:
            stat = (self._folder.path / name).stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            stamp = None
        before = self._stamps.get(name, ())
        self._stamps[name] = stamp
        return stamp != before


@dataclass
class _Given:
    """A run that was given to a worker, and what has been seen of it."""

    run: PlannedRun
    future: "Future[None]"
    folder: _Watched
    before: Status
    """What its folder said when it was given away."""
    alive: float
    """When a worker was last seen at it; when it was given away before that."""
    begun: float | None = None
    """When a worker was first seen at it."""
    ended: float | None = None
    """When its folder was first seen to say that it has ended."""
    answer: float | None = None
    """When its future was first seen to be done although a worker was at it."""
    lost: bool = False
    """Whether no worker was at it for longer than its executor's patience."""
    told: bool = False
    """Whether it was said that it is quiet."""
    records_told: int = 0
    """Of how many evaluations listeners were told."""


class _Shift:
    """Some of a plan's open runs, from their start to their end."""

    def __init__(
        self,
        study: StudyRef,
        plan: Plan,
        runs: Sequence[PlannedRun],
        workplace: Workplace,
        machine: Machine,
        listeners: Listeners,
        show: Show,
        say: Say,
    ) -> None:
        self._study = study
        self._store = Store(study.store)
        self._workplace = workplace
        self._machine = machine
        self._listeners = listeners
        self._show = show
        self._say = say
        self._total = len(plan.runs)
        self._ready: list[tuple[int, PlannedRun]] = []
        """Runs whose source is done: a heap, in the order in which they are to be started."""
        self._waiting: dict[str, list[tuple[int, PlannedRun]]] = {}
        """The others, by the source that they wait for."""
        self._at_work: list[_Given] = []
        self._reasons: dict[str, str] = {}
        """Why runs failed, by their ids."""
        self._warned: set[str] = set()
        self._passes_open = sum(run.image_passes for run in runs)
        self._passes_done = 0
        self._began = time.monotonic()
        states = {run.ref.id: run.state for run in plan.runs}
        states |= {run.ref.id: State.WAITING for run in runs}  # what was said before, of a failure, say, is nothing yet
        self._ended_runs = sum(state.final or state is State.FAILED for state in states.values())
        self._failed_runs = sum(state is State.FAILED for state in states.values())
        for position, run in enumerate(_in_order(runs)):
            source_id = run.ref.source_id
            self._waiting.setdefault(source_id or "", []).append((position, run))
        for source_id in list(self._waiting):
            self._release(source_id, states.get(source_id) if source_id else State.DONE)

    def work(self) -> Mapping[str, str]:
        """Until nothing is left that could be executed; gives the ids of runs that failed, and why."""
        while self._ready or self._waiting or self._at_work:
            self._give_out()
            self._wait()
            for given in list(self._at_work):
                if self._has_ended(given) and self._take_back(given):
                    self._at_work.remove(given)
            self._look()
        return self._reasons

    def _wait(self) -> None:
        """For a moment, or until a future is done."""
        futures = [given.future for given in self._at_work if given.answer is None]
        if futures:
            wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        else:
            time.sleep(LOOK_SECONDS)

    def _release(self, source_id: str, state: State | None) -> None:
        """Have the runs that wait for a source started where it is done, and fail where it has none to give."""
        if state is State.DONE:
            for one in self._waiting.pop(source_id, ()):
                heappush(self._ready, one)
        elif state in (State.FAILED, State.DIVERGED):
            for _, run in self._waiting.pop(source_id, ()):
                self._hold(run, _failed(f"its source {source_id} {_ended(state)}"))

    def _give_out(self) -> None:
        taken = sum(not given.future.done() for given in self._at_work)
        while self._ready and taken < self._workplace.slots:
            taken += not self._start(heappop(self._ready)[1]).future.done()

    def _start(self, run: PlannedRun) -> _Given:
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
        given = self._hold(run, Future())
        try:
            given.future = self._workplace.submit(job)
        except SubmitFailed as failed:
            given.future = _failed(str(failed))
        return given

    def _hold(self, run: PlannedRun, future: "Future[None]") -> _Given:
        """Have a run followed until it has ended: one that cannot be given away may be at work in another process."""
        folder = _Watched(self._store.run(run.ref.id))
        given = _Given(run, future, folder, folder.status, time.monotonic())
        self._at_work.append(given)
        return given

    def _has_ended(self, given: _Given) -> bool:
        """Whether nothing more is to be expected of a run: its executor and its folder are both listened to."""
        now, done = time.monotonic(), given.future.done()
        ended = _says_ended(given.folder.look(), given)
        at_it = not ended and given.folder.held
        if at_it:
            given.alive, given.begun = now, given.begun or now
        if ended:
            given.ended = given.ended or now
            return done or now - given.ended > ENDED_SECONDS
        if done:
            given.answer = given.answer or now
            if at_it and (given.future.cancelled() or given.future.exception()):
                self._once(given, "is executed by another process, and counts as what it ends as")
            elif at_it and now - given.answer > ENDED_SECONDS:
                self._once(
                    given,
                    "is waited for: its executor says that it has ended, but a worker is still at it "
                    f"({self._workplace.words})",
                )
            return not at_it
        quiet, patience = now - given.alive, self._workplace.patience
        given.lost = patience is not None and quiet > patience
        if quiet > QUIET_SECONDS:
            words = f"has had no worker for {quiet:.0f} seconds; Ctrl-C is safe ({self._workplace.words})"
            self._once(given, words)
        if at_it and now - (given.begun or now) > QUIET_SECONDS and given.folder.status.state is State.WAITING:
            pair, network = (component_words(one) for one in (given.run.spec.pair, given.run.spec.architecture))
            self._once(given, f"still waits for {pair} to load its images, or for {network} to be built")
        return given.lost

    def _once(self, given: _Given, words: str) -> None:
        if not given.told:
            given.told = True
            self._say(f"{given.run.ref.role} run {given.run.ref.id} {words}")

    def _take_back(self, given: _Given) -> bool:
        """Say how a run has ended; False where another process has just taken it up, which is then waited for."""
        run = given.run
        if given.lost:
            given.future.cancel()
            seconds = f"{self._workplace.patience:g} seconds"
            words = f"{self._workplace.words} has lost it: no worker was at it for {seconds}, its patience"
            given.future, given.lost = _failed(words), False
        status = given.folder.look()
        if not _says_ended(status, given):
            failed = self._failure(given)
            if failed is None:
                return False
            status = failed
        elif not given.future.done():
            words = f"has ended, but its executor does not say so; it is taken as ended ({self._workplace.words})"
            self._once(given, words)
        self._tell_records(given)
        self._tell_repeats(run, status)
        self._ended(run, status)
        return True

    def _failure(self, given: _Given) -> Status | None:
        """Write that a run has failed, unless another process has finished it; None where one is at work on it."""
        folder, reason = self._store.run(given.run.ref.id), last_words(given.future, self._workplace)
        status = replace(folder.said(), state=State.FAILED, error=reason, updated=time.time())
        if not folder.spec.exists():  # it was deleted, and does not come back as a failure without a spec
            return status
        try:
            with folder.lock(timeout=0):
                now = folder.said()
                if _says_ended(now, given):
                    return now
                status = replace(now, state=State.FAILED, error=reason, updated=status.updated)
                folder.write_status(status)
        except Timeout:
            return None
        except OSError as error:  # a full disk, say: it has failed all the same
            return replace(status, error=f"{reason}; {error.filename or folder.path}: {error.strerror or error}")
        return status

    def _ended(self, run: PlannedRun, status: Status) -> None:
        self._ended_runs += 1
        self._failed_runs += status.state is State.FAILED
        self._passes_done += run.image_passes
        if status.state is State.FAILED:
            self._reasons[run.ref.id] = status.error
            self._say(f"{run.ref.role} run {run.ref.id} failed: {status.error}")
        elif status.state is State.DIVERGED:
            self._say(
                f"{run.ref.role} run {run.ref.id} diverged after epoch {status.epoch}: its loss is not finite "
                "(a smaller optimizer.lr may help); its curve is kept"
            )
        self._listeners.tell("ftdd_run_finished", study=self._study, run=run.ref, state=str(status.state))
        self._release(run.ref.id, status.state)

    def _look(self) -> None:
        at_work = []
        for given in self._at_work:
            test_error = self._tell_records(given)
            self._tell_repeats(given.run, given.folder.status)
            at_work.append(AtWork(given.run, given.folder.status, test_error))
        seconds_left = self._seconds_left(at_work)
        self._show(Snapshot(self._ended_runs, self._total, self._failed_runs, tuple(at_work), seconds_left))

    def _seconds_left(self, at_work: Sequence[AtWork]) -> float | None:
        under_way = sum(
            one.run.image_passes * one.status.epoch / one.status.epochs for one in at_work if one.status.epochs
        )
        done = self._passes_done + under_way
        elapsed = time.monotonic() - self._began
        if done <= 0 or elapsed < 2:
            return None
        return elapsed * max(self._passes_open - done, 0) / done

    def _tell_repeats(self, run: PlannedRun, status: Status) -> None:
        """Say that a run's images equal others of it: of the first such run of each role."""
        repeats = repeats_in(status)
        sentence = repeats.sentence(run.ref.role) if repeats else ""
        if sentence and run.ref.role not in self._warned:
            self._warned.add(run.ref.role)
            self._say(f"warning: {sentence}")

    def _tell_records(self, given: _Given) -> float | None:
        """Tell listeners of new evaluations; gives the last test error."""
        records = given.folder.records()
        if records is None:
            return None
        if new := records[given.records_told :]:
            self._listeners.tell("ftdd_run_evaluated", study=self._study, run=given.run.ref, records=new)
            given.records_told = len(records)
        return records[-1].test_error if records else None


def _says_ended(status: Status, given: _Given) -> bool:
    """Whether a run has ended since it was given away: what its folder said before is no end of this try.

    But a run that is whole, and whose future is done, was found done.
    """
    if status.updated != given.before.updated:
        return status.state.final or status.state is State.FAILED
    return status.state.final and given.future.done()


def _failed(reason: str) -> "Future[None]":
    future: Future[None] = Future()
    future.set_exception(RuntimeError(reason))
    return future


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
