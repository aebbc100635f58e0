"""The freezing-wise figure: errors after training over the number of frozen layers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.epochwise import interpolated_words
from ftdd.results.figures.layout import PANEL_WIDTH, PanelAxes, finish, frame
from ftdd.results.figures.panels import band, evenly_in_each, split
from ftdd.results.figures.style import OKABE_ITO
from ftdd.wording import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADE = "#f1ecdf"
THEORY = "#222222"
NARROW = 1.9
"""Inches of a panel with a single depth."""
MOST_MARKERS = 25
"""Depths more than this are a line without markers."""
MOST_DOTS = 2_000
"""Single runs, over all panels and errors."""


@dataclass(frozen=True)
class ErrorLine:
    """A column of the runs' table and how it is drawn."""

    column: str
    words: str
    axis: Literal["test", "train"]
    colour: str
    marker: str
    width: float


@dataclass(frozen=True)
class DepthAxis:
    """What stands on the horizontal axis: a column of the runs' table that says how much is frozen or trained."""

    column: str
    words: str
    log: bool = False


AXES = {
    axis.column: axis
    for axis in (
        DepthAxis("frozen_layers", "frozen layers"),
        DepthAxis("trainable_parameters", "trainable parameters", log=True),
        DepthAxis("trainable_share_of_parameters", "trainable share of parameters"),
        DepthAxis("trainable_share_of_forward_flops", "trainable share of forward FLOPs"),
    )
}

LineStyle = Literal["-", "--", ":", "-."]

CONTROLS: dict[str, tuple[str, LineStyle, str]] = {
    "selffer": ("#6a51a3", "--", "D"),
    "random": ("#555555", ":", "v"),
    "scratch": ("#999999", "-.", ""),
}
"""Colour, line and marker of each control, where it stands beside the transfer that it controls."""

MEASURES = (
    ErrorLine("final_test_error", "test error, final", "test", OKABE_ITO[1], "s", 1.8),
    ErrorLine("best_test_error", "test error, best epoch", "test", OKABE_ITO[2], "o", 1.0),
    ErrorLine("final_train_error", "train error, final", "train", OKABE_ITO[0], "^", 1.2),
)


def freezingwise(study: StudyData, x: str = "frozen_layers") -> Figure:
    """One panel for each combination of the other settings: final and best test error, and final train error.

    x: one of AXES. Shaded: where training interpolates, by `interpolating_depths`. Controls of a study stand in the
    panels of the transfer that they control, with their final test errors; from scratch nothing is frozen, so its error
    is a level.
    """
    axis = AXES[x]
    controlled = "control" in study.groups and "transfer" in set(study.done["control"])
    groups = [group for group in study.groups if not (controlled and group == "control")]
    parts = split(study, "control" if controlled else "", groups)
    if x == "frozen_layers":
        axis = DepthAxis("depth", study.depth.words)
    several = study.done[axis.column].nunique() > 1
    shown = [{line.label: line.runs for line in panel.lines} for panel in parts.panels]
    mains = [
        lines.pop("transfer") if controlled and "transfer" in lines else panel.lines[0].runs
        for lines, panel in zip(shown, parts.panels, strict=True)
    ]
    dots = MOST_DOTS // (len(MEASURES) * len(mains))
    if max(map(len, mains)) > dots:
        parts = parts.noting("dots: some of the runs, evenly chosen; mean and range are over all")
    figure, panels = frame(study, parts, axis.words, PANEL_WIDTH if several else NARROW)
    squared_scale(panels, study.done)
    shaded, drawn = False, dict.fromkeys(CONTROLS, False)
    for axes, lines, main in zip(panels, shown, mains, strict=True):
        _scale(axes, study.done, axis)
        shaded |= _panel(axes, main, axis, dots)
        for label, runs in lines.items():
            if controlled:
                _control(axes.test, runs, label, axis)
                drawn[label] = True
    controls = [label for label, there in drawn.items() if there]
    theory = bool(study.done["expected_test_error"].notna().any())
    return finish(figure, panels, _handles(study.eps, shaded, controls, theory))


def depth_axis(ax: "Axes", column: "pd.Series[Any]") -> None:
    """Range and ticks for these numbers of layers."""
    depths = sorted({int(depth) for depth in column})
    ax.set_xlim(depths[0] - 0.5, depths[-1] + 0.5)
    ax.set_xticks(spaced(depths, most=12))


def squared_scale(panels: Sequence[PanelAxes], runs: pd.DataFrame) -> None:
    """A log axis where errors are no fractions: squared ones have peaks a hundred times as high as what is beside."""
    if float(runs["final_test_error"].max()) > 1:
        for axes in panels:
            axes.test.set_yscale("log")
            axes.test.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{error:g}"))
            axes.test.yaxis.set_minor_formatter(NullFormatter())
        panels[0].test.set_ylabel("squared test error")
        panels[0].train.set_ylabel("squared\ntrain error")


def draw_theory(ax: "Axes", runs: pd.DataFrame, at: str, colour: str = THEORY) -> None:
    """What theory expects, with a gap where that is infinite."""
    if runs["expected_test_error"].notna().any():
        means = runs.groupby(at)["expected_test_error"].mean()
        ax.plot(means.index, means, color=colour, linestyle=(0, (4, 2)), linewidth=1.3, zorder=5)


def interpolating_depths(runs: pd.DataFrame) -> tuple[int, ...]:
    """The numbers of frozen layers at which every run interpolates: its train error is at or below eps at some epoch.

    At some epoch, not at the last: with label noise and a constant learning rate the train error of an interpolating
    network comes off zero again for single evaluations.
    """
    every = runs["interpolation_epoch"].notna().groupby(runs["depth"].astype(int)).all()
    return tuple(int(depth) for depth in every.index[every])


def edges(
    measured: Sequence[float], warp: Callable[[float], float] = float, back: Callable[[float], float] = float
) -> list[float]:
    """Where the stretch of the axis that belongs to each measured position begins and ends, one more than positions.

    measured: rising.   warp: from a value to its position on the axis; linear by default.   back: its inverse.
    Each position has the axis half-way to its neighbours, the first and last as far beyond as the next is near, at
    most half a layer.
    """
    given = [warp(value) for value in measured]
    halves = [(b - a) / 2 for a, b in pairwise(given)] or [0.5]
    between = [(a + b) / 2 for a, b in pairwise(given)]
    return [back(edge) for edge in (given[0] - min(halves[0], 0.5), *between, given[-1] + min(halves[-1], 0.5))]


def spans(measured: Sequence[float], chosen: Sequence[float], log: bool = False) -> list[tuple[float, float]]:
    """The stretches of the axis, by `edges`, that belong to the chosen ones of the measured positions, which rise."""
    ends = edges(measured, math.log, math.exp) if log else edges(measured)
    found: list[tuple[float, float]] = []
    for value, low, high in zip(measured, ends, ends[1:], strict=False):
        if value in chosen and found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        elif value in chosen:
            found.append((low, high))
    return found


def spaced(positions: Sequence[int], most: int) -> list[int]:
    """The positions that have room for a label where `most` fit side by side: the first and the last in any case."""
    first, last = positions[0], positions[-1]
    apart = (last - first) / most
    kept = [first]
    for position in positions[1:]:
        if position - kept[-1] >= apart and (position == last or last - position >= apart):
            kept.append(position)
    return kept


def _panel(axes: PanelAxes, runs: pd.DataFrame, axis: DepthAxis, dots: int) -> bool:
    """Draw the transfer; whether any of it interpolates."""
    depths = interpolating_depths(runs)
    at = runs.groupby(runs["depth"].astype(int))[axis.column].mean().astype(float)
    chosen = sorted(at[list(depths)])
    stretches = spans(sorted(set(at)), chosen, axis.log)
    for ax in (axes.test, axes.train):
        for low, high in stretches:
            ax.axvspan(low, high, color=SHADE, linewidth=0, zorder=0)
        ax.grid(axis="x", visible=False)
    positioned = runs.assign(at=runs["depth"].astype(int).map(at))
    for measure in MEASURES:
        _draw(axes.test if measure.axis == "test" else axes.train, positioned, measure, dots)
    draw_theory(axes.test, positioned, "at")
    _axis_above(axes.test, runs, at, axis)
    return bool(stretches)


def _control(ax: "Axes", runs: pd.DataFrame, label: str, axis: DepthAxis) -> None:
    """The final test error of a control, with its range over seeds."""
    colour, line, marker = CONTROLS.get(label, ("#777777", "--", "x"))
    if label == "scratch":
        errors = runs["final_test_error"].astype(float)
        ax.axhline(float(errors.mean()), color=colour, linestyle=line, linewidth=1.2, zorder=2)
        if len(errors) > 1:
            ax.axhspan(float(errors.min()), float(errors.max()), color=colour, alpha=0.12, linewidth=0, zorder=1)
        return
    at = runs.groupby(runs["depth"].astype(int))[axis.column].mean().astype(float)
    over = band(runs.assign(at=runs["depth"].astype(int).map(at)), "at", "final_test_error")
    ax.fill_between(over.x, over.low, over.high, color=colour, alpha=0.12, linewidth=0, zorder=1)
    ax.plot(over.x, over.mean, color=colour, linestyle=line, linewidth=1.2, marker=marker, markersize=3.2, zorder=2)


def _scale(axes: PanelAxes, runs: pd.DataFrame, axis: DepthAxis) -> None:
    """Range and ticks of the horizontal axis."""
    ax = axes.train
    if axis.column == "depth":
        depth_axis(ax, runs["depth"])
    elif axis.log:
        axes.test.set_xscale("log")
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda count, _: short(count)))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _draw(ax: "Axes", runs: pd.DataFrame, measure: ErrorLine, dots: int) -> None:
    over = band(runs, "at", measure.column)
    if len(runs) > len(over.x):
        if len(over.x) <= MOST_MARKERS:
            ax.vlines(over.x, over.low, over.high, color=measure.colour, alpha=0.5, linewidth=0.8, zorder=2)
        ax.fill_between(over.x, over.low, over.high, color=measure.colour, alpha=0.15, linewidth=0, zorder=1)
        single = evenly_in_each(runs, "at", dots)
        ax.scatter(single["at"], single[measure.column], s=5, color=measure.colour, alpha=0.6, linewidths=0, zorder=2)
    ax.plot(
        over.x,
        over.mean,
        color=measure.colour,
        linewidth=measure.width,
        marker=measure.marker if len(over.x) <= MOST_MARKERS else "",
        markersize=3.8,
        zorder=3,
    )


def _axis_above(ax: "Axes", runs: pd.DataFrame, at: "pd.Series[float]", axis: DepthAxis) -> None:
    """A second axis above, at the same positions: trainable parameters over frozen layers, and the other way round."""
    counts = runs.groupby(runs["depth"].astype(int))["trainable_parameters"].first()
    layers = axis.column == "depth"
    depths = [int(depth) for depth in at.index]
    above = ax.secondary_xaxis("top")
    if layers:
        shown = spaced(depths, most=6)
    else:
        position = {depth: math.log(at[depth]) if axis.log else at[depth] for depth in depths}
        shown = _apart(depths, position, most=9)
    labels = [short(float(counts[depth])) if layers else str(depth) for depth in shown]
    above.set_xticks([float(at[depth]) for depth in shown], labels, fontsize=7)
    above.xaxis.set_minor_locator(NullLocator())
    above.set_xlabel("trainable parameters" if layers else "frozen layers", fontsize=7.5)
    above.spines["top"].set_visible(True)


def _apart(depths: Sequence[int], position: dict[int, float], most: int) -> list[int]:
    """The depths that have room for a label, where `most` fit side by side; the last first, then the rest."""
    room = (max(position.values()) - min(position.values())) / most
    kept: list[int] = []
    for depth in sorted(depths, reverse=True):
        if all(abs(position[depth] - position[other]) >= room for other in kept):
            kept.append(depth)
    return kept


def _handles(eps: float, shaded: bool, controls: Sequence[str], theory: bool) -> list[Artist]:
    handles: list[Artist] = [
        Line2D(
            [],
            [],
            color=measure.colour,
            marker=measure.marker,
            markersize=4,
            linewidth=measure.width,
            label=measure.words,
        )
        for measure in MEASURES
    ]
    for label in controls:
        colour, line, marker = CONTROLS[label]
        words = f"control {label}, final"
        handles.append(
            Line2D([], [], color=colour, linestyle=line, marker=marker, markersize=3.5, linewidth=1.2, label=words)
        )
    if theory:
        handles.append(Line2D([], [], color=THEORY, linestyle=(0, (4, 2)), linewidth=1.3, label="expected by theory"))
    if shaded:
        handles.append(Patch(color=SHADE, label=f"interpolates:\neach run reaches\n{interpolated_words(eps)}"))
    return handles
