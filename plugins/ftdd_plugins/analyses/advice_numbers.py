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

VALIDATION = "final_validation_error"
TEST, HELD_OUT = "test images", "validation images"
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
    level: float
    curves: int
    optimism: float | None
    chosen_on: str


def found_best(study: "StudyData", grid: "Grid", level: float, smallest: float, curves: int) -> Found:
    """By validation images where each run of the curve has such, else by test images.

    curves: over frozen layers, that are looked at together.
    """
    from ftdd.analysis.replicates import compared_values, max_difference
    from ftdd.statistics.best import best_places, optimism
    from ftdd.statistics.detect import find_descent
    from ftdd.statistics.noise import measure_noise

    most, values = max_difference(study), compared_values(study, grid)
    held_out = _validated(study, grid)
    choosing = values if held_out is None else compared_values(study, held_out)
    best = best_places(choosing, level=level, curves=curves, most=most)
    descent = find_descent(values, smallest=smallest, level=level, curves=max(curves, 1), most=most)
    mean = best.mean if held_out is None else measure_noise(values).mean
    optimistic = optimism(values) if held_out is None else None
    return Found(grid, best, mean, descent, level, curves, optimistic, TEST if held_out is None else HELD_OUT)


def _validated(study: "StudyData", grid: "Grid") -> "Grid | None":
    """The same curve of errors on validation images; None where a run of it has none."""
    from ftdd.analysis.replicates import over_setting

    if VALIDATION not in study.done or study.done.loc[study.done["id"].isin(grid.runs), VALIDATION].isna().any():
        return None
    same = [one for one in over_setting(study, "frozen_layers", VALIDATION) if one.settings == grid.settings]
    return same[0] if same and same[0].x.shape == grid.x.shape else None


def improving(
    study: "StudyData", grid: "Grid", runs: "pd.DataFrame", level: float, least: float
) -> tuple[tuple[int, float], ...]:
    """The numbers of frozen layers with which the test error still falls significantly, and by how much.

    By more than `least` while the epochs double, as it did over the last half of them.
    """
    import numpy as np

    from ftdd.statistics.ending import endings

    curves = []
    for depth in grid.x:
        own = runs[runs["frozen_layers"].astype(float) == depth]
        table = study.curves_of(own).drop_duplicates(["id", "epoch"])
        table = table.pivot(index="id", columns="epoch", values="test_error").dropna(axis=1)
        values = table.to_numpy(dtype=float)
        if study.regression:
            values = np.log(np.maximum(values, np.finfo(float).tiny))
        curves.append((table.columns.to_numpy(dtype=float), values))
    ends = endings([(x, y) if len(x) else (np.zeros(1), np.zeros((1, 1))) for x, y in curves], level=level)
    falling = zip(grid.x, ends, strict=True)
    return tuple((int(depth), end.fall) for depth, end in falling if end.low > 0 and end.fall >= least)


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
    averaged = all(len(seed) > 1 and seed[0] is None for seed in grid.seeds)
    path = "source.seed" if averaged or ("seed" not in study.swept and "source.seed" in study.swept) else "seed"
    have = sorted({int(one) for one in study.done[path].dropna()}) if path in study.done else [0]
    # Seeds that are crossed with sources are so many replicates each
    each = max(len(grid.seeds) // len(have), 1)
    following = have[-1] + 1
    return path, have, list(range(following, following + max(-(-needed // each) - len(have), 1)))


def _as_list(values: Sequence[int]) -> str:
    if list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}..{values[-1]}"
    return f"[{', '.join(map(str, values))}]"
