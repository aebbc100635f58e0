"""How often the other analyses are wrong: that a curve is better, a time later, a run interpolates.

    python bench/calibrate_analyses.py [--quick] [--write]

--write puts the figures into bench/results/calibration_analyses.json and the tables into docs/calibration.md; else they
are printed. Every figure comes from the function that the analysis asks, those of `emc` from the analysis itself over
made-up tables. docs/calibration.md says what is simulated.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_page import RESULTS, SIGMA, Answers, Row, by_seeds, calibrate, counted

from ftdd.statistics.differences import differences
from ftdd.statistics.ranks import nearer
from ftdd.statistics.replication import Cells
from ftdd.statistics.times import later, times
from ftdd.testing import MadeRun, made_study
from ftdd_plugins.analyses.emc import EffectiveModelComplexity

RESULT = RESULTS / "calibration_analyses.json"
SEEDS = (2, 3, 5, 8)
DEPTHS = 10
LUCK = (0, 1, 3)
"""What a seed has at all depths of one curve alone, in σ of a run."""
SMALLEST, LEVEL = 0.05, 0.95
KNOWN = ("exactly", "by one grid", "by grids of their own")
STEP = np.log(10) / 20
"""Of evaluations, on the logarithm of epochs: 20 a decade, as `evaluate: log`."""


# -------------------------------------------------------------------------------------------- one curve against another


def better(quick: bool) -> list[Row]:
    """Two curves of 10 depths, alike or one of them better by 4 σ at three depths."""
    rows = []
    for paired in (True, False):
        for luck in LUCK:
            for seeds in SEEDS:
                key = (1, paired, luck, seeds)
                once = _better_once(seeds, luck, paired)
                rows.append(
                    {"paired": paired, "luck": luck, "seeds": seeds, **counted(40 if quick else 1000, once, key)}
                )
    return rows


def _better_once(seeds: int, luck: float, paired: bool) -> Callable[[np.random.Generator], Answers]:
    x = np.arange(float(DEPTHS))
    names = (range(seeds), range(0 if paired else seeds, seeds if paired else 2 * seeds))
    advantage = 4 * SIGMA * np.isin(x, (6, 7, 8))

    def once(random: np.random.Generator) -> Answers:
        first = 0.3 + SIGMA * random.standard_normal((seeds, DEPTHS))
        second = 0.3 + SIGMA * (random.standard_normal((seeds, DEPTHS)) + luck * random.standard_normal((seeds, 1)))
        which = (names[0], names[1], names[1])
        cells = [
            Cells(values, (0,) * seeds, tuple(one))
            for values, one in zip((first, second, second + advantage), which, strict=True)
        ]
        alike = differences((x, x), (cells[0], cells[1]), level=LEVEL)
        apart = differences((x, x), (cells[0], cells[2]), level=LEVEL)
        assert alike is not None
        assert apart is not None
        return {
            "seen": bool((alike.low > 0).any()),
            "either": bool((alike.low > 0).any() or (alike.high < 0).any()),
            "ruled_out": bool((alike.high < SMALLEST).all()),
            "found": bool((apart.low > 0).any()),
        }

    return once


# ---------------------------------------------------------------------------------------------------------------- times


def slower(quick: bool) -> list[Row]:
    """Times to interpolation whose logarithms have a standard deviation of 0.2; a quarter or none are cut off.

    They are exact, or known to lie between two evaluations of 20 a decade: of one grid, or of a grid of each run's own.
    """
    return [
        {"never": never, "known": known, "seeds": seeds}
        | counted(60 if quick else 1000, _slower_once(seeds, never, known), (3, seeds, int(4 * never)))
        for never in (0.0, 0.25)
        for known in KNOWN
        for seeds in SEEDS
    ]


def _slower_once(seeds: int, never: float, known: str) -> Callable[[np.random.Generator], Answers]:
    from scipy.stats import norm

    def sample(random: np.random.Generator, factor: float) -> Any:
        reached = 100 * factor * np.exp(0.2 * random.standard_normal(seeds))
        end = np.inf if never == 0 else 100 * float(np.exp(0.2 * norm.isf(never)))  # of those that are not slower
        shifts = random.uniform(0, 1, seeds) if known == KNOWN[2] else np.zeros(seeds)
        steps = np.log(reached) / STEP - shifts
        ends = [np.exp(STEP * (turned(steps) + shifts)) for turned in (np.floor, np.ceil)]
        since, until = (reached, reached) if known == KNOWN[0] else ends
        done = reached <= end
        return times(
            [float(one) if so else None for one, so in zip(until, done, strict=True)],
            [min(end, 1e6)] * seeds,
            None if known == KNOWN[0] else [float(one) for one in since],
        )

    def once(random: np.random.Generator) -> Answers:
        first = sample(random, 1.0)
        return {
            "seen": later(first, sample(random, 1.0)) <= 1 - LEVEL,
            "found_1.1": later(first, sample(random, 1.1)) <= 1 - LEVEL,
            "found_1.25": later(first, sample(random, 1.25)) <= 1 - LEVEL,
            "found_1.5": later(first, sample(random, 1.5)) <= 1 - LEVEL,
        }

    return once


# ----------------------------------------------------------------------------------------------------- who interpolates


def deciding(quick: bool) -> list[Row]:
    """Who interpolates over 6 depths: half of all by chance; or 0.9 of the first three and 0.1 of the others."""
    return [
        {"luck": luck, "seeds": seeds} | counted(60 if quick else 2000, _deciding_once(seeds, luck), (4, seeds, luck))
        for luck in (0, 1)
        for seeds in SEEDS
    ]


def _deciding_once(seeds: int, luck: float) -> Callable[[np.random.Generator], Answers]:
    depths = 6
    at, names = np.tile(np.arange(float(depths)), seeds), np.repeat(np.arange(seeds), depths).tolist()
    shift = 1.28 * np.sqrt(1 + luck**2) * np.where(np.arange(depths) < depths / 2, 1, -1)

    def once(random: np.random.Generator) -> Answers:
        drawn = random.standard_normal((seeds, depths)) + luck * random.standard_normal((seeds, 1))
        alike, step = (nearer(at, (one > 0).ravel(), names) for one in (drawn, drawn + shift))
        return {"seen": alike <= 1 - LEVEL, "found": step <= 1 - LEVEL}

    return once


# ------------------------------------------------------------------------------------------- effective model complexity


def complexity(quick: bool) -> list[Row]:
    """EMC of 6 depths on three sizes: alike; or falling, with a peak at its crossing or one depth away from there."""
    return [{"seeds": seeds, **counted(6 if quick else 150, _complexity_once(seeds), (5, seeds))} for seeds in SEEDS]


def _complexity_once(seeds: int) -> Callable[[np.random.Generator], Answers]:
    falling = dict(zip(range(0, 12, 2), (400, 240, 130, 60, 25, 10), strict=True))

    def answers(random: np.random.Generator, limits: dict[int, int], peak_at: tuple[int, ...]) -> list[str]:
        """peak_at: depths of the peak, counted from the last that fits; nowhere, where all have one limit."""
        runs = []
        for size in (40, 80, 160):
            last = max((depth for depth, limit in limits.items() if limit >= size), default=0)
            for depth, limit in limits.items():
                # Train error rises through eps, 0.1, as the size passes the limit
                train = 0.1 + 0.15 * np.log2(size / limit)
                peak = 0.12 * (depth - last in peak_at)
                for seed in range(seeds):
                    errors = [max(one + 0.0125 * random.standard_normal(), 0.0) for one in (0.3 + peak, train)]
                    runs.append(
                        MadeRun(
                            {"target.images": size, "freezing.count": depth, "seed": seed},
                            (0.9, errors[0]),
                            (0.9, errors[1]),
                            epochs=(0, 100),
                        )
                    )
        found = EffectiveModelComplexity(level=LEVEL).findings(made_study(runs))
        return [one.answer for one in found]

    def once(random: np.random.Generator) -> Answers:
        alike = answers(random, dict.fromkeys(falling, 80), ())
        there, away = answers(random, falling, (0, 2)), answers(random, falling, (-2,))
        return {
            "seen": alike[0] == "seen",
            "found": there[0] == "seen",
            "crossing_found": "seen" in there[1:],
            "crossing_false": "seen" in away[1:],
            "crossing_refused": "not seen" in away[1:],
        }

    return once


# ------------------------------------------------------------------------------------------------------------- the page


def tables(found: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/calibration.md by the names of their markers there; from the figures as JSON."""
    return {
        "made analyses": f"Made by `{found['command']}` on {found['date']} in {found['seconds']} s; "
        f"{found['hardware']}; {found['versions']}.",
        "better": by_seeds(
            found["better"],
            lambda row: ("paired" if row["paired"] else "not paired", f"{row['luck']} σ"),
            ("seeds", "seed effect of a curve"),
            (
                ("seen", "falsely *better*"),
                ("either", "falsely either"),
                ("ruled_out", "*not seen*"),
                ("found", "4 σ found"),
            ),
        ),
        "slower": by_seeds(
            found["slower"],
            lambda row: (f"{row['never']:.0%}", row["known"]),
            ("never", "times are known"),
            (
                ("seen", "falsely *later*"),
                ("found_1.1", "1.1 times found"),
                ("found_1.25", "1.25 times found"),
                ("found_1.5", "1.5 times found"),
            ),
        ),
        "deciding": by_seeds(
            found["deciding"],
            lambda row: (f"{row['luck']} σ",),
            ("seed effect",),
            (("seen", "falsely *seen*"), ("found", "0.9 to 0.1 found")),
        ),
        "complexity": by_seeds(
            found["complexity"],
            lambda row: (),
            (),
            (
                ("seen", "EMC falsely lowered"),
                ("found", "lowering found"),
                ("crossing_false", "peak falsely at any crossing"),
                ("crossing_refused", "*not seen* there at one at least"),
                ("crossing_found", "peak at a crossing found"),
            ),
        ),
    }


def main() -> None:
    parts = {"better": better, "slower": slower, "deciding": deciding, "complexity": complexity}
    calibrate("calibrate_analyses.py", __doc__, parts, tables, RESULT)


if __name__ == "__main__":
    main()
