"""The JSON schema: what an editor needs to complete and check a recipe, plugins included."""

from typing import Any

from ftdd.plugins import installed_plugins
from ftdd.recipe.read import SETTING
from ftdd.recipe.schema import recipe_schema
from ftdd.recipe.study import Header


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
