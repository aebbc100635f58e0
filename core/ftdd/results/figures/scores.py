"""The scores figure: final test error over the measured similarity of source and target, a panel for each scheme."""

import math
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.layout import broken
from ftdd.results.figures.panels import band, evenly
from ftdd.results.figures.style import colours

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PREFIX = "similarity."
COLUMNS, MOST_DEPTHS = 4, 6
WIDTH, HEIGHT, LEGEND = 2.3, 2.1, 1.3
"""Inches of a panel, and of the legend."""


def scored(study: StudyData) -> tuple[str, ...]:
    """The schemes that tell this study's sources apart: those with two scores or more."""
    columns = [str(column) for column in study.done.columns if str(column).startswith(PREFIX)]
    return tuple(column for column in columns if study.done[column].nunique() > 1)


def scores(study: StudyData) -> Figure:
    """One panel for each scheme, one line for each of some numbers of frozen layers; larger scores are more similar.

    A point is the mean over the runs of one source and depth, its bar their range; lines join sources in the order of
    their scores. Raises ValueError where no scheme tells two sources apart.
    """
    schemes = scored(study)
    if not schemes:
        raise ValueError("no scheme of this study tells two sources apart")
    depths = evenly(sorted(int(depth) for depth in study.done["depth"].unique()), MOST_DEPTHS)
    shades = dict(zip(depths, colours(len(depths)), strict=True))
    columns = min(len(schemes), COLUMNS)
    rows = math.ceil(len(schemes) / columns)
    figure = Figure(figsize=(columns * WIDTH + LEGEND, rows * HEIGHT + 0.9), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for i, ax in enumerate(axes.flat):
        if i >= len(schemes):
            ax.remove()
            continue
        _panel(ax, study.done, schemes[i], shades)
        if i % columns == 0:
            ax.set_ylabel("final test error")
    handles = [Line2D([], [], color=shade, marker="o", markersize=3.5, label=str(d)) for d, shade in shades.items()]
    figure.legend(handles=handles, loc="outside right upper", title=study.depth.words, alignment="left")
    title = broken(study.record.title, "title", figure.get_figwidth() - LEGEND, lines=4)
    figure.suptitle(title, fontsize=10, weight="bold", x=0.01, ha="left")
    figure.supxlabel(
        "Larger scores: more similar. Points and bars: mean and range over runs of one source and depth.",
        fontsize=7,
        color="#444444",
        x=0.01,
        ha="left",
    )
    return figure


def _panel(ax: "Axes", runs: "pd.DataFrame", scheme: str, shades: dict[int, str]) -> None:
    for depth, shade in shades.items():
        part: Any = runs[runs["depth"].astype(int) == depth]
        over = band(part, scheme, "final_test_error")
        ax.vlines(over.x, over.low, over.high, color=shade, alpha=0.4, linewidth=0.9)
        ax.plot(over.x, over.mean, color=shade, marker="o", markersize=3.2, linewidth=1.1)
    ax.set_title(scheme.removeprefix(PREFIX), loc="left")
    ax.margins(x=0.12)
    ax.locator_params(axis="x", nbins=4)
