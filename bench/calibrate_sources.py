"""How often intervals hold where the truth is known for sources too: the linear oracle, sources crossed with targets.

    python bench/calibrate_sources.py [--quick] [--write]

--write puts the figures into bench/results/calibration_sources.json and the tables into docs/calibration.md; else they
are printed. A study draws sources and target sets, solves least squares as the engine does (docs/method.md, "The
oracle"), and knows the expected error of every number of frozen coordinates in closed form: over the draws of source
and target where it has three sources or more, else over those of the target, given its sources.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_page import RESULTS, Answers, Row, calibrate, counted, percent, table

from ftdd.statistics.best import best_places
from ftdd.statistics.detect import find_descent
from ftdd.statistics.differences import differences
from ftdd.statistics.noise import Floats
from ftdd.statistics.replication import Cells
from ftdd_plugins.pairs.gaussian_linear import fitted_error, source_distance

RESULT = RESULTS / "calibration_sources.json"
D, SAMPLES, SOURCE_SAMPLES = 120, 60, 200
NOISE, SOURCE_NOISE = 0.2, 0.5
FROZEN = (0, 25, 37, 45, 78, 90, 102, 120)
"""Away from the threshold at 60, where the variance of an error is infinite and its distribution far from normal."""
BETA = np.full(D, D**-0.5)
STUDIES = 500
LAYOUTS = ((1, 3), (1, 8), (2, 5), (3, 2), (3, 3), (3, 8), (8, 3), (8, 8))
SIDES = (0.9, 0.5)
"""a of the oracle: the more related source, and the less related one."""


def study(sources: int, targets: int, own: bool, random: np.random.Generator) -> "tuple[list[Cells], list[Floats]]":
    """(runs of both kinds of source, the expected error of both) of a study with crossed seeds, or with own targets."""
    draws = targets * sources if own else targets
    inverses = []
    for _ in range(draws):
        x = random.standard_normal((SAMPLES, D))
        noise = NOISE**0.5 * random.standard_normal(SAMPLES)
        inverses.append((x, noise, [np.linalg.pinv(x[:, t:]) for t in FROZEN]))
    weights = [[_source(a, x, noise) for a in SIDES] for x, noise in (_source_data(random) for _ in range(sources))]
    cells, expected = [], []
    for side in range(len(SIDES)):
        rows = [
            (i, j, _errors(weights[i][side], *inverses[j]))
            for i in range(sources)
            for j in (range(targets * i, targets * (i + 1)) if own else range(targets))
        ]
        source, target, values = zip(*rows, strict=True)
        cells.append(Cells(np.array(values), source, target))
        given = np.mean([_given(weights[i][side]) for i in range(sources)], axis=0)
        expected.append(_over_sources(SIDES[side]) if sources >= 3 else given)
    return cells, expected


def _source_data(random: np.random.Generator) -> "tuple[Floats, Floats]":
    return random.standard_normal((SOURCE_SAMPLES, D)), SOURCE_NOISE**0.5 * random.standard_normal(SOURCE_SAMPLES)


def _source(a: float, x: Floats, noise: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(x, x @ (a * BETA) + noise, rcond=None)[0])


def _errors(start: Floats, x: Floats, noise: Floats, inverses: list[Floats]) -> list[float]:
    """Expected squared error on new labels, of each number of frozen coordinates."""
    rest = x @ (BETA - start) + noise
    found = []
    for t, inverse in zip(FROZEN, inverses, strict=True):
        weights = start.copy()
        weights[t:] += inverse @ rest
        found.append(float((weights - BETA) @ (weights - BETA)) + NOISE)
    return found


def _given(start: Floats) -> list[float]:
    u = (BETA - start) ** 2
    return [fitted_error(NOISE + u[:t].sum(), u[t:].sum(), D - t, SAMPLES) for t in FROZEN]


def _over_sources(a: float) -> Floats:
    def distance(part: slice) -> float:
        return source_distance(BETA[part], a * BETA[part], a**2, SOURCE_NOISE, D, SOURCE_SAMPLES)

    errors = [fitted_error(NOISE + distance(slice(t)), distance(slice(t, None)), D - t, SAMPLES) for t in FROZEN]
    return np.array(errors)


def coverage(quick: bool) -> list[Row]:
    """Crossed seeds, then sources with target seeds of their own."""
    layouts = [(*layout, False) for layout in LAYOUTS] + [(3, 2, True), (8, 1, True)]
    return [
        {"sources": sources, "targets": targets, "own": own}
        | counted(20 if quick else STUDIES, _once(sources, targets, own), (11, sources, targets, own))
        for sources, targets, own in layouts
    ]


def _once(sources: int, targets: int, own: bool) -> Callable[[np.random.Generator], Answers]:
    x = np.arange(float(len(FROZEN)))

    def once(random: np.random.Generator) -> Answers:
        (near, far), (true, other) = study(sources, targets, own, random)
        found = find_descent(near.margin, None, near.second)
        costs = best_places(near.margin, None, near.second)
        gap = differences((x, x), (near, far))
        assert gap is not None
        height, shape = _height(true), found.shape
        holds = {"upper": found.excluded_height is None or found.excluded_height >= height}
        holds["lower"] = found.interval is None or found.interval[0] <= height
        holds["walk"] = shape is None or all(
            interval is None or interval[0] <= true[shape.peak] - true[place] <= interval[1]
            for place, interval in ((shape.first, found.rise_interval), (len(x) - 1, found.fall_interval))
        )
        holds["costs"] = bool((costs.high >= true - true.min() - 1e-12).all())
        holds["difference"] = bool(((gap.low <= other - true) & (other - true <= gap.high)).all())
        alone = find_descent(near.margin)
        holds["alone"] = (
            shape is None
            or alone.rise_interval is None
            or alone.shape is None
            or bool(
                alone.rise_interval[0] <= true[alone.shape.peak] - true[alone.shape.first] <= alone.rise_interval[1]
            )
        )
        return {name: bool(value) for name, value in holds.items()} | {"seen": found.answer == "seen"}

    return once


def _height(curve: Floats) -> float:
    inner = range(1, len(curve) - 1)
    return max(0.0, *(min(curve[i] - curve[:i].min(), curve[i] - curve[i + 1 :].min()) for i in inner))


HEADS = {
    "lower": "height: lower end",
    "upper": "height: upper bound",
    "walk": "rise and fall",
    "costs": "costs: upper ends",
    "difference": "two kinds of source",
    "alone": "rise, first margin alone",
    "seen": "peak *seen*",
}


def tables(found: dict[str, Any]) -> dict[str, str]:
    rows = [
        [
            f"{row['sources']} × {row['targets']}{', own targets' if row['own'] else ''}",
            "sources like these" if row["sources"] >= 3 else "these sources",
            *(percent(row[name]) for name in HEADS),
        ]
        for row in found["sources"]
    ]
    return {"sources": table(["sources × seeds", "claim about", *HEADS.values()], rows)}


if __name__ == "__main__":
    calibrate(__file__, "sources made", {"sources": coverage}, tables, RESULT)
