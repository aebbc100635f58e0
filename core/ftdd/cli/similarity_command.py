"""`ftdd similarity`: how similar the pairs of a recipe are, by every scheme."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from ftdd.api.environment import plugins, warn_of_plugins
from ftdd.api.execution import execute, plan_now
from ftdd.api.prepare import Workers, prepared
from ftdd.api.progress import TerminalProgress
from ftdd.api.request import read_request
from ftdd.cli.failures import tell_failures
from ftdd.cli.options import recipe_options, worker_options
from ftdd.cli.screen import messages, number, output
from ftdd.components import Scheme
from ftdd.components.plugins import nearest
from ftdd.recipe.recipe import Recipe
from ftdd.records.score import ScoreRow
from ftdd.study.scores import score_study
from ftdd.values import Json, flat
from ftdd.wording import as_options


@click.command("similarity")
@recipe_options
@click.option(
    "--scheme", "names", multiple=True, metavar="NAME", help="Only this scheme; may be given again and again."
)
@click.option("--json", "as_json", is_flag=True, help="Write the scores as JSON.")
@worker_options
def command(
    recipe: str,
    overrides: tuple[str, ...],
    store: Path | None,
    data: Path | None,
    names: tuple[str, ...],
    as_json: bool,
    **workers: Any,
) -> int:
    """Score how similar source and target are, for every pair and source of RECIPE; larger means more similar.

    Takes the schemes of the recipe's `similarity`, or all there are (ftdd list schemes). Source networks that a scheme
    looks at are trained first where they are missing; target runs are not. Scores are kept by what they depend on, so
    that asking again costs nothing, and are columns of the study's table and metrics in MLflow: `similarity.<scheme>`.

    What is not available is a dash, and why is said below the table. The command has failed then where the scheme was
    asked for, by --scheme or by the recipe; where all there are were tried, only if none could say anything.

    \b
        ftdd similarity vit_freeze
        ftdd similarity my_study.yaml --scheme wordnet --scheme logme
    """
    warn_of_plugins()
    progress = TerminalProgress()
    request, executor, machine = prepared(
        lambda: read_request(recipe, overrides, store, data), Workers(**workers), progress.say, for_schemes=False
    )
    schemes = _schemes(request.study, names)
    asked = bool(names or request.study.header.similarity)
    if not request.study.groups:
        raise click.UsageError("no run of this recipe transfers from a source, so there is nothing to compare")
    if all(group.pair.task == "regression" for group in request.study.groups):
        raise click.UsageError("the labels of this recipe's pairs are numbers, and schemes compare classes")
    study = replace(request.study, header=request.study.header.model_copy(update={"similarity": schemes}))
    plan = plan_now(replace(request, study=study))
    wanted = plan.sources if any("network" in scheme.needs for scheme in schemes) else ()
    found: list[ScoreRow] = []

    def score() -> None:
        found.extend(score_study(study, schemes, request.store, request.data, progress.note))

    outcome = execute(replace(request, study=study), replace(plan, runs=wanted), executor, machine, progress, score)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in found], indent=2))
    else:
        _print(found)
    _print_errors(found)
    lacking = [row.value is None for row in found]
    return tell_failures(request, outcome) or int(any(lacking) if asked else bool(found) and all(lacking))


def _schemes(study: Recipe, names: Sequence[str]) -> tuple[Scheme, ...]:
    """Those of the recipe, or all, less those not asked for. Raises click.UsageError for a name that is none."""
    known = {name: cls for name, cls in plugins().components["scheme"].items() if issubclass(cls, Scheme)}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise click.UsageError(f"--scheme: no scheme '{unknown}'; {nearest(unknown, known, 'ftdd list schemes')}")
    given = study.header.similarity
    if names:
        listed = tuple(scheme for scheme in given if str(scheme.model_dump()["name"]) in names)
        missing = [name for name in names if name not in {scheme.model_dump()["name"] for scheme in listed}]
        return (*listed, *(known[name]() for name in missing))
    return given or tuple(cls() for _, cls in sorted(known.items()))


def _print(rows: Sequence[ScoreRow]) -> None:
    screen = output()
    varied = _varied([row.pair for row in rows])
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("pair", "source", "source test error", "scheme", "score", "took"):
        table.add_column(heading, justify="right" if heading in ("source test error", "score", "took") else "left")
    last = ""
    for row in rows:
        pair = str(row.pair["name"]) + "".join(f" {text}" for text in [as_options(_chosen(row.pair, varied))] if text)
        place = pair + (row.source_id or "")
        shown = (pair, row.source_id or "none", number(row.source_test_error)) if place != last else ("", "", "")
        last = place
        score = number(row.value, 4) if row.value is not None else "–"
        table.add_row(*map(escape, shown), row.scheme, score, f"{row.seconds:.2f} s" if row.value is not None else "")
    screen.print(table)
    screen.print("larger means more similar; what a score means and where it comes from: ftdd show SCHEME")


def _print_errors(rows: Sequence[ScoreRow]) -> None:
    """Why scores could not be had, once each."""
    for scheme, error in dict.fromkeys((row.scheme, row.error) for row in rows if row.error):
        messages().print(f"ftdd: {scheme}: {' '.join(error.split())}", markup=False, soft_wrap=True)


def _varied(pairs: Sequence[dict[str, Json]]) -> list[str]:
    """The dotted paths in which pairs differ."""
    leaves = [flat(pair) for pair in pairs]
    paths = dict.fromkeys(path for one in leaves for path in one if path != "name")
    return [path for path in paths if len({str(one.get(path)) for one in leaves}) > 1]


def _chosen(pair: dict[str, Json], paths: Sequence[str]) -> dict[str, Json]:
    leaves = flat(pair)
    return {path: leaves[path] for path in paths if path in leaves}
