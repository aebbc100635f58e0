"""Studies laid over each other: which runs make which line, and how much lines differ where runs pair up by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ftdd.analysis.study_data import StudyData, over_transfer
from ftdd.components.plugins import nearest
from ftdd.records.study import SEEDS
from ftdd.results.figures.freezingwise import AXES
from ftdd.results.figures.panels import in_order
from ftdd.study.inputs import differences
from ftdd.values import Json
from ftdd.wording import column_name, format_value, labels_of

VALUES = {
    "final_test_error": "final test error",
    "best_test_error": "best test error",
    "peak_test_error": "peak test error",
    "interpolation_epoch": "interpolation epoch",
}
"""Columns of the runs' table that can be compared, in words."""

EPOCH = "epoch"
SEVERAL = 3
"""Names that a title has room for."""


class CannotCompare(LookupError):
    """A request that these studies do not allow, with a sentence that says why."""


@dataclass(frozen=True)
class LineOf:
    """One line of every panel: a study, or one value of a setting in it."""

    label: str
    study: int
    """Its index among the studies."""
    value: int
    """The index of its value among those of the setting that tells lines apart; 0 where there is none."""
    reference: str | None
    """The label of the line that it is measured against; None for that line itself, and where there is none."""


@dataclass(frozen=True)
class Overlay:
    """Runs of several studies in one table, and how they stand on one figure."""

    studies: tuple[str, ...]
    merged: StudyData
    """All target runs, each once; those that are done have the columns `line` (a label), `x` (where it stands on the
    figure) and `position` (where it stands in a table)."""
    lines: tuple[LineOf, ...]
    by: str
    """The column that tells the lines of one study apart; "" where none does."""
    over: str
    """A column of the runs' table, or `epoch`."""
    words: str
    """What stands on the horizontal axis."""
    value: str
    """One of VALUES."""
    panels: tuple[str, ...]
    """The columns that tell panels apart."""
    shared: int
    """Runs that a study before has too: they are counted there."""
    differing: Mapping[str, Mapping[str, str]]
    """Settings that are the same in all of a study and differ between studies: for each, its value by study."""
    other_inputs: Mapping[str, Sequence[str]]
    """For each study that has other images or weights under the names of the first study that has them: what differs.
    Its runs are its own, whatever their ids, and none of them is paired with one of another study."""

    @property
    def positions(self) -> str:
        """What the positions of a table are."""
        if self.over in AXES:
            return self.merged.depth.words
        return "epoch" if self.over == EPOCH else column_name(self.over)

    @property
    def measure(self) -> str:
        """What is compared, in words."""
        words = "test error" if self.over == EPOCH else VALUES[self.value]
        return f"squared {words}" if self.merged.regression and "error" in words else words


@dataclass(frozen=True)
class Difference:
    """How much larger a line is than another, over the runs that pair up by seed."""

    to: str
    mean: float
    error: float | None
    """Standard error of the mean; None for fewer than two pairs."""
    pairs: int


@dataclass(frozen=True)
class Cell:
    """One line at one position of one panel."""

    panel: tuple[str, ...]
    position: float
    x: float
    """Where it stands on the horizontal axis of the figure: the mean of its runs."""
    line: str
    mean: float | None
    """None where a run has no such number: it never interpolates, or never rises to a peak."""
    deviation: float | None
    """Sample standard deviation; None for fewer than two runs."""
    runs: int
    """That have the number."""
    of: int
    difference: Difference | None
    """To the line of reference; None for that line itself, and where no runs pair up."""


def names_of(folders: Sequence[Path]) -> tuple[str, ...]:
    """Names that tell studies apart, by their folders: with the store where two have the same."""
    names = [folder.name for folder in folders]
    labels = [
        name if names.count(name) == 1 else f"{name} ({folder.parents[1].name})"
        for name, folder in zip(names, folders, strict=True)
    ]
    return tuple(
        label if labels.count(label) == 1 else f"{folder.name} ({folder.parents[1]})"
        for label, folder in zip(labels, folders, strict=True)
    )


def overlay(
    studies: Mapping[str, StudyData], *, by: str = "", over: str = "frozen_layers", value: str = "final_test_error"
) -> Overlay | None:
    """Lay the target runs of studies over each other; None where no run of any is done.

    studies: by the name that each has in the comparison.
    by: a setting whose values make lines of their own; its dotted path, or the end of it (`similarity`).
    over: what stands on the horizontal axis: one of `freezingwise.AXES`, `epoch`, or a setting of numbers.
    value: one of VALUES; along epochs the test error of each evaluation is drawn.

    Raises CannotCompare for settings that the studies do not have, and for studies whose errors are of two kinds.
    """
    if len({study.regression for study in studies.values()}) > 1:
        raise CannotCompare("some of these studies are classification and some regression: no common scale of errors")
    labels, other_inputs = tuple(studies), _other_inputs(studies)
    read = [
        _renamed(one, label) if label in other_inputs else one
        for one, label in zip(_similar_depth(list(studies.values())), labels, strict=True)
    ]
    runs, shared = _once(read, labels)
    if not len(runs):
        return None
    settings = _settings(runs, read)
    by = _chosen("--by", by, runs, settings, ("frozen_layers",)) if by else ""
    over = over if over in (*AXES, EPOCH) else _chosen("--over", over, runs, settings, (*AXES, EPOCH))
    runs = _placed(runs, over)
    groups = dict.fromkeys(group for one in read for group in one.groups)
    panels = _panels(runs, tuple(groups), by, over)
    runs, lines = _with_lines(runs, labels, by)
    curves = pd.concat([one.curves for one in read]).drop_duplicates(["id", "epoch"])
    curves = curves[curves["id"].isin(runs["id"])]
    others = pd.concat([one.targets for one in read]).drop_duplicates("id")
    merged = replace(
        read[0],
        record=replace(read[0].record, title=_title(labels, read[0].record.title)),
        runs=pd.concat([runs, others[~others["id"].isin(runs["id"])]]),
        curves=curves.assign(x=curves["epoch"].astype(float)),
        groups=tuple(dict.fromkeys(group for group in ("line", *panels, "x") if group != "frozen_layers")),
    )
    return Overlay(
        labels,
        merged,
        lines,
        by,
        over,
        _words(over, read[0].depth.words),
        value,
        panels,
        shared,
        _differing(runs, labels, settings, by),
        other_inputs,
    )


def _other_inputs(studies: Mapping[str, StudyData]) -> dict[str, Sequence[str]]:
    seen: dict[str, Json] = {}
    found: dict[str, Sequence[str]] = {}
    first = next(iter(studies))
    for label, study in studies.items():
        if phrases := differences(seen, study.inputs, (f"in {first}", f"in {label}")):
            found[label] = phrases
        seen = {**study.inputs, **seen}
    return found


def _renamed(study: StudyData, label: str) -> StudyData:
    """The same with ids of its own: a run with other inputs is not the one that another study has under its id."""
    own = {"id": lambda rows: rows["id"] + f" of {label}"}
    return replace(study, runs=study.runs.assign(**own), curves=study.curves.assign(**own))


def cells(found: Overlay) -> tuple[Cell, ...]:
    """Every line at every position, panel by panel; along epochs at powers of ten and at the last."""
    points, value = (_at_epochs(found), "test_error") if found.over == EPOCH else (found.merged.done, found.value)
    seeds = _seeds(points, found.by, found.over)
    apart = {line.label for line in found.lines if found.studies[line.study] in found.other_inputs}
    result = []
    panels = points.groupby(list(found.panels), sort=False, dropna=False) if found.panels else [((), points)]
    for keys, panel in panels:
        settings = tuple(zip(found.panels, keys, strict=True))
        words = tuple(f"{column_name(column)} {format_value(key)}" for column, key in settings)
        for position, there in panel.groupby("position", sort=True):
            by_line = {line.label: there[there["line"] == line.label] for line in found.lines}
            for line in found.lines:
                rows = by_line[line.label]
                if len(rows):
                    against = by_line.get(line.reference or "") if line.label not in apart else None
                    result.append(_cell(words, float(str(position)), line, rows, against, value, seeds))
    return tuple(result)


def _similar_depth(read: Sequence[StudyData]) -> list[StudyData]:
    """Studies of how many layers to transfer count these, where all are such studies."""
    counted = [over_transfer(one) for one in read]
    return counted if len({one.depth for one in counted}) == 1 else list(read)


def _once(read: Sequence[StudyData], labels: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """The runs of all studies that are done, each with the first study that has it, and how many others have it too."""
    runs = pd.concat([one.done.assign(study=label) for one, label in zip(read, labels, strict=True)])
    once = runs.drop_duplicates("id").reset_index(drop=True)
    return once, len(runs) - len(once)


def _settings(runs: pd.DataFrame, studies: Sequence[StudyData]) -> tuple[str, ...]:
    """The columns that are settings: what is swept, and all that specs say."""
    columns = [str(column) for column in runs.columns]
    after = columns[columns.index("error") + 1 :]
    swept = [path for study in studies for path in study.swept if path in columns]
    ours = ("study", "transferred", "transferred_layers", "depth")
    return tuple(column for column in dict.fromkeys((*swept, *after)) if column not in ours)


def _chosen(option: str, given: str, runs: pd.DataFrame, settings: Sequence[str], others: Sequence[str]) -> str:
    """The column that is meant by a dotted path, or by its end. Raises CannotCompare."""
    if given in settings or given in others:
        return given
    ending = [path for path in settings if path.endswith(f".{given}")]
    varying = [path for path in ending if runs[path].astype(str).nunique() > 1]
    meant = varying if len(varying) == 1 else ending
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise CannotCompare(f"{option} {given}: which one of {', '.join(varying or ending)}?")
    ends = [path.rpartition(".")[2] for path in settings]
    names = dict.fromkeys((*others, *settings, *(end for end in ends if ends.count(end) == 1)))
    raise CannotCompare(f"{option}: no setting '{given}' in these studies; {nearest(given, tuple(names))}")


def _placed(runs: pd.DataFrame, over: str) -> pd.DataFrame:
    """With `x`, where a run stands on the figure, and `position`, where it stands in a table. Raises CannotCompare."""
    depth = runs["depth"].astype(float)
    if over == EPOCH:
        return runs.assign(x=0.0, position=0.0)
    x = depth if over == "frozen_layers" else pd.to_numeric(runs[over], errors="coerce").astype(float)
    if x.isna().any():
        odd = next(format_value(value) for value, number in zip(runs[over], x, strict=True) if pd.isna(number))
        raise CannotCompare(f"--over {over}: needs a number in every run, and there is '{odd}'; --by takes words too")
    return runs.assign(x=x, position=depth if over in AXES else x)


def _panels(runs: pd.DataFrame, groups: Sequence[str], by: str, over: str) -> tuple[str, ...]:
    """The settings that make panels: all that differ, but for those of lines and of the horizontal axis."""
    found = [group for group in groups if group not in (by, over) and _several(runs[group])]
    if over in AXES or by == "frozen_layers" or not _several(runs["frozen_layers"]):
        return tuple(found)
    # lines or positions may settle the number of frozen layers, as those of freezing.count do
    keys = ["study", *([by] if by else []), *([] if over == EPOCH else ["x"])]
    settled = bool((runs.groupby(keys, dropna=False)["frozen_layers"].nunique() == 1).all())
    return tuple(found) if settled else (*found, "frozen_layers")


def _several(column: "pd.Series[Any]") -> bool:
    return int(column.nunique(dropna=False)) > 1


def _with_lines(runs: pd.DataFrame, labels: Sequence[str], by: str) -> tuple[pd.DataFrame, tuple[LineOf, ...]]:
    """The runs in the order of their lines, with the label of each, and the lines."""
    values = in_order(list(runs[by].unique())) if by else [""]
    words = labels_of(values)
    studies = [label for label in labels if (runs["study"] == label).any()]
    lines: list[LineOf] = []
    parts: list[pd.DataFrame] = []
    for i, study in enumerate(studies):
        for j, value in enumerate(values):
            own = runs["study"] == study
            if by:
                own &= runs[by].isna() if pd.isna(value) else runs[by].eq(value).fillna(False).astype(bool)
            if own.any():
                label = ", ".join(([study] if len(labels) > 1 else []) + ([words[value]] if by else [])) or study
                lines.append(LineOf(label, i, j, None))
                parts.append(runs[own].assign(line=label))
    return pd.concat(parts), tuple(replace(line, reference=_reference(line, lines)) for line in lines)


def _reference(line: LineOf, lines: Sequence[LineOf]) -> str | None:
    """The first study's line of the same value, or its only line; within one study, its first line."""
    first = [other for other in lines if other.study == 0]
    if line.study == 0:
        alone = all(other.study == 0 for other in lines)
        return first[0].label if alone and line.label != first[0].label else None
    same = [other for other in first if other.value == line.value]
    meant = same or (first if len(first) == 1 else [])
    return meant[0].label if meant else None


def _title(labels: Sequence[str], title: str) -> str:
    """The study's own title; the names of several."""
    if len(labels) == 1:
        return title
    return ", ".join(labels[:SEVERAL]) + (f" and {len(labels) - SEVERAL} more" if len(labels) > SEVERAL else "")


def _words(over: str, depth: str) -> str:
    if over == EPOCH:
        return "epochs of target training"
    return depth if over == "frozen_layers" else AXES[over].words if over in AXES else column_name(over)


def _differing(
    runs: pd.DataFrame, labels: Sequence[str], settings: Sequence[str], by: str
) -> dict[str, dict[str, str]]:
    found = {}
    for path in settings:
        columns = {label: column for label in labels if len(column := runs.loc[runs["study"] == label, path])}
        if path not in (*SEEDS, by) and not any(_several(column) for column in columns.values()):
            words = {label: format_value(column.iloc[0]) for label, column in columns.items()}
            if len(set(words.values())) > 1:
                found[path] = words
    return found


def _at_epochs(found: Overlay) -> pd.DataFrame:
    """The evaluations at powers of ten and at the last epoch, of those at which every run was evaluated."""
    curves, runs = found.merged.curves, found.merged.done
    counts = curves.groupby("epoch")["id"].nunique()
    common = sorted(int(str(epoch)) for epoch in counts.index[counts == runs["id"].nunique()])
    if not common:
        return runs.iloc[:0]
    tens = [10**i for i in range(int(np.log10(max(common[-1], 1))) + 1)]
    chosen = {min(common, key=lambda epoch: abs(np.log(max(epoch, 0.5) / ten))) for ten in tens} | {common[-1]}
    columns = ["id", "line", "seed", *(["source.seed"] if "source.seed" in runs else []), *found.panels]
    points = curves.loc[curves["epoch"].isin(chosen), ["id", "epoch", "test_error"]]
    return points.merge(runs[list(dict.fromkeys(columns))], on="id").assign(position=lambda rows: rows["epoch"])


def _seeds(points: pd.DataFrame, by: str, over: str) -> list[str]:
    """The columns by which runs pair up: the target's seed, and the source's where it varies."""
    used = ["seed"] if "seed" in points else []
    if "source.seed" in points and points["source.seed"].dropna().nunique() > 1:
        used.append("source.seed")
    return [column for column in used if column not in (by, over)]


def _cell(
    panel: tuple[str, ...],
    position: float,
    line: LineOf,
    rows: pd.DataFrame,
    against: pd.DataFrame | None,
    value: str,
    seeds: Sequence[str],
) -> Cell:
    values = rows[value].dropna().astype(float)
    whole = len(values) == len(rows)
    difference = None
    if line.reference is not None and against is not None and seeds:
        pairs = rows.merge(against, on=list(seeds), suffixes=("", "_of_reference"))
        apart = (pairs[value].astype(float) - pairs[f"{value}_of_reference"].astype(float)).dropna()
        if len(apart):
            error = float(apart.std(ddof=1)) / len(apart) ** 0.5 if len(apart) > 1 else None
            difference = Difference(line.reference, float(apart.mean()), error, len(apart))
    return Cell(
        panel,
        position,
        float(rows["x"].mean()) if "x" in rows else position,
        line.label,
        float(values.mean()) if whole and len(values) else None,
        float(values.std(ddof=1)) if whole and len(values) > 1 else None,
        len(values),
        len(rows),
        difference,
    )
