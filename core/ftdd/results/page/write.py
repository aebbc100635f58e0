"""The page of a study: one HTML file that opens from disk, with its figures, its data and its scripts inside."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from ftdd.analysis.advice import KEY, advice_in
from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData, over_transfer
from ftdd.records.status import State
from ftdd.records.study import SEEDS
from ftdd.results.figures.panels import evenly
from ftdd.results.page.charts import chart_data, script_json
from ftdd.results.page.cost import caches, costs, days, machines, seconds_by_depth
from ftdd.results.page.design import Design, read_design
from ftdd.results.page.findings import grouped, on_strip, scales
from ftdd.results.page.runs import MOST_ROWS, run_rows
from ftdd.results.page.samples import read_samples
from ftdd.results.page.similarity import score_table
from ftdd.results.summary import summarize
from ftdd.study.files import write_text
from ftdd.wording import (
    NOTHING,
    column_name,
    error,
    format_value,
    mean_and_deviation,
    p_value,
    short,
    whole,
)

FOLDER = Path(__file__).parent
SCRIPTS = (
    *("elements", "scales", "colours", "plot", "chart", "end_chart", "epoch_chart"),
    *("tables", "findings", "frozen_layers", "copying", "sections"),
)
"""The page's own, in the order in which they stand on it: each uses what those before it define."""

FIGURES = ("freezingwise", "epochwise")
"""Stems of the figures that stand first; others follow by name. The page's charts replace these two on a screen."""

MOST_IDS = 30
"""Of the runs behind a finding; findings.json has all."""


def write_report(study: StudyData, folder: Path, findings: Sequence[Finding], path: Path | None = None) -> Path:
    """Write the page of a study, with the figures that its folder has, and give its path.

    folder: the study's, which has its recipe, figures and sample images.   path: where to; `report.html` of the folder
    where it is left out. Works on half-finished and partly failed studies, and says so. Of a large study, it has some
    of the runs, and says which.
    """
    design = read_design(study)
    shown = [finding for finding in findings if finding.key != KEY]
    charts = chart_data(over_transfer(study))
    scripts = [_text(f"scripts/{name}.js") for name in SCRIPTS]
    runs, rows = study.runs, summarize(study)
    page = _environment().from_string(_text("page.html.jinja"))
    html = page.render(
        study=study.record,
        states=Counter(runs["state"]),
        total=len(runs),
        figures=_figures(folder),
        findings=shown,
        groups=grouped(shown),
        scales=scales(shown),
        most_ids=MOST_IDS,
        answers=Counter(finding.answer for finding in shown),
        advice=advice_in(findings),
        charts=charts,
        data=Markup(script_json({"charts": charts, "networks": _frozen_ways(design)})),  # escaped for a script element
        design=design,
        samples=read_samples(folder),
        rows=evenly(rows, MOST_ROWS),
        combinations=len(rows),
        runs=run_rows(study),
        problems=_problems(study),
        scores=score_table(study.scores),
        recipe=(folder / "recipe.yaml").read_text(encoding="utf-8"),
        seeds=_seeds(study),
        machines=machines(study),
        costs=costs(runs),
        by_depth=seconds_by_depth(study),
        caches=caches(runs),
        days=days(study),
        style=Markup(_text("page.css")),
        scripts=[Markup(script) for script in scripts],
        hashes=" ".join(map(_hash, scripts)),
    )
    path = path or folder / "report.html"
    write_text(path, html)
    return path


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """As a Content-Security-Policy names a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "count": whole,
        "effect": lambda value: f"{value:.3g}".replace("-", "−"),
        "error": error,
        "number": _number,
        "on_strip": on_strip,
        "p_value": p_value,
        "percent": lambda value: f"{value:.1%}",
        "plain": column_name,
        "prose": _prose,
        "quoted": quote,
        "seconds": _seconds,
        "short": short,
        "shown": format_value,
        "spread": lambda value: mean_and_deviation(value.mean, value.deviation),
    }
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


def _number(value: object) -> str:
    """What a finding says in numbers: a number, or several, also by name."""
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_number, value))
    if isinstance(value, dict):
        return ", ".join(f"{column_name(str(key))} {_number(one)}" for key, one in value.items())
    return format_value(value)


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
                "words": variant.words(network),
                "count": variant.count,
                "hashes": [[before[:10], after[:10]] for before, after in variant.hashes],
            }
            for variant in network.variants
        ]
        for network in design.networks
    ]


def _problems(study: StudyData) -> list[tuple[str, str, str]]:
    """Id, role and reason of each run that failed, or that is left out."""
    odd = study.runs[study.runs["state"].isin([str(state) for state in (State.FAILED, State.DAMAGED, State.CHANGED)])]
    ordered = odd.sort_values("state", key=lambda states: states.ne(str(State.FAILED)), kind="stable")
    return list(ordered[["id", "role", "error"]].fillna("").itertuples(index=False, name=None))


def _seeds(study: StudyData) -> tuple[tuple[str, str], ...]:
    """Each kind of seed with its values in the target runs; of many, the first and the last."""
    targets = study.targets
    there = [path for path in dict.fromkeys((*SEEDS, *study.swept)) if path in SEEDS and path in targets]
    values = {path: list(dict.fromkeys(format_value(value) for value in targets[path].dropna())) for path in there}
    return tuple((path, _list(found)) for path, found in values.items() if found)


def _list(values: Sequence[str]) -> str:
    return ", ".join(values) if len(values) <= MOST_IDS else f"{len(values)} values, {values[0]} to {values[-1]}"
