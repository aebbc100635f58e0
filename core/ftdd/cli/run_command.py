"""`ftdd run`: run a study."""

from pathlib import Path
from shlex import quote
from typing import Any

import click
from rich.markup import escape

from ftdd.api.environment import brought_commands, warn_of_plugins
from ftdd.api.execution import as_argument, store_option
from ftdd.api.prepare import Workers
from ftdd.api.progress import TerminalProgress
from ftdd.api.request import Request, read_request
from ftdd.api.run import Finished, run_request
from ftdd.cli.answers import print_short
from ftdd.cli.commands import COMMANDS
from ftdd.cli.failures import tell_failures
from ftdd.cli.options import adding_options, recipe_options, worker_options
from ftdd.cli.screen import output
from ftdd.cli.summary import print_summary
from ftdd.study.plan import Plan
from ftdd.wording import counted, duration


@click.command("run")
@recipe_options
@adding_options
@click.option("--again", is_flag=True, help="Train those runs anew that were trained with other images or weights.")
@worker_options
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    more_seeds: bool,
    budget: int | None,
    again: bool,
    **workers: Any,
) -> int:
    """Run the study of RECIPE: a file, or the name of a recipe that ships with ftdd.

    Trains the sources that are missing, then the targets, and draws the figures. What is done already is found
    done; what was interrupted goes on from its last checkpoint. Ctrl-C ends the workers within seconds and
    loses nothing: the same command goes on.

    A run that is done is compared with what it would be trained with now. Where images, labels or weights are others,
    it is said what differs, and the run is left out of every table and finding until they are back, or --again trains
    it anew; its old files are kept as *.before. The exit code is 1 then.

    \b
        ftdd run quickstart
        ftdd run my_study.yaml --set target.images=500 --set sweep.seed=0..4
        ftdd run my_study.yaml --more-seeds-where-unsure --budget 40
    """
    warn_of_plugins()
    finished = run_request(
        lambda: read_request(recipe, overrides, store, data),
        Workers(**workers),
        TerminalProgress(),
        more_seeds=more_seeds,
        budget=budget,
        again=again,
        begun=_tell_plan,
    )
    _tell(finished)
    return tell_failures(finished.request, finished.outcome)


def _tell_plan(request: Request, plan: Plan, device: str) -> None:
    title = escape(request.study.header.title or request.study.name)
    targets, sources = counted(len(plan.targets), "target run"), counted(len(plan.sources), "source run")
    done = sum(run.state.final for run in plan.runs)
    left_out = f", {len(plan.changed)} trained with other inputs" if plan.changed else ""
    output().print(
        f"[bold]{title}[/]: {targets}, {sources}; {done} done already{left_out}; on {device}", soft_wrap=True
    )


def _tell(finished: Finished) -> None:
    screen = output()
    name, store = finished.request.study.name, finished.request.store
    where, folder = store_option(store.path), store.study_folder(name)
    print_summary(finished.study)
    print_short(finished.findings, as_argument(finished.request))
    for figure in sorted((folder / "figures").glob("*.png")):
        screen.print(f"figure: {figure}", markup=False, soft_wrap=True)
    screen.print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
    screen.print(f"tables: ftdd results {quote(name)} --csv{where}", markup=False, soft_wrap=True)
    if "ui" in brought_commands(tuple(COMMANDS)):
        screen.print(f"compare runs in the browser: ftdd ui{where}", markup=False, soft_wrap=True)
    runs = counted(finished.outcome.executed, "run")
    screen.print(f"{runs} executed in {duration(finished.outcome.seconds)}")
