"""`ftdd plan`: the grid as a table, what is done, what the rest will cost."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.cli.adding import adding_options, budget_for, reasons_of, what_next
from ftdd.cli.damage import tell_of_changed
from ftdd.cli.options import data_option, recipe_argument, recipe_store_option, set_option
from ftdd.cli.reading import Reading, read_with_added, warn_of_left_out
from ftdd.cli.screen import duration, messages, output, shown, state_text
from ftdd.cli.surroundings import plugins, warn_of_plugins
from ftdd.study.added import Round, with_added
from ftdd.study.plan import Plan, PlannedRun, make_plan

MOST_ROWS = 60


@click.command("plan")
@recipe_argument
@set_option
@recipe_store_option
@data_option
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
    reading = read_with_added(recipe, overrides, store, data)
    warn_of_left_out(reading)
    most = budget_for(reading.study, more_seeds, budget)
    plan = make_plan(reading.study, reading.store, reading.data)
    adding = None if most is None else _adding(reading, plan, most)
    if as_json:
        tree = _tree(reading.study.name, plan, workers)
        click.echo(json.dumps(tree | ({} if adding is None else {"more": _adding_tree(adding, workers)}), indent=2))
        return 0
    screen = output()
    swept = reading.study.swept
    table = Table(title=escape(reading.study.header.title or reading.study.name), title_justify="left")
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
        f"{len(plan.targets)} target runs, sources to start from: {len(plan.sources)}; "
        + ", ".join(f"{count} {state}" for state, count in counts.items())
    )
    left = sum(run.image_passes for run in plan.open)
    seconds = plan.seconds_left(workers)
    tell_of_changed({run.ref.id: run.damage for run in plan.changed}, [run.ref.id for run in plan.held_back])
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


def _adding(reading: Reading, plan: Plan, budget: int) -> _Adding:
    study = reading.study
    following = what_next(reading, budget, lambda line: click.secho(f"ftdd: {line}", fg="yellow", err=True))
    for sentence in following.mistaken if following else ():
        messages().print(sentence, markup=False, soft_wrap=True)
    grown, _ = with_added(study, following.runs if following else (), plugins(), reading.data)
    known = {run.ref.id for run in plan.runs}
    whole = make_plan(grown, reading.store, reading.data)
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
        return shown(run.settings[path])
    return shown(run.ref.settings[path]) if run.ref.role == "target" and path in run.ref.settings else ""


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
