"""`ftdd plan`: the grid as a table, what is done, what the rest will cost, what the study could tell."""

import json
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import warn_of_plugins
from ftdd.api.plan import plan_request
from ftdd.api.request import read_request
from ftdd.cli.options import adding_options, recipe_options
from ftdd.cli.screen import output, state_text, warn

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

    And what the study could tell: for how many sources it can speak, and the smallest peak and difference that it would
    see with a probability of 80%, by the noise of runs like these in the store, else by noise that was measured once.

    Trains nothing and writes nothing. Cost is foreseen in image passes (training images times epochs), and in
    time once runs of the same network and pair have been measured in the store. With --more-seeds-where-unsure,
    shows also which runs would be added now, by what the runs that are done can tell.
    """
    warn_of_plugins()
    request = read_request(recipe, overrides, store, data)
    planned = plan_request(request, more_seeds, budget, workers, lambda line: warn([line]))
    warn(planned.warnings)
    if as_json:
        click.echo(json.dumps(planned.to_json(), indent=2))
        return 0
    screen = output()
    table = Table(title=escape(planned.title), title_justify="left")
    for heading in ("state", "run", "from source", *planned.swept):
        table.add_column(heading, overflow="fold")
    table.add_column("image passes", justify="right")
    runs = planned.plan.runs
    rows = runs if everything else runs[:MOST_ROWS]
    for run in rows:
        values = [escape(planned.value(run, path)) for path in planned.swept]
        name = run.ref.id if run.ref.role == "target" else f"{run.ref.id} (source)"
        table.add_row(state_text(run.state), name, run.ref.source_id or "", *values, f"{run.image_passes:,}")
    screen.print(table)
    if len(rows) < len(runs):
        screen.print(f"… and {len(runs) - len(rows)} more runs (--all shows them)")
    for line in planned.text:
        screen.print(escape(line), soft_wrap=True)
    return 0
