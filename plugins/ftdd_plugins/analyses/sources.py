"""Claims about sources: what one or two source networks show of themselves, they do not show of sources like them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ftdd.analysis.finding import Finding
from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.wording import counted
from ftdd_plugins.analyses.one_more_seed import can_have_sources

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData


def over_sources(finding: Finding, more: str = "") -> Finding:
    """A claim about sources like these: with fewer than three, `cannot tell`, with what is found for these sources.

    more: what would decide, as an order: `sweep source.seed over at least three`.
    """
    if finding.sources >= FEWEST_SOURCES or finding.answer in ("cannot tell", "not applicable"):
        return finding
    words = f"With {counted(finding.sources, 'source network')} this says nothing about others"
    return replace(
        finding,
        answer="cannot tell",
        text=f"{finding.text} {words}{f'; {more}' if more else ''}.",
        numbers={**finding.numbers, "for_these_sources": finding.answer},
    )


def how_to_have_more(study: "StudyData", grid: "Grid") -> str:
    """What to do about too few sources; "" where the study has no way to train others."""
    return f"sweep source.seed over at least {FEWEST_SOURCES}" if can_have_sources(study, grid) else ""
