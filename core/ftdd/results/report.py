"""The page of a study: one HTML file that opens from disk, with its figures and its data inside."""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from shlex import quote
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup, escape

from ftdd.analysis.advice import KEY, advice_in
from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData, over_transfer
from ftdd.records.score import ScoreRow
from ftdd.records.status import State
from ftdd.records.study import SEEDS
from ftdd.results.report_charts import chart_data, script_json
from ftdd.results.report_design import Design, read_design
from ftdd.results.report_findings import grouped, shown_findings
from ftdd.results.samples import read_samples
from ftdd.results.summary import summarize
from ftdd.study.files import write_text
from ftdd.values import flat
from ftdd.wording import (
    NOTHING,
    column_name,
    error,
    format_settings,
    format_value,
    mean_and_deviation,
    short,
    whole,
)

TEMPLATE = Path(__file__).with_name("report.html.jinja")
STYLE, SCRIPT = TEMPLATE.with_name("report.css"), TEMPLATE.with_name("report.js")

FIGURES = ("freezingwise", "epochwise")
"""Stems of the figures that stand first; others follow by name. The page draws these two itself where it can."""


@dataclass(frozen=True)
class Scores:
    """Every scheme's score of every pair and source."""

    places: tuple[str, ...]
    """Pairs and sources: by what the pairs differ in, or by the source's id."""
    source_test_errors: tuple[float | None, ...]
    values: dict[str, list[float | None]]
    """By scheme, in the order of the places."""


@dataclass(frozen=True)
class Cost:
    """Seconds of training and evaluation of one role's runs."""

    role: str
    runs: int
    """That have spent any."""
    seconds: float
    longest: float


@dataclass(frozen=True)
class Machine:
    """One kind of machine that runs were carried out on."""

    words: str
    versions: str
    runs: int


def write_report(study: StudyData, folder: Path, findings: Sequence[Finding], path: Path | None = None) -> Path:
    """Write the page of a study, with the figures that its folder has, and give its path.

    folder: the study's, which has its recipe, figures and sample images.   path: where to; `report.html` of the folder
    where it is left out. Works on half-finished and partly failed studies, and says so.
    """
    runs = _records(study)
    design = read_design(study)
    advice = advice_in(findings)
    shown = shown_findings([finding for finding in findings if finding.key != KEY])
    charts = chart_data(over_transfer(study))
    script = SCRIPT.read_text(encoding="utf-8")
    page = _environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    html = page.render(
        study=study.record,
        states=Counter(study.runs["state"]),
        figures=_figures(folder),
        findings=shown,
        groups=grouped(shown),
        answers=Counter(one.finding.answer for one in shown),
        advice=advice,
        charts=charts,
        data=Markup(script_json({"charts": charts, "networks": _frozen_ways(design)})),  # escaped for a script element
        design=design,
        samples=read_samples(folder),
        rows=summarize(study),
        runs=runs,
        failed=[run for run in runs if run["state"] == str(State.FAILED)],
        left_out=[run for run in runs if run["state"] in (str(State.DAMAGED), str(State.CHANGED))],
        scores=_scores(study.scores),
        recipe=(folder / "recipe.yaml").read_text(encoding="utf-8"),
        seeds=_seeds(study),
        machines=_machines(study),
        costs=_costs(study.runs),
        by_depth=_seconds_by_depth(study),
        caches=_caches(study.runs),
        span=_span(study),
        style=Markup(STYLE.read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    path = path or folder / "report.html"
    write_text(path, html)
    return path


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["error"] = error
    environment.filters["score"] = lambda value: NOTHING if value is None else f"{value:.4g}"
    environment.filters["effect"] = lambda value: f"{value:.3g}".replace("-", "−")
    environment.filters["spread"] = lambda value: mean_and_deviation(value.mean, value.deviation)
    environment.filters["count"] = whole
    environment.filters["percent"] = lambda value: f"{value:.1%}"
    environment.filters["seconds"] = _seconds
    environment.filters["short"] = short
    environment.filters["shown"] = format_value
    environment.filters["prose"] = _prose
    environment.filters["plain"] = column_name
    environment.filters["settings"] = format_settings
    environment.filters["quoted"] = quote
    return environment


def _prose(text: str) -> Markup:
    """Text as it is, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # escaped first


def _seconds(value: float) -> str:
    """Seconds for a reader; longer times also in minutes or hours."""
    text = f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"
    if value >= 7200:
        return f"{text} ({value / 3600:,.1f} hours)"
    return f"{text} ({value / 60:,.0f} minutes)" if value >= 120 else text


def _figures(folder: Path) -> list[tuple[str, Markup]]:
    """Figures as SVG to stand inside the page; each with ids of its own, since a page is one document."""
    paths = sorted((folder / "figures").glob("*.svg"))
    known = [path for stem in FIGURES for path in paths if path.stem == stem]
    found = []
    for path in [*known, *(path for path in paths if path not in known)]:
        svg = path.read_text(encoding="utf-8", errors="replace")
        if "<svg" not in svg:  # not of our drawing
            continue
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{path.stem}-", svg)
        svg = svg.replace("<svg", f'<svg role="img" aria-label="{path.stem}"', 1)
        found.append((path.stem, Markup(svg)))  # drawn by us: matplotlib has escaped what it was given
    return found


def _frozen_ways(design: Design) -> list[list[dict[str, Any]]]:
    """For each network, every way in which it was frozen, as the page's slider shows it."""
    return [
        [
            {
                "frozen": "".join("1" if frozen else "0" for frozen in variant.frozen),
                "count": variant.count,
                "parameters": round(variant.share_of_parameters, 6),
                "flops": round(variant.share_of_flops, 6),
                "run": variant.run_id,
                "runs": variant.runs,
                "phases": list(variant.phases),
                "hashes": [[before[:10], after[:10]] for before, after in variant.hashes],
            }
            for variant in network.variants
        ]
        for network in design.networks
    ]


def _records(study: StudyData) -> list[dict[str, Any]]:
    table = study.runs
    columns = ["id", "role", "state", *study.swept, "frozen_layers", "trainable_parameters", "epoch"]
    columns += ["interpolation_epoch", "best_test_error", "peak_test_error", "final_test_error"]
    columns += ["final_train_error", "seconds", "error"]
    if table["freezing_changes"].fillna(0).gt(0).any():  # what is frozen and trained is then only that of the beginning
        columns.insert(columns.index("trainable_parameters") + 1, "freezing_changes")
    cells = table[columns].astype(object).where(table[columns].notna(), None)
    return [dict(zip(columns, row, strict=True)) for row in cells.itertuples(index=False)]


def _scores(rows: Sequence[ScoreRow]) -> Scores | None:
    """The scores that the study has; None where there is none."""
    places = {(json.dumps(row.pair, sort_keys=True), row.source_id): row for row in rows}
    if not places:
        return None
    leaves = [flat(row.pair) for row in places.values()]
    paths = dict.fromkeys(path for one in leaves for path in one)
    differing = [path for path in paths if len({str(one.get(path)) for one in leaves}) > 1]
    words = [", ".join(f"{column_name(path)} {format_value(one.get(path))}" for path in differing) for one in leaves]
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


def _seeds(study: StudyData) -> tuple[tuple[str, str], ...]:
    """Each kind of seed with its values in the target runs."""
    targets = study.targets
    there = [path for path in dict.fromkeys((*SEEDS, *study.swept)) if path in SEEDS and path in targets]
    values = {path: list(dict.fromkeys(format_value(value) for value in targets[path].dropna())) for path in there}
    return tuple((path, ", ".join(found)) for path, found in values.items() if found)


def _machines(study: StudyData) -> tuple[Machine, ...]:
    """Each kind of machine that a run was carried out on, with how many."""
    found: Counter[tuple[str, str]] = Counter()
    for run in study.each:
        facts = run.status.facts
        if "versions" in facts:
            threads = f"{facts['threads']} thread{'s' if facts['threads'] > 1 else ''}"
            words = f"{facts['host']}: {facts['device']} ({facts['device_name']}, {facts['cpu_capability']}), {threads}"
            found[words, ", ".join(f"{package} {version}" for package, version in facts["versions"].items())] += 1
    return tuple(Machine(words, versions, runs) for (words, versions), runs in found.items())


def _costs(table: pd.DataFrame) -> tuple[Cost, ...]:
    spent = table[table["seconds"] > 0]
    return tuple(
        Cost(role, len(seconds), float(seconds.sum()), float(seconds.max()))
        for role in ("source", "target")
        if len(seconds := spent["seconds"][spent["role"] == role])
    )


def _seconds_by_depth(study: StudyData) -> tuple[tuple[int, float, float], ...]:
    """Mean seconds of target runs for each number of frozen layers, and their share of the largest of these."""
    means = study.done.groupby("frozen_layers")["seconds"].mean()
    if len(means) < 2:
        return ()
    seconds = [float(mean) for mean in means]
    return tuple(
        (int(depth), mean, mean / max(seconds)) for depth, mean in zip(means.index.to_list(), seconds, strict=True)
    )


CACHES = {
    "memory": "computed it once and kept it in memory",
    "file": "computed it once and kept it in a file",
    "recomputed": "computed it anew each time",
    "none": "had none to keep",
}


def _caches(table: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """What target runs did with the frozen prefix's outputs, and how many did."""
    places = Counter(table["cache"][table["role"].eq("target")].dropna())
    return tuple((words, places[place]) for place, words in CACHES.items() if places[place])


def _span(study: StudyData) -> tuple[str, ...]:
    """The days between which runs were carried out."""
    times = [moment for run in study.each for moment in (run.status.started, run.status.updated) if moment > 0]
    return _days(times) if times else ()


def _days(times: Sequence[float]) -> tuple[str, ...]:
    ends = (min(times), max(times))
    return tuple(dict.fromkeys(f"{datetime.fromtimestamp(end, timezone.utc):%Y-%m-%d}" for end in ends))
