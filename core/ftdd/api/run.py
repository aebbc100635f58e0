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
    """Run a study: train the sources that are missing, then the targets; find what it shows, and draw it.

    What is done already is found done, and what was interrupted goes on from its last checkpoint: calling it again
    does no work twice. `ftdd run` on the command line is the same function.

    recipe: the name of a recipe that ships with ftdd, the path of a YAML file, or a mapping that says what such a file
    would.
    overrides: settings by dotted paths, `{"target.images": 500, "sweep.seed": [0, 1]}`; a swept path that is given one
    value is no longer swept. Strings `path=value` are taken too, as `--set` takes them.
    name: of the study; the recipe's `name`, else the file's, where it is left out; of a mapping its title in lower case
    with dashes, else `study`.
    store: folder of the runs; $FTDD_STORE, else the recipe's `store`, else `./ftdd-runs` where it is left out.
    data: folder where data sets lie; $FTDD_DATA, else `./ftdd-data`.
    executor: who executes runs; the recipe's, else `local`, processes on this machine.
    workers: runs at once; one per physical core, or per GPU.
    threads: of each worker. Runs are the same bits for the same number of threads.
    device: `cpu`, `cuda`, `cuda:1`, `mps`; the fastest there is.
    cache_memory, cache_disk: MiB of frozen layers' outputs that each worker keeps in memory, and in a file.
    more_seeds: True adds runs, mostly seeds, where an answer is `cannot tell`, looks again, and so on: as many target
    runs as the recipe asks for itself, or as its `more_seeds` says; a number is the budget of added runs.
    again: train runs anew that were trained with other images or weights than there are now.
    progress: False shows nothing; else progress is shown on stderr, or in the output of a notebook's cell.

    Gives the study, open. Runs that failed do not raise: a warning names them, and `study.runs` has their errors.

    Raises RecipeError with all mistakes of the recipe at once; DataUnavailable where images or weights are missing;
    ValueError with a sentence for an argument that is not possible; KeyboardInterrupt, with nothing lost, after a line
    on how to go on.
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
