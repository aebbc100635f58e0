"""The epoch-wise figure: test and train error over the epochs of target training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from ftdd.results.layout import Place, finish, frame
from ftdd.results.series import Band, Line, Panel, Series, band, panels, plain
from ftdd.results.style import MOST_NAMED_COLOURS, colours, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INTERPOLATES = {"marker": "o", "markersize": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.8}


def epochwise(series: Series) -> Figure:
    """One panel for each combination of the other settings, one line for each value of the one chosen.

    Lines are told apart by the number of frozen layers where it is swept, else by the first other setting.
    """
    depths = series.runs["frozen_layers"].nunique() > 1
    line_by = "frozen_layers" if depths else (series.groups[0] if series.groups else "")
    parts = panels(series, line_by, [group for group in series.groups if group != line_by])
    shades = colours(max(len(part.lines) for part in parts))
    figure, places = frame(series, parts, "epochs of target training")
    for place, part in zip(places, parts, strict=True):
        _panel(place, part, shades)
    return finish(figure, places, series, _handles(series, parts, shades, line_by))


def epoch_axis(ax: "Axes", last: float) -> None:
    """A log axis on which epoch 0 has its place: linear up to 1."""
    ax.set_xscale("symlog", linthresh=1, linscale=0.35)
    ax.set_xticks([0, *(10**i for i in range(int(np.log10(max(last, 1))) + 1))])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: short(epoch)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0, last * 1.08)


def _panel(place: Place, part: Panel, shades: Sequence[str]) -> None:
    faint = 0.15 if len(part.lines) <= MOST_NAMED_COLOURS else 0.07
    for line, colour in zip(part.lines, shades, strict=False):
        for ax, column, width in ((place.test, "test_error", 1.5), (place.train, "train_error", 1.1)):
            over = band(line.curves, "epoch", column)
            ax.plot(over.x, over.mean, color=colour, linewidth=width, zorder=3)
            ax.fill_between(over.x, over.low, over.high, color=colour, alpha=faint, linewidth=0, zorder=1)
            if ax is place.test:
                _mark_interpolation(ax, line, over, colour)
    epoch_axis(place.train, max(line.curves["epoch"].max() for line in part.lines))


def _mark_interpolation(ax: "Axes", line: Line, test: Band, colour: str) -> None:
    """A dot on the test curve at the median interpolation epoch, where at least half of the runs interpolate."""
    reached = line.runs["interpolation_epoch"].dropna().astype(float)
    if len(reached) and 2 * len(reached) >= len(line.runs):
        epoch = float(reached.median())
        ax.plot(epoch, float(np.interp(epoch, test.x, test.mean)), color=colour, zorder=4, **INTERPOLATES)  # type: ignore[arg-type]


def _handles(series: Series, parts: Sequence[Panel], shades: Sequence[str], line_by: str) -> list[Line2D]:
    words = f"interpolates:\ntrain error ≤ {series.study.eps:g}" if series.study.eps else "interpolates:\ntrain error 0"
    dot: dict[str, Any] = {**INTERPOLATES, "linestyle": "", "color": "#333333"}
    handles = [Line2D([], [], label=words, **dot)]
    longest = max(parts, key=lambda part: len(part.lines)).lines
    if len(longest) > 1:
        handles.append(Line2D([], [], linestyle="", label=plain(line_by)))
        values = [line.label.removeprefix(f"{plain(line_by)} ") for line in longest]
        handles += [Line2D([], [], color=shade, label=value) for shade, value in zip(shades, values, strict=False)]
    return handles
