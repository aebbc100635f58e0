"""How settings are written on figures and pages."""

import json
from typing import Any

import pandas as pd


def plain(column: str) -> str:
    """A column's name for a reader: `target.images` → `target images`."""
    return column.replace("_", " ").replace(".", " ")


def shown(value: Any) -> str:
    """A setting's value as a table has it, for a reader.

    A component written out as JSON is its name, any other mapping `given`, what is not there `none`.
    """
    if isinstance(value, (list, dict)):
        value = json.dumps(value)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "none"
    if isinstance(value, str) and value.startswith("{"):
        tree = json.loads(value)
        return str(tree.get("name") or tree.get("policy") or "given")
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
