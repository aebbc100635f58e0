"""The freezing-wise figure: errors after training over the number of frozen layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ftdd.results.epochwise import interpolated_words
from ftdd.results.layout import PANEL_WIDTH, Place, finish, frame
from ftdd.results.series import Panel, Series, band, split
from ftdd.results.style import OKABE_ITO, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADE = "#f1ecdf"
NARROW = 1.9
"""Inches of a panel with a single depth."""
MOST_MARKERS = 25
"""Depths more than this are a line without markers."""


@dataclass(frozen=True)
class Measure:
    """A column of the runs' table and how it is drawn."""

    column: str
    words: str
    axis: Literal["test", "train"]
    colour: str
    marker: str
    width: float


MEASURES = (
    Measure("final_test_error", "test error, final", "test", OKABE_ITO[1], "s", 1.8),
    Measure("best_test_error", "test error, best epoch", "test", OKABE_ITO[2], "o", 1.0),
    Measure("final_train_error", "train error, final", "train", OKABE_ITO[0], "^", 1.2),
)


def freezingwise(series: Series) -> Figure:
    """One panel for each combination of the other settings: final and best test error, and final train error.

    Shaded: the depths at which training interpolates, by `interpolating_depths`.
    """
    parts = split(series, "", series.groups)
    depths = sorted(int(depth) for depth in series.runs["frozen_layers"].unique())
    figure, places = frame(series, parts, "frozen layers", PANEL_WIDTH if len(depths) > 1 else NARROW)
    for place, part in zip(places, parts.panels, strict=True):
        _panel(place, part, depths)
    places[0].train.set_xlim(depths[0] - 0.5, depths[-1] + 0.5)
    places[0].train.set_xticks(spaced(depths, most=12))
    shaded = any(interpolating_depths(line.runs) for part in parts.panels for line in part.lines)
    return finish(figure, places, _handles(series.study.eps, shaded))


def interpolating_depths(runs: pd.DataFrame) -> tuple[int, ...]:
    """The numbers of frozen layers at which every run interpolates: its train error is at or below eps at some epoch.

    At some epoch, not at the last: with label noise and a constant learning rate the train error of an interpolating
    network comes off zero again for single evaluations.
    """
    every = runs["interpolation_epoch"].notna().groupby(runs["frozen_layers"].astype(int)).all()
    return tuple(int(depth) for depth in every.index[every])


def spans(measured: Sequence[int], chosen: Sequence[int]) -> list[tuple[float, float]]:
    """The stretches of the axis that belong to the chosen ones of the measured depths.

    Each measured depth has the axis half-way to its neighbours, the first and last half a layer beyond.
    """
    edges = [measured[0] - 0.5, *((a + b) / 2 for a, b in pairwise(measured)), measured[-1] + 0.5]
    found: list[tuple[float, float]] = []
    for depth, low, high in zip(measured, edges, edges[1:], strict=False):
        if depth in chosen and found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        elif depth in chosen:
            found.append((low, high))
    return found


def spaced(places: Sequence[int], most: int) -> list[int]:
    """The places that have room for a label where `most` fit side by side: the first and the last in any case."""
    first, last = places[0], places[-1]
    apart = (last - first) / most
    kept = [first]
    for place in places[1:]:
        if place - kept[-1] >= apart and (place == last or last - place >= apart):
            kept.append(place)
    return kept


def _panel(place: Place, part: Panel, depths: Sequence[int]) -> None:
    (line,) = part.lines
    runs = line.runs.assign(frozen_layers=line.runs["frozen_layers"].astype(int))
    for ax in (place.test, place.train):
        for low, high in spans(sorted(runs["frozen_layers"].unique()), interpolating_depths(runs)):
            ax.axvspan(low, high, color=SHADE, linewidth=0, zorder=0)
        ax.grid(axis="x", visible=False)
    for measure in MEASURES:
        _draw(place.test if measure.axis == "test" else place.train, runs, measure)
    _parameters_axis(place.test, runs, depths)


def _draw(ax: "Axes", runs: pd.DataFrame, measure: Measure) -> None:
    over = band(runs, "frozen_layers", measure.column)
    if len(runs) > len(over.x):
        if len(over.x) <= MOST_MARKERS:
            ax.vlines(over.x, over.low, over.high, color=measure.colour, alpha=0.5, linewidth=0.8, zorder=2)
        ax.fill_between(over.x, over.low, over.high, color=measure.colour, alpha=0.15, linewidth=0, zorder=1)
        ax.scatter(
            runs["frozen_layers"], runs[measure.column], s=5, color=measure.colour, alpha=0.6, linewidths=0, zorder=2
        )
    ax.plot(
        over.x,
        over.mean,
        color=measure.colour,
        linewidth=measure.width,
        marker=measure.marker if len(over.x) <= MOST_MARKERS else "",
        markersize=3.8,
        zorder=3,
    )


def _parameters_axis(ax: "Axes", runs: pd.DataFrame, depths: Sequence[int]) -> None:
    """Trainable parameters on a second axis above, at the same places."""
    counts = runs.groupby("frozen_layers")["trainable_parameters"].first()
    there = [depth for depth in depths if depth in counts.index]
    shown = spaced([depths[0], *there, depths[-1]], most=6)
    shown = [depth for depth in dict.fromkeys(shown) if depth in there]
    above = ax.secondary_xaxis("top")
    above.set_xticks(shown, [short(float(counts[depth])) for depth in shown], fontsize=7)
    above.set_xlabel("trainable parameters", fontsize=7.5)
    above.spines["top"].set_visible(True)


def _handles(eps: float, shaded: bool) -> list[Artist]:
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
    if shaded:
        handles.append(Patch(color=SHADE, label=f"interpolates:\neach run reaches\n{interpolated_words(eps)}"))
    return handles
