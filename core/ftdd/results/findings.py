"""A study's findings: every analysis over its tables, written into the study's folder as JSON and as a table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from ftdd.components import Analysis
from ftdd.evidence import Evidence
from ftdd.findings import Finding
from ftdd.results.table import curves_table, runs_table
from ftdd.study.files import write_json, write_text
from ftdd.study.store import State, Store


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


def find(analyses: Iterable[Analysis], evidence: Evidence) -> tuple[Finding, ...]:
    """What the analyses say, in their order; one that raises says that it did."""
    found: list[Finding] = []
    if len(evidence.runs):
        for analysis in analyses:
            found += analysis.findings(evidence)
    return tuple(found)


def write_findings(store: Store, name: str, analyses: Iterable[Analysis]) -> tuple[Finding, ...]:
    """Write `findings.json` and `findings.csv` into the study's folder, and give the findings. Raises LookupError."""
    found = find(analyses, read_evidence(store, name))
    folder = store.study_folder(name)
    write_json(folder / "findings.json", [finding.to_json() for finding in found])
    write_text(folder / "findings.csv", findings_table(found).to_csv(index=False))
    return found


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
