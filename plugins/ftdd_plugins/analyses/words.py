"""How findings are worded: numbers with their intervals, places, settings."""

import math
from collections.abc import Mapping, Sequence

from ftdd.values import Json

Interval = tuple[float, float]


def number(value: float, squared: bool = False) -> str:
    """Three digits: errors as 0.512, epochs as 1,230; squared errors, which may be of any size, also as 3.1e-07."""
    if squared and value and math.isfinite(value):
        return f"{value:.3g}".replace("-", "−", 1) if value < 0 else f"{value:.3g}"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    form = ",.0f" if abs(value) >= 99.95 else ".3g" if abs(value) >= 1 else ".3f"
    text = f"{value:{form}}"
    return "0.000" if text == "-0.000" else text.replace("-", "−")


def count(value: float) -> str:
    """A whole number as 1,230, any other as 0.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def within(interval: Interval | None, squared: bool = False) -> str:
    """` [0.02, 0.09]`, with a blank before it; nothing where there is no interval."""
    return "" if interval is None else f" [{number(interval[0], squared)}, {number(interval[1], squared)}]"


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


def of(count: int, total: int, verb: str, what: str = "runs") -> str:
    """`2 of 3 runs reach`, `1 of 3 runs reaches`."""
    ending = "" if count != 1 else "es" if verb.endswith("ch") else "s"
    return f"{count} of {total} {what} {verb}{ending}"


def sentence(text: str) -> str:
    """With a capital at its beginning."""
    return text[:1].upper() + text[1:]


def chance(p: float) -> str:
    """`= 0.021`, or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def lead(settings: Mapping[str, Json]) -> str:
    """The settings that a text is about, before it; nothing where the study has one curve."""
    from ftdd.analysis.evidence import worded

    return f"{worded(settings)}: " if settings else ""
