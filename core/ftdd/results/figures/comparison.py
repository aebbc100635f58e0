"""The figure of studies that are laid over each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from ftdd.results.compare import EPOCH, LineOf, Overlay
from ftdd.results.figures.epochwise import epoch_axis
from ftdd.results.figures.freezingwise import AXES, MOST_MARKERS, depth_axis, squared_scale
from ftdd.results.figures.layout import PanelAxes, finish, frame
from ftdd.results.figures.panels import Line, band, split
from ftdd.results.figures.style import OKABE_ITO, colours
from ftdd.wording import column_name, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
LOG_FROM = 20
"""A positive setting that grows this many times over stands on a log axis."""


def overlay_figure(found: Overlay) -> Figure:
    """One panel for each combination of the other settings, one line for each study and value of `by`."""
    parts = split(found.merged, "line", found.panels)
    notes = [parts.left_out.replace("values of line are", "lines are"), _shared_words(found.shared), _gaps(found)]
    parts = replace(parts, left_out="; ".join(filter(None, notes)))
    figure, panels = frame(found.merged, parts, found.words)
    looks = _looks(found)
    for axes, panel in zip(panels, parts.panels, strict=True):
        for line in panel.lines:
            _draw(axes, line, found, looks[line.label])
    if found.merged.regression:
        squared_scale(panels, found.merged.done)
    _scale(panels, found)
    for axes in panels:
        if axes.test.get_ylabel():
            axes.test.set_ylabel(found.measure)
    handles = [
        Line2D([], [], **looks[label], markersize=4, linewidth=1.5, label=label)
        for label in parts.labels
        if len(parts.labels) > 1
    ]
    title = ", ".join((["study"] if len(found.studies) > 1 else []) + ([column_name(found.by)] if found.by else []))
    return finish(figure, panels, handles, title if handles else "")


def _shared_words(shared: int) -> str:
    if not shared:
        return ""
    return "1 run of several studies is counted once" if shared == 1 else f"{shared} runs of several studies count once"


def _gaps(found: Overlay) -> str:
    if found.over == EPOCH or not found.merged.done[found.value].isna().any():
        return ""
    why = "interpolates" if found.value == "interpolation_epoch" else "rises"
    return f"no point where a run never {why}"


def _looks(found: Overlay) -> dict[str, dict[str, Any]]:
    """Colour, dash and marker of each line: colours are studies and dashes values, or the other way round.

    Where both are more than there are dashes, or each study has a value of its own, each line has a colour of its own.
    """
    studies = 1 + max(line.study for line in found.lines)
    values = 1 + max(line.value for line in found.lines)
    pick: Callable[[LineOf], tuple[int, int]]
    if len(found.lines) <= max(studies, values) or min(studies, values) > len(DASHES):
        count, pick = len(found.lines), lambda line: (found.lines.index(line), 0)
    elif values <= len(DASHES):
        count, pick = studies, lambda line: (line.study, line.value)
    else:
        count, pick = values, lambda line: (line.value, line.study)
    shades = colours(count)
    return {
        line.label: {
            "color": shades[pick(line)[0]],
            "linestyle": DASHES[pick(line)[1]],
            "marker": "" if found.over == EPOCH else MARKERS[pick(line)[0] % len(MARKERS)],
        }
        for line in found.lines
    }


def _draw(axes: PanelAxes, line: Line, found: Overlay, look: Mapping[str, Any]) -> None:
    faint = 0.07 if len(found.lines) > len(OKABE_ITO) else 0.15
    if found.over == EPOCH:
        sides = ((axes.test, line.curves, "test_error", 1.5), (axes.train, line.curves, "train_error", 1.1))
    else:
        whole = line.runs.groupby("position")[found.value].transform(lambda values: values.notna().all())
        sides = (
            (axes.test, line.runs[whole.astype(bool)], found.value, 1.5),
            (axes.train, line.runs, "final_train_error", 1.1),
        )
    for ax, points, column, width in sides:
        if not len(points):
            continue
        over = band(points, "x", column)
        many = len(over.x) > MOST_MARKERS
        ax.fill_between(over.x, over.low, over.high, color=look["color"], alpha=faint, linewidth=0, zorder=1)
        ax.plot(over.x, over.mean, **(dict(look) | ({"marker": ""} if many else {})), markersize=3.6, linewidth=width)


def _scale(panels: Sequence[PanelAxes], found: Overlay) -> None:
    """Range and ticks of the axes."""
    x = found.merged.done["x"]
    if found.over == EPOCH:
        epoch_axis(panels[0].train, float(found.merged.curves["epoch"].max()))
    for axes in panels:
        if found.over == "frozen_layers":
            depth_axis(axes.train, x)
        elif (found.over in AXES and AXES[found.over].log) or (found.over not in (*AXES, EPOCH) and _wide(x)):
            _log(axes.test, "x")
            _log(axes.train, "x")
            if found.over not in AXES:
                at = sorted(set(x))
                axes.train.set_xticks(at if len(at) <= 8 else at[:: -(-len(at) // 8)])
                axes.train.xaxis.set_minor_locator(NullLocator())
        if found.value == "interpolation_epoch" and found.over != EPOCH and _wide(found.merged.done[found.value]):
            _log(axes.test, "y")


def _wide(column: "pd.Series[Any]") -> bool:
    values = column.dropna().astype(float)
    return bool(len(values)) and bool(values.min() > 0) and bool(values.max() >= LOG_FROM * values.min())


def _log(ax: "Axes", which: Literal["x", "y"]) -> None:
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis.set_major_formatter(FuncFormatter(lambda count, _: short(count)))
    axis.set_minor_formatter(NullFormatter())
