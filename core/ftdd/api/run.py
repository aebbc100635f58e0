"""Run a study: train what is missing, find what it shows, draw it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData
from ftdd.api.execution import as_argument, execute, plan_now, with_changed_open
from ftdd.api.left_out import abridged, changed_lines
from ftdd.api.more_seeds import budget_for, one_more_round
from ftdd.api.prepare import Workers, prepared
from ftdd.api.progress import Progress, progress_for
from ftdd.api.request import Overrides, RecipeLike, Request, read_request
from ftdd.api.study import Study
from ftdd.recipe.recipe import Recipe, chosen_analyses
from ftdd.study.conduct import Outcome
from ftdd.study.plan import Plan
from ftdd.study.reading import read_study_data
from ftdd.study.remarks import remarks_on, sides_of
from ftdd.study.scores import failed_scores, score_study


@dataclass(frozen=True)
class Finished:
    """A study that was run."""

    request: Request
    outcome: Outcome
    study: StudyData
    findings: tuple[Finding, ...]


def run(
    recipe: RecipeLike,
    *,
    overrides: Overrides = (),
    name: str | None = None,
    store: str | Path | None = None,
    data: str | Path | None = None,
    executor: str | None = None,
    workers: int | None = None,
    threads: int = 1,
    device: str | None = None,
    cache_memory: int = 1024,
    cache_disk: int = 8192,
    more_seeds: bool | int | None = False,
    again: bool = False,
    progress: bool | None = None,
) -> Study:
    """Run a study: train the sources that are missing, then the targets; compute the findings, draw the figures.

    Runs that are done are kept, and interrupted ones continue from their last checkpoint, so calling this again repeats
    no work. The command `ftdd run` calls the same function.

    Args:
        recipe: The name of a recipe that ships with ftdd, the path of a YAML file, or a mapping that says what such a
            file would.
        overrides: Settings by dotted paths, `{"target.images": 500, "sweep.seed": [0, 1]}`. A swept setting that is
            given one value is no longer swept. Strings `path=value` are accepted too, as in `--set`.
        name: The study's name. Default: the recipe's `name`, else the file's; of a mapping its title in lower case with
            dashes, else `study`.
        store: The folder of runs. Default: $FTDD_STORE, else the recipe's `store`, else `./ftdd-runs`.
        data: The folder of data sets. Default: $FTDD_DATA, else `./ftdd-data`.
        executor: What executes runs. Default: the recipe's, else `local`, processes on this machine.
        workers: Runs at the same time. Default: one per physical core, or per GPU.
        threads: Threads of each worker. Results agree bit for bit for the same number of threads.
        device: `cpu`, `cuda`, `cuda:1` or `mps`. Default: the fastest there is.
        cache_memory: MiB of frozen layers' outputs that each worker keeps in memory.
        cache_disk: MiB of them that each worker keeps in a file.
        more_seeds: True adds runs, mostly seeds, where an answer is `cannot tell`, and repeats that until the budget is
            spent: as many target runs as the recipe has, or as its `more_seeds` says. A number sets the budget.
        again: Whether to train runs again whose images or weights have changed since.
        progress: False shows nothing. Otherwise progress goes to stderr, or to the output of a notebook's cell.

    Returns:
        The study. Runs that failed do not raise: a warning names them, and the column `error` of `study.runs` says why.

    Raises:
        RecipeError: The recipe is wrong; the exception has all mistakes at once.
        DataUnavailable: Images or weights are missing.
        ValueError: An argument is not possible.
        KeyboardInterrupt: Ctrl-C. Nothing is lost, and a line says how to continue.
    """
    budget = None if isinstance(more_seeds, bool) else more_seeds
    shown = progress_for(progress)
    finished = run_request(
        lambda: read_request(recipe, overrides, store, data, name),
        Workers(executor, workers, threads, device, cache_memory, cache_disk),
        shown,
        more_seeds=not (more_seeds is None or more_seeds is False),
        budget=budget,
        again=again,
    )
    for line in problems(finished):
        warnings.warn(line, stacklevel=2)
    folder = finished.request.store.study_folder(finished.request.study.name)
    return Study(folder, finished.study, finished.findings)


def run_request(
    request: Callable[[], Request],
    workers: Workers,
    progress: Progress,
    *,
    more_seeds: bool = False,
    budget: int | None = None,
    again: bool = False,
    begun: Callable[[Request, Plan, str], None] = lambda request, plan, device: None,
) -> Finished:
    """The same, of a request that is read when it is called.

    more_seeds, budget: as the options of `ftdd run`.   begun: is told of the plan before anything is trained.
    """
    now, executor, machine = prepared(request, workers, progress.say)
    if now.left_out:
        count = len(now.left_out)
        others = f"; and {count - 1} more" if count > 1 else ""
        progress.warn(f"added runs that do not fit the recipe are left out: {now.left_out[0]}{others}")
    most = budget_for(now.study, more_seeds, budget)
    plan = plan_now(now)
    plan = with_changed_open(now, plan) if again else plan
    begun(now, plan, machine.device)
    for remark in remarks_on(sides_of(now.study), now.data):
        progress.say(f"note: {remark}")
    said: set[str] = set()
    made: list[tuple[StudyData, tuple[Finding, ...]]] = []

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            progress.say(line)

    def more() -> Recipe | None:
        nonlocal now
        grown = None if most is None else one_more_round(now, most, progress, say)
        now = now if grown is None else replace(now, study=grown)
        return grown

    def finish() -> None:
        made.append(_finish(now, progress, say))

    by_hand = f"ftdd report {as_argument(now)}"
    outcome = execute(now, plan, executor, machine, progress, finish, more, by_hand)
    return Finished(now, outcome, *made[-1])


def _finish(request: Request, progress: Progress, say: Callable[[str], None]) -> tuple[StudyData, tuple[Finding, ...]]:
    """Scores, findings, figures, sample images and page of a study whose runs have ended."""
    from ftdd.results.findings import find
    from ftdd.results.page.samples import write_samples
    from ftdd.results.write import write_results

    if schemes := request.study.header.similarity:
        for line in failed_scores(score_study(request.study, schemes, request.store, request.data, progress.note)):
            say(line)
    write_samples(request.study, request.store, request.data, progress.note)
    study = read_study_data(request.store, request.study.name)
    found = find(chosen_analyses(request.study.header, request.plugins), study, say)
    write_results(request.store.study_folder(request.study.name), study, found, progress.note)
    return study, found


def problems(finished: Finished) -> tuple[str, ...]:
    """What went wrong, a line each: failed runs, and runs that are left out."""
    outcome = finished.outcome
    failed = abridged(f"run {run_id} failed: {reason}" for run_id, reason in outcome.failed.items())
    return (*failed, *changed_lines(outcome.changed, outcome.held_back))
