"""`ftdd validate`: check recipes without doing anything."""

from pathlib import Path

import click

from ftdd.cli.options import RecipeName, data_option, set_option
from ftdd.cli.reading import check_networks, read
from ftdd.cli.surroundings import warn_of_plugins
from ftdd.components import ComponentFailed
from ftdd.recipe.mistakes import RecipeError


@click.command("validate")
@click.argument("recipes", type=RecipeName(), nargs=-1, required=True)
@set_option
@data_option
def command(recipes: tuple[str, ...], overrides: tuple[str, ...], data: Path | None) -> int:
    """Check RECIPES: every field of every point of their sweeps, without training anything.

    Each mistake is a line `file:line: path: what is wrong; what would be right`. Exit code 2 if there is one.
    """
    warn_of_plugins()
    code = 0
    for recipe in recipes:
        try:
            reading = read(recipe, overrides, None, data)
            check_networks(reading, recipe)
            study = reading.study
        except ComponentFailed as failed:
            click.echo(f"{recipe}: {failed}", err=True)
            code = 2
        except RecipeError as error:
            for mistake in error.mistakes:
                click.echo(str(mistake), err=True)
            code = 2
        else:
            click.echo(f"{recipe}: right; target runs: {len(study.targets)}, sources: {len(study.sources)}")
    return code
