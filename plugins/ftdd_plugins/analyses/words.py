"""How findings are worded: numbers with their intervals, places, settings."""

import math
from collections.abc import Mapping, Sequence

from ftdd.values import Json

Interval = tuple[float, float]


def number(value: float) -> str:
    """Three digits: errors as 0.512, epochs as 1,230."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    form = ",.0f" if abs(value) >= 99.95 else ".3g" if abs(value) >= 1 else ".3f"
    text = f"{value:{form}}"
    return "0.000" if text == "-0.000" else text.replace("-", "−")


def count(value: float) -> str:
    """A whole number as 1,230, any other as 0.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def within(interval: Interval | None) -> str:
    """` [0.02, 0.09]`, with a blank before it; nothing where there is no interval."""
    return "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"


def place(over: str, value: float) -> str:
    """`epoch 30`, `6 frozen layers`, `width 8`, `1,000 target images`."""
    if over == "epoch":
        return f"epoch {count(value)}"
    if over == "frozen_layers":
        return layers([value])
    return f"{over.split('.')[-1]} {count(value)}" if not over.endswith("images") else f"{count(value)} {axis(over)}"


def layers(counts: Sequence[float]) -> str:
    """`1 frozen layer`, `3, 5 frozen layers`."""
    return f"{', '.join(map(count, counts))} frozen layer{'' if list(counts) == [1] else 's'}"


def axis(over: str) -> str:
    """What an axis is called in a statement."""
    known = {"epoch": "epochs", "frozen_layers": "frozen layers"}
    return known.get(over, over.replace(".", " ") if over.endswith("images") else over.split(".")[-1])


def seeds(count: int) -> str:
    """`3 seeds`."""
    return "1 seed" if count == 1 else f"{count} seeds"


def chance(p: float) -> str:
    """`= 0.021`, or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def lead(settings: Mapping[str, Json]) -> str:
    """The settings that a text is about, before it; nothing where the study has one curve."""
    from ftdd.evidence import worded

    return f"{worded(settings)}: " if settings else ""
