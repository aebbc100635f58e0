"""What a study would see: the height of a peak that is seen in 80 of 100, by seeds and test images; and the kept noise.

    python bench/power.py [--quick] [--write]

--write puts the figures into bench/results/power.json and the tables into docs/calibration.md, and writes the noise of
bench/results/noise_of_runs.json and hard_images.json, as `ftdd plan` takes it, into core/ftdd/study/kept_noise.json.
The foreseen heights (`ftdd.statistics.power`) are tried on `find_descent` itself.
"""

import json
import math
import statistics
from dataclasses import replace
from typing import Any

import numpy as np
from calibration_page import RESULTS, ROOT, SIGMA, Count, calibrate, percent, table

from ftdd.statistics.detect import find_descent
from ftdd.statistics.noise import correlations
from ftdd.statistics.power import BREADTH, Spread, smallest_peak

RESULT = RESULTS / "power.json"
KEPT = ROOT / "core" / "ftdd" / "study" / "kept_noise.json"
SEEDS = (2, 3, 5, 8, 12)
IMAGES = (359, 1000, 2000, 10_000, None)
"""None: the claim is about these very images."""
DISCORDANCE = 0.05
AXES = {"10 frozen layers": (10, Spread(SIGMA)), "50 epochs": (50, Spread(SIGMA, share=0.8, decay=0.9))}


def kept() -> dict[str, Any]:
    """The measured noise of each study, in the median over its curves."""
    noise = json.loads((RESULTS / "noise_of_runs.json").read_text(encoding="utf-8"))
    hard = {one["study"]: one for one in json.loads((RESULTS / "hard_images.json").read_text())["studies"]}
    return {
        "command": "python bench/power.py --write",
        "studies": [_kept(one, hard[one["study"]]) for one in noise["studies"]],
    }


def _kept(study: dict[str, Any], hard: dict[str, Any]) -> dict[str, Any]:
    over = {axis: found for axis in ("epoch", "frozen_layers") if (found := _of_axis(study["curves"], axis))}
    epoch = over["epoch"]
    # Runs of different depths share no offset that would cancel
    over.setdefault("frozen_layers", {"sd": round(math.hypot(epoch["sd"], epoch["offset"]), 5), "offset": 0.0})
    settings = study["settings"]
    return {
        "study": study["study"],
        "pair": settings["pair.name"][0],
        "architecture": settings["architecture.name"][0],
        "seeds": max(one["seeds"] for one in study["curves"]),
        "test_images": study["test_images"],
        "over": over,
        "discordance": {
            axis: round(statistics.median(map(discordance, of_axis(hard["pairs"], axis))), 4)
            for axis in ("epoch", "frozen_layers")
        },
    }


def _of_axis(curves: list[dict[str, Any]], axis: str) -> dict[str, float]:
    names = {"sd": "median_sd", "offset": "sd_of_offsets", "share": "share", "decay": "decay"}
    some = [one for one in curves if one["over"] == axis]
    rows = {name: [one[key] for one in some if one[key] is not None] for name, key in names.items()}
    return {name: round(statistics.median(row), 5) for name, row in rows.items() if row}


def of_axis(pairs: list[dict[str, Any]], axis: str) -> list[dict[str, Any]]:
    differ = "frozen" if axis == "frozen_layers" else "epochs"
    return [one for one in pairs if one[differ][0] != one[differ][1]]


def discordance(pair: dict[str, Any]) -> float:
    """Of two places, over the test images: what `shared` leaves of the variance that two unlike places would have."""
    return max((1 - pair["shared"]) * sum(error * (1 - error) for error in pair["errors"]), 0.0)


# ------------------------------------------------------------------------------------------------------------- the page


def heights(quick: bool) -> list[dict[str, Any]]:
    rows = []
    for axis, (points, spread) in AXES.items():
        for images in (None, 359) if quick else IMAGES:
            given = spread if images is None else replace(spread, images=DISCORDANCE / images)
            for seeds in (3, 5) if quick else SEEDS:
                height = smallest_peak(points, seeds, given)
                assert height is not None
                tried = axis.startswith("10") or images in (None, 1000)
                of = 0 if not tried else 20 if quick else 200 if points < 20 else 60
                rows.append(
                    {
                        "axis": axis,
                        "images": images,
                        "seeds": seeds,
                        "height": round(height / SIGMA, 2),
                        "seen": Count(seen(points, seeds, height, given, of), of),
                    }
                )
    return rows


def seen(points: int, seeds: int, height: float, spread: Spread, of: int) -> int:
    """How often `find_descent` sees a peak of this height."""
    random = np.random.default_rng((points, seeds, int(1e6 * spread.images)))
    shape = np.exp(-0.5 * ((np.arange(points) - points // 2) / (BREADTH * points)) ** 2)
    lags = correlations(spread.share, spread.decay, points)
    apart = np.abs(np.subtract.outer(np.arange(points), np.arange(points)))
    root = np.linalg.cholesky(lags[apart] + 1e-9 * np.eye(points))
    test = spread.images / 2 * np.eye(points)
    hits = 0
    for _ in range(of):
        drawn = np.sqrt(spread.images / 2) * random.standard_normal(points)
        values = 0.3 + height * shape + drawn + spread.sd * (random.standard_normal((seeds, points)) @ root.T)
        # the number of seeds that would decide is not wanted: ruled out at any height, it is not computed
        hits += find_descent(values, test, smallest=1e9).answer == "seen"
    return hits


def tables(found: dict[str, Any]) -> dict[str, str]:
    rows = found["heights"]
    seeds = sorted({row["seeds"] for row in rows})
    cells = {(row["axis"], row["images"], row["seeds"]): row for row in rows}
    kinds = list(dict.fromkeys((row["axis"], row["images"]) for row in rows))
    lines = [
        [axis, "these very ones" if images is None else f"{images:,}"]
        + [
            f"{row['height']:.1f} σ" + (f" ({percent(row['seen'], False)})" if row["seen"]["of"] else "")
            for row in (cells[axis, images, one] for one in seeds)
        ]
        for axis, images in kinds
    ]
    return {
        "made power": f"Made by `{found['command']}` on {found['date']} in {found['seconds']} s; {found['hardware']}; "
        f"{found['versions']}.",
        "power by images": table(["axis", "test images", *(f"{one} seeds" for one in seeds)], lines),
        "kept noise": _kept_table(json.loads(KEPT.read_text(encoding="utf-8"))),
    }


def _kept_table(given: dict[str, Any]) -> str:
    lines = [
        [
            study["study"],
            axis.replace("_", " "),
            f"{values['sd']:.4f}",
            f"{values['offset']:.4f}",
            f"{values['share']:.2f}, {values['decay']:.2f}" if values.get("share") else "–",
            f"{study['discordance'][axis]:.3f}",
        ]
        for study in given["studies"]
        for axis, values in study["over"].items()
    ]
    return table(["study", "axis", "σ", "σ of offsets", "share, decay", "discordance"], lines)


def main() -> None:
    import sys

    if "--write" in sys.argv:
        KEPT.write_text(json.dumps(kept(), indent=1) + "\n", encoding="utf-8")
    calibrate("power.py", __doc__, {"heights": heights}, tables, RESULT)


if __name__ == "__main__":
    main()
