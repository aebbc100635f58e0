"""What noise real runs have: how much seeds differ at each place of a curve, and how long that is remembered.

    python bench/noise_of_runs.py STORE/studies/NAME [STORE/studies/OTHER ...] [--out FILE.json]

The studies must be done, with four seeds or more. What bench/calibrate_descent.py simulates is measured here: along
epochs and along frozen layers, after the mean over seeds and each seed's offset are taken out,

    sd       of one seed's test error at a place, and its median over the places
    memory   share and decay of corr(e_i, e_j) = share · decay^|i − j|, as ftdd.statistics.noise fits it, and the
             correlations themselves at some lags, corrected for the offsets that were taken out
    uneven   the sd at the interpolation threshold over the median sd, and the largest over the median beside what
             places of equal sd would give, since the largest of many estimates is large by chance too
    tails    the kurtosis of standardized residuals, 3 for Gaussian noise, beside what so few seeds give of such noise
"""

import argparse
import datetime
import json
import os
import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
import torch

from ftdd.analysis.replicates import Grid, over_epochs, over_setting
from ftdd.analysis.study_data import StudyData
from ftdd.statistics.noise import LONG, measure_noise
from ftdd.study.reading import read_study_data
from ftdd.study.store import Store

Floats = npt.NDArray[np.float64]
FEWEST = 4
DRAWS = 400
LAGS = (1, 2, 4, 8)
SETTLED = 2
"""Epochs before which curves are only looked at as a whole: chance level, the same for every seed, has no noise."""


def residuals(values: Floats) -> Floats:
    """Without the places' means and the seeds' offsets, in units that make their squares mean one variance each."""
    seeds, points = values.shape
    left = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return np.asarray(left * np.sqrt(seeds / (seeds - 1) * points / (points - 1)))


def autocorrelation(left: Floats, lag: int) -> float:
    """Of standardized residuals; taking a mean out of each row makes independent noise correlate by −1/(n − 1)."""
    points = left.shape[1]
    standard = left / np.sqrt(np.maximum((left**2).mean(axis=0), 1e-12))
    found = float((standard[:, lag:] * standard[:, :-lag]).mean() / (standard**2).mean())
    return found + 1 / (points - 1)


def by_chance(seeds: int, points: int) -> dict[str, float]:
    """What equal places with independent Gaussian noise give of the same number of seeds."""
    random = np.random.default_rng(0)
    greatest, tails = [], []
    for _ in range(DRAWS):
        left = residuals(random.standard_normal((seeds, points)))
        sd = np.sqrt((left**2).mean(axis=0))
        greatest.append(sd.max() / np.median(sd))
        tails.append(kurtosis(left))
    return {"largest_over_median": float(np.median(greatest)), "kurtosis": float(np.median(tails))}


def kurtosis(left: Floats) -> float:
    """Of residuals over a common sd of a place and its neighbours: a place's own few would bound them."""
    points = left.shape[1]
    square = (left**2).mean(axis=0)
    near = np.array([square[max(i - 2, 0) : min(i + 3, points)].mean() for i in range(points)])
    standard = left / np.sqrt(np.maximum(near, 1e-12))
    return float((standard**4).mean() / (standard**2).mean() ** 2)


def measured(grid: Grid, threshold: int | None) -> dict[str, Any]:
    """The noise of one curve. threshold: the place where runs begin, or cease, to interpolate."""
    values = grid.values
    seeds, points = values.shape
    left = residuals(values)
    sd = np.sqrt((left**2).mean(axis=0))
    noise = measure_noise(values)
    median = float(np.median(sd))
    offsets = values.mean(axis=1)
    return {
        "curve": grid.words or "the only one",
        "over": grid.over,
        "seeds": seeds,
        "places": points,
        "x": grid.x.tolist(),
        "mean": values.mean(axis=0).round(5).tolist(),
        "sd": sd.round(5).tolist(),
        "median_sd": median,
        "sd_of_offsets": float(offsets.std(ddof=1)),
        "share": noise.share if points >= LONG else None,
        "decay": noise.decay if points >= LONG else None,
        "correlations": {str(lag): round(autocorrelation(left, lag), 3) for lag in LAGS if lag < points - 1},
        "threshold_at": None if threshold is None else float(grid.x[threshold]),
        "threshold_over_median": None if threshold is None else float(near(sd, threshold) / median),
        "largest_over_median": float(sd.max() / median),
        "kurtosis": kurtosis(left),
        "by_chance": by_chance(seeds, points),
    }


def near(sd: Floats, at: int) -> float:
    """The sd at a place and its two neighbours, in the mean square: one place of few seeds says little."""
    return float(np.sqrt((sd[max(at - 1, 0) : at + 2] ** 2).mean()))


def without_start(grid: Grid) -> Grid:
    """The curve from where training has begun."""
    kept = grid.x >= SETTLED
    return Grid(grid.settings, grid.over, grid.x[kept], grid.values[:, kept], grid.seeds, grid.runs)


def study(folder: Path) -> dict[str, Any]:
    store = Store(folder.resolve().parent.parent)
    data = read_study_data(store, folder.name)
    curves = []
    for grid in over_epochs(data):
        if len(grid.values) >= FEWEST and len(grid.x) >= LONG:
            kept = without_start(grid)
            curves.append(measured(kept, _interpolates_at(data, kept)))
    for grid in over_setting(data, "frozen_layers", "final_test_error", fewest=4):
        full = ~np.isnan(grid.values).any(axis=1)
        if full.sum() >= FEWEST:
            kept = Grid(grid.settings, grid.over, grid.x, grid.values[full], grid.seeds, grid.runs)
            curves.append(measured(kept, _last_to_interpolate(data, kept)))
    if not curves:
        raise SystemExit(f"{folder}: no curve of {FEWEST} seeds or more")
    runs = data.done
    return {
        "study": folder.name,
        "settings": {
            path: sorted({str(value) for value in runs[path].dropna()})
            for path in ("pair.name", "architecture.name", "architecture.width", "target.images", "target.label_noise")
            if path in runs
        },
        "test_images": int(runs["test_images"].iloc[0]),
        "curves": curves,
        "summary": summary(curves),
    }


def _interpolates_at(data: StudyData, grid: Grid) -> int | None:
    """The place by which half of the runs interpolate."""
    rows = data.done[data.done["id"].isin(grid.runs)]
    epochs = rows["interpolation_epoch"].astype(float).fillna(np.inf)
    median = float(np.median(epochs))
    return int(np.searchsorted(grid.x, median)) if np.isfinite(median) else None


def _last_to_interpolate(data: StudyData, grid: Grid) -> int | None:
    """The largest number of frozen layers with which half of the runs interpolate."""
    rows = data.done[data.done["id"].isin(grid.runs)]
    share = rows["interpolation_epoch"].notna().groupby(rows["frozen_layers"].astype(float)).mean()
    there = [x for x, part in share.items() if part >= 0.5]
    return int(np.searchsorted(grid.x, max(there))) if there else None


def summary(curves: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the curves of each axis."""
    found: dict[str, Any] = {}
    for over in ("epoch", "frozen_layers"):
        some = [curve for curve in curves if curve["over"] == over]
        if not some:
            continue
        names = (
            "median_sd",
            "sd_of_offsets",
            "share",
            "decay",
            "threshold_over_median",
            "largest_over_median",
            "kurtosis",
        )
        rows = {name: [curve[name] for curve in some if curve[name] is not None] for name in names}
        found[over] = {name: round(float(np.median(row)), 4) for name, row in rows.items() if row}
        found[over]["lag_1"] = round(float(np.median([curve["correlations"]["1"] for curve in some])), 3)
        found[over]["curves"] = len(some)
    return found


def surroundings() -> dict[str, str]:
    return {
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "versions": f"python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = {**surroundings(), "studies": [study(folder) for folder in given.studies]}
    for one in found["studies"]:
        print(one["study"], one["settings"])
        print(f"{'curve':<30} {'over':<13} places  median sd  share  decay  lag 1  threshold  largest (chance)")
        for curve in one["curves"]:
            memory = "    -      -" if curve["share"] is None else f"{curve['share']:>5.2f}  {curve['decay']:>5.2f}"
            ratio = curve["threshold_over_median"]
            print(
                f"{curve['curve']:<30} {curve['over']:<13} {curve['places']:>6}  {curve['median_sd']:>9.4f}  {memory}  "
                f"{curve['correlations']['1']:>5.2f}  {'-' if ratio is None else f'{ratio:.2f}':>9}  "
                f"{curve['largest_over_median']:.2f} ({curve['by_chance']['largest_over_median']:.2f})  "
                f"kurtosis {curve['kurtosis']:.1f} ({curve['by_chance']['kurtosis']:.1f})"
            )
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
