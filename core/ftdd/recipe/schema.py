"""The JSON schema of recipes, with the components of the installed plugins."""

from collections.abc import Mapping
from typing import Any

from ftdd.components import KINDS
from ftdd.components.choice import PLACEHOLDER, Choice
from ftdd.components.plugins import Plugins
from ftdd.recipe.recipe import Header
from ftdd.recipe.specs import TargetSpec
from ftdd.training.settings import Training
from ftdd.values import Value

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def recipe_schema(plugins: Plugins) -> dict[str, Any]:
    """What a recipe may say: base setting, header and sweep. Draft 2020-12."""
    setting = TargetSpec.model_json_schema()
    header = Header.model_json_schema()
    definitions = {**setting.get("$defs", {}), **header.get("$defs", {})}
    for word, kind in KINDS.items():
        if word in ("pair", "architecture", "policy", "scheme", "analysis"):
            _define(definitions, word, kind.base.tag, plugins.components[word])
    for field in Training.model_fields.values():
        for mark in field.metadata:
            if isinstance(mark, Choice) and mark.options:
                _define(definitions, mark.kind, mark.tag, mark.options)
    properties = {name: schema for name, schema in setting["properties"].items() if name not in ("version", "role")}
    forms = [form for form in properties["source"]["anyOf"] if form != {"type": "null"}]  # in recipes it is `none`
    properties["source"] = properties["source"] | {"anyOf": [{"const": "none"}, *forms]}
    axis = {
        "description": "A list of values, a range a..b or a..b..step, or all.",
        "anyOf": [{"type": "array", "minItems": 1}, {"type": "string", "pattern": r"^(all|.+\.\..+)$"}],
    }
    axes = {"type": "object", "additionalProperties": axis}
    sweep = {
        "description": "Dotted paths and their values: every combination of them is a run. A list is the union.",
        "anyOf": [axes, {"type": "array", "items": axes}],
    }
    whole = {
        "$schema": DIALECT,
        "title": "ftdd recipe",
        "type": "object",
        "additionalProperties": False,
        "properties": {**header["properties"], **properties, "sweep": sweep},
        "$defs": definitions,
    }
    return {key: _linked(value) for key, value in whole.items()}


def _linked(tree: Any) -> Any:
    """The schema with references to the options of every choice in the place of its placeholder."""
    if isinstance(tree, list):
        return [_linked(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    linked = {key: _linked(value) for key, value in tree.items() if key != PLACEHOLDER}
    return {"$ref": f"#/$defs/{tree[PLACEHOLDER]}", **linked} if PLACEHOLDER in tree else linked


def _define(definitions: dict[str, Any], word: str, tag: str, options: Mapping[str, type[Value]]) -> None:
    """A choice as a schema: a bare name, or a mapping with the fields of the class of that name."""
    forms: list[dict[str, Any]] = [{"enum": sorted(options)}] if options else []
    for name, cls in sorted(options.items()):
        schema = cls.model_json_schema()
        definitions.update(schema.pop("$defs", {}))
        schema["properties"][tag] = {"const": name}
        schema["required"] = sorted({tag, *schema.get("required", ())})
        forms.append(schema)
    definitions[word] = {"anyOf": forms}
