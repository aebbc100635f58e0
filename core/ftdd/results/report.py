"""The page of a study: one HTML file that opens from disk, with its figures inside."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup

from ftdd.results.summary import Spread, summarize
from ftdd.results.table import runs_table
from ftdd.results.words import plain, shown
from ftdd.study.files import write_text
from ftdd.study.scores import read_scores
from ftdd.study.store import State, Store, StudyRecord
from ftdd.values import flat

TEMPLATE = Path(__file__).with_name("report.html.jinja")

FIGURES = ("freezingwise", "epochwise")
"""Stems of the figures that stand first; others follow by name."""


@dataclass(frozen=True)
class Proof:
    """What one run's ledger says was frozen."""

    run_id: str
    ledger: dict[str, Any]


@dataclass(frozen=True)
class Scores:
    """Every scheme's score of every pair and source."""

    places: tuple[str, ...]
    """Pairs and sources: by what the pairs differ in, or by the source's id."""
    source_test_errors: tuple[float | None, ...]
    values: dict[str, list[float | None]]
    """By scheme, in the order of the places."""


def write_report(store: Store, name: str) -> Path:
    """Write `report.html` into the study's folder, with the figures that are there, and give its path.

    Works on half-finished and partly failed studies, and says so. Raises LookupError where there is no such study.
    """
    study = store.read_study(name)
    table = runs_table(store, name)
    ended = table["state"].isin([str(state) for state in State if state.final])
    runs = _records(table, study)
    page = _environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    html = page.render(
        study=study,
        figures=_figures(store.study_folder(name)),
        rows=summarize(store, name),
        runs=runs,
        open=int((~ended).sum()),
        diverged=int((table["state"] == str(State.DIVERGED)).sum()),
        failed=[run for run in runs if run["state"] == str(State.FAILED)],
        proof=_proof(store, study),
        scores=_scores(store, name),
        recipe=(store.study_folder(name) / "recipe.yaml").read_text(encoding="utf-8"),
        machines=_machines(store, study),
        cost={role: float(table["seconds"][table["role"] == role].sum()) for role in ("source", "target")},
    )
    path = store.study_folder(name) / "report.html"
    write_text(path, html)
    return path


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["error"] = lambda value: "–" if value is None or pd.isna(value) else f"{value:.3f}"
    environment.filters["score"] = lambda value: "–" if value is None else f"{value:.4g}"
    environment.filters["spread"] = _spread
    environment.filters["count"] = lambda value: "–" if value is None or pd.isna(value) else f"{int(value):,}"
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    environment.filters["shown"] = shown
    return environment


def _spread(value: Spread) -> str:
    if value.mean is None:
        return "–"
    return f"{value.mean:.3f}" if value.deviation is None else f"{value.mean:.3f} ± {value.deviation:.3f}"


def _figures(folder: Path) -> list[tuple[str, Markup]]:
    """Figures as SVG to stand inside the page; each with ids of its own, since a page is one document."""
    paths = sorted((folder / "figures").glob("*.svg"))
    known = [path for stem in FIGURES for path in paths if path.stem == stem]
    found = []
    for path in [*known, *(path for path in paths if path not in known)]:
        svg = path.read_text(encoding="utf-8")
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{path.stem}-", svg)
        found.append((path.stem, Markup(svg)))  # drawn by us: matplotlib has escaped what it was given
    return found


def _records(table: pd.DataFrame, study: StudyRecord) -> list[dict[str, Any]]:
    columns = ["id", "role", "state", *study.swept, "frozen_layers", "epoch", "interpolation_epoch"]
    columns += ["best_test_error", "peak_test_error", "final_test_error", "seconds", "error"]
    cells = table[columns].astype(object).where(table[columns].notna(), None)
    return [dict(zip(columns, row, strict=True)) for row in cells.itertuples(index=False)]


def _proof(store: Store, study: StudyRecord) -> Proof | None:
    """The ledger of the finished run that froze most without freezing all but the head; else of any."""
    there = []
    for entry in study.entries:
        try:
            found = store.run(entry.id).read_ledger()
        except ValueError:  # the table of runs says that it cannot be read
            continue
        if found:
            there.append(Proof(entry.id, found))
    middle = [proof for proof in there if proof.ledger["frozen_layers"] < proof.ledger["layers"] - 1]
    return max(middle or there, key=lambda proof: int(proof.ledger["frozen_layers"]), default=None)


def _scores(store: Store, name: str) -> Scores | None:
    """The scores that the study has; None where there is none."""
    rows = read_scores(store, name)
    places = {(json.dumps(row.pair, sort_keys=True), row.source_id): row for row in rows}
    if not places:
        return None
    leaves = [flat(row.pair) for row in places.values()]
    paths = dict.fromkeys(path for one in leaves for path in one)
    differing = [path for path in paths if len({str(one.get(path)) for one in leaves}) > 1]
    words = [", ".join(f"{plain(path)} {shown(one.get(path))}" for path in differing) for one in leaves]
    twice = {word for word in words if words.count(word) > 1}
    titles = [
        f"{word} {row.source_id or ''}".strip() if word in twice else word
        for word, row in zip(words, places.values(), strict=True)
    ]
    found = {(row.scheme, json.dumps(row.pair, sort_keys=True), row.source_id): row.value for row in rows}
    values = {
        scheme: [found.get((scheme, *place)) for place in places] for scheme in dict.fromkeys(r.scheme for r in rows)
    }
    return Scores(tuple(titles), tuple(row.source_test_error for row in places.values()), values)


def _machines(store: Store, study: StudyRecord) -> list[str]:
    """Each kind of machine that a run was carried out on, as a line."""
    lines = []
    for run_id in study.run_ids:
        facts = store.run(run_id).status().facts
        if "versions" in facts:
            versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
            threads = f"{facts['threads']} thread{'s' if facts['threads'] > 1 else ''}"
            lines.append(
                f"{facts['host']}: {facts['device']} ({facts['device_name']}, {facts['cpu_capability']}), "
                f"{threads}; {versions}"
            )
    return list(dict.fromkeys(lines))
