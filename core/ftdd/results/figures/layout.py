"""The frame of a figure: for each panel a test axis above a train axis, a legend at the side, title and footnote."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ftdd.analysis.study_data import StudyData
from ftdd.results.figures.panels import Panel, Split, seeds_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL_WIDTH, LEGEND_WIDTH = 3.3, 1.7
"""Inches."""
TEST_HEIGHT, TRAIN_HEIGHT = 2.3, 1.0
LETTERS_PER_INCH = {"title": 10.5, "panel": 14.0, "note": 19.5}
"""Of each font, at least: where lines are broken."""


@dataclass(frozen=True)
class PanelAxes:
    """The axes of one panel.

    Test errors have an axis to themselves: their rises are small beside the train error's fall.
    """

    test: "Axes"
    train: "Axes"


def frame(
    study: StudyData, parts: Split, x_label: str, width: float = PANEL_WIDTH
) -> tuple[Figure, tuple[PanelAxes, ...]]:
    """A figure with empty axes for each panel; all test axes share one scale, and all train axes.

    width: of a panel, in inches.
    """
    count = len(parts.panels)
    columns = 2 if count == 4 else min(count, COLUMNS)
    rows = -(-count // columns)
    whole = max(width * columns + LEGEND_WIDTH, PANEL_WIDTH + LEGEND_WIDTH)
    figure = Figure(figsize=(whole, 3.7 * rows + 0.8), layout="constrained")
    grid = figure.subplots(
        2 * rows, columns, sharex=True, squeeze=False, height_ratios=(TEST_HEIGHT, TRAIN_HEIGHT) * rows
    )
    panels = [
        PanelAxes(grid[2 * (i // columns), i % columns], grid[2 * (i // columns) + 1, i % columns])
        for i in range(rows * columns)
    ]
    for axes in panels[count:]:
        axes.test.remove()
        axes.train.remove()
    for i, (axes, panel) in enumerate(zip(panels, parts.panels, strict=False)):
        if i:
            axes.test.sharey(panels[0].test)
            axes.train.sharey(panels[0].train)
        axes.test.tick_params(labelbottom=False, labelleft=i % columns == 0)
        axes.train.tick_params(labelbottom=True, labelleft=i % columns == 0)
        axes.test.set_title(_panel_title(panel, width * 0.85), loc="left")
        if i % columns == 0:
            axes.test.set_ylabel("test error")
            axes.train.set_ylabel("train error")
        if i + columns >= count:
            axes.train.set_xlabel(x_label)
    figure.suptitle(
        broken(study.record.title, "title", whole - LEGEND_WIDTH, lines=4),
        fontsize=10,
        weight="bold",
        x=0.01,
        ha="left",
    )
    figure.supxlabel(broken(footnote(study, parts), "note", whole), fontsize=7, color="#444444", x=0.01, ha="left")
    return figure, tuple(panels[:count])


def finish(figure: Figure, panels: Sequence[PanelAxes], handles: "Sequence[Artist]", title: str = "") -> Figure:
    """Give the train axes their range, and the figure its legend outside the panels."""
    top = max(axes.train.get_ylim()[1] for axes in panels)
    top = max(top, 0.05)
    panels[0].train.set_ylim(-0.05 * top, top)  # below zero, so that a marker at zero is whole
    legend = figure.legend(
        handles=list(handles), loc="outside right upper", handlelength=1.8, labelspacing=0.4, alignment="left"
    )
    legend.set_title(broken(title, "panel", LEGEND_WIDTH))
    for text in legend.get_texts():
        text.set_text("\n".join(broken(line, "panel", LEGEND_WIDTH, lines=3) for line in text.get_text().split("\n")))
    return figure


def footnote(study: StudyData, parts: Split) -> str:
    """What line and band are, over how many seeds, and what is not drawn."""
    fewest, most = seeds_of(study)
    words = [f"Line and band: mean and range of {most} seeds" if most > 1 else "One seed, so no band"]
    if fewest < most:
        words[0] += f", at some positions {fewest}"
    if study.missing:
        words.append(f"{_runs(study.missing)} missing")
    if study.diverged:
        words.append(f"{_runs(study.diverged)} left out, having diverged")
    if parts.left_out:
        words.append(parts.left_out)
    return "; ".join(words) + "."


def _panel_title(panel: Panel, width: float) -> str:
    """The settings in one line where they fit, else a line or more for each."""
    together = ", ".join(panel.settings)
    if "\n" not in broken(together, "panel", width):
        return together
    return "\n".join(broken(setting, "panel", width, lines=3) for setting in panel.settings)


def _runs(count: int) -> str:
    return "1 run is" if count == 1 else f"{count} runs are"


def broken(text: str, font: str, width: float, lines: int | None = None) -> str:
    """Text in lines that fit a width in inches; what is past the last line is left out, and … says so."""
    letters = int(LETTERS_PER_INCH[font] * width)
    return textwrap.fill(text, letters, max_lines=lines, placeholder=" …", break_on_hyphens=False)
