"""A study's findings: every analysis over its tables, written into the study's folder as JSON and as a table."""

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import pandas as pd

from ftdd.analysis.evidence import Evidence
from ftdd.analysis.finding import Finding
from ftdd.components import KINDS, Analysis, ComponentFailed, error_words
from ftdd.components.guards import component_words
from ftdd.results.table import curves_table, runs_table
from ftdd.study.added import Asked
from ftdd.study.files import write_json, write_text
from ftdd.study.store import State, Store

Say = Callable[[str], None]

T = TypeVar("T")


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=2)


def read_evidence(store: Store, name: str) -> Evidence:
    """What analyses see of a study. Raises LookupError where there is no such study."""
    study = store.read_study(name)
    table, curves = runs_table(store, name), curves_table(store, name)
    state, role = table["state"], table["role"]
    done = table[state.eq(str(State.DONE)) & table["final_test_error"].notna()]
    return Evidence(
        runs=done[done["role"].eq("target") & done["frozen_layers"].notna()],
        sources=done[done["role"].eq("source")],
        curves=curves[curves["id"].isin(done["id"])],
        swept=study.swept,
        eps=study.eps,
        labels=study.labels,
        likeness=study.likeness,
        settings={entry.id: entry.settings for entry in study.entries},
        asked=int(role.eq("target").sum()),
        failed=int((role.eq("target") & state.eq(str(State.FAILED))).sum()),
        diverged=int((role.eq("target") & state.eq(str(State.DIVERGED))).sum()),
    )


def find(analyses: Iterable[Analysis], evidence: Evidence, say: Say = _warn) -> tuple[Finding, ...]:
    """What the analyses say, in their order; nothing before a run is done.

    say: takes a line on an analysis that raises, which says nothing then; the others go on.
    """
    return tuple(one for analysis in analyses for one in _attempt(analysis, _findings, evidence, say))


def asked_for(analyses: Iterable[Analysis], evidence: Evidence, say: Say = _warn) -> tuple[Asked, ...]:
    """The runs that the analyses ask for, because those there are cannot tell.

    say: as for `find`.
    """
    return tuple(one for analysis in analyses for one in _attempt(analysis, _proposals, evidence, say))


def _findings(analysis: Analysis, evidence: Evidence) -> list[Finding]:
    found = list(analysis.findings(evidence))
    json.dumps([finding.to_json() for finding in found])  # what cannot be written is this analysis's fault alone
    return found


def _proposals(analysis: Analysis, evidence: Evidence) -> list[Asked]:
    name = KINDS["analysis"].name_of(analysis)
    return [Asked(name, proposal) for proposal in analysis.proposals(evidence)]


def _attempt(
    analysis: Analysis, work: Callable[[Analysis, Evidence], Sequence[T]], evidence: Evidence, say: Say
) -> Sequence[T]:
    if not len(evidence.runs):
        return ()
    try:
        return work(analysis, evidence.copy())  # what one writes into it, the next must not read
    except ComponentFailed as failed:  # a stranger's code must not cost the study its other findings
        say(str(failed))
        return ()
    except Exception as error:  # of a class that no plugin has brought, or what it gave cannot be written
        say(f"{component_words(analysis)} failed: {error_words(error)}")
        return ()


def write_findings(store: Store, name: str, analyses: Iterable[Analysis], say: Say = _warn) -> tuple[Finding, ...]:
    """Write `findings.json` and `findings.csv` into the study's folder, and give the findings.

    say: as for `find`. Raises LookupError where there is no such study.
    """
    found = find(analyses, read_evidence(store, name), say)
    keep_findings(store, name, found)
    return found


def keep_findings(store: Store, name: str, found: Sequence[Finding]) -> None:
    """Write findings into the study's folder, in the place of those that were there."""
    folder = store.study_folder(name)
    write_json(folder / "findings.json", [finding.to_json() for finding in found])
    write_text(folder / "findings.csv", findings_table(found).to_csv(index=False))


def read_findings(store: Store, name: str) -> tuple[Finding, ...]:
    """The findings that were written last; nothing before. Raises LookupError where there is no such study."""
    store.read_study(name)
    try:
        tree = json.loads((store.study_folder(name) / "findings.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    return tuple(Finding.from_json(one) for one in tree)


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """A row for each finding."""
    columns = ["analysis", "statement", "answer", "effect", "low", "high", "level", "unit", "n", "p", "runs", "text"]
    rows = []
    for finding in findings:
        low, high = finding.interval or (None, None)
        row = vars(replace(finding)) | {"low": low, "high": high, "runs": " ".join(finding.runs)}
        rows.append({column: row[column] for column in columns} | dict(finding.settings))
    return pd.DataFrame(rows, columns=None if rows else columns)
