"""The similarity figure: final test error over frozen layers, a line for each similarity of source and target."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.freezingwise import THEORY, depth_axis, draw_theory, squared_scale
from ftdd.results.figures.layout import PanelAxes, finish, frame
from ftdd.results.figures.panels import Line, band, split
from ftdd.results.figures.style import colours
from ftdd.wording import column_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def similarity_axis(study: StudyData) -> str | None:
    """The swept setting of the pair by which source and target differ more or less; None where there is none."""
    transfer = study.done if "control" not in study.groups else study.done[study.done["control"].eq("transfer")]
    swept = [group for group in study.groups if group.startswith("pair.") or group == "pair"]
    return next((group for group in swept if transfer[group].nunique() > 1), None)


def similarity(study: StudyData) -> Figure:
    """One panel for each combination of the other settings, one line for each value of the pair's first swept setting.

    Where the line of a less related source lies below that of a more related one, it transfers better. Raises
    ValueError where no setting of the pair is swept.
    """
    axis = similarity_axis(study)
    if axis is None:
        raise ValueError("no setting of the pair is swept")
    parts = split(study, axis, [group for group in study.groups if group != axis])
    shades = dict(zip(parts.labels, colours(len(parts.labels)), strict=True))
    figure, panels = frame(study, parts, study.depth.words)
    squared_scale(panels, study.done)
    for axes, panel in zip(panels, parts.panels, strict=True):
        for line in panel.lines:
            _draw(axes, line, shades[line.label])
    depth_axis(panels[0].train, study.done["depth"])
    handles = [Line2D([], [], color=shade, label=label, marker="o", markersize=3.5) for label, shade in shades.items()]
    if study.done["expected_test_error"].notna().any():
        handles.append(Line2D([], [], color=THEORY, linestyle=(0, (4, 2)), label="expected by theory"))
    return finish(figure, panels, handles, column_name(axis))


def _draw(axes: PanelAxes, line: Line, colour: str) -> None:
    runs = line.runs.assign(at=line.runs["depth"].astype(int))
    _band(axes.test, runs, "final_test_error", colour)
    _band(axes.train, runs, "final_train_error", colour)
    draw_theory(axes.test, runs, "at", colour)


def _band(ax: "Axes", runs: "pd.DataFrame", column: str, colour: str) -> None:
    over = band(runs, "at", column)
    ax.fill_between(over.x, over.low, over.high, color=colour, alpha=0.1, linewidth=0, zorder=1)
    ax.plot(over.x, over.mean, color=colour, linewidth=1.5, marker="o", markersize=3.2, zorder=3)
