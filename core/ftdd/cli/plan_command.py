"""`ftdd plan`: the grid as a table, what is done, what the rest will cost."""

import json
from collections import Counter
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.cli.options import data_option, recipe_argument, recipe_store_option, set_option
from ftdd.cli.reading import read
from ftdd.cli.screen import duration, output, shown, state_text
from ftdd.cli.surroundings import warn_of_plugins
from ftdd.study.plan import Plan, make_plan

MOST_ROWS = 60


@click.command("plan")
@recipe_argument
@set_option
@recipe_store_option
@data_option
@click.option("--workers", type=click.IntRange(1), default=1, help="For the foreseen time.  [default: 1]")
@click.option("--all", "everything", is_flag=True, help=f"Show every run, also where there are more than {MOST_ROWS}.")
@click.option("--json", "as_json", is_flag=True, help="Write the plan as JSON.")
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    workers: int,
    everything: bool,
    as_json: bool,
) -> int:
    """Show what `ftdd run RECIPE` would do: every run, what is done already, what the rest will cost.

    Trains nothing and writes nothing. Cost is foreseen in image passes (training images times epochs), and in
    time once runs of the same network and pair have been measured in the store.
    """
    warn_of_plugins()
    reading = read(recipe, overrides, store, data)
    plan = make_plan(reading.study, reading.store, reading.data)
    if as_json:
        click.echo(json.dumps(_tree(reading.study.name, plan, workers), indent=2))
        return 0
    screen = output()
    swept = reading.study.swept
    table = Table(title=escape(reading.study.header.title or reading.study.name), title_justify="left")
    for heading in ("state", "run", "from source", *swept):
        table.add_column(heading, overflow="fold")
    table.add_column("image passes", justify="right")
    rows = plan.runs if everything else plan.runs[:MOST_ROWS]
    for run in rows:
        values = [escape(shown(run.settings[path])) if path in run.settings else "" for path in swept]
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
    if not plan.open:
        screen.print("nothing is left to do")
    elif seconds is None:
        screen.print(f"to do: {left:,} image passes; how long they take is known after the first run")
    else:
        crew = "one worker" if workers == 1 else f"{workers} workers"
        screen.print(f"to do: {left:,} image passes, about {duration(seconds)} with {crew}")
    return 0


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
