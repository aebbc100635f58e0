"""Execute a plan: progress, Ctrl-C and SIGTERM as every command has them, and what is made of a study at its end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote

from ftdd.api.left_out import changed_lines, damaged_lines
from ftdd.api.progress import Progress
from ftdd.api.request import Request
from ftdd.components import Executor
from ftdd.recipe.recipe import Recipe
from ftdd.recipe.specs import Spec
from ftdd.records.events import StudyRef
from ftdd.records.status import State
from ftdd.records.study import Inputs
from ftdd.study.conduct import Machine, Outcome, begin_changed_anew, conduct, write_down
from ftdd.study.inputs import inputs_now
from ftdd.study.plan import Plan, make_plan


def plan_now(request: Request, known: Inputs | None = None) -> Plan:
    """The plan, by what images and weights there are now.   known: of them, what was found out before."""
    specs: tuple[Spec, ...] = (*request.study.sources.values(), *request.study.targets.values())
    inputs = inputs_now(specs, request.store, request.data, known or {})
    return make_plan(request.study, request.store, request.data, inputs)


def with_changed_open(request: Request, plan: Plan) -> Plan:
    """The plan with those runs open that have ended with other inputs; their files are set aside."""
    begin_changed_anew(plan, request.store)
    return make_plan(request.study, request.store, request.data, plan.inputs) if plan.changed else plan


def execute(
    request: Request,
    plan: Plan,
    executor: Executor,
    machine: Machine,
    progress: Progress,
    afterwards: Callable[[], None],
    more: Callable[[], Recipe | None] = lambda: None,
    by_hand: str = "",
) -> Outcome:
    """Execute a plan of the study.

    afterwards: called when all runs have ended, before listeners hear that the study has finished.
    more: asked before that for the study with more runs, which are executed too; until it gives None.
    by_hand: the command that does what `afterwards` does; it is named where that was interrupted.
    Raises KeyboardInterrupt with a line on what is done and how to go on, which is said before.
    """
    for line in damaged_lines(plan):
        progress.warn(line)
    if plan.open:  # where nothing is trained, the end, where it is said again, is near
        held_back = [run.ref.id for run in plan.held_back]
        for line in changed_lines({run.ref.id: run.damage for run in plan.changed}, held_back):
            progress.warn(line)
    study = write_down(request.study, plan, request.store)

    def grown() -> tuple[StudyRef, Plan] | None:
        nonlocal plan
        larger = more()
        if larger is None:
            return None
        plan = plan_now(replace(request, study=larger), plan.inputs)
        return write_down(larger, plan, request.store), plan

    stage = "running"

    def finish() -> None:
        nonlocal stage
        stage = "finishing"
        afterwards()
        stage = "finished"

    try:
        with _terminated_as_interrupted(), progress:
            return conduct(
                study,
                plan,
                executor,
                machine,
                request.plugins.listeners,
                progress.show,
                progress.say,
                afterwards=finish,
                more=grown,
            )
    except KeyboardInterrupt as interrupt:
        states = [request.store.run(run.ref.id).status().state for run in plan.runs]
        words = f"interrupted: {sum(state.final for state in states)} of {len(states)} runs are done"
        if stage == "running":
            begun = sum(state is State.INTERRUPTED for state in states)
            words += f", {begun} will go on from their checkpoints. The same command goes on."
        elif stage == "finishing" and by_hand:
            words += f", and what is made from them is missing or old: {by_hand} makes it, or the same command."
        else:
            words += ". The same command does the rest."
        progress.say(words)
        raise KeyboardInterrupt(words) from interrupt


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a study as Ctrl-C does; only a main thread can hear it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def as_argument(request: Request) -> str:
    """How the study is named in a command that can be pasted into the shell."""
    return quote(request.study.name) + store_option(request.store.path)


def store_option(store: Path) -> str:
    """The option that names a store; nothing for the default one."""
    return "" if store == Path("ftdd-runs").absolute() else f" --store {quote(str(store))}"
