"""How often `find_descent` is wrong: curves without a second descent that it sees one in, and descents that it misses.

    python bench/calibrate_descent.py [--quick] [--write]

--write puts the figures into bench/results/calibration.json and the tables into docs/calibration.md; else they are
printed. Noise is that which bench/noise_of_runs.py measured on real runs (bench/results/noise_of_runs.json): its size
at each place and its memory are those of one of the measured curves, drawn anew for each simulated one. docs/
calibration.md says what the kinds of noise and the figures are.
"""

import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import studies_as_they_are as more
from calibration_page import RESULTS, SIGMA, Count, calibrate, each, percent, table
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression

from ftdd.statistics import contrasts
from ftdd.statistics.detect import Descent, _tell, _Wanted, find_descent
from ftdd.statistics.noise import measure_noise

Floats = npt.NDArray[np.float64]
MEASURED = RESULTS / "noise_of_runs.json"
HARD = RESULTS / "hard_images.json"
RESULT = RESULTS / "calibration.json"

SEEDS = (2, 3, 5, 8, 12)
POINTS = {"epochs": 50, "frozen layers": 10, "5 places": 5, "20 places": 20}
NULLS = ("flat", "decay", "rise", "V", "uneven U", "staircase", "flat, then drop", "jump, then flat", "real")
WORST = ("flat, then drop", "jump, then flat")
KINDS = ("measured", "even", "heavy", "threshold", "images")
TEST_IMAGES = 1000


# ---------------------------------------------------------------------------------------------------------- curves


def null_curve(name: str, points: int, random: np.random.Generator) -> Floats:
    """In units of σ; monotone or with a single valley."""
    x = np.linspace(0, 1, points)
    if name == "real":
        return real_valley(points, random)
    shapes: dict[str, Callable[[], Floats]] = {
        "flat": lambda: np.zeros(points),
        "decay": lambda: 20 * np.exp(-6 * x),
        "rise": lambda: 10 * x,
        "V": lambda: 15 * np.abs(x - 0.5),
        "uneven U": lambda: np.where(x < 0.2, 20 * (0.2 - x) / 0.2, 6 * (x - 0.2)),
        "staircase": lambda: -5.0 * np.floor(4 * x - 1e-9),
        # Nothing but one end has to stand out by chance: the hardest of the null
        "flat, then drop": lambda: np.where(x < 1, 0.0, -30.0),
        "jump, then flat": lambda: np.where(x > 0, 0.0, -30.0),
    }
    return shapes[name]()


def real_valley(points: int, random: np.random.Generator) -> Floats:
    """The mean of a measured curve over epochs as the best single valley fits it, in its own σ."""
    valleys = _valleys(points)
    return valleys[random.integers(len(valleys))]


@lru_cache
def _valleys(points: int) -> tuple[Floats, ...]:
    found = []
    for curve in measured_curves():
        mean = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(curve["mean"])), curve["mean"])
        found.append(single_valley(mean) / curve["median_sd"])
    return tuple(found)


def single_valley(values: Floats) -> Floats:
    """Least squares: falling up to some place and rising from there, the best of all places."""
    best, least = values, np.inf
    places = np.arange(len(values))
    for turn in range(len(values) + 1):
        fitted = np.concatenate(
            [
                IsotonicRegression(increasing=rising).fit_transform(places[part], values[part])
                for rising, part in ((False, slice(0, turn)), (True, slice(turn, None)))
                if len(places[part])
            ]
        )
        misfit = float(((fitted - values) ** 2).sum())
        if misfit < least:
            best, least = fitted, misfit
    return best


def planted(points: int, amplitude: float, broad: bool) -> tuple[Floats, int]:
    """In units of σ: a fall to a valley, a peak that rises from it by the amplitude, and the valley's level again."""
    places = np.arange(points)
    at = round(0.55 * (points - 1))
    fall = 10 * np.exp(-places / max(points / 16, 0.4))
    fall[at - 1 :] = 0  # a decay's tail would add to the rise
    width = points / 12 if broad else 0.1
    return fall + amplitude * np.exp(-0.5 * ((places - at) / width) ** 2), at


# ----------------------------------------------------------------------------------------------------------- noise


@lru_cache
def measured_curves() -> tuple[dict[str, Any], ...]:
    studies = json.loads(MEASURED.read_text())["studies"]
    return tuple(curve for study in studies for curve in study["curves"] if curve["over"] == "epoch")


@lru_cache
def profile(index: int, points: int) -> Floats:
    """The measured sd along a curve over its median, at so many places; smoothed, as each is of a few seeds."""
    sd = np.array(measured_curves()[index]["sd"])
    smooth = np.sqrt(np.convolve(np.pad(sd**2, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid"))
    places = np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(smooth)), smooth)
    return places / np.median(places)


@lru_cache
def root(share: float, decay: float, points: int) -> Floats:
    lags = share * decay ** np.arange(points, dtype=float)
    lags[0] = 1
    return np.linalg.cholesky(
        lags[np.abs(np.subtract.outer(np.arange(points), np.arange(points)))] + 1e-9 * np.eye(points)
    )


def noise(kind: str, seeds: int, points: int, random: np.random.Generator) -> Floats:
    """Shape (seeds, points), in units of σ; `even` and `heavy` have one sd at all places."""
    draws = random.standard_normal((seeds, points))
    if kind == "heavy":
        draws = random.standard_t(4, (seeds, points)) / math.sqrt(2)
    index = int(random.integers(len(measured_curves())))
    curve = measured_curves()[index]
    if points == POINTS["epochs"]:
        draws = draws @ root(curve["share"], curve["decay"], points).T
    if kind == "threshold":  # one place, as an interpolation threshold may be, is three times as noisy
        scale = np.ones(points)
        scale[round(0.55 * (points - 1))] = 3
        draws = draws * scale
    elif kind == "measured" and points == POINTS["epochs"]:
        draws = draws * profile(index, points)
    elif kind == "measured":  # over frozen layers sds differed less: by chance alone, and somewhat more
        draws = draws * random.uniform(0.7, 1.5, points)
    offsets = random.standard_normal((seeds, 1))
    return np.asarray(draws + offsets)


def on_images(shape: Floats, seeds: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Errors of seeds that answer each of the same test images, around 0.3 + 0.0125 · shape.

    How hard an image is, on the scale of a normal quantile, is partly its own and partly its and the place's, such that
    differences between places keep half of what independent images would add, and more than is measured on real runs.
    With them the covariance over draws of the images, as the answers show it: shape (points, points). Seeds draw their
    answers independently given how hard the image is.
    """
    points = len(shape)
    level = np.clip(0.3 + SIGMA * shape, 0.02, 0.98)
    spread = 3.0
    own = 0.72
    hardness = spread * (
        math.sqrt(own) * random.standard_normal((TEST_IMAGES, 1))
        + math.sqrt(1 - own) * random.standard_normal((TEST_IMAGES, points))
    )
    chance = norm.cdf(norm.ppf(level) * math.sqrt(1 + spread**2) + hardness)
    wrong = random.random((seeds, TEST_IMAGES, points)) < chance
    drift = SIGMA * random.standard_normal((seeds, points))
    return np.asarray(wrong.mean(axis=1) + drift), np.cov(wrong.mean(axis=0).T) / TEST_IMAGES


# -------------------------------------------------------------------------------------------------------- the runs


def tell(values: Floats, test: Floats | None = None, curves: int = 1) -> Descent:
    """As find_descent, without the number of seeds that would tell, which takes most of its time."""
    return _tell(measure_noise(values, test), len(values), _Wanted(curves=curves))


def draws_of(points: int, quick: bool) -> int:
    if quick:
        return 60 if points >= 50 else 150
    return 200 if points >= 20 else 800


def null_cells(quick: bool) -> list[tuple[str, str, str, int]]:
    """(axis, kind of noise, null, seeds) of each figure."""
    cells = []
    for axis in ("epochs", "frozen layers") if quick else POINTS:
        kinds = ("measured", "even") if axis in ("5 places", "20 places") else KINDS
        for kind in kinds if axis == "frozen layers" else kinds[:4]:
            every = (*WORST, "real") if quick else NULLS
            for name in every if kind == "measured" else WORST:
                cells += [(axis, kind, name, seeds) for seeds in ((2, 5) if quick else SEEDS)]
    return cells


def falsely_seen(quick: bool) -> list[dict[str, Any]]:
    return each(null_row, [(*cell, quick) for cell in null_cells(quick)])


def null_row(axis: str, kind: str, name: str, seeds: int, quick: bool) -> dict[str, Any]:
    points = POINTS[axis]
    of = draws_of(points, quick) // (5 if kind == "images" else 1)
    random = np.random.default_rng((points, KINDS.index(kind), NULLS.index(name), seeds))
    found = {"seen": 0, "not seen": 0, "cannot tell": 0}
    for _ in range(of):
        shape = null_curve(name, points, random)
        if kind == "images":
            found[tell(*on_images(np.maximum(shape, -20), seeds, random)).answer] += 1
        else:
            values = 0.3 + SIGMA * (shape + noise(kind, seeds, points, random))
            found[tell(values).answer] += 1
    counts = {key: Count(hits, of) for key, hits in found.items()}
    return {"axis": axis, "noise": kind, "null": name, "seeds": seeds, **counts}


def power(quick: bool) -> list[dict[str, Any]]:
    cells = []
    for axis, points in POINTS.items():
        if quick and axis not in ("epochs", "frozen layers"):
            continue
        for broad in (False, True) if points != 5 else (False,):
            for amplitude in (2,) if quick else (1, 2, 3, 4):
                for seeds in (5,) if quick else (2, 3, 5, 8, 12, 16):
                    cells.append((axis, broad, amplitude, seeds, 60 if quick else (100 if points >= 20 else 300)))
    return each(power_row, cells)


def power_row(axis: str, broad: bool, amplitude: int, seeds: int, of: int) -> dict[str, Any]:
    points = POINTS[axis]
    shape, at = planted(points, amplitude, broad)
    random = np.random.default_rng((points, broad, amplitude, seeds))
    kind = {"axis": axis, "peak": "broad" if broad else "one place", "amplitude": amplitude, "seeds": seeds}
    return {**kind, **plant(shape, at, seeds, of, random)}


def plant(shape: Floats, at: int, seeds: int, of: int, random: np.random.Generator) -> dict[str, Count]:
    points = len(shape)
    truth = 0.3 + SIGMA * shape
    effect = SIGMA * float(min(shape[at] - shape[:at].min(), shape[at] - shape[at + 1 :].min()))
    found: list[Descent] = [tell(truth + SIGMA * noise("even", seeds, points, random)) for _ in range(of)]
    seen = [one for one in found if one.answer == "seen"]
    answers = [one.answer for one in found]
    both = [(one.shape, one.rise_interval, one.fall_interval) for one in found if one.shape]
    return {
        "seen": Count(len(seen), of),
        "not seen": Count(answers.count("not seen"), of),
        "cannot tell": Count(answers.count("cannot tell"), of),
        "low_end_holds": Count(sum(one.interval is not None and one.interval[0] <= effect for one in found), of),
        "high_end_holds": Count(
            sum(one.interval is not None and one.interval[1] >= wide_effect(truth) - 1e-12 for one in found), of
        ),
        "rise_holds": Count(
            sum(r is not None and r[0] <= truth[s.peak] - truth[s.first] <= r[1] for s, r, _ in both), len(both)
        ),
        "fall_holds": Count(sum(f is None or f[0] <= truth[s.peak] - truth[-1] <= f[1] for s, _, f in both), len(both)),
        "peak_within_one": Count(sum(abs(one.shape.peak - at) <= 1 for one in seen if one.shape), len(seen)),
        "peak_among_places": Count(
            sum(one.peak_places[0] <= at <= one.peak_places[1] for one in seen if one.peak_places), len(seen)
        ),
    }


def wide_effect(truth: Floats) -> float:
    """How far the peak stands out where valley, peak and end are windows of an eighth of the curve."""
    width = max([one for one in contrasts.widths(len(truth)) if one <= max(len(truth) // 8, 1)])
    level = np.convolve(truth, np.full(width, 1 / width), mode="valid")
    out = [
        min(level[j] - level[: j - width + 1].min(), level[j] - level[j + width :].min())
        for j in range(width, len(level) - width)
    ]
    return max(max(out, default=0.0), 0.0)


def together(quick: bool) -> list[dict[str, Any]]:
    """Twenty curves of the hardest null, looked at together: how often any is falsely seen."""
    rows: list[dict[str, Any]] = []
    many = 20
    for axis in ("frozen layers",) if quick else ("frozen layers", "epochs"):
        points = POINTS[axis]
        for seeds in (3,) if quick else (3, 5):
            of = 20 if quick else (40 if points >= 50 else 200)
            random = np.random.default_rng((points, seeds))
            hits = 0
            for _ in range(of):
                kinds = [WORST[i % 2] for i in range(many)]
                hits += any(
                    tell(
                        0.3 + SIGMA * (null_curve(kind, points, random) + noise("measured", seeds, points, random)),
                        curves=many,
                    ).answer
                    == "seen"
                    for kind in kinds
                )
            rows.append({"axis": axis, "seeds": seeds, "curves": many, "any_seen": Count(hits, of)})
    return rows


def oracle(quick: bool) -> list[dict[str, Any]]:
    """Linear regression with frozen coordinates: the peak over frozen coordinates must be at t = d − n."""
    rows = []
    for d, n in ((20, 10),) if quick else ((20, 10), (30, 12), (40, 20), (40, 30)):
        for seeds in (10,) if quick else (5, 10, 20):
            of = 10 if quick else 40
            random = np.random.default_rng((d, n, seeds))
            seen = exactly = near = among = 0
            for _ in range(of):
                found = tell(np.log([risks(d, n, random) for _ in range(seeds)]))
                if found.answer != "seen" or found.shape is None or found.peak_places is None:
                    continue
                seen += 1
                exactly += found.shape.peak == d - n
                near += abs(found.shape.peak - (d - n)) <= 1
                among += found.peak_places[0] <= d - n <= found.peak_places[1]
            counts = {"exactly": exactly, "within_one": near, "among_places": among}
            rows.append(
                {"d": d, "n": n, "seeds": seeds, "seen": Count(seen, of)}
                | {name: Count(hits, seen) for name, hits in counts.items()}
            )
    return rows


def risks(d: int, n: int, random: np.random.Generator) -> list[float]:
    """The exact risk of each number of frozen coordinates, 0 … d, for one source and one target sample.

    The setting of recipes/theory.yaml: β of equal coordinates and length 1, source β_s = 0.9 β with 2 d samples and
    noise 0.1, target noise 0.2; trained coordinates go to the least-squares solution nearest to the source's.
    """
    beta = np.full(d, 1 / math.sqrt(d))
    z = random.standard_normal((2 * d, d))
    theta = np.linalg.lstsq(z, z @ (0.9 * beta) + math.sqrt(0.1) * random.standard_normal(2 * d), rcond=None)[0]
    x = random.standard_normal((n, d))
    left = x @ (beta - theta) + math.sqrt(0.2) * random.standard_normal(n)
    found = []
    for t in range(d + 1):
        w = theta.copy()
        if t < d:
            w[t:] += np.linalg.pinv(x[:, t:]) @ left
        found.append(0.2 + float((w - beta) @ (w - beta)))
    return found


# --------------------------------------------------------------------------------------------------------- the page


def tables(found: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/calibration.md by the names of their markers there; from the figures as JSON."""
    texts = {
        "made": f"Made by `{found['command']}` on {found['date']} in {found['seconds']} s; {found['hardware']}; "
        f"{found['versions']}.",
        "nulls": "\n".join(_nulls([row for row in found["false"] if row["axis"] == axis]) for axis in POINTS),
        "together": table(
            ["axis", "seeds", "any of 20 falsely *seen*"],
            [[row["axis"], row["seeds"], percent(row["any_seen"])] for row in found["together"]],
        ),
        "power": _power(found["power"]),
        "needed": needed(found["power"]),
        "intervals": _intervals(found["power"]),
        "hard images": _hard_images(),
        "oracle": table(
            ["d", "n", "seeds", "*seen*", "of these: at d − n", "within 1", "d − n among `peak_places`"],
            [
                [row["d"], row["n"], row["seeds"]]
                + [percent(row[name]) for name in ("seen", "exactly", "within_one", "among_places")]
                for row in found["oracle"]
            ],
        ),
    }
    texts |= more.tables(found)
    return {name: re.sub(r"\bplace(s?)\b", r"position\1", text) for name, text in texts.items()}


def _hard_images() -> str:
    rows = []
    for study in json.loads(HARD.read_text(encoding="utf-8"))["studies"]:
        for kind, words in (("between_frozen", "two numbers of frozen layers"), ("between_epochs", "two epochs")):
            least, median = study["least_and_median"][kind]["shared"]
            rows.append([study["study"], words, study["seeds"], study["test_images"], f"{least:.2f}", f"{median:.2f}"])
    return table(["study", "between", "seeds", "test images", "least c", "median c"], rows)


def _nulls(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    seeds = sorted({row["seeds"] for row in rows})
    cells = {(row["null"], row["noise"], row["seeds"]): percent(row["seen"]) for row in rows}
    kinds = list(dict.fromkeys((row["null"], row["noise"]) for row in rows))
    axis = rows[0]["axis"]
    heads = [
        f"{axis}{'' if 'places' in axis else f', {POINTS[axis]} places'}",
        "noise",
        *(f"{one} seeds" for one in seeds),
    ]
    return table(heads, [[null, kind, *(cells[null, kind, one] for one in seeds)] for null, kind in kinds])


def _power(rows: list[dict[str, Any]]) -> str:
    seeds = sorted({row["seeds"] for row in rows})
    cells = {(row["axis"], row["peak"], row["amplitude"], row["seeds"]): percent(row["seen"], False) for row in rows}
    kinds = list(dict.fromkeys((row["axis"], row["peak"], row["amplitude"]) for row in rows))
    heads = ["axis", "peak", "height", *(f"{one} seeds" for one in seeds)]
    return table(heads, [[*kind[:2], f"{kind[2]} σ", *(cells[(*kind, one)] for one in seeds)] for kind in kinds])


def _intervals(rows: list[dict[str, Any]]) -> str:
    names = ("low_end_holds", "high_end_holds", "rise_holds", "fall_holds", "peak_within_one", "peak_among_places")
    lines: list[list[Any]] = []
    for axis, peak in dict.fromkeys((row["axis"], row["peak"]) for row in rows):
        some = [row for row in rows if (row["axis"], row["peak"]) == (axis, peak)]
        sums = [Count(sum(row[name]["hits"] for row in some), sum(row[name]["of"] for row in some)) for name in names]
        lines.append([axis, peak, *(percent(one.data()) for one in sums)])
    heads = [
        "axis",
        "peak",
        "lower end",
        "upper end",
        "rise",
        "fall",
        "peak within 1 place",
        "peak among `peak_places`",
    ]
    return table(heads, lines)


def needed(rows: list[dict[str, Any]]) -> str:
    """From which number of seeds on a descent of twice the noise was seen 95 times of 100."""
    lines: list[list[Any]] = []
    for axis, peak in dict.fromkeys((row["axis"], row["peak"]) for row in rows):
        some = [row for row in rows if (row["axis"], row["peak"], row["amplitude"]) == (axis, peak, 2)]
        enough = [row["seeds"] for row in some if row["seen"]["share"] >= 0.95]
        most = max(row["seeds"] for row in some)
        lines.append([axis, peak, min(enough) if enough else f"more than {most}"])
    return table(["axis", "peak", "seeds for 95% at 2 σ"], lines)


def main() -> None:
    assert find_descent(0.3 + SIGMA * planted(10, 9, False)[0]).answer == "cannot tell"  # one seed
    parts = {
        "looks": more.looks,
        "falsely": more.falsely,
        "degenerate": more.degenerate,
        "excluded": more.excluded,
        "rival": more.rival,
        "false": falsely_seen,
        "power": power,
        "together": together,
        "oracle": oracle,
    }
    calibrate("calibrate_descent.py", __doc__, parts, tables, RESULT)


if __name__ == "__main__":
    main()
