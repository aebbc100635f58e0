"""A study's findings: every analysis over what was read of it, kept in the study's folder as JSON and as a table."""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ftdd.analysis.finding import Finding, said_once
from ftdd.analysis.study_data import StudyData
from ftdd.components import KINDS, Analysis, ComponentFailed, error_words
from ftdd.components.guards import component_words
from ftdd.study.added import Asked
from ftdd.study.files import write_json, write_text

Say = Callable[[str], None]

T = TypeVar("T")

COLUMNS = (
    *("analysis", "key", "statement", "answer", "effect", "low", "high", "level", "unit", "n", "sources", "targets"),
    *("scope", "test_images", "p", "runs", "text"),
)
"""Of the table of findings; what the runs of a finding share has columns of its own after these."""


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=2)


def find(analyses: Iterable[Analysis], study: StudyData, say: Say = _warn) -> tuple[Finding, ...]:
    """What the analyses find, in their order; nothing before a run is done.

    say: takes a line on an analysis that raises, which finds nothing then; the others go on.
    """
    return tuple(one for analysis in analyses for one in said_once(_attempt(analysis, _findings, study, say)))


def asked_for(analyses: Iterable[Analysis], study: StudyData, say: Say = _warn) -> tuple[Asked, ...]:
    """The runs that the analyses ask for, because those there are leave an answer open.

    say: as for `find`.
    """
    return tuple(one for analysis in analyses for one in _attempt(analysis, _proposals, study, say))


def _findings(analysis: Analysis, study: StudyData) -> list[Finding]:
    found = list(analysis.findings(study))
    json.dumps([finding.to_json() for finding in found])  # what cannot be written is this analysis's fault alone
    return found


def _proposals(analysis: Analysis, study: StudyData) -> list[Asked]:
    name = KINDS["analysis"].name_of(analysis)
    return [Asked(name, proposal) for proposal in analysis.proposals(study)]


def _attempt(
    analysis: Analysis, work: Callable[[Analysis, StudyData], Sequence[T]], study: StudyData, say: Say
) -> Sequence[T]:
    if not len(study.done):
        return ()
    try:
        return work(analysis, study.copy())  # what one writes into it, the next must not read
    except ComponentFailed as failed:  # another package's code must not cost the study its other findings
        say(str(failed))
        return ()
    except Exception as error:  # of a class that no plugin has brought, or what it gave cannot be written
        say(f"{component_words(analysis)} failed: {error_words(error)}")
        return ()


def keep_findings(folder: Path, found: Sequence[Finding]) -> None:
    """Write `findings.json` and `findings.csv` into a study's folder, in the place of those that were there."""
    write_json(folder / "findings.json", [finding.to_json() for finding in found])
    write_text(folder / "findings.csv", findings_table(found).to_csv(index=False))


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """A row for each finding."""
    rows = []
    for finding in findings:
        low, high = finding.interval or (None, None)
        row = vars(finding) | {"scope": finding.scope, "low": low, "high": high, "runs": " ".join(finding.runs)}
        rows.append({column: row[column] for column in COLUMNS} | dict(finding.settings))
    return pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
