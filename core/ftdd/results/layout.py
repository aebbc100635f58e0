"""The frame of a figure: for each panel a test axis above a train axis, a legend at the side, title and footnote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from ftdd.results.series import Panel, Series

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

COLUMNS = 3
TEST_HEIGHT, TRAIN_HEIGHT = 2.3, 1.0


@dataclass(frozen=True)
class Place:
    """Where one panel is drawn.

    Test errors have an axis to themselves: their rises are small beside the train error's fall.
    """

    test: "Axes"
    train: "Axes"


def frame(series: Series, parts: Sequence[Panel], x_label: str) -> tuple[Figure, tuple[Place, ...]]:
    """A figure with an empty place for each panel, all test axes alike and all train axes alike."""
    columns = min(len(parts), COLUMNS)
    rows = -(-len(parts) // columns)
    figure = Figure(figsize=(3.3 * columns + 1.7, 3.6 * rows + 0.7), layout="constrained")
    axes = figure.subplots(
        2 * rows, columns, sharex=True, squeeze=False, height_ratios=(TEST_HEIGHT, TRAIN_HEIGHT) * rows
    )
    places = [
        Place(axes[2 * (i // columns), i % columns], axes[2 * (i // columns) + 1, i % columns])
        for i in range(rows * columns)
    ]
    for place in places[len(parts) :]:
        place.test.set_visible(False)
        place.train.set_visible(False)
    for i, place in enumerate(places[: len(parts)]):
        place.test.sharey(places[0].test)
        place.train.sharey(places[0].train)
        place.test.tick_params(labelbottom=False, labelleft=i % columns == 0)
        place.train.tick_params(labelbottom=True, labelleft=i % columns == 0)
        place.test.set_title(parts[i].title, loc="left")
        if i % columns == 0:
            place.test.set_ylabel("test error")
            place.train.set_ylabel("train error")
        if i + columns >= len(parts):
            place.train.set_xlabel(x_label)
    figure.suptitle(series.study.title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    return figure, tuple(places[: len(parts)])


def finish(figure: Figure, places: Sequence[Place], series: Series, handles: "Sequence[Artist]") -> Figure:
    """Give the train axes their range, and the figure its legend and its footnote."""
    for place in places:
        place.train.set_ylim(0, max(place.train.get_ylim()[1], 0.05))
    legend = figure.legend(handles=list(handles), loc="outside right upper", handlelength=1.8, labelspacing=0.4)
    legend.set_title(footnote(series), prop=FontProperties(size=7))
    return figure


def footnote(series: Series) -> str:
    """What the band is, over how many seeds, and how many runs are missing."""
    seeds = series.most_seeds
    words = f"mean and range of {seeds} seeds" if seeds > 1 else "one seed"
    return words + (f";\n{series.missing} runs are missing" if series.missing else "")
