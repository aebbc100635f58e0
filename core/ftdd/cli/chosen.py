"""The analyses that a study's recipe chose."""

import json

import click
from pydantic import ValidationError

from ftdd.cli.surroundings import plugins
from ftdd.components import Analysis
from ftdd.recipe.study import Header, chosen_analyses
from ftdd.study.store import StudyRecord


def analyses_of(record: StudyRecord) -> tuple[Analysis, ...]:
    """What the recipe chose when the study was carried out; all that are installed where that cannot be had now."""
    given = {} if record.analyses is None else {"analyses": list(record.analyses)}
    try:
        header = Header.model_validate_json(json.dumps(given), strict=True, context=plugins())
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        click.secho(f"ftdd: the recipe's analyses cannot be had ({reason}); all others are asked", err=True)
        header = Header()
    return chosen_analyses(header, plugins())
