"""What `advise` computes: the best number, what may be it, how optimistic its error is, and what would settle it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftdd.analysis.advice import MoreSeeds, command

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.best import Best
    from ftdd.statistics.detect import Descent
    from ftdd.statistics.noise import Floats
    from ftdd.statistics.test_images import ImageVariance

VALIDATION = "final_validation_error"
TEST, HELD_OUT = "test images", "validation images"
GROUPS = 10
"""Of test images; each in turn takes no part in the choice."""
START = 3
"""Seeds to begin with, where there is one."""


@dataclass(frozen=True)
class Found:
    """One curve over frozen layers, and what is found of it."""

    grid: "Grid"
    """Of test errors."""
    best: "Best"
    """By the errors that choose."""
    mean: "Floats"
    """Of the test errors, as they are compared."""
    descent: "Descent"
    """Of the test errors."""
    images: "ImageVariance | None"
    """What other test images would add; None where the claim is about these very ones."""
    level: float
    curves: int
    optimism: float | None
    by_images: bool
    """Whether what the test images add to the optimism is in it."""
    chosen_on: str


def found_best(study: "StudyData", grid: "Grid", level: float, smallest: float, curves: int) -> Found:
    """By validation images where each run of the curve has such, else by test images.

    curves: over frozen layers, that are looked at together.
    """
    from ftdd.analysis.image_errors import test_image_variance
    from ftdd.analysis.replicates import compared_cells, max_difference
    from ftdd.statistics.best import best_places
    from ftdd.statistics.detect import find_descent
    from ftdd.statistics.noise import measure_noise

    most, cells, images = max_difference(study), compared_cells(study, grid), test_image_variance(study, grid)
    test = images.covariance if images else None
    held_out = _validated(study, grid)
    if held_out is None:
        best = best_places(cells.margin, test, cells.second, level=level, curves=curves, most=most)
    else:
        choosing = compared_cells(study, held_out)
        best = best_places(choosing.margin, None, choosing.second, level=level, curves=curves, most=most)
    descent = find_descent(cells.margin, test, cells.second, smallest=smallest, level=level, curves=curves, most=most)
    mean = best.mean if held_out is None else measure_noise(cells.margin).mean
    optimistic, by_images = _optimism(study, grid) if held_out is None else (None, False)
    chosen_on = TEST if held_out is None else HELD_OUT
    return Found(grid, best, mean, descent, images, level, curves, optimistic, by_images, chosen_on)


def _optimism(study: "StudyData", grid: "Grid") -> tuple[float | None, bool]:
    """How much too low the lowest error is, and whether what the test images add to that is in it."""
    import numpy as np

    from ftdd.analysis.image_errors import image_errors
    from ftdd.analysis.replicates import compared_cells
    from ftdd.statistics.best import optimism

    wrong = image_errors(study, grid)
    cells = compared_cells(study, grid)
    if wrong is None or wrong.shape[2] < 2 * GROUPS:
        return optimism(cells.margin), False
    # In turn, so that groups are alike where images are sorted by class; equal numbers in each
    images = wrong.shape[2] - wrong.shape[2] % GROUPS
    groups = wrong[:, :, :images].reshape(*wrong.shape[:2], -1, GROUPS).mean(axis=2)
    return optimism(np.asarray(groups, dtype=float)), True


def _validated(study: "StudyData", grid: "Grid") -> "Grid | None":
    """The same curve of errors on validation images; None where a run of it has none."""
    from ftdd.analysis.replicates import over_setting

    if VALIDATION not in study.done or study.done.loc[study.done["id"].isin(grid.runs), VALIDATION].isna().any():
        return None
    same = [one for one in over_setting(study, "frozen_layers", VALIDATION) if one.settings == grid.settings]
    return same[0] if same and same[0].x.shape == grid.x.shape else None


def improving(study: "StudyData", grid: "Grid", level: float, least: float) -> tuple[tuple[int, float], ...]:
    """The numbers of frozen layers with which the test error still falls significantly, and by how much.

    By `least` or more while the epochs double, as it did over the last half of them.
    """
    from ftdd.analysis.replicates import compared_cells, over_epochs
    from ftdd.statistics.ending import endings

    found = {}
    for curve in over_epochs(study):
        depth = curve.settings.get("frozen_layers")
        if isinstance(depth, int) and curve.settings == {**grid.settings, "frozen_layers": depth}:
            found[depth] = curve.x, compared_cells(study, curve).margin
    ends = dict(zip(found, endings(list(found.values()), level=level), strict=True))
    falling = {depth: end.fall for depth, end in sorted(ends.items()) if end.low > 0 and end.fall >= least}
    return tuple(falling.items())


def threshold(runs: "pd.DataFrame") -> int | None:
    """The most frozen layers with which at least half of the runs interpolate."""
    shares = runs["interpolation_epoch"].notna().groupby(runs["frozen_layers"].astype(int)).mean()
    reached = shares[shares >= 0.5]
    return int(reached.index.max()) if len(reached) else None


def seeds_that_settle(study: "StudyData", found: Found, tolerance: float) -> MoreSeeds | None:
    """How many seeds would let some number be recommended, the command, and its price; None where none would."""
    from ftdd.statistics.best import seeds_to_settle

    there = found.best.seeds
    needed = seeds_to_settle(found.best, tolerance, level=found.level, curves=found.curves)
    if not found.best.known:
        needed = max(START, there) if there < START else None
    if needed is None:
        return None
    path, have, new = _more_of(study, found.grid, needed)
    spent = study.done["seconds"].dropna()
    price = float(spent.sum()) / len(have) * len(new) if len(spent) else None
    return MoreSeeds(needed, command(study.record, f"sweep.{path}={_as_list([*have, *new])}"), price)


def _more_of(study: "StudyData", grid: "Grid", needed: int) -> tuple[str, list[int], list[int]]:
    """The setting to sweep, its values, and new ones so that a curve has so many replicates."""
    cells = grid.cells
    path = "source.seed" if cells.by_source or ("seed" not in study.swept and "source.seed" in study.swept) else "seed"
    have = sorted({int(one) for one in study.done[path].dropna()}) if path in study.done else [0]
    each = max(len(cells.margin) // len(have), 1)
    following = have[-1] + 1
    return path, have, list(range(following, following + max(-(-needed // each) - len(have), 1)))


def _as_list(values: Sequence[int]) -> str:
    if list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}..{values[-1]}"
    return f"[{', '.join(map(str, values))}]"
