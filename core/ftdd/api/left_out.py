"""Which runs that had ended are left out, as lines: their files are damaged, or they were trained with other inputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ftdd.records.status import State
from ftdd.study.inputs import unchecked
from ftdd.study.plan import Plan
from ftdd.wording import counted

if TYPE_CHECKING:
    from ftdd.analysis.study_data import StudyData

MOST_LINES = 5
MOST_IDS = 3
WHAT_TO_DO = (
    "they are left out of tables, findings and figures: `ftdd run RECIPE --again` trains them anew and keeps their old "
    "files as *.before; or put the old inputs back and call `ftdd run` again; or give the new ones a name of their own"
)


def left_out_of(study: "StudyData") -> tuple[str, ...]:
    """What a reader of a study's tables and findings should know of runs that are not in them."""
    damaged = (run.status.error for run in study.each if run.state is State.DAMAGED)
    lines = [*abridged(f"left out, for it is damaged: {error}" for error in damaged)]
    lines += changed_lines({run.id: run.status.error for run in study.each if run.state is State.CHANGED})
    if count := unchecked(run.status for run in study.each):
        runs = f"{counted(count, 'run')} {'is' if count == 1 else 'are'}"
        lines += [f"{runs} of an older ftdd, which kept fewer digests: that inputs differ may go unnoticed"]
    return tuple(lines)  # each part is abridged by itself: what to do must stay


def damaged_lines(plan: Plan) -> tuple[str, ...]:
    """Which runs had ended and are to be executed again, and why."""
    return abridged(f"{run.ref.role} run {run.ref.id} is damaged: {run.damage}" for run in plan.open if run.damage)


def changed_lines(changed: Mapping[str, str], held_back: Sequence[str] = ()) -> tuple[str, ...]:
    """Which runs were trained with other inputs than the study's, what differs, and what to do.

    held_back: runs that would start from one of these, and were not executed.
    """
    same: dict[str, list[str]] = {}
    for run_id, reason in changed.items():
        same.setdefault(reason, []).append(run_id)
    lines = abridged(f"{_runs(ids)} trained with other inputs: {reason}" for reason, ids in same.items())
    if held_back:
        lines += (f"{_runs(held_back)} not begun: the source is one of these",)
    return (*lines, WHAT_TO_DO) if changed else lines


def abridged(lines: Iterable[str]) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    given = tuple(lines)
    more = len(given) - MOST_LINES
    return (*given[:MOST_LINES], f"and {more} more such lines") if more > 0 else given


def _runs(ids: Sequence[str]) -> str:
    if len(ids) == 1:
        return f"run {ids[0]} was"
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return f"runs {', '.join(ids[:MOST_IDS])}{more} were"
