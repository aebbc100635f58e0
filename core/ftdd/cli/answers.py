"""Findings on the screen: all that is said of each, and a line each."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import get_args

from rich.markup import escape
from rich.table import Table

from ftdd.analysis.finding import Answer, Finding
from ftdd.cli.screen import output
from ftdd.wording import as_options, with_minus

STYLES = {"seen": "bold green", "not seen": "bold blue", "cannot tell": "bold yellow", "not applicable": "dim"}

WIDTH = 80
"""Columns at most; longer lines of prose are hard to read."""
MOST_LINES = 12
"""Of the short list."""


def print_findings(findings: Sequence[Finding]) -> None:
    """Print findings by analysis: answer, statement, what it is of, effect with interval and n, text."""
    screen = output()
    screen.width = min(screen.width, WIDTH)
    for analysis, group in groupby(findings, key=lambda finding: finding.analysis):
        screen.print(f"\n[bold]{escape(analysis)}[/]")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in group:
            table.add_row(_answer(finding), f"[bold]{escape(finding.statement)}[/]")
            for line in (as_options(finding.settings), effect_text(finding)):
                if line:
                    table.add_row("", escape(line))
            table.add_row("", f"[dim]{escape(finding.text)}[/]")
        screen.print(table)


def print_short(findings: Sequence[Finding], study: str) -> None:
    """Print a line for each answer to each statement, with how many curves have it, and how many others there are.

    study: its name as a shell takes it, with the options that lead to it.
    """
    if not findings:
        return
    screen = output()
    screen.print()
    curves = Counter((finding.analysis, finding.statement) for finding in findings)
    lines: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        lines.setdefault((finding.analysis, finding.statement, finding.answer), []).append(finding)
    width = max(11, *(len(answer) for _, _, answer in list(lines)[:MOST_LINES]))
    for (analysis, statement, _), same in list(lines.items())[:MOST_LINES]:
        of_all = f"{len(same)} of {curves[analysis, statement]} curves"
        where = of_all if len(same) > 1 else as_options(same[0].settings)
        where = f" ({where})" if where else ""
        line = f"{analysis}: {statement}"
        room = screen.width - width - 2 - len(where)
        line = line if len(line) <= room else f"{line[: max(room - 1, 0)]}…"
        screen.print(f"{_answer(same[0], width)}  {escape(line + where)}", soft_wrap=True)
    rest = [finding for same in list(lines.values())[MOST_LINES:] for finding in same]
    counts = Counter(finding.answer for finding in rest)
    others = ", ".join(f"{counts[answer]} {answer}" for answer in get_args(Answer) if counts[answer])
    more = f"and {len(rest)} more: {others}; " if rest else ""
    screen.print(f"{more}why: ftdd findings {study}", markup=False, soft_wrap=True)


def effect_text(finding: Finding) -> str:
    """The effect with its interval, and what it stands on: `0.05 [0.01, 0.09] test error (95%), p = 0.01; n = 5`."""
    parts = []
    if finding.effect is not None:
        ends = f" [{_number(finding.interval[0])}, {_number(finding.interval[1])}]" if finding.interval else ""
        level = f" ({100 * finding.level:g}%)" if finding.interval else ""
        parts.append(f"{_number(finding.effect)}{ends} {finding.unit}{level}")
    if finding.p is not None:
        parts.append("p < 0.001" if finding.p < 0.001 else f"p = {finding.p:.3f}")
    return "; ".join(filter(None, (", ".join(parts), finding.basis)))


def _answer(finding: Finding, width: int = 11) -> str:
    return f"[{STYLES[finding.answer]}]{finding.answer:<{width}}[/]"


def _number(value: float) -> str:
    return with_minus(f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}")
