"""`ftdd run`: carry out a study."""

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import click
from rich.markup import escape

from ftdd.cli.adding import Say, adding_options, budget_for, once, one_more_round
from ftdd.cli.answers import print_short
from ftdd.cli.commands import COMMANDS
from ftdd.cli.conducting import begin, carry_out, machine_options, plan_now, tell_failures, with_changed_open
from ftdd.cli.options import data_option, recipe_argument, recipe_store_option, set_option
from ftdd.cli.progress import Progress
from ftdd.cli.reading import Reading
from ftdd.cli.screen import duration, messages, output
from ftdd.cli.summary import print_summary
from ftdd.cli.surroundings import brought_commands, plugins, warn_of_plugins
from ftdd.recipe.study import Study, chosen_analyses
from ftdd.study.conduct import Outcome
from ftdd.study.plan import Plan
from ftdd.study.remarks import remarks_on, sides_of
from ftdd.study.scores import failed_scores, score_study


@click.command("run")
@recipe_argument
@set_option
@recipe_store_option
@data_option
@adding_options
@click.option("--again", is_flag=True, help="Train those runs anew that were trained with other images or weights.")
@machine_options
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    more_seeds: bool,
    budget: int | None,
    again: bool,
    **machine: Any,
) -> int:
    """Carry out the study of RECIPE: a file, or the name of a recipe that ships with ftdd.

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
    begun = begin(recipe, overrides, store, data, **machine)
    if begun is None:
        return 1
    reading = begun.reading
    most = budget_for(reading.study, more_seeds, budget)
    plan = plan_now(reading)
    plan = with_changed_open(reading, plan) if again else plan
    screen = output()
    screen.print(
        f"[bold]{escape(reading.study.header.title or reading.study.name)}[/]: "
        f"{len(plan.runs)} runs, {len(plan.sources)} of them sources; "
        f"{sum(run.state.final for run in plan.runs)} done already{_left_out(plan)}; on {begun.machine.device}",
        soft_wrap=True,
    )
    for remark in remarks_on(sides_of(reading.study), reading.data):
        messages().print(f"note: {remark}", markup=False, soft_wrap=True)
    studies = [reading.study]
    heard: set[str] = set()

    def now() -> Reading:
        return replace(reading, study=studies[-1])

    def more(progress: Progress) -> Study | None:
        grown = None if most is None else one_more_round(now(), most, progress, once(progress.say, heard))
        studies.extend([grown] if grown else [])
        return grown

    outcome = carry_out(
        begun,
        plan,
        lambda progress: _draw(now(), progress, once(progress.say, heard)),
        more,
        by_hand=f"ftdd report {_study_words(reading)}",
    )
    if outcome is None:
        return 130
    _tell(reading, outcome)
    return tell_failures(begun, outcome)


def _left_out(plan: Plan) -> str:
    return f", {len(plan.changed)} trained with other inputs" if plan.changed else ""


def _draw(reading: Reading, progress: Progress, say: Say) -> None:
    from ftdd.results.advice import write_advice
    from ftdd.results.figures import draw_figures
    from ftdd.results.findings import write_findings
    from ftdd.results.report import write_report
    from ftdd.results.samples import write_samples

    if reading.study.header.similarity:
        schemes = reading.study.header.similarity
        rows = score_study(reading.study, schemes, reading.store, reading.data, progress.note)
        for line in failed_scores(rows):
            say(line)
    write_findings(reading.store, reading.study.name, chosen_analyses(reading.study.header, plugins()), say)
    write_advice(reading.store, reading.study.name)
    progress.note("drawing figures")
    draw_figures(reading.store, reading.study.name)
    write_samples(reading.study, reading.store, reading.data, progress.note)
    write_report(reading.store, reading.study.name)


def _study_words(reading: Reading) -> str:
    """How the study is named in a command that can be pasted into the shell."""
    return quote(reading.study.name) + _store_words(reading)


def _store_words(reading: Reading) -> str:
    path = reading.store.path
    return "" if path == Path("ftdd-runs").absolute() else f" --store {quote(str(path))}"


def _tell(reading: Reading, outcome: Outcome) -> None:
    from ftdd.results.findings import read_findings

    screen = output()
    name, store = reading.study.name, reading.store
    where = _store_words(reading)
    print_summary(store, name)
    print_short(read_findings(store, name), _study_words(reading))
    figures = sorted((store.study_folder(name) / "figures").glob("*.png"))
    for figure in figures:
        screen.print(f"figure: {figure}", markup=False, soft_wrap=True)
    if (store.study_folder(name) / "report.html").exists():
        screen.print(f"report: {store.study_folder(name) / 'report.html'}", markup=False, soft_wrap=True)
    screen.print(f"tables: ftdd results {quote(name)} --csv{where}", markup=False, soft_wrap=True)
    if "ui" in brought_commands(tuple(COMMANDS)):
        screen.print(f"compare runs in the browser: ftdd ui{where}", markup=False, soft_wrap=True)
    runs = "1 run" if outcome.carried_out == 1 else f"{outcome.carried_out} runs"
    screen.print(f"{runs} carried out in {duration(outcome.seconds)}")
