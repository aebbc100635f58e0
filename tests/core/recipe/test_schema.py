"""The JSON schema: what an editor needs to complete and check a recipe, plugins included."""

import re
from pathlib import Path
from typing import Any

import pytest

from ftdd.recipe.document import parse
from ftdd.recipe.read import SETTING
from ftdd.recipe.recipe import Header
from ftdd.recipe.schema import recipe_schema
from tests.installed import installed_plugins

SHIPPED = sorted((Path(__file__).parents[3] / "recipes").glob("*.yaml"))
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KEYWORDS = {
    *("type", "anyOf", "$ref", "enum", "const", "pattern", "minItems", "maxItems", "items", "prefixItems"),
    *("properties", "required", "additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
SAYINGS = {"title", "description", "default", "$schema", "$defs"}


def valid(tree: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """A validator of those words of JSON schema that ours uses; a word that it does not know fails the test."""
    assert set(schema) <= KEYWORDS | SAYINGS, set(schema) - KEYWORDS - SAYINGS

    def is_a(name: str) -> bool:
        return isinstance(tree, TYPES[name]) and not (isinstance(tree, bool) and name in ("integer", "number"))

    of_number = isinstance(tree, (int, float)) and not isinstance(tree, bool)
    checks = {
        "type": lambda name: is_a(name),
        "anyOf": lambda forms: any(valid(tree, form, root) for form in forms),
        "$ref": lambda name: valid(tree, root["$defs"][name.removeprefix("#/$defs/")], root),
        "enum": lambda values: any(tree == value and type(tree) is type(value) for value in values),
        "const": lambda value: tree == value,
        "pattern": lambda pattern: not isinstance(tree, str) or re.search(pattern, tree) is not None,
        "minItems": lambda count: not isinstance(tree, list) or len(tree) >= count,
        "maxItems": lambda count: not isinstance(tree, list) or len(tree) <= count,
        "items": lambda item: not isinstance(tree, list) or all(valid(one, item, root) for one in tree),
        "prefixItems": lambda items: (
            not isinstance(tree, list) or all(valid(one, item, root) for one, item in zip(tree, items, strict=False))
        ),
        "required": lambda names: not isinstance(tree, dict) or set(names) <= set(tree),
        "minimum": lambda bound: not of_number or tree >= bound,
        "maximum": lambda bound: not of_number or tree <= bound,
        "exclusiveMinimum": lambda bound: not of_number or tree > bound,
        "exclusiveMaximum": lambda bound: not of_number or tree < bound,
    }
    if not all(check(schema[word]) for word, check in checks.items() if word in schema):
        return False
    if isinstance(tree, dict) and ("properties" in schema or "additionalProperties" in schema):
        more = schema.get("additionalProperties", True)
        for key, value in tree.items():
            form = schema.get("properties", {}).get(key, more)
            if form is False or (form is not True and not valid(value, form, root)):
                return False
    return True


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_recipes_keep_to_it(path: Path) -> None:
    schema = recipe_schema(installed_plugins())
    assert valid(parse(path.read_text()).tree, schema, schema)


RECIPE = """\
pair: digits
architecture: {name: resnet, width: 2}
source: none
target: {label_noise: 0.2, evaluate: {every: 2}, training: {epochs: 4, batch_size: 16, optimizer: {name: adam, lr: 1}}}
freezing: {policy: first_layers, count: 0}
"""


def test_it_takes_a_recipe_and_every_form_of_a_sweep() -> None:
    schema = recipe_schema(installed_plugins())
    for sweep in ("", "sweep: {seed: 0..2, freezing.count: all}", "sweep: [{seed: [1, 2]}, {target.images: [60]}]"):
        assert valid(parse(RECIPE + sweep).tree, schema, schema), sweep


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pair: digits", "pair: digit"),
        ("pair: digits", "pair: {name: digits, source_classes: [1]}"),
        ("pair: digits", "pair: {name: digits, source_classes: [1, 12]}"),
        ("width: 2", "width: 0"),
        ("width: 2", "width: 2.5"),
        ("width: 2", "width: true"),
        ("width: 2", "widht: 2"),
        ("source: none", "source: null"),
        ("source: none", "source: nothing"),
        ("label_noise: 0.2", "label_noise: 1.2"),
        ("evaluate: {every: 2}", "evaluate: often"),
        ("epochs: 4, ", ""),
        ("lr: 1", "lr: 0"),
        ("name: adam", "name: adma"),
        ("name: adam, ", ""),
        ("name: adam,", "name: adam, momentum: 0.5,"),
        ("count: 0", "count: -1"),
        ("policy: first_layers, count: 0", "policy: first_layers"),
        ("policy: first_layers", "policy: none"),
        ("source: none", "source: none\nversion: 1"),
        ("source: none", "source: none\nsweep: {seed: []}"),
        ("source: none", "source: none\nsweep: {seed: 3}"),
    ],
)
def test_it_refuses_what_the_reader_refuses(old: str, new: str) -> None:
    schema = recipe_schema(installed_plugins())
    assert old in RECIPE
    assert not valid(parse(RECIPE.replace(old, new)).tree, schema, schema)


def test_every_reference_leads_somewhere() -> None:
    schema = recipe_schema(installed_plugins())

    def references(tree: Any) -> list[str]:
        if isinstance(tree, dict):
            own = [tree["$ref"]] if "$ref" in tree else []
            return own + [found for value in tree.values() for found in references(value)]
        return [found for item in tree for found in references(item)] if isinstance(tree, list) else []

    found = set(references(schema))
    assert "#/$defs/architecture" in found
    assert {name.removeprefix("#/$defs/") for name in found} <= set(schema["$defs"])


def test_it_knows_every_part_of_a_recipe_and_every_component() -> None:
    plugins = installed_plugins()
    schema = recipe_schema(plugins)
    assert set(schema["properties"]) == {*SETTING, *Header.model_fields, "sweep"}
    for word in ("pair", "architecture", "policy"):
        assert schema["$defs"][word]["anyOf"][0]["enum"] == sorted(plugins.components[word])
    forms = schema["$defs"]["policy"]["anyOf"]
    assert any(form.get("required") == ["count", "policy"] for form in forms)
