"""Scope: what a number of source networks allows a claim to be about."""

FEWEST_SOURCES = 3
"""From so many on, a claim is about sources like these."""


def scope(sources: int) -> str:
    """`sources like these`, or these very ones: `this source network`; "" where no source has a part in it."""
    if sources >= FEWEST_SOURCES:
        return "sources like these"
    return "" if not sources else "this source network" if sources == 1 else f"these {sources} source networks"
