"""How findings are worded: numbers with their intervals, places, what would help."""

import math

Interval = tuple[float, float]


def number(value: float) -> str:
    """Three digits: errors as 0.512, epochs as 1,230."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−") if abs(value) >= 1 else f"{value:.3f}".replace("-", "−")


def within(interval: Interval | None) -> str:
    """` [0.02, 0.09]`, with a blank before it; nothing where there is no interval."""
    return "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"


def place(over: str, value: float) -> str:
    """`epoch 30`, `6 frozen layers`, `width 8`, `1,000 target images`."""
    count = f"{value:,.0f}" if value == round(value) else f"{value:g}"
    if over == "epoch":
        return f"epoch {count}"
    if over == "frozen_layers":
        return f"{count} frozen layer{'' if value == 1 else 's'}"
    return f"{over.split('.')[-1]} {count}" if not over.endswith("images") else f"{count} {over.split('.')[0]} images"


def axis(over: str) -> str:
    """What an axis is called in a statement."""
    known = {"epoch": "epochs", "frozen_layers": "frozen layers", "target.images": "target images"}
    return known.get(over, over.split(".")[-1])


def seeds(count: int) -> str:
    """`3 seeds`."""
    return "1 seed" if count == 1 else f"{count} seeds"
