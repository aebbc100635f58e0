"""Draw a study's figures from its run folders: PNG for slides, SVG for papers and pages."""

from pathlib import Path

from ftdd.results.epochwise import epochwise
from ftdd.results.freezingwise import freezingwise
from ftdd.results.likeness import likeness, likeness_axis
from ftdd.results.scores import scored, scores
from ftdd.results.series import over_transfer, read_series
from ftdd.results.style import journal, save
from ftdd.study.store import Store

FIGURES = {"freezingwise": freezingwise, "epochwise": epochwise}


def draw_figures(store: Store, name: str, x: str = "frozen_layers") -> tuple[Path, ...]:
    """Draw what there is to see of a study into `figures/` of its folder; where no run is done, none is left there.

    x: what stands on the freezing-wise figure's horizontal axis, one of `freezingwise.AXES`; a figure over anything but
    frozen layers has a name of its own.

    Works on half-finished and partly failed studies, and says on the figure how many runs are missing. Raises
    LookupError where there is no such study.
    """
    series = read_series(store, name)
    folder = store.study_folder(name) / "figures"
    if not len(series.runs):
        for path in folder.glob("*.*g"):  # of runs that are left out now
            path.unlink()
        return ()
    written: list[Path] = []
    series = over_transfer(series)
    with journal():
        if x != "frozen_layers":
            return tuple(save(freezingwise(series, x), folder / f"over_{x}"))
        for stem, draw in FIGURES.items():
            written += save(draw(series), folder / stem)
        if likeness_axis(series) is not None:
            written += save(likeness(series), folder / "likeness")
        if scored(series):
            written += save(scores(series), folder / "scores")
    return tuple(written)
