"""The epoch-wise figure: test and train error over the epochs of target training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.layout import PanelAxes, finish, frame
from ftdd.results.figures.panels import Band, Line, Split, band, split, thinned
from ftdd.results.figures.style import OKABE_ITO, colours
from ftdd.results.summary import interpolation_epoch
from ftdd.wording import column_name, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_EPOCHS = 300
"""Evaluations of one curve, evenly on the log axis."""


def epochwise(study: StudyData) -> Figure:
    """One panel for each combination of the other settings, one line for each value of the one chosen.

    Lines are told apart by the number of frozen layers where it varies, else by the first other setting. A dot on
    a line stands at the median interpolation epoch, where at least half of its runs interpolate.
    """
    depths = study.done["depth"].nunique() > 1
    line_by = "depth" if depths else (study.groups[0] if study.groups else "")
    parts = split(study, line_by, [group for group in study.groups if group != line_by])
    shades = dict(zip(parts.labels, colours(len(parts.labels)), strict=True))
    if study.curves["epoch"].nunique() > MOST_EPOCHS:
        parts = parts.noting(f"curves have at most {MOST_EPOCHS} of their evaluations")
    figure, panels = frame(study, parts, "epochs of target training")
    for axes, part in zip(panels, parts.panels, strict=True):
        for line in part.lines:
            _draw(axes, line, shades[line.label], crowded=len(part.lines) > len(OKABE_ITO))
    epoch_axis(panels[0].train, float(study.curves["epoch"].max()))
    handles = _handles(study, parts, list(shades.values()))
    return finish(
        figure,
        panels,
        handles,
        (study.depth.words if depths else column_name(line_by)) if len(parts.labels) > 1 else "",
    )


def epoch_axis(ax: "Axes", last: float) -> None:
    """A log axis on which epoch 0 has a position: linear up to 1."""
    last = max(last, 1)
    decades = [10**i for i in range(int(np.log10(last)) + 1)]
    ax.set_xscale("symlog", linthresh=1, linscale=0.35)
    ax.xaxis.set_major_locator(FixedLocator([0, *decades]))
    ax.xaxis.set_minor_locator(FixedLocator([i * decade for decade in decades for i in range(2, 10)]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: short(epoch)))
    ax.set_xlim(0, last * 1.08)


def height_at(over: Band, epoch: float) -> float:
    """The height of a drawn line at an epoch, also between two evaluations: straight on the log axis."""
    return float(np.interp(np.log(max(epoch, 1)), np.log(np.maximum(over.x, 1)), over.mean))


def _draw(axes: PanelAxes, line: Line, colour: str, crowded: bool) -> None:
    faint = 0.07 if crowded else 0.15
    for ax, column, width in ((axes.test, "test_error", 1.5), (axes.train, "train_error", 1.1)):
        over = band(line.curves, "epoch", column)
        kept = thinned([int(epoch) for epoch in over.x], MOST_EPOCHS)
        over = Band(over.x[kept], over.mean[kept], over.low[kept], over.high[kept])
        ax.plot(over.x, over.mean, color=colour, linewidth=width, zorder=3)
        ax.fill_between(over.x, over.low, over.high, color=colour, alpha=faint, linewidth=0, zorder=1)
        epoch = interpolation_epoch(line.runs)
        if ax is axes.test and epoch is not None:
            ax.add_line(_dot(epoch, height_at(over, epoch), colour))


def _dot(x: float, y: float, colour: str) -> Line2D:
    return Line2D([x], [y], color=colour, linestyle="", marker="o", markersize=5, markeredgecolor="white", zorder=4)


def _handles(study: StudyData, parts: Split, shades: Sequence[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=shade, label=label)
        for label, shade in zip(parts.labels, shades, strict=True)
        if len(parts.labels) > 1
    ]
    lines = [line for part in parts.panels for line in part.lines]
    if any(interpolation_epoch(line.runs) is not None for line in lines):
        dot = _dot(0, 0, "#333333")
        dot.set_label(f"interpolates:\n{interpolated_words(study.eps)}")
        handles.append(dot)
    return handles


def interpolated_words(eps: float) -> str:
    """What a run must reach to interpolate."""
    return f"train error ≤ {eps:g}" if eps else "train error 0"
