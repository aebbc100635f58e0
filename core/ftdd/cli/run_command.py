"""`ftdd run`: carry out a study."""

import signal
from pathlib import Path

import click
from rich.markup import escape

from ftdd.cli.options import data_option, recipe_argument, recipe_store_option, set_option
from ftdd.cli.progress import Progress
from ftdd.cli.reading import Reading, read
from ftdd.cli.screen import duration, messages, output
from ftdd.cli.summary import print_summary
from ftdd.cli.surroundings import plugin_commands, plugins, warn_of_plugins
from ftdd.components import DataUnavailable, Executor
from ftdd.plugins import nearest
from ftdd.study.conduct import Machine, Outcome, conduct, write_down
from ftdd.study.devices import DeviceUnavailable, fitting_device
from ftdd.study.plan import make_plan
from ftdd.study.store import State


@click.command("run")
@recipe_argument
@set_option
@recipe_store_option
@data_option
@click.option("--workers", type=click.IntRange(1), help="Runs at once.  [default: one per physical core, or GPU]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each worker.")
@click.option("--device", help="cpu, cuda, cuda:1, mps.  [default: the fastest there is]")
@click.option(
    "--cache-memory",
    type=click.IntRange(0),
    default=1024,
    show_default=True,
    metavar="MIB",
    help="Frozen layers' outputs that each worker keeps in memory; 0 for none.",
)
@click.option(
    "--cache-disk",
    type=click.IntRange(0),
    default=8192,
    show_default=True,
    metavar="MIB",
    help="Frozen layers' outputs that it keeps in a file where memory is not enough; 0 for none.",
)
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    workers: int | None,
    threads: int,
    device: str | None,
    cache_memory: int,
    cache_disk: int,
) -> int:
    """Carry out the study of RECIPE: a file, or the name of a recipe that ships with ftdd.

    Trains the sources that are missing, then the targets, and draws the figures. What is done already is found
    done; what was interrupted goes on from its last checkpoint. Ctrl-C ends the workers within seconds and
    loses nothing: the same command goes on.

    \b
        ftdd run quickstart
        ftdd run my_study.yaml --set target.images=500 --set sweep.seed=0..4
    """
    warn_of_plugins()
    reading = read(recipe, overrides, store, data)
    header = reading.study.header
    try:
        chosen = fitting_device(device or header.device)
    except DeviceUnavailable as error:
        raise click.UsageError(str(error)) from error
    executor = _executor(header.executor)
    if not _prepare_data(reading):
        return 1
    reading = read(recipe, overrides, store, data)  # set sizes are known for certain now
    plan = make_plan(reading.study, reading.store, reading.data)
    machine = Machine(reading.data, chosen, workers or header.workers, threads, cache_memory << 20, cache_disk << 20)
    study = write_down(reading.study, plan, reading.store)
    screen = output()
    screen.print(
        f"[bold]{escape(reading.study.header.title or study.name)}[/]: "
        f"{len(plan.runs)} runs, {len(plan.sources)} of them sources; "
        f"{len(plan.runs) - len(plan.open)} done already; on {chosen}",
        soft_wrap=True,
    )
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Progress() as progress:
            outcome = conduct(
                study,
                plan,
                executor,
                machine,
                plugins().listeners,
                progress.show,
                progress.say,
                afterwards=lambda: _draw(reading, progress),
            )
    except KeyboardInterrupt:
        states = [reading.store.run(run.ref.id).status().state for run in plan.runs]
        done = sum(state.final for state in states)
        begun = sum(state is State.INTERRUPTED for state in states)
        messages().print(
            f"interrupted: {done} of {len(states)} runs are done, {begun} will go on from their checkpoints. "
            "The same command goes on.",
            soft_wrap=True,
        )
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)
    return _tell(reading, outcome)


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
    return known[name]()


def _prepare_data(reading: Reading) -> bool:
    """See that every pair's images and every network's weights are there; say what is wrong where they are not."""
    screen = messages()
    specs = [point.spec for point in reading.study.points]

    def say(line: str) -> None:
        screen.print(line, markup=False, soft_wrap=True)

    try:
        for pair in dict.fromkeys(spec.pair for spec in specs):
            pair.prepare(reading.data, say)
        for architecture in dict.fromkeys(spec.starting_architecture for spec in specs):
            architecture.prepare(say)
    except DataUnavailable as error:
        screen.print(f"ftdd: {error}", markup=False, style="red", soft_wrap=True)
        return False
    return True


def _draw(reading: Reading, progress: Progress) -> None:
    from ftdd.results.figures import draw_figures
    from ftdd.results.report import write_report

    progress.note("drawing figures")
    draw_figures(reading.store, reading.study.name)
    write_report(reading.store, reading.study.name)


def _tell(reading: Reading, outcome: Outcome) -> int:
    screen = output()
    name, store = reading.study.name, reading.store
    print_summary(store, name)
    figures = sorted((store.study_folder(name) / "figures").glob("*.png"))
    for figure in figures:
        screen.print(f"figure: {figure}", markup=False, soft_wrap=True)
    if (store.study_folder(name) / "report.html").exists():
        screen.print(f"report: {store.study_folder(name) / 'report.html'}", markup=False, soft_wrap=True)
    where = "" if store.path == Path("ftdd-runs").absolute() else f" --store {store.path}"
    screen.print(f"tables: ftdd results {name} --csv{where}", markup=False, soft_wrap=True)
    if "ui" in plugin_commands():
        screen.print(f"compare runs in the browser: ftdd ui{where}", markup=False, soft_wrap=True)
    screen.print(f"{outcome.carried_out} runs carried out in {duration(outcome.seconds)}")
    if not outcome.failed:
        return 0
    errors = messages()
    errors.print(f"[red]{len(outcome.failed)} runs failed:[/]")
    for run_id, reason in outcome.failed.items():
        errors.print(f"  {run_id}: {reason or 'not carried out'}", markup=False, soft_wrap=True)
        log = store.run(run_id).log
        if log.exists():
            errors.print(f"    {log}", markup=False, soft_wrap=True)
    errors.print("The same command tries them again and leaves the others as they are.", soft_wrap=True)
    return 1
