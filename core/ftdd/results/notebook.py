"""A study as a notebook has it: its tables, and what it shows of itself."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape

from ftdd.analysis.finding import Answer, Finding
from ftdd.results import located
from ftdd.results.findings import findings_table, read_findings
from ftdd.results.summary import HEADINGS, Spread, SummaryRow, summarize
from ftdd.results.table import curves_table, runs_table
from ftdd.results.words import plain, shown
from ftdd.study.store import State, Store, StudyRecord

MOST_ROWS = 40
"""Of the summary that a notebook shows."""
MOST_STATEMENTS = 8
"""Of the findings that a notebook shows; one that was asked of several curves stands there once."""

# Notebooks are light or dark and do not say which, so that nothing here has a colour of its own: text and lines take
# that of the page around them, thinned out where they are to stand back. Styles stand in each element: a viewer that
# does not trust a notebook takes style sheets out.
RULE = "border-bottom:1px solid rgba(128,128,128,.35)"
SOFT = "opacity:.75"
CELL = "padding:.15em .8em .15em 0;text-align:right;white-space:nowrap;background:none;color:inherit;border:0"
BADGE = (
    "display:inline-block;padding:0 .55em;border-radius:1em;border:1px solid rgba(128,128,128,.6);font-size:90%;"
    "white-space:nowrap"
)
ANSWERS: dict[Answer, str] = {"seen": "●", "not seen": "○", "cannot tell": "?"}
ORDER = tuple(ANSWERS)


@dataclass(frozen=True)
class Study:
    """A study's tables, each read from the run folders when it is first asked for.

    They stay as they were then; to see what a study at work has done since, open it again.
    """

    folder: Path
    """`<store>/studies/<name>`."""

    @property
    def name(self) -> str:
        """Its name, under which the commands know it."""
        return self.folder.name

    @property
    def title(self) -> str:
        """Its title."""
        return self._record.title

    @property
    def question(self) -> str:
        """What it asks."""
        return self._record.question

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per run: id, role, state, swept settings, measured numbers, all other settings."""
        return runs_table(self._store, self.name)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row per evaluation."""
        return curves_table(self._store, self.name)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """A row per finding of findings.json, which `ftdd run` and `ftdd findings` write; no rows before."""
        return findings_table(self._found)

    def __repr__(self) -> str:
        return f"Study {self.name} ({self.folder}): {_counts(self.runs)}"

    def _repr_html_(self) -> str:
        """What a notebook shows: title, question, counts, findings, table over frozen layers, figure."""
        parts = [
            Markup('<div style="line-height:1.45;max-width:62em;color:inherit">'),
            _heading(self._record, _counts(self.runs)),
            _findings(self._found),
            _summary(summarize(self._store, self.name)),
            _figure(self.folder / "figures" / "freezingwise.svg"),
            Markup("</div>"),
        ]
        return str(Markup("").join(parts))

    @property
    def _store(self) -> Store:
        return Store(self.folder.parents[1])

    @property
    def _record(self) -> StudyRecord:
        return self._store.read_study(self.name)

    @cached_property
    def _found(self) -> tuple[Finding, ...]:
        return read_findings(self._store, self.name)


def open_study(path: str | Path, study: str | None = None) -> Study:
    """A study, from a store with the study's name, or from the study's own folder.

    Raises LookupError with a sentence where there is no such study.
    """
    store, name = located(path, study)
    return Study(store.study_folder(name))


def _counts(runs: pd.DataFrame) -> str:
    """How many runs there are in which state: `20 of 21 runs done, 1 failed`."""
    states = Counter(runs["state"])
    words = f"{states.pop(str(State.DONE), 0)} of {len(runs)} runs done"
    return ", ".join([words, *(f"{states[str(state)]} {state}" for state in State if states[str(state)])])


def _heading(study: StudyRecord, counts: str) -> Markup:
    return Markup(
        '<div style="font-size:125%;font-weight:600">{}</div><div style="{}">{}</div>'
        '<div style="margin:.2em 0 .6em;font-size:90%;{}">{}: {}</div>'
    ).format(study.title, SOFT, study.question, SOFT, study.name, counts)


def _findings(findings: Sequence[Finding]) -> Markup:
    """A line for each statement, those that were seen first, and how many others there are."""
    asked: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        asked.setdefault((finding.analysis, finding.statement), []).append(finding)
    ordered = sorted(asked.values(), key=lambda group: min(ORDER.index(one.answer) for one in group))
    lines = [_line(group) for group in ordered[:MOST_STATEMENTS]]
    if len(ordered) > MOST_STATEMENTS:
        lines.append(_note(f"and {len(ordered) - MOST_STATEMENTS} more statements, all in .findings"))
    return Markup('<div style="margin:.4em 0 .8em">{}</div>').format(Markup("").join(lines)) if lines else Markup("")


def _line(group: Sequence[Finding]) -> Markup:
    """A statement with its answer and what it rests on; with how often each answer was given where that is several."""
    answers = Counter(finding.answer for finding in group)
    badges = Markup(" ").join(
        Markup('<span style="{}">{} {}{}</span>').format(
            BADGE, ANSWERS[answer], f"{answers[answer]} × " if len(group) > 1 else "", answer
        )
        for answer in ORDER
        if answers[answer]
    )
    words = _of(group[0]) if len(group) == 1 else ""
    return Markup('<div style="margin:.2em 0">{} {}<span style="{}">{}</span></div>').format(
        badges, group[0].statement, SOFT, words
    )


def _of(finding: Finding) -> str:
    """What a finding is of, and how much: ` (seed 0): 0.05 [0.01, 0.09] test error, n = 5`."""
    settings = ", ".join(f"{plain(path)} {shown(value)}" for path, value in finding.settings.items())
    numbers = []
    if finding.effect is not None:
        ends = f" [{finding.interval[0]:.3g}, {finding.interval[1]:.3g}]" if finding.interval else ""
        numbers.append(f"{finding.effect:.3g}{ends} {finding.unit}".replace("-", "−"))
    if finding.n:
        numbers.append(f"n = {finding.n}")
    return (f" ({settings})" if settings else "") + (f": {', '.join(numbers)}" if numbers else "")


def _summary(rows: Sequence[SummaryRow]) -> Markup:
    """The table over frozen layers, one for each combination of the other settings."""
    if not rows:
        return Markup("")
    parts = []
    for settings, group in groupby(rows[:MOST_ROWS], key=lambda row: row.settings):
        words = ", ".join(f"{plain(path)} {shown(value)}" for path, value in settings.items())
        if words:
            parts.append(Markup('<div style="margin:.6em 0 .1em;font-weight:600">{}</div>').format(words))
        parts.append(
            Markup('<table style="border-collapse:collapse;font-variant-numeric:tabular-nums;margin:0">{}{}</table>')
            .format(_row(HEADINGS, heading=True), Markup("").join(_row(_cells(row)) for row in group))
        )  # fmt: skip
    if len(rows) > MOST_ROWS:
        parts.append(_note(f"{MOST_ROWS} of {len(rows)} rows; all runs are in .runs"))
    if any(row.final.deviation is not None for row in rows):
        parts.append(_note("mean ± standard deviation over seeds; best and peak look at the test set"))
    return Markup("").join(parts)


def _row(cells: Sequence[str], heading: bool = False) -> Markup:
    if heading:
        style = f"{CELL.replace('nowrap', 'pre')};font-weight:600;vertical-align:bottom;{RULE}"
        head = Markup("").join(Markup('<th style="{}">{}</th>').format(style, cell) for cell in cells)
        return Markup('<tr style="background:none">{}</tr>').format(head)
    body = Markup("").join(Markup('<td style="{}">{}</td>').format(CELL, cell) for cell in cells)
    return Markup('<tr style="background:none">{}</tr>').format(body)


def _cells(row: SummaryRow) -> tuple[str, ...]:
    epoch = "–" if row.interpolation_epoch is None else f"{row.interpolation_epoch:g}"
    if 0 < row.interpolated < row.runs:
        epoch += f" ({row.interpolated} of {row.runs})"
    return (
        "–" if row.frozen_layers is None else str(row.frozen_layers),
        "–" if row.trainable_parameters is None else f"{row.trainable_parameters:,}",
        _spread(row.final),
        _spread(row.best),
        _spread(row.peak),
        _spread(Spread(row.final_train.mean, None)),
        epoch,
        f"{row.runs}" if row.runs == row.of else f"{row.runs} of {row.of}",
    )


def _spread(value: Spread) -> str:
    if value.mean is None:
        return "–"
    return f"{value.mean:.3f}" if value.deviation is None else f"{value.mean:.3f} ± {value.deviation:.3f}"


def _figure(path: Path) -> Markup:
    """The figure as an image: as an element of the page, its ids would clash with those of another study's."""
    if not path.exists():
        return Markup("")
    content = base64.b64encode(path.read_bytes()).decode()
    # it is drawn on white, so that in a dark notebook it is a sheet of paper
    return Markup(
        '<img alt="errors over frozen layers" src="data:image/svg+xml;base64,{}" '
        'style="display:block;max-width:100%;margin:.8em 0 0;background:#fff;border-radius:6px">'
    ).format(content)


def _note(text: str) -> Markup:
    return Markup('<div style="font-size:85%;{}">{}</div>').format(SOFT, escape(text))
