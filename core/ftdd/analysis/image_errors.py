"""Which test images each run of a curve got wrong, from the predictions that runs keep."""

from collections.abc import Hashable
from typing import Literal

import numpy as np
import numpy.typing as npt

from ftdd.analysis.replicates import Grid
from ftdd.analysis.study_data import StudyData
from ftdd.statistics.test_images import ImageVariance, image_variance

Images = Literal["images like these", "these images"]


def test_image_variance(study: StudyData, *grids: Grid) -> ImageVariance | None:
    """Of the places of one curve, or of several, one after the other; None where the runs do not say it.

    They do not where some run has kept no predictions, or seeds have test images of their own, whose chance is in the
    variance between seeds already. Then a claim is about these very test images.
    """
    errors = image_errors(study, *grids)
    return None if errors is None else image_variance(errors)


def estimand(found: ImageVariance | None) -> Images:
    """Which test images a claim is about."""
    return "these images" if found is None else "images like these"


def image_errors(study: StudyData, *grids: Grid) -> "npt.NDArray[np.float32] | None":
    """1 where an image was misclassified; shape (cells, places of all curves, test images), NaN where a run is missing.

    Cells of equal source and seed are one. None where some run has kept no predictions.
    """
    if study.regression or not all(grid.shared_test_images for grid in grids):
        return None
    cells: dict[tuple[Hashable, Hashable], int] = {}
    for grid in grids:
        for cell in zip(grid.cells.source, grid.cells.target, strict=True):
            cells.setdefault(cell, len(cells))
    found: npt.NDArray[np.float32] | None = None
    places, first = sum(len(grid.x) for grid in grids), 0
    for grid in grids:
        for i, cell in enumerate(zip(grid.cells.source, grid.cells.target, strict=True)):
            for j, run in enumerate(grid.ids[i]):
                if not isinstance(run, str):
                    continue
                kept = study.by_id[run].wrong if run in study.by_id else None
                wrong = kept.at(grid.x[j] if grid.over == "epoch" else None) if kept else None
                if wrong is None:
                    return None
                if found is None:
                    found = np.full((len(cells), places, len(wrong)), np.nan, dtype=np.float32)
                if len(wrong) != found.shape[2]:
                    return None
                found[cells[cell], first + j] = wrong
        first += len(grid.x)
    return found
