"""A study's figures: which there are, and PNG and SVG files of them."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from ftdd.analysis.study_data import StudyData, over_transfer
from ftdd.results.figures.epochwise import epochwise
from ftdd.results.figures.freezingwise import AXES, freezingwise
from ftdd.results.figures.scores import scored, scores
from ftdd.results.figures.similarity import similarity, similarity_axis
from ftdd.results.figures.style import journal, save

FIGURES: dict[str, tuple[Callable[[StudyData], Figure], Callable[[StudyData], bool]]] = {
    "freezingwise": (freezingwise, lambda study: True),
    "epochwise": (epochwise, lambda study: True),
    "similarity": (similarity, lambda study: similarity_axis(study) is not None),
    "scores": (scores, lambda study: bool(scored(study))),
}
"""By kind: what draws it, and whether a study has it."""


def figures_of(study: StudyData) -> tuple[str, ...]:
    """The kinds of figure that a study has; none before a run is done."""
    if not len(study.done):
        return ()
    study = over_transfer(study)
    return tuple(kind for kind, (_, has) in FIGURES.items() if has(study))


def figure(study: StudyData, kind: str = "freezingwise", over: str = "frozen_layers") -> Figure:
    """One figure of a study.

    kind: one of FIGURES.   over: what stands on the horizontal axis of `freezingwise`, one of `freezingwise.AXES`.
    Raises ValueError with a sentence where the study has no such figure, or there is no such axis.
    """
    there = figures_of(study)
    if kind not in there:
        why = "no run is done yet" if not there else f"this study has {', '.join(there)}"
        raise ValueError(f"no figure '{kind}': {why}")
    if over != "frozen_layers" and kind != "freezingwise":
        raise ValueError(f"over='{over}' is for the figure freezingwise, not for {kind}")
    if over not in AXES:
        raise ValueError(f"over='{over}': must be one of {', '.join(AXES)}")
    draw, _ = FIGURES[kind]
    with journal():
        return freezingwise(over_transfer(study), over) if kind == "freezingwise" else draw(over_transfer(study))


def draw_figures(study: StudyData, folder: Path) -> tuple[Path, ...]:
    """Draw a study's figures into a folder; those of an earlier call that it has no more are removed.

    Works on half-finished and partly failed studies, and says on the figure how many runs are missing.
    """
    there = figures_of(study)
    if not there:
        for path in folder.glob("*.*g"):  # of runs that are left out now
            path.unlink()
    return tuple(path for kind in there for path in save(figure(study, kind), folder / kind))


def draw_over(study: StudyData, folder: Path, over: str) -> tuple[Path, ...]:
    """Draw the freezing-wise figure over something else, under a name of its own; nothing before a run is done."""
    return save(figure(study, over=over), folder / f"over_{over}") if len(study.done) else ()
