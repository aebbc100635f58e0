"""Runs that are added where the answer is `cannot tell`: the options, the budget, and a round of asking."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from ftdd.cli.conducting import prepare_data
from ftdd.cli.options import Decorator
from ftdd.cli.progress import Progress
from ftdd.cli.reading import Reading
from ftdd.cli.surroundings import plugins
from ftdd.recipe.study import Study, chosen_analyses
from ftdd.study.added import Added, Round, keep_added, next_round, read_added, with_added
from ftdd.study.scores import score_study

Say = Callable[[str], None]

MOST_REASONS = 2
"""That a line of progress names."""

_OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--more-seeds-where-unsure",
        "more_seeds",
        is_flag=True,
        help="Then add runs where analyses cannot tell, mostly seeds, look again, and so on within the budget.",
    ),
    click.option(
        "--budget",
        type=click.IntRange(0),
        metavar="RUNS",
        help="Target runs that may be added in all, those of earlier calls included.  "
        "[default: the recipe's more_seeds, else as many as it has itself]",
    ),
)


def adding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whether runs may be added, and how many: arguments of `budget_for`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def budget_for(study: Study, more_seeds: bool, budget: int | None) -> int | None:
    """How many target runs may be added in all; None where none are to be. Raises click.UsageError."""
    said = study.header.more_seeds
    if not more_seeds and said is None:
        if budget is not None:
            raise click.UsageError("--budget is of runs that are added: give --more-seeds-where-unsure too")
        return None
    if budget is None and said is not None:
        budget = said.runs
    return len(study.points) - len(study.added) if budget is None else budget


def what_next(reading: Reading, budget: int, say: Say) -> Round | None:
    """What would be added to a study that was written down; None before any of its runs is done.

    Writes nothing.   say: takes a line on an analysis that raises.
    """
    from ftdd.results.findings import asked_for, read_evidence

    study = reading.study
    try:
        evidence = read_evidence(reading.store, study.name)
    except LookupError:
        return None
    if not len(evidence.runs):
        return None
    asked = asked_for(chosen_analyses(study.header, plugins()), evidence, say)
    number = 1 + max((one.round for one in read_added(reading.store.study_folder(study.name))), default=0)
    left = max(budget - len(study.added), 0)
    return next_round(study, asked, left, number, plugins(), reading.data)


def one_more_round(reading: Reading, budget: int, progress: Progress, say: Say) -> Study | None:
    """Ask the analyses, and add what they ask for to a study whose runs have ended; None where nothing is added."""
    study, store = reading.study, reading.store
    if study.header.similarity:
        score_study(study, study.header.similarity, store, reading.data, progress.note)
    progress.note("asking the analyses what they cannot tell")
    following = what_next(reading, budget, say)
    for sentence in following.mistaken if following else ():
        say(sentence)
    if following is None or not following.runs:
        say(_why_nothing(following, budget))
        return None
    grown, _ = with_added(study, following.runs, plugins(), reading.data)
    if _asks_for_data(study, grown) and not prepare_data(replace(reading, study=grown)):
        return None
    keep_added(store.study_folder(study.name), following.runs)
    count = len(following.runs)
    say(
        f"{count} more {'run' if count == 1 else 'runs'} asked for: {reasons_text(following.runs)} "
        f"(round {following.runs[0].round}, {len(study.added) + count} of {budget} of the budget)"
    )
    return grown


def reasons_text(runs: tuple[Added, ...]) -> str:
    """The first reasons, and how many more there are."""
    reasons = list(reasons_of(runs))
    more = len(reasons) - MOST_REASONS
    words = [f"{analysis}: {reason}" for analysis, reason in reasons[:MOST_REASONS]]
    return "; ".join(words) + (f"; and {more} more {'reason' if more == 1 else 'reasons'}" if more > 0 else "")


def reasons_of(runs: tuple[Added, ...]) -> Counter[tuple[str, str]]:
    """How many runs there are for each reason of each analysis, in their order."""
    return Counter((run.analysis, run.reason) for run in runs)


def once(say: Say, said: set[str]) -> Say:
    """Like `say`, but a line that was said before is not said again.   said: the lines, which grow."""

    def say_once(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return say_once


def _why_nothing(following: Round | None, budget: int) -> str:
    if following is None:
        return "no run is done, so there is nothing to be unsure of, and no run is added"
    if following.over_budget:
        more = f"{following.over_budget} more {'is' if following.over_budget == 1 else 'are'} asked for"
        return f"the budget of {budget} added runs is spent; {more}"
    if following.there_already:
        return "what is asked for has failed or diverged, so no run is added"
    return "no analysis asks for more runs"


def _asks_for_data(study: Study, grown: Study) -> bool:
    """Whether there are pairs or networks among what was added that the study did not have."""
    before = {(point.spec.pair, point.spec.starting_architecture) for point in study.points}
    return not before.issuperset((point.spec.pair, point.spec.starting_architecture) for point in grown.points)
