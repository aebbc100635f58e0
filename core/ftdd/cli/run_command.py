"""`ftdd run`: carry out a study."""

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from ftdd.cli.conducting import begin, carry_out, machine_options, tell_failures
from ftdd.cli.options import data_option, recipe_argument, recipe_store_option, set_option
from ftdd.cli.progress import Progress
from ftdd.cli.reading import Reading
from ftdd.cli.screen import duration, output
from ftdd.cli.summary import print_summary
from ftdd.cli.surroundings import plugin_commands, warn_of_plugins
from ftdd.study.conduct import Outcome
from ftdd.study.plan import make_plan
from ftdd.study.scores import score_study


@click.command("run")
@recipe_argument
@set_option
@recipe_store_option
@data_option
@machine_options
def command(recipe: str, overrides: tuple[str, ...], store: Path | None, data: Path | None, **machine: Any) -> int:
    """Carry out the study of RECIPE: a file, or the name of a recipe that ships with ftdd.

    Trains the sources that are missing, then the targets, and draws the figures. What is done already is found
    done; what was interrupted goes on from its last checkpoint. Ctrl-C ends the workers within seconds and
    loses nothing: the same command goes on.

    \b
        ftdd run quickstart
        ftdd run my_study.yaml --set target.images=500 --set sweep.seed=0..4
    """
    warn_of_plugins()
    begun = begin(recipe, overrides, store, data, **machine)
    if begun is None:
        return 1
    reading = begun.reading
    plan = make_plan(reading.study, reading.store, reading.data)
    screen = output()
    screen.print(
        f"[bold]{escape(reading.study.header.title or reading.study.name)}[/]: "
        f"{len(plan.runs)} runs, {len(plan.sources)} of them sources; "
        f"{len(plan.runs) - len(plan.open)} done already; on {begun.machine.device}",
        soft_wrap=True,
    )
    outcome = carry_out(begun, plan, lambda progress: _draw(reading, progress))
    if outcome is None:
        return 130
    _tell(reading, outcome)
    return tell_failures(begun, outcome)


def _draw(reading: Reading, progress: Progress) -> None:
    from ftdd.results.figures import draw_figures
    from ftdd.results.report import write_report
    from ftdd.results.samples import write_samples

    if reading.study.header.similarity:
        score_study(reading.study, reading.study.header.similarity, reading.store, reading.data, progress.note)
    progress.note("drawing figures")
    draw_figures(reading.store, reading.study.name)
    write_samples(reading.study, reading.store, reading.data, progress.note)
    write_report(reading.store, reading.study.name)


def _tell(reading: Reading, outcome: Outcome) -> None:
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
    runs = "1 run" if outcome.carried_out == 1 else f"{outcome.carried_out} runs"
    screen.print(f"{runs} carried out in {duration(outcome.seconds)}")
