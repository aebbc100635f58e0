"""How often the choice of a number of frozen layers is wrong: the best one, its cost, transfer against scratch.

    python bench/calibrate_advice.py [--quick] [--write]

--write puts the figures into bench/results/calibration_advice.json and the tables into docs/calibration.md; else they
are printed. Every figure comes from the function that the analyses `advise` and `freezingwise` ask.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_page import RESULTS, SIGMA, Answers, Row, by_seeds, calibrate, counted

from ftdd.statistics.best import best_places
from ftdd.statistics.differences import differences
from ftdd.statistics.ending import endings
from ftdd.statistics.noise import correlations
from ftdd.statistics.replication import Cells

RESULT = RESULTS / "calibration_advice.json"
SEEDS = (2, 3, 5, 8)
DEPTHS = 10
SMALLEST, LEVEL, TOLERANCE = 0.05, 0.95, 0.01
DRAWS = 200
COSTS = {
    "all equal": np.zeros(DEPTHS),
    "the deeper half 1 σ": SIGMA * (np.arange(DEPTHS) >= DEPTHS // 2),
    "the deepest 4 σ": 4 * SIGMA * (np.arange(DEPTHS) == DEPTHS - 1),
    "rising by ½ σ a layer": 0.5 * SIGMA * np.arange(DEPTHS),
}
"""True costs of depths over the best; the tolerance is 0.8 σ."""


def drawn(depths: int, seeds: int, noise: str, random: np.random.Generator) -> Any:
    """Errors without any difference between depths; shape (seeds, depths)."""
    spread = SIGMA * (random.uniform(0.7, 1.5, depths) if noise == "measured" else np.ones(depths))
    return 0.3 + spread * random.standard_normal((seeds, depths)) + SIGMA * random.standard_normal((seeds, 1))


def best(quick: bool) -> list[Row]:
    """Curves of 2 and 10 depths: flat; or flat but for the last depth, which is worse by 4 σ."""
    return [
        {"depths": depths, "noise": noise, "seeds": seeds}
        | counted(40 if quick else DRAWS, _best_once(depths, seeds, noise), (2, depths, seeds, len(noise)))
        for depths in (2, DEPTHS)
        for noise in ("even", "measured")
        for seeds in SEEDS
    ]


def _best_once(depths: int, seeds: int, noise: str) -> Callable[[np.random.Generator], Answers]:
    worse = 4 * SIGMA * (np.arange(depths) == depths - 1)

    def once(random: np.random.Generator) -> Answers:
        values = drawn(depths, seeds, noise, random)
        flat, costly = best_places(values, level=LEVEL), best_places(values + worse, level=LEVEL)
        return {
            "seen": bool(flat.low[-1] > 0),
            "lost": 0 not in flat.as_good,
            "high_holds": bool((worse <= costly.high).all()),
            "low_holds": bool(costly.low[-1] <= worse[-1]),
            "found": bool(costly.low[-1] > 0),
            "ruled_out": bool(flat.high[-1] < SMALLEST),
        }

    return once


def advice(quick: bool) -> list[Row]:
    """How often a depth is recommended, and one that costs more than the tolerance."""
    return [
        {"costs": name, "seeds": seeds}
        | counted(40 if quick else DRAWS, _advice_once(cost, seeds), (6, list(COSTS).index(name), seeds))
        for name, cost in COSTS.items()
        for seeds in (*SEEDS, 20)
    ]


def _advice_once(cost: Any, seeds: int) -> Callable[[np.random.Generator], Answers]:
    def once(random: np.random.Generator) -> Answers:
        cheap = best_places(drawn(DEPTHS, seeds, "measured", random) + cost, level=LEVEL).cheap(TOLERANCE)
        return {"recommended": bool(cheap), "too_costly": bool(cheap) and bool(cost[max(cheap)] > TOLERANCE)}

    return once


def scratch(quick: bool) -> list[Row]:
    """Ten depths no better than scratch, or 4 σ better: the lowest of them is compared with it."""
    rows = []
    for luck in (0, 1):
        for seeds in SEEDS:
            once = _scratch_once(seeds, luck)
            rows.append({"luck": luck, "seeds": seeds, **counted(40 if quick else DRAWS, once, (7, luck, seeds))})
    return rows


def _scratch_once(seeds: int, luck: float) -> Callable[[np.random.Generator], Answers]:
    x = np.arange(float(DEPTHS))
    names = tuple(range(seeds))

    def once(random: np.random.Generator) -> Answers:
        transfer = drawn(DEPTHS, seeds, "even", random) + luck * SIGMA * random.standard_normal((seeds, 1))
        without = np.repeat(0.3 + SIGMA * np.sqrt(2) * random.standard_normal((seeds, 1)), DEPTHS, axis=1)
        found = []
        for gain in (0.0, 4 * SIGMA):
            cells = Cells(transfer, (0,) * seeds, names), Cells(without + gain, (None,) * seeds, names)
            one = differences((x, x), cells, level=LEVEL)
            assert one is not None
            found.append(one)
        at = int(transfer.mean(axis=0).argmin())
        return {"seen": bool(found[0].low[at] > 0), "found": bool(found[1].low[at] > 0)}

    return once


def ending(quick: bool) -> list[Row]:
    """Ten curves that are flat at their end, and whose noise has a memory, or that fall by 2 σ while epochs double."""
    return [{"seeds": seeds} | counted(40 if quick else 5 * DRAWS, _ending_once(seeds), (8, seeds)) for seeds in SEEDS]


def _ending_once(seeds: int) -> Callable[[np.random.Generator], Answers]:
    epochs = np.array([50.0, 56, 63, 71, 79, 89, 100])
    lags = correlations(0.9, 0.9, len(epochs))
    root = np.linalg.cholesky(lags[np.abs(np.subtract.outer(range(len(epochs)), range(len(epochs))))])
    fall = -2 * SIGMA * np.log2(epochs / epochs[-1])

    def once(random: np.random.Generator) -> Answers:
        flat = [0.3 + SIGMA * (random.standard_normal((seeds, len(epochs))) @ root.T) for _ in range(DEPTHS)]
        return {
            "seen": any(one.low > 0 for one in endings([(epochs, one) for one in flat], level=LEVEL)),
            "found": all(one.low > 0 for one in endings([(epochs, one + fall) for one in flat], level=LEVEL)),
        }

    return once


def tables(found: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/calibration.md by the names of their markers there; from the figures as JSON."""
    return {
        "made advice": f"Made by `{found['command']}` on {found['date']} in {found['seconds']} s; "
        f"{found['hardware']}; {found['versions']}.",
        "best": by_seeds(
            found["best"],
            lambda row: (f"{row['depths']}", row["noise"]),
            ("depths", "noise"),
            (
                ("seen", "flat, the last falsely worse"),
                ("lost", "flat, a named one falsely excluded"),
                ("ruled_out", "flat, *not seen*"),
                ("found", "4 σ found"),
                ("high_holds", "all upper ends hold"),
                ("low_holds", "the last one's lower end holds"),
            ),
        ),
        "advice": by_seeds(
            found["advice"],
            lambda row: (row["costs"],),
            ("true costs",),
            (("recommended", "a number is recommended"), ("too_costly", "it costs more than the tolerance")),
        ),
        "scratch": by_seeds(
            found["scratch"],
            lambda row: (f"{row['luck']} σ",),
            ("seed effect of transfer",),
            (("seen", "falsely better than scratch"), ("found", "4 σ found")),
        ),
        "ending": by_seeds(
            found["ending"],
            lambda row: (),
            (),
            (("seen", "any of 10 falsely still improving"), ("found", "all of 10 found, 2 σ a doubling")),
        ),
    }


def main() -> None:
    parts = {"best": best, "advice": advice, "scratch": scratch, "ending": ending}
    calibrate("calibrate_advice.py", __doc__, parts, tables, RESULT)


if __name__ == "__main__":
    main()
