"""How figures look: a journal's column, colours that colour-blind readers tell apart, the same bytes each time."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ftdd.study.files import write_with

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, 2008, strongest contrasts first, black left to the axes."""

RC: Any = {
    # DejaVu comes with matplotlib, so that layout is the same everywhere; the others stand in for it where an SVG is
    # shown without it, Verdana first, which is as wide
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    # a title, or a name from a recipe, is text: `$` is a dollar
    "text.parse_math": False,
    "svg.hashsalt": "ftdd",
    "svg.fonttype": "none",
    "figure.dpi": 100,
}


@contextmanager
def journal() -> Iterator[None]:
    """Draw in this style, and leave matplotlib's settings as they were, whatever they were."""
    with mpl.rc_context(), without_words_on_glyphs():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


@contextmanager
def without_words_on_glyphs() -> Iterator[None]:
    """Draw without a warning for each character that the font lacks, each time it is drawn: the reader sees a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def colours(count: int) -> Sequence[str]:
    """Colours for so many lines: named ones for a few, shades from dark to light where there are more.

    Shades keep their order for colour-blind readers and in greyscale.
    """
    if count <= len(OKABE_ITO):
        return OKABE_ITO[:count]
    scale = mpl.colormaps["viridis"]
    return [mpl.colors.to_hex(scale(0.92 * i / (count - 1))) for i in range(count)]


def save(figure: Figure, stem: Path) -> tuple[Path, ...]:
    """Write PNG (300 dots an inch) and SVG; the same figure gives the same bytes."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    with journal():  # settings such as the salt of ids are looked at when a figure is written
        write_with(png, lambda path: figure.savefig(path, format="png", dpi=300, metadata={"Software": None}))
        write_with(svg, lambda path: figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}))
    return png, svg
