"""The figures of a study: what is on them, for any sweep and any state of the study."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ftdd.analysis.study_data import over_transfer
from ftdd.records.status import State
from ftdd.results.figures.epochwise import epochwise, height_at
from ftdd.results.figures.freezingwise import freezingwise, interpolating_depths, spaced, spans
from ftdd.results.figures.panels import MOST_LINES, MOST_PANELS, Band, band, split
from ftdd.results.figures.style import colours, journal
from ftdd.study.store import Store
from ftdd.wording import short
from tests.results.from_store import draw_figures, read
from tests.results.made_study import DESCENT, MadeRun, higher, made, over_depths

Draw = Callable[..., Figure]


def words(figure: Figure) -> str:
    """All that is written on it, line breaks as blanks."""
    found = [text.get_text() for text in figure.findobj(mpl.text.Text)]
    return " ".join(" ".join(found).split())


def legend(figure: Figure) -> dict[str, str]:
    """Label → colour of the lines in the legend."""
    (found,) = figure.legends
    labels = [text.get_text() for text in found.get_texts()]
    return {label: str(handle.get_color()) for label, handle in zip(labels, found.get_lines(), strict=False)}


def drawn(draw: Draw, store: Store) -> Figure:
    with journal():
        figure = draw(read(store, "made"))
        figure.draw_without_rendering()
    return figure


def test_a_study_of_one_run_has_both_figures_as_png_and_svg(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({})])
    folder = store.study_folder("made") / "figures"
    assert set(draw_figures(store, "made")) == {
        folder / f"{stem}.{form}" for stem in ("epochwise", "freezingwise") for form in ("png", "svg")
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "epochwise.png",
        "epochwise.svg",
        "freezingwise.png",
        "freezingwise.svg",
    ]


def test_the_same_run_folders_give_the_same_bytes_whatever_the_users_settings(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 2)))
    before = {path: path.read_bytes() for path in draw_figures(store, "made")}
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "svg.hashsalt": "other", "savefig.bbox": "tight"}):
        settings = dict(mpl.rcParams)
        again = {path: path.read_bytes() for path in draw_figures(store, "made")}
        assert dict(mpl.rcParams) == settings
    assert again == before


@pytest.mark.filterwarnings("error")
def test_characters_that_the_font_lacks_are_drawn_without_a_word(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 1)), title="頑張")
    assert len(draw_figures(store, "made")) == 4


def test_a_study_without_a_finished_run_has_no_figures(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": 0}, state=State.WAITING), MadeRun({"seed": 1}, 0, DESCENT[:2], State.RUNNING)])
    assert draw_figures(store, "made") == ()
    assert not (store.study_folder("made") / "figures").exists()


@pytest.mark.parametrize("draw", [epochwise, freezingwise])
def test_every_figure_has_the_title_says_what_the_band_is_and_what_is_missing(draw: Draw, tmp_path: Path) -> None:
    store = Store(tmp_path)
    runs = [
        *over_depths((0, 1), seeds=(0, 1, 2)),
        MadeRun({"freezing.count": 2, "seed": 0}, 2),
        MadeRun({"freezing.count": 2, "seed": 1}, 2, DESCENT[:2], State.FAILED),
        MadeRun({"freezing.count": 2, "seed": 2}, 2, (), State.WAITING),
        MadeRun({"freezing.count": 3, "seed": 0}, 3, DESCENT[:2], State.DIVERGED),
    ]
    made(store, runs, title="From $5 to $6 <b>")
    written = words(drawn(draw, store))
    assert "From $5 to $6 <b>" in written
    assert "mean and range of 3 seeds, at some positions 1" in written
    assert "2 runs are missing" in written
    assert "1 run is left out, having diverged" in written


def test_one_seed_has_no_band_and_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": depth}, depth) for depth in (0, 1)])
    assert "One seed, so no band" in words(drawn(freezingwise, store))


def test_lines_go_by_frozen_layers_and_panels_by_the_rest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [run for images in (100, 900) for run in over_depths((0, 1, 2), **{"target.images": images})])
    figure = drawn(epochwise, store)
    assert [text for ax in figure.axes if (text := ax.get_title(loc="left"))] == [
        "target images 100",
        "target images 900",
    ]
    assert list(legend(figure))[:3] == ["0", "1", "2"]
    assert "frozen layers" in words(figure)


def test_without_depths_lines_go_by_the_first_other_setting(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"target.label_noise": noise, "seed": 0}) for noise in (0.4, 0.0, 0.2)])
    figure = drawn(epochwise, store)
    assert list(legend(figure))[:3] == ["0", "0.2", "0.4"]
    assert "target label noise" in words(figure)


def test_a_line_has_the_colour_of_the_legend_in_each_panel(tmp_path: Path) -> None:
    """Also where a panel lacks the first line: colours go by value, not by place."""
    store = Store(tmp_path)
    made(store, [*over_depths((0, 1, 2), **{"target.images": 100}), *over_depths((1, 2), **{"target.images": 900})])
    figure = drawn(epochwise, store)
    second = next(ax for ax in figure.axes if ax.get_title(loc="left") == "target images 900")
    told = legend(figure)
    assert [line.get_color() for line in second.lines if len(np.asarray(line.get_xdata())) > 1] == [
        told["1"],
        told["2"],
    ]


@pytest.mark.parametrize("draw", [epochwise, freezingwise])
def test_a_shorter_panel_does_not_cut_a_longer_one(draw: Draw, tmp_path: Path) -> None:
    store = Store(tmp_path)
    short_run = MadeRun({"freezing.count": 0, "target.images": 900, "seed": 0}, 0, DESCENT[:3])
    made(store, [*over_depths((0, 3), **{"target.images": 100}), short_run])
    figure = drawn(draw, store)
    last = 100 if draw is epochwise else 3
    assert all(ax.get_xlim()[1] >= last for ax in figure.axes)


def test_what_there_is_no_room_for_is_told(tmp_path: Path) -> None:
    """Of too many lines, the first and the last and others evenly between are drawn; of panels, the first."""
    store = Store(tmp_path)
    noises = [i / 100 for i in range(MOST_PANELS + 1)]
    made(
        store,
        [MadeRun({"target.label_noise": noise, "target.images": images}) for noise in noises for images in (1, 2)],
    )
    series = read(store, "made")
    by_noise = split(series, "target.label_noise", ["target.images"])
    assert (len(by_noise.panels), by_noise.left_out) == (2, "")
    by_images = split(series, "target.images", ["target.label_noise"])
    assert (len(by_images.panels), by_images.left_out) == (MOST_PANELS, "9 of 10 panels are drawn")

    many = Store(tmp_path / "many")
    made(many, [MadeRun({"target.images": i}) for i in range(1, 41)])
    parts = split(read(many, "made"), "target.images", [])
    assert parts.left_out == "16 of 40 values of target images are drawn"
    assert (len(parts.labels), parts.labels[0], parts.labels[-1]) == (MOST_LINES, "1", "40")


def test_components_are_told_apart_by_name_or_else_in_full(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pairs = [{"name": "digits"}, {"name": "halves", "similarity": "high"}, {"name": "halves", "similarity": "low"}]
    made(store, [MadeRun({"pair": pair}) for pair in pairs])
    labels = split(read(store, "made"), "pair", []).labels
    assert labels[0] == "digits"
    assert len(set(labels)) == 3
    assert "low" in labels[2]


def test_the_dot_of_interpolation_stands_on_the_line_at_the_median_epoch(tmp_path: Path) -> None:
    """Both seeds interpolate at epoch 50; their mean test error there is 0.405."""
    store = Store(tmp_path)
    made(store, over_depths((0,)))
    ax = drawn(epochwise, store).axes[0]
    (dot,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert (dot.get_xdata(), dot.get_ydata()) == ([50.0], [pytest.approx(0.405)])


def test_a_band_is_the_range_over_seeds_and_nothing_where_one_seed_is_all() -> None:
    points = pd.DataFrame({"epoch": [0, 0, 0, 5], "test_error": [0.2, 0.3, 0.7, 0.1]})
    over = band(points, "epoch", "test_error")
    assert list(over.mean) == pytest.approx([0.4, 0.1])
    assert (over.low[0], over.high[0]) == (0.2, 0.7)
    assert np.isnan([over.low[1], over.high[1]]).all()


def test_between_two_evaluations_the_height_is_that_of_the_drawn_line() -> None:
    """Half-way between 10 and 1,000 on a log axis lies 100."""
    nothing = np.full(3, np.nan)
    over = Band(np.array([0.0, 10.0, 1000.0]), np.array([0.9, 0.2, 0.6]), nothing, nothing)
    assert height_at(over, 100) == pytest.approx(0.4)
    assert height_at(over, 10) == pytest.approx(0.2)


def test_a_curve_with_very_many_evaluations_is_thinned_out_and_the_figure_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": 0}, 0, [(epoch, 0.5, 0.5) for epoch in range(1000)])])
    figure = drawn(epochwise, store)
    (line,) = figure.axes[0].lines
    drawn_at = np.asarray(line.get_xdata())
    assert (len(drawn_at), drawn_at[0], drawn_at[-1]) == (300, 0, 999)
    assert "curves have at most 300 of their evaluations" in words(figure)


def test_where_nothing_interpolates_no_legend_speaks_of_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    never = tuple((epoch, train + 0.2, test) for epoch, train, test in DESCENT)
    made(store, [MadeRun({"freezing.count": depth}, depth, never) for depth in (0, 1)])
    for draw in (epochwise, freezingwise):
        assert "interpolates" not in words(drawn(draw, store))


def test_shaded_are_depths_at_which_every_run_reaches_eps_at_some_epoch() -> None:
    runs = pd.DataFrame(
        {
            "depth": [0, 0, 1, 1, 2, 2],
            "interpolation_epoch": pd.array([30, 50, 40, None, None, None], dtype="Int64"),
        }
    )
    assert interpolating_depths(runs) == (0,)


@pytest.mark.parametrize(
    ("measured", "chosen", "stretches"),
    [
        ([0, 1, 2, 3], [0, 1], [(-0.5, 1.5)]),
        ([0, 2, 4, 9], [2, 4], [(1.0, 6.5)]),
        ([0, 1, 2], [0, 2], [(-0.5, 0.5), (1.5, 2.5)]),
        ([3], [3], [(2.5, 3.5)]),
        ([0, 1], [], []),
    ],
)
def test_each_measured_depth_owns_the_axis_half_way_to_its_neighbours(
    measured: list[int], chosen: list[int], stretches: list[tuple[float, float]]
) -> None:
    assert spans(measured, chosen) == stretches


def test_trainable_parameters_stand_above_the_depths_they_belong_to(tmp_path: Path) -> None:
    """Layers of 100, 2,000, 30,000 and 400,000 parameters."""
    store = Store(tmp_path)
    made(store, over_depths((0, 1, 2, 3)))
    (above,) = drawn(freezingwise, store).axes[0].child_axes
    labels = [label.get_text() for label in above.get_xticklabels()]
    assert dict(zip(above.get_xticks(), labels, strict=True)) == {0: "432k", 1: "432k", 2: "430k", 3: "400k"}


def test_a_single_depth_is_a_point_with_one_tick(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"freezing.count": 2}, 2)])
    assert list(drawn(freezingwise, store).axes[1].get_xticks()) == [2]


def test_seeds_are_dots_and_the_line_is_their_mean(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 1)))
    ax = drawn(freezingwise, store).axes[0]
    final = next(line for line in ax.lines if line.get_marker() == "s")
    assert list(np.asarray(final.get_ydata())) == [pytest.approx(0.255)] * 2
    dots = {round(float(y), 4) for scatter in ax.collections for _, y in np.asarray(scatter.get_offsets())}
    assert {0.25, 0.26} <= dots


@pytest.mark.parametrize(
    ("places", "most", "kept"),
    [
        (range(10), 12, list(range(10))),
        (range(60), 6, [0, 10, 20, 30, 40, 59]),
        ([0, 1, 2, 40], 6, [0, 40]),
        ([5], 6, [5]),
    ],
)
def test_labels_keep_apart_and_the_first_and_last_stay(places: list[int], most: int, kept: list[int]) -> None:
    assert spaced(places, most) == kept


@pytest.mark.parametrize(
    ("number", "text"), [(453, "453"), (44_273, "44.3k"), (999_700, "1M"), (11_172_170, "11.2M"), (2e9, "2G")]
)
def test_counts_are_written_short(number: float, text: str) -> None:
    assert short(number) == text


def test_many_lines_get_lighter_so_that_they_keep_their_order_in_grey() -> None:
    greys = [np.dot(mpl.colors.to_rgb(colour), (0.299, 0.587, 0.114)) for colour in colours(12)]
    assert greys == sorted(greys)
    assert len(set(colours(6))) == 6


def test_svg_is_well_formed_with_text_as_text(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [MadeRun({"seed": 0}, 0, higher(DESCENT, 0.1))], title="<script>alert(1)</script> & $x$")
    svg = next(path for path in draw_figures(store, "made") if path.name == "epochwise.svg")
    root = ElementTree.fromstring(svg.read_text())
    assert "<script>alert(1)</script> & $x$" in {element.text for element in root.iter()}
    assert not [element for element in root.iter() if element.tag.endswith("script")]


# ---- controls, and other axes


def controlled(seeds: tuple[int, ...] = (0, 1)) -> list[MadeRun]:
    """Transfer and two controls over three depths, each control higher than the one before; scratch once a seed."""
    runs = []
    for rank, control in enumerate(("transfer", "selffer", "random")):
        for run in over_depths((0, 1, 3), seeds):
            rows = higher(run.rows, 0.1 * rank)
            runs.append(MadeRun({"control": control, **run.settings}, run.frozen, rows))
    for seed in seeds:
        rows = higher(DESCENT, 0.4 + 0.02 * seed)
        runs.append(MadeRun({"control": "scratch", "freezing.count": 0, "seed": seed}, 0, rows))
    return runs


def test_controls_stand_beside_the_transfer_they_control(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, controlled())
    figure = drawn(freezingwise, store)
    assert len(figure.axes) == 2
    labels = legend(figure)
    for control in ("selffer", "random", "scratch"):
        assert f"control {control}, final" in labels
    test = figure.axes[0]
    last = DESCENT[-1][2]
    heights = {line.get_color(): float(np.mean(line.get_ydata())) for line in test.get_lines()}
    for control, height in (("selffer", 0.105), ("random", 0.205), ("scratch", 0.41)):
        assert heights[labels[f"control {control}, final"]] == pytest.approx(last + height)
    level = next(line for line in test.get_lines() if line.get_color() == labels["control scratch, final"])
    assert len(set(level.get_ydata())) == 1


def test_a_study_of_controls_without_a_transfer_has_a_panel_for_each(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, [run for run in controlled() if run.settings["control"] in ("selffer", "random")])
    figure = drawn(freezingwise, store)
    assert len(figure.axes) == 4
    assert "control selffer" in words(figure)
    assert not any(label.startswith("control") for label in legend(figure))


@pytest.mark.parametrize(
    ("x", "places"),
    [
        ("trainable_parameters", [432_100, 432_000, 400_000]),
        ("trainable_share_of_parameters", [1, 432_000 / 432_100, 400_000 / 432_100]),
        ("trainable_share_of_forward_flops", [1, 0.9, 0.4]),
    ],
)
def test_errors_over_what_is_trained(x: str, places: list[float], tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 1, 3)))
    with journal():
        figure = freezingwise(read(store, "made"), x)
        figure.draw_without_rendering()
    final = figure.axes[0].get_lines()[0]
    assert list(final.get_xdata()) == pytest.approx(sorted(places))
    (above,) = figure.axes[0].child_axes
    assert above.get_xlabel() == "frozen layers"
    assert set(draw_figures(store, "made", x)) == {
        store.study_folder("made") / "figures" / f"over_{x}.{form}" for form in ("png", "svg")
    }


def test_stretches_on_a_log_axis_end_half_way_on_it() -> None:
    ((low, high),) = spans([1.0, 100.0, 10_000.0], [100.0], log=True)
    assert (low, high) == (pytest.approx(10.0), pytest.approx(1000.0))


def test_a_study_of_how_many_layers_to_transfer_is_drawn_over_them(tmp_path: Path) -> None:
    """Yosinski's arms: transferred and frozen in one panel, transferred and trained in the other, over the same depths."""
    path = "transfer.first_layers"
    frozen = [
        MadeRun({"control": control, path: "frozen", "freezing.count": depth}, depth)
        for control in ("transfer", "selffer")
        for depth in (0, 1, 3)
    ]
    trained = [
        MadeRun({"control": control, path: depth, "freezing.count": 0}, 0)
        for control in ("transfer", "selffer")
        for depth in (0, 1, 3)
    ]
    store = Store(tmp_path)
    made(store, [*frozen, *trained])
    series = over_transfer(read(store, "made"))
    assert series.depth.words == "transferred layers"
    with journal():
        figure = freezingwise(series)
        figure.draw_without_rendering()
    assert len(figure.axes) == 4
    for text in ("transferred and frozen", "transferred and trained", "transferred layers", "control selffer, final"):
        assert text in words(figure)
    for test in figure.axes[:2]:
        assert list(test.get_lines()[0].get_xdata()) == [0, 1, 3]


def test_other_studies_are_left_as_they_are(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made(store, over_depths((0, 2)))
    series = read(store, "made")
    assert over_transfer(series) is series
