"""The freezing-wise figure: errors after training over the number of frozen layers."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ftdd.results.layout import Place, finish, frame
from ftdd.results.series import Panel, Series, band, panels
from ftdd.results.style import MARKERS, colours, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADE = "#f1ecdf"
MEASURES = (
    ("best_test_error", "test error, best epoch", 1.0),
    ("final_test_error", "test error, final", 1.8),
    ("final_train_error", "train error, final", 1.2),
)
"""Column, words, width of its line."""


def freezingwise(series: Series) -> Figure:
    """One panel for each combination of the other settings: final and best test error, and final train error.

    Shaded: the depths at which training interpolates, by `interpolating_depths`.
    """
    parts = panels(series, "", series.groups)
    figure, places = frame(series, parts, "frozen layers")
    for place, part in zip(places, parts, strict=True):
        _panel(place, part)
    return finish(figure, places, series, _handles(series.study.eps))


def interpolating_depths(runs: pd.DataFrame) -> tuple[int, ...]:
    """The numbers of frozen layers at which more than half of the runs reach interpolation at some epoch."""
    share = runs["interpolation_epoch"].notna().groupby(runs["frozen_layers"].astype(int)).mean()
    return tuple(int(depth) for depth in share.index[share > 0.5])


def _panel(place: Place, part: Panel) -> None:
    (line,) = part.lines
    runs = line.runs.assign(frozen_layers=line.runs["frozen_layers"].astype(int))
    depths = sorted(runs["frozen_layers"].unique())
    for ax in (place.test, place.train):
        for depth in interpolating_depths(runs):
            ax.axvspan(depth - 0.5, depth + 0.5, color=SHADE, linewidth=0, zorder=0)
        ax.grid(axis="x", visible=False)
    for (column, _, width), colour, marker in zip(MEASURES, colours(3)[::-1], MARKERS, strict=False):
        _measure(place.train if "train" in column else place.test, runs, column, colour, marker, width)
    place.train.set_xlim(min(depths) - 0.5, max(depths) + 0.5)
    place.train.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    _parameters_axis(place.test, runs, depths)


def _measure(ax: "Axes", runs: pd.DataFrame, column: str, colour: str, marker: str, width: float) -> None:
    over = band(runs, "frozen_layers", column)
    if len(runs) > len(over.x):
        ax.fill_between(over.x, over.low, over.high, color=colour, alpha=0.15, linewidth=0, zorder=1)
        ax.plot(runs["frozen_layers"], runs[column], ".", color=colour, markersize=2.5, alpha=0.6, zorder=2)
    ax.plot(over.x, over.mean, color=colour, linewidth=width, marker=marker, markersize=3.8, zorder=3)


def _parameters_axis(ax: "Axes", runs: pd.DataFrame, depths: list[int]) -> None:
    """Trainable parameters on a second axis above, at the same places."""
    counts = runs.groupby("frozen_layers")["trainable_parameters"].first()
    shown = depths[:: max(1, -(-len(depths) // 6))]
    if depths[-1] not in shown:
        shown = [*(depth for depth in shown if depths[-1] - depth > 1), depths[-1]]
    above = ax.secondary_xaxis("top")
    above.set_xticks(shown, [short(float(counts[depth])) for depth in shown], fontsize=7)
    above.set_xlabel("trainable parameters", fontsize=7.5)
    above.spines["top"].set_visible(True)


def _handles(eps: float) -> list[Artist]:
    lines: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=width, label=words)
        for (_, words, width), colour, marker in zip(MEASURES, colours(3)[::-1], MARKERS, strict=False)
    ]
    words = f"≤ {eps:g}" if eps else "0"
    patch = Patch(color=SHADE, label=f"interpolates:\nmost runs reach\ntrain error {words}")
    return [lines[1], lines[0], lines[2], patch]
