"""How settings, numbers, intervals and counts are written: in findings, tables, figures, pages and messages."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ftdd.values import Json

Interval = tuple[float, float]

NOTHING = "–"
"""Stands for a number that there is none of."""


def column_name(column: str) -> str:
    """A column's or setting's name: `target.images` as `target images`."""
    return column.replace("_", " ").replace(".", " ")


def format_value(value: Any) -> str:
    """A setting's value; a component, also as JSON, by its name and what else it says; `none` for what is missing."""
    if value is None or value != value or str(value) == "<NA>":
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return format_value(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        tree = dict(value)
        name = str(tree.pop("name", tree.pop("policy", "")))
        return " ".join(filter(None, (name, *(f"{key} {format_value(item)}" for key, item in tree.items()))))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(format_value, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def labels_of(values: Sequence[Any]) -> dict[Any, str]:
    """Each value as `format_value` writes it; in full where two would look the same."""
    labels = [format_value(value) for value in values]
    return {
        value: label if labels.count(label) == 1 else str(value) for value, label in zip(values, labels, strict=True)
    }


def format_setting(path: str, value: Json) -> str:
    """A setting with its value: `control random`, `200 target images`, `3 frozen layers`."""
    if path == "frozen_layers" and value is not None:
        return f"{format_value(value)} frozen layer{'' if value == 1 else 's'}"
    if path in ("target.images", "source.images") and value is not None:
        return f"{f'{value:,}' if isinstance(value, int) else format_value(value)} {column_name(path)}"
    return f"{path} {format_value(value)}"


def format_settings(settings: Mapping[str, Json]) -> str:
    """`control random, 200 target images`; "" for none."""
    return ", ".join(format_setting(path, value) for path, value in settings.items())


def as_recipe(value: Json) -> str:
    """A value as it would be written in a recipe."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_recipe(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_recipe, value)) + "]"
    return format_value(value)


def as_options(settings: Mapping[str, Json]) -> str:
    """Settings as `--set` takes them: `freezing.count=3 seed=0`."""
    return " ".join(f"{path}={as_recipe(value)}" for path, value in settings.items())


def with_minus(text: str) -> str:
    """A number that begins with a minus sign instead of a hyphen: −0.05, −3e-07."""
    return f"−{text[1:]}" if text.startswith("-") else text


def number(value: float, squared: bool = False) -> str:
    """Three digits: errors as 0.512, epochs as 1,230; squared errors, which may be of any size, also as 3.1e-07."""
    if squared and value and math.isfinite(value):
        return with_minus(f"{value:.3g}")
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    form = ",.0f" if abs(value) >= 99.95 else ".3g" if abs(value) >= 1 else ".3f"
    text = f"{value:{form}}"
    return "0.000" if text == "-0.000" else with_minus(text)


def error(value: float | None, squared: bool = False) -> str:
    """An error with three decimals; of squared errors, which have no scale but their own, three digits."""
    if value is None or value != value:
        return NOTHING
    text = f"{value:.3g}" if squared else f"{value:.3f}"
    return text.removeprefix("-") if float(text) == 0 else with_minus(text)


def mean_and_deviation(mean: float | None, deviation: float | None) -> str:
    """`0.512 ± 0.013`, without a deviation where there is none."""
    return error(mean) if mean is None or deviation is None else f"{error(mean)} ± {error(deviation)}"


def whole(value: float | None) -> str:
    """A whole number as 1,230; – for none."""
    return NOTHING if value is None or value != value or str(value) == "<NA>" else f"{int(value):,}"


def count(value: float) -> str:
    """A whole number as 1,230, any other as 0.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def short(value: float) -> str:
    """A count for a narrow place: 453, 44.3k, 11.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.6 thousand is 1M: what rounds up to the next unit is written in it
        if value >= limit * 0.9995:
            return f"{value / limit:.3g}{unit}"
    return f"{value:g}"


def within(interval: Interval | None, squared: bool = False) -> str:
    """` [0.02, 0.09]`, with a blank before it; nothing where there is no interval."""
    return "" if interval is None else f" [{number(interval[0], squared)}, {number(interval[1], squared)}]"


def p_value(p: float) -> str:
    """`= 0.021`, or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def duration(seconds: float) -> str:
    """A length of time: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def axis_name(column: str) -> str:
    """What an axis is called in a statement."""
    known = {"epoch": "epochs", "frozen_layers": "frozen layers"}
    return known.get(column, column.replace(".", " ") if column.endswith("images") else column.split(".")[-1])


def position(column: str, value: float) -> str:
    """A position on an axis: `epoch 30`, `6 frozen layers`, `width 8`, `1,000 target images`."""
    if column == "epoch":
        return f"epoch {count(value)}"
    if column == "frozen_layers":
        return layers([value])
    if column.endswith("images"):
        return f"{count(value)} {axis_name(column)}"
    return f"{column.split('.')[-1]} {count(value)}"


def layers(counts: Sequence[float]) -> str:
    """`1 frozen layer`, `3, 5 frozen layers`."""
    return f"{', '.join(map(count, counts))} frozen layer{'' if list(counts) == [1] else 's'}"


def counted(value: int, word: str, plural: str = "") -> str:
    """`1 run`, `3 runs`, `3 analyses`."""
    return f"{value:,} {word}" if value == 1 else f"{value:,} {plural or f'{word}s'}"


def seeds(value: int) -> str:
    """`3 seeds`."""
    return counted(value, "seed")


def replication(sources: int, targets: int) -> str:
    """`3 sources × 5 seeds`; of runs that transfer nothing, `5 seeds`."""
    return f"{counted(sources, 'source')} × {seeds(targets)}" if sources else seeds(targets)


def of(value: int, total: int, verb: str, what: str = "runs") -> str:
    """`2 of 3 runs reach`, `1 of 3 runs reaches`."""
    ending = "" if value != 1 else "es" if verb.endswith("ch") else "s"
    return f"{value} of {total} {what} {verb}{ending}"


def sentence(text: str) -> str:
    """With a capital at its beginning."""
    return text[:1].upper() + text[1:]


def lead(settings: Mapping[str, Json]) -> str:
    """The settings that a text is about, before it; nothing where the study has one curve."""
    return f"{format_settings(settings)}: " if settings else ""
