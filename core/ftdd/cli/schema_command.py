"""`ftdd schema`: the JSON schema of recipes."""

import json
from pathlib import Path

import click

from ftdd.api.environment import plugins, warn_of_plugins
from ftdd.cli.keeping import save
from ftdd.cli.options import NewFile
from ftdd.recipe.schema import recipe_schema


@click.command("schema")
@click.option("--output", "-o", type=NewFile(), help="Write to a file.")
def command(output: Path | None) -> int:
    """Write the JSON schema of recipes, installed plugins included, for completion and checks in an editor.

    With the YAML extension of an editor, put `# yaml-language-server: $schema=recipe.schema.json` on a
    recipe's first line.
    """
    warn_of_plugins()
    text = json.dumps(recipe_schema(plugins()), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        save(output, lambda path: path.write_text(text, encoding="utf-8"))
    return 0
