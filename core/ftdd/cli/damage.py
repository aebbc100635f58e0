"""Say which runs are damaged: they had ended, and their numbers are gone."""

from collections.abc import Sequence

from ftdd.cli.screen import messages
from ftdd.study.plan import Plan
from ftdd.study.store import State, Store

MOST_LINES = 5


def warn_of_damage(store: Store, name: str) -> None:
    """Say on stderr that a study's tables and findings are without its damaged runs. Raises like `read_study`."""
    statuses = [store.run(run_id).status() for run_id in store.read_study(name).run_ids]
    _say([f"left out, for it is damaged: {one.error}" for one in statuses if one.state is State.DAMAGED])


def tell_of_damage(plan: Plan) -> None:
    """Say on stderr which runs had ended and are to be carried out again, and why."""
    _say([f"{run.ref.role} run {run.ref.id} is damaged: {run.damage}" for run in plan.open if run.damage])


def _say(lines: Sequence[str]) -> None:
    screen = messages()
    for line in lines[:MOST_LINES]:
        screen.print(f"ftdd: {line}", markup=False, soft_wrap=True, style="yellow")
    if len(lines) > MOST_LINES:
        screen.print(f"ftdd: and {len(lines) - MOST_LINES} more damaged runs", markup=False, soft_wrap=True)
