"""A study's findings as the page has them: grouped by what they answer, with intervals on a common scale."""

from collections.abc import Sequence

from ftdd.analysis.finding import Finding

Scales = dict[tuple[str, str], tuple[float, float]]
"""The smallest and the largest number, 0 among them, of all effects and intervals of an analysis and unit."""


def grouped(findings: Sequence[Finding]) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
    """Each statement with its findings, for different settings, in the order in which each is answered first."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        found.setdefault((one.analysis, one.statement), []).append(one)
    return tuple((statement, tuple(ones)) for (_, statement), ones in found.items())


def scales(findings: Sequence[Finding]) -> Scales:
    """The scale of each analysis and unit."""
    found: Scales = {}
    for one in findings:
        low, high = found.get((one.analysis, one.unit), (0.0, 0.0))
        given = [end for end in (one.effect, *(one.interval or ())) if end is not None]
        found[one.analysis, one.unit] = (min(low, *given), max(high, *given)) if given else (low, high)
    return found


def on_strip(value: float, scale: tuple[float, float]) -> float:
    """Where a number lies on a strip 100 wide."""
    low, high = scale
    return round(4 + 92 * (value - low) / ((high - low) or 1.0), 2)
