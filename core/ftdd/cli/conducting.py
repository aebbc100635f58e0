"""Carry out runs the way every command does that trains: options, checks, progress, Ctrl-C."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from ftdd.cli.damage import tell_of_changed, tell_of_damage
from ftdd.cli.options import Decorator
from ftdd.cli.progress import Progress
from ftdd.cli.reading import Reading, check_networks, read_with_added, warn_of_left_out
from ftdd.cli.screen import messages
from ftdd.cli.surroundings import plugins
from ftdd.components import ComponentFailed, DataUnavailable, Executor, Unfit, error_words
from ftdd.components.plugins import nearest
from ftdd.recipe.specs import Spec
from ftdd.recipe.study import Study
from ftdd.records.events import StudyRef
from ftdd.study.conduct import Machine, Outcome, begin_changed_anew, conduct, write_down
from ftdd.study.devices import DeviceUnavailable, fitting_device
from ftdd.study.inputs import inputs_now
from ftdd.study.plan import Plan, make_plan
from ftdd.study.store import Inputs, State

_OPTIONS: Sequence[Decorator] = (
    click.option("--workers", type=click.IntRange(1), help="Runs at once.  [default: one per physical core, or GPU]"),
    click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each worker."),
    click.option("--device", help="cpu, cuda, cuda:1, mps.  [default: the fastest there is]"),
    click.option(
        "--cache-memory",
        type=click.IntRange(0),
        default=1024,
        show_default=True,
        metavar="MIB",
        help="Frozen layers' outputs that each worker keeps in memory; 0 for none.",
    ),
    click.option(
        "--cache-disk",
        type=click.IntRange(0),
        default=8192,
        show_default=True,
        metavar="MIB",
        help="Frozen layers' outputs that it keeps in a file where memory is not enough; 0 for none.",
    ),
)


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where and how runs are carried out: arguments of `begin`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Begun:
    """A study whose data, executor and device are there."""

    reading: Reading
    executor: Executor
    machine: Machine


def begin(
    recipe: str,
    overrides: Sequence[str],
    store: Path | None,
    data: Path | None,
    *,
    workers: int | None,
    threads: int,
    device: str | None,
    cache_memory: int,
    cache_disk: int,
    for_schemes: bool = True,
) -> Begun | None:
    """Read a recipe and see that all it needs is there; None where data or weights are not, which is then said.

    for_schemes: whether what the recipe's schemes need must be there too; where it need not, a scheme that lacks it
    costs its score alone.
    Raises RecipeError and click.UsageError.
    """
    reading = read_with_added(recipe, overrides, store, data)
    header = reading.study.header
    try:
        chosen = fitting_device(device or header.device)
    except DeviceUnavailable as error:
        raise click.UsageError(str(error)) from error
    executor = _executor(header.executor)
    if not prepare_data(reading, for_schemes):
        return None
    reading = read_with_added(recipe, overrides, store, data)  # set sizes are known for certain now
    check_networks(reading, recipe)
    warn_of_left_out(reading)
    machine = Machine(reading.data, chosen, workers or header.workers, threads, cache_memory << 20, cache_disk << 20)
    return Begun(reading, executor, machine)


def plan_now(reading: Reading, known: Inputs | None = None) -> Plan:
    """The plan, by what images and weights there are now.   known: of them, what was found out before."""
    specs: tuple[Spec, ...] = (*reading.study.sources.values(), *reading.study.targets.values())
    inputs = inputs_now(specs, reading.store, reading.data, known or {})
    return make_plan(reading.study, reading.store, reading.data, inputs)


def with_changed_open(reading: Reading, plan: Plan) -> Plan:
    """The plan with those runs open that have ended with other inputs; their files are set aside."""
    begin_changed_anew(plan, reading.store)
    return make_plan(reading.study, reading.store, reading.data, plan.inputs) if plan.changed else plan


def carry_out(
    begun: Begun,
    plan: Plan,
    afterwards: Callable[[Progress], None],
    more: Callable[[Progress], Study | None] = lambda progress: None,
    by_hand: str = "",
) -> Outcome | None:
    """Carry out a plan of the study; None where it was interrupted, which is then said.

    afterwards: what is done when all runs have ended, before listeners hear that the study has finished.
    more: asked before that for the study with more runs, which are carried out too; until it gives None.
    by_hand: the command that does what `afterwards` does; it is named where that was interrupted.
    """
    reading = begun.reading
    tell_of_damage(plan)
    if plan.open:  # where nothing is trained, the end, where it is said again, is near
        tell_of_changed({run.ref.id: run.damage for run in plan.changed}, [run.ref.id for run in plan.held_back])
    study = write_down(reading.study, plan, reading.store)

    def grown(progress: Progress) -> tuple[StudyRef, Plan] | None:
        nonlocal plan
        larger = more(progress)
        if larger is None:
            return None
        plan = plan_now(replace(reading, study=larger), plan.inputs)
        return write_down(larger, plan, reading.store), plan

    stage = "running"

    def finish(progress: Progress) -> None:
        nonlocal stage
        stage = "finishing"
        afterwards(progress)
        stage = "finished"

    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Progress() as progress:
            return conduct(
                study,
                plan,
                begun.executor,
                begun.machine,
                plugins().listeners,
                progress.show,
                progress.say,
                afterwards=lambda: finish(progress),
                more=lambda: grown(progress),
            )
    except KeyboardInterrupt:
        states = [reading.store.run(run.ref.id).status().state for run in plan.runs]
        done = sum(state.final for state in states)
        begun_runs = sum(state is State.INTERRUPTED for state in states)
        words = f"interrupted: {done} of {len(states)} runs are done"
        if stage == "running":
            words += f", {begun_runs} will go on from their checkpoints. The same command goes on."
        elif stage == "finishing" and by_hand:
            words += f", and what is made from them is missing or old: {by_hand} makes it, or the same command."
        else:
            words += ". The same command does the rest."
        messages().print(words, markup=False, soft_wrap=True)
        return None
    finally:
        signal.signal(signal.SIGTERM, previous)


def tell_failures(begun: Begun, outcome: Outcome) -> int:
    """Say which runs failed or are left out, and why; the command's exit code."""
    tell_of_changed(outcome.changed, outcome.held_back)
    if not outcome.failed:
        return 1 if outcome.changed else 0
    errors = messages()
    errors.print(f"[red]{len(outcome.failed)} run{'s' if len(outcome.failed) > 1 else ''} failed:[/]")
    for run_id, reason in outcome.failed.items():
        errors.print(f"  {run_id}: {reason or 'not carried out'}", markup=False, soft_wrap=True)
        log = begun.reading.store.run(run_id).log
        if log.exists():
            errors.print(f"    {log}", markup=False, soft_wrap=True)
    errors.print("The same command tries them again and leaves the others as they are.", soft_wrap=True)
    if set(outcome.diverged) & set(begun.reading.study.sources):
        errors.print("A source that diverged would do so again: give it a smaller optimizer.lr.", soft_wrap=True)
    return 1


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _executor(name: str | None) -> Executor:
    known = {key: cls for key, cls in plugins().components["executor"].items() if issubclass(cls, Executor)}
    if name is None:
        name = next((key for key, cls in known.items() if cls.default), None)
    if name is None:
        raise click.UsageError("no executor is installed that could carry runs out (ftdd list plugins)")
    if name not in known:
        raise click.UsageError(f"executor: no executor '{name}'; {nearest(name, known, 'ftdd list executors')}")
    try:
        return known[name]()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # fields that it needs, or its own validators
        raise click.UsageError(f"executor '{name}' cannot be made with its defaults: {error_words(error)}") from error


def prepare_data(reading: Reading, for_schemes: bool = True) -> bool:
    """See that every pair's images and every network's weights are there; say what is wrong where they are not.

    for_schemes: whether those of the networks that the recipe's schemes look with are meant too.
    """
    screen = messages()
    specs = [point.spec for point in reading.study.points]

    def say(line: str) -> None:
        screen.print(line, markup=False, soft_wrap=True)

    try:
        for pair in dict.fromkeys(spec.pair for spec in specs):
            pair.prepare(reading.data, say)
        for architecture in dict.fromkeys(spec.starting_architecture for spec in specs):
            architecture.prepare(say)
        for scheme in reading.study.header.similarity if for_schemes else ():
            scheme.prepare(say)
    except (DataUnavailable, Unfit, ComponentFailed) as error:
        screen.print(f"ftdd: {error}", markup=False, style="red", soft_wrap=True)
        return False
    return True
