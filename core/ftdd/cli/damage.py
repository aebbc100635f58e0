"""Say which runs that had ended are left out: their files are damaged, or they were trained with other inputs."""

from collections.abc import Mapping, Sequence

from ftdd.cli.screen import messages
from ftdd.study.inputs import statuses, unchecked
from ftdd.study.plan import Plan
from ftdd.study.store import State, Store

MOST_LINES = 5
MOST_IDS = 3
WHAT_TO_DO = (
    "they are left out of tables, findings and figures: `ftdd run RECIPE --again` trains them anew and keeps their old "
    "files as *.before; or put the old inputs back and call `ftdd run` again; or give the new ones a name of their own"
)


def warn_of_damage(store: Store, name: str) -> None:
    """Say on stderr that a study's tables and findings are without some of its runs. Raises like `read_study`."""
    record = store.read_study(name)
    found = statuses(store, record)
    _say([f"left out, for it is damaged: {one.error}" for one in found.values() if one.state is State.DAMAGED])
    tell_of_changed({key: one.error for key, one in found.items() if one.state is State.CHANGED})
    if count := unchecked(store, record):
        runs = "1 run is" if count == 1 else f"{count} runs are"
        _say([f"{runs} of an older ftdd, which kept fewer digests: that images or weights were others may go unseen"])


def tell_of_damage(plan: Plan) -> None:
    """Say on stderr which runs had ended and are to be carried out again, and why."""
    _say([f"{run.ref.role} run {run.ref.id} is damaged: {run.damage}" for run in plan.open if run.damage])


def tell_of_changed(changed: Mapping[str, str], held_back: Sequence[str] = ()) -> None:
    """Say on stderr which runs were trained with other inputs than the study's, what differs, and what to do.

    held_back: runs that would start from one of these, and were not carried out.
    """
    alike: dict[str, list[str]] = {}
    for run_id, reason in changed.items():
        alike.setdefault(reason, []).append(run_id)
    _say([f"{_runs(ids)} trained with other inputs: {reason}" for reason, ids in alike.items()])
    if held_back:
        _say([f"{_runs(held_back)} not begun: the source is one of these"])
    if changed:
        _say([WHAT_TO_DO])


def _runs(ids: Sequence[str]) -> str:
    if len(ids) == 1:
        return f"run {ids[0]} was"
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return f"runs {', '.join(ids[:MOST_IDS])}{more} were"


def _say(lines: Sequence[str]) -> None:
    screen = messages()
    for line in lines[:MOST_LINES]:
        screen.print(f"ftdd: {line}", markup=False, soft_wrap=True, style="yellow")
    if len(lines) > MOST_LINES:
        screen.print(f"ftdd: and {len(lines) - MOST_LINES} more such lines", markup=False, soft_wrap=True)
