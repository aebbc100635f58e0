"""`ftdd validate`: check recipes without doing anything."""

from pathlib import Path

import click

from ftdd.api.environment import data_path, warn_of_plugins
from ftdd.api.request import check_networks, read_request
from ftdd.cli.options import RecipeName, data_option, set_option
from ftdd.components import ComponentFailed
from ftdd.recipe.mistakes import RecipeError
from ftdd.study.remarks import remarks_on, repeats_on, sides_of
from ftdd.wording import counted


@click.command("validate")
@click.argument("recipes", type=RecipeName(), nargs=-1, required=True)
@set_option
@data_option
def command(recipes: tuple[str, ...], overrides: tuple[str, ...], data: Path | None) -> int:
    """Check RECIPES: every field of every point of their sweeps, without training anything.

    Each mistake is a line `file:line: path: what is wrong; what would be right`. Exit code 2 if there is one. What is
    no mistake and should be known of the images is a line with `warning:` (test images that are also trained on) or
    `note:` (files that are left out), where that can be found in seconds.
    """
    warn_of_plugins()
    code = 0
    for recipe in recipes:
        try:
            request = read_request(recipe, overrides, None, data)
            check_networks(request)
            study = request.study
        except ComponentFailed as failed:
            click.echo(f"{recipe}: {failed}", err=True)
            code = 2
        except RecipeError as error:
            for mistake in error.mistakes:
                click.echo(str(mistake), err=True)
            code = 2
        else:
            sides, folder = sides_of(study), data_path(data)
            targets, sources = counted(len(study.targets), "target run"), counted(len(study.sources), "source run")
            click.echo(f"{recipe}: valid: {targets}, {sources}")
            for repeated in repeats_on(sides, folder):
                click.secho(f"{recipe}: warning: {repeated}", err=True)
            for remark in remarks_on(sides, folder):
                click.secho(f"{recipe}: note: {remark}", err=True)
    return code
