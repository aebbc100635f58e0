"""`ftdd plan`: the grid as a table, what is done, what the rest will cost."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import warn_of_plugins
from ftdd.api.left_out import changed_lines
from ftdd.api.more_seeds import budget_for, reasons_of, what_next
from ftdd.api.request import Request, read_request, with_added_runs
from ftdd.cli.options import adding_options, recipe_options
from ftdd.cli.screen import messages, output, state_text, warn
from ftdd.study.added import Round, with_added
from ftdd.study.plan import Plan, PlannedRun, make_plan
from ftdd.wording import as_recipe, counted, duration

MOST_ROWS = 60


@click.command("plan")
@recipe_options
@adding_options
@click.option("--workers", type=click.IntRange(1), default=1, help="For the foreseen time.  [default: 1]")
@click.option("--all", "everything", is_flag=True, help=f"Show every run, also where there are more than {MOST_ROWS}.")
@click.option("--json", "as_json", is_flag=True, help="Write the plan as JSON.")
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    more_seeds: bool,
    budget: int | None,
    workers: int,
    everything: bool,
    as_json: bool,
) -> int:
    """Show what `ftdd run RECIPE` would do: every run, what is done already, what the rest will cost.

    Trains nothing and writes nothing. Cost is foreseen in image passes (training images times epochs), and in
    time once runs of the same network and pair have been measured in the store. With --more-seeds-where-unsure,
    shows also which runs would be added now, by what the runs that are done can tell.
    """
    warn_of_plugins()
    request = with_added_runs(read_request(recipe, overrides, store, data))
    warn(f"an added run that does not fit the recipe is left out: {line}" for line in request.left_out)
    most = budget_for(request.study, more_seeds, budget)
    plan = make_plan(request.study, request.store, request.data)
    adding = None if most is None else _adding(request, plan, most)
    if as_json:
        tree = _tree(request.study.name, plan, workers)
        click.echo(json.dumps(tree | ({} if adding is None else {"more": _adding_tree(adding, workers)}), indent=2))
        return 0
    screen = output()
    swept = request.study.swept
    table = Table(title=escape(request.study.header.title or request.study.name), title_justify="left")
    for heading in ("state", "run", "from source", *swept):
        table.add_column(heading, overflow="fold")
    table.add_column("image passes", justify="right")
    rows = plan.runs if everything else plan.runs[:MOST_ROWS]
    for run in rows:
        values = [escape(_value(run, path)) for path in swept]
        name = run.ref.id if run.ref.role == "target" else f"{run.ref.id} (source)"
        table.add_row(state_text(run.state), name, run.ref.source_id or "", *values, f"{run.image_passes:,}")
    screen.print(table)
    if len(rows) < len(plan.runs):
        screen.print(f"… and {len(plan.runs) - len(rows)} more runs (--all shows them)")
    counts = Counter(str(run.state) for run in plan.runs)
    screen.print(
        f"{counted(len(plan.targets), 'target run')}, {counted(len(plan.sources), 'source run')}; "
        + ", ".join(f"{count} {state}" for state, count in counts.items())
    )
    left = sum(run.image_passes for run in plan.open)
    seconds = plan.seconds_left(workers)
    held_back = [run.ref.id for run in plan.held_back]
    warn(changed_lines({run.ref.id: run.damage for run in plan.changed}, held_back))
    if not plan.open:
        screen.print("nothing is left to do" + (" without --again" if plan.changed else ""))
    elif seconds is None:
        screen.print(f"to do: {left:,} image passes; how long they take is known after the first run")
    else:
        screen.print(f"to do: {left:,} image passes, about {duration(seconds)} with {_crew(workers)}")
    if adding is not None:
        for line in _adding_text(adding, bool(plan.open), workers):
            screen.print(escape(line), soft_wrap=True)
    return 0


@dataclass(frozen=True)
class _Adding:
    """Runs that may be added."""

    budget: int
    added: int
    """Already; part of the budget."""
    round: Round | None
    """What would be added now; None before any run is done."""
    plan: Plan
    """Of the runs of that round, with their sources; of nothing where there is no such round."""
    passes_each: int
    """Of the longest target run of the study."""

    @property
    def may_follow(self) -> int:
        """What is left of the budget after the round."""
        return max(self.budget - self.added - (len(self.round.runs) if self.round else 0), 0)


def _adding(request: Request, plan: Plan, budget: int) -> _Adding:
    study = request.study
    following = what_next(request, budget, lambda line: warn([line]))
    for sentence in following.mistaken if following else ():
        messages().print(sentence, markup=False, soft_wrap=True)
    grown, _ = with_added(study, following.runs if following else (), request.plugins, request.data)
    known = {run.ref.id for run in plan.runs}
    whole = make_plan(grown, request.store, request.data)
    new = Plan(tuple(run for run in whole.runs if run.ref.id not in known), whole.seconds_per_pass)
    longest = max((run.image_passes for run in plan.targets), default=0)
    return _Adding(budget, len(study.added), following, new, longest)


def _adding_text(adding: _Adding, first: bool, workers: int) -> list[str]:
    """What would be added and what it would cost.   first: whether there are runs to do before."""
    budget = f"{adding.added} of the budget of {adding.budget} are added already"
    bound = adding.may_follow * adding.passes_each
    each = f"at most {bound:,} image passes{_about(bound, adding.plan, workers)}, and those of sources of their own"
    if adding.round is None:
        return [f"where unsure: at most {adding.may_follow} more target runs ({budget}); {each}"]
    lines = []
    runs = adding.round.runs
    if runs:
        lines.append(f"where unsure: asked for now: {len(runs)} more target runs ({budget})")
        lines += [f"  {count} × {analysis}: {reason}" for (analysis, reason), count in reasons_of(runs).items()]
        cost = sum(run.image_passes for run in adding.plan.open)
        lines.append(f"  to do for them: {cost:,} image passes{_about(cost, adding.plan, workers)}")
    elif adding.round.over_budget:
        lines.append(f"where unsure: asked for now: {adding.round.over_budget} more target runs, but {budget}")
    else:
        lines.append(f"where unsure: no analysis asks for more runs ({budget})")
    if runs and adding.may_follow:
        lines.append(f"  after them at most {adding.may_follow} more: {each}")
    if first:
        lines.append("  the runs still to do come first, and what they show decides")
    return lines


def _about(passes: int, plan: Plan, workers: int) -> str:
    if plan.seconds_per_pass is None:
        return ""
    return f", about {duration(plan.seconds_per_pass * passes / workers)} with {_crew(workers)}"


def _crew(workers: int) -> str:
    return "one worker" if workers == 1 else f"{workers} workers"


def _value(run: PlannedRun, path: str) -> str:
    """A target's value on a swept path: what the sweep gave it, and where it gave nothing, what its spec says."""
    if path in run.settings:
        return as_recipe(run.settings[path])
    return as_recipe(run.ref.settings[path]) if run.ref.role == "target" and path in run.ref.settings else ""


def _adding_tree(adding: _Adding, workers: int) -> dict[str, object]:
    return {
        "budget": adding.budget,
        "added": adding.added,
        "image_passes_left": sum(run.image_passes for run in adding.plan.open),
        "seconds_left": adding.plan.seconds_left(workers),
        "may_follow": adding.may_follow,
        "image_passes_each": adding.passes_each,
        "runs": [
            {"analysis": run.analysis, "reason": run.reason, "settings": dict(run.settings)}
            for run in (adding.round.runs if adding.round else ())
        ],
    }


def _tree(name: str, plan: Plan, workers: int) -> dict[str, object]:
    return {
        "study": name,
        "image_passes_left": sum(run.image_passes for run in plan.open),
        "seconds_left": plan.seconds_left(workers),
        "runs": [
            {
                "id": run.ref.id,
                "role": run.ref.role,
                "source_id": run.ref.source_id,
                "state": str(run.state),
                "image_passes": run.image_passes,
                "settings": dict(run.settings),
            }
            for run in plan.runs
        ],
    }
