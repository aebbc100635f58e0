"""Runs that are added where the answer is `cannot tell`: the budget, and a round of asking."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from ftdd.api.environment import RequestError
from ftdd.api.prepare import check_whole, prepare_data
from ftdd.api.progress import Progress
from ftdd.api.request import Request
from ftdd.components import ComponentFailed, DataUnavailable, Unfit
from ftdd.recipe.recipe import Recipe, chosen_analyses
from ftdd.study.added import Added, Round, keep_added, next_round, read_added, with_added
from ftdd.study.reading import read_study_data
from ftdd.study.scores import score_study
from ftdd.wording import counted

Say = Callable[[str], None]

MOST_REASONS = 2
"""That a line of progress names."""


def budget_for(study: Recipe, more_seeds: bool, budget: int | None) -> int | None:
    """How many target runs may be added in all; None where none are to be. Raises RequestError."""
    said = study.header.more_seeds
    if not more_seeds and said is None:
        if budget is not None:
            raise RequestError("--budget is of runs that are added: give --more-seeds-where-unsure too")
        return None
    if budget is not None:
        check_whole("the budget of added runs", budget, 0)
    if budget is None and said is not None:
        budget = said.runs
    return len(study.points) - len(study.added) if budget is None else budget


def what_next(request: Request, budget: int, say: Say) -> Round | None:
    """What would be added to a study that was written down; None before any of its runs is done.

    Writes nothing.   say: takes a line on an analysis that raises.
    """
    from ftdd.results.findings import asked_for

    study = request.study
    try:
        read = read_study_data(request.store, study.name)
    except LookupError:
        return None
    if not len(read.done):
        return None
    asked = asked_for(chosen_analyses(study.header, request.plugins), read, say)
    number = 1 + max((one.round for one in read_added(request.store.study_folder(study.name))), default=0)
    left = max(budget - len(study.added), 0)
    return next_round(study, asked, left, number, request.plugins, request.data)


def one_more_round(request: Request, budget: int, progress: Progress, say: Say) -> Recipe | None:
    """Ask the analyses, and add what they ask for to a study whose runs have ended; None where nothing is added."""
    study, store = request.study, request.store
    if study.header.similarity:
        score_study(study, study.header.similarity, store, request.data, progress.note)
    progress.note("asking the analyses which answers are open")
    following = what_next(request, budget, say)
    for sentence in following.mistaken if following else ():
        say(sentence)
    if following is None or not following.runs:
        say(_why_nothing(following, budget))
        return None
    grown, _ = with_added(study, following.runs, request.plugins, request.data)
    if _asks_for_data(study, grown):
        try:
            prepare_data(replace(request, study=grown), say)
        except (DataUnavailable, Unfit, ComponentFailed) as error:
            say(f"ftdd: {error}")
            return None
    keep_added(store.study_folder(study.name), following.runs)
    count = len(following.runs)
    say(
        f"{counted(count, 'more run', 'more runs')} asked for: {reasons_text(following.runs)} "
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


def _why_nothing(following: Round | None, budget: int) -> str:
    if following is None:
        return "no run is done, so there is nothing to be unsure of, and no run is added"
    if following.over_budget:
        more = f"{following.over_budget} more {'is' if following.over_budget == 1 else 'are'} asked for"
        return f"the budget of {budget} added runs is spent; {more}"
    if following.there_already:
        return "what is asked for has failed or diverged, so no run is added"
    return "no analysis asks for more runs"


def _asks_for_data(study: Recipe, grown: Recipe) -> bool:
    """Whether there are pairs or networks among what was added that the study did not have."""
    before = {(point.spec.pair, point.spec.starting_architecture) for point in study.points}
    return not before.issuperset((point.spec.pair, point.spec.starting_architecture) for point in grown.points)
