"""A study's findings as the page shows them: each with where its interval lies beside others of its kind."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from ftdd.analysis.finding import Answer, Finding
from ftdd.wording import column_name, format_value


@dataclass(frozen=True)
class Strip:
    """An effect with its interval on a strip 100 wide, which all findings of one analysis and unit share."""

    zero: float
    at: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Shown:
    """One finding, ready to stand on the page."""

    finding: Finding
    settings: tuple[tuple[str, str], ...]
    numbers: tuple[tuple[str, str], ...]
    strip: Strip | None


@dataclass(frozen=True)
class Group:
    """Findings of one analysis that answer one statement, for different settings."""

    statement: str
    findings: tuple[Shown, ...]

    @property
    def answers(self) -> tuple[tuple[str, int], ...]:
        """Each answer that is among them, with how often."""
        counts = Counter(one.finding.answer for one in self.findings)
        return tuple((answer, counts[answer]) for answer in get_args(Answer) if counts[answer])


def grouped(findings: Sequence[Shown]) -> tuple[Group, ...]:
    """The findings by what they answer, in the order in which each is answered first."""
    found: dict[tuple[str, str], list[Shown]] = {}
    for one in findings:
        found.setdefault((one.finding.analysis, one.finding.statement), []).append(one)
    return tuple(Group(statement, tuple(ones)) for (_, statement), ones in found.items())


def shown_findings(findings: Sequence[Finding]) -> tuple[Shown, ...]:
    """The findings in their order."""
    ranges: dict[tuple[str, str], tuple[float, float]] = {}
    for one in findings:
        given = [end for end in (one.effect, *(one.interval or ())) if end is not None]
        low, high = ranges.get((one.analysis, one.unit), (0.0, 0.0))
        ranges[one.analysis, one.unit] = (min(low, *given), max(high, *given)) if given else (low, high)
    return tuple(
        Shown(
            finding,
            tuple((column_name(path), format_value(value)) for path, value in finding.settings.items()),
            tuple((column_name(key), _number(value)) for key, value in finding.numbers.items()),
            _strip(finding, *ranges[finding.analysis, finding.unit]),
        )
        for finding in findings
    )


def _strip(finding: Finding, low: float, high: float) -> Strip | None:
    if finding.effect is None:
        return None
    span = (high - low) or 1.0

    def place(value: float) -> float:
        return round(4 + 92 * (value - low) / span, 2)

    ends = finding.interval
    return Strip(place(0.0), place(finding.effect), place(ends[0]) if ends else None, place(ends[1]) if ends else None)


def _number(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_number(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{column_name(str(key))} {_number(one)}" for key, one in value.items())
    return format_value(value)
