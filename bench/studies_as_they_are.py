"""Parts of `calibrate_descent.py`: looking again, gaps, memory, growing noise, equal seeds, and what is excluded."""

from typing import Any

import numpy as np
import numpy.typing as npt
from calibration_page import SIGMA, Count, each, percent, table

from ftdd.statistics import contrasts
from ftdd.statistics.detect import Descent, _tell, _Wanted
from ftdd.statistics.looks import LATER, MOST_SEEDS_ADDED, WHOLE_SEEDS
from ftdd.statistics.memory import correlation_matrix
from ftdd.statistics.noise import measure_noise, measured

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]

SEEDS = (2, 3, 5, 8, 12)
WORST = ("flat, then drop", "jump, then flat")
MEMORIES = (0.0, 0.6, 0.9)
"""Of AR(1) noise, the correlation of neighbours; 0: independent."""
MISSING = 0.25
PEAK = "peak of 2 σ"
BOOTSTRAPS = 299


def worst(kind: str, points: int) -> Floats:
    """A curve in units of σ: only one side of a peak is left to chance. Or one with a peak of one place."""
    shape = np.zeros(points)
    if kind == PEAK:
        at = round(0.55 * (points - 1))
        shape = 10 * np.exp(-np.arange(points) / max(points / 16, 0.4))
        shape[at - 1 :] = 0
        shape[at] = 2
    else:
        shape[-1 if kind == WORST[0] else 0] = -30
    return shape


def remembering(seeds: int, points: int, decay: float, random: np.random.Generator) -> Floats:
    """AR(1) noise and offsets of seeds, in units of σ; shape (seeds, points)."""
    root = np.linalg.cholesky(correlation_matrix(1.0, decay, points) + 1e-10 * np.eye(points))
    return np.asarray(random.standard_normal((seeds, points)) @ root.T + random.standard_normal((seeds, 1)))


def judged(values: Floats, curves: int = 1) -> Descent:
    """As find_descent, without the number of seeds that would tell."""
    seeds = measured(values)
    return _tell(measure_noise(seeds), len(seeds), _Wanted(curves=curves))


# ----------------------------------------------------------------------------------------------------- looking again


def looks(quick: bool) -> list[Row]:
    """Paths of studies to which seeds are added up to 12, whatever is found: every look is counted."""
    cells = [
        (points, decay, kind, start, 20 if quick else 500 if kind == PEAK else 2000)
        for points in ((10,) if quick else (10, 24, 50))
        for decay in ((0.0,) if quick else MEMORIES)
        for kind in (*WORST, PEAK)
        for start in ((2, 3) if points < WHOLE_SEEDS else (2,))
        if kind != PEAK or (decay == 0 and points < 50)
    ]
    return [row for rows in each(look_rows, cells) for row in rows]


def look_rows(points: int, decay: float, kind: str, start: int, of: int) -> list[Row]:
    """One row for a start; of whole seeds, whose looks from three on are those of a study of three, one for each."""
    random = np.random.default_rng((points, int(10 * decay), len(kind), start))
    paths = [path(points, decay, kind, start, random) for _ in range(of)]
    p = np.array([[one for one, _ in looked] for looked in paths])
    added = np.array([[runs for _, runs in looked] for looked in paths])
    rows = []
    for first in (0,) if points < WHOLE_SEEDS else (0, 1):
        within = added[:, first:] - added[:, [first]] <= (start + first) * points
        rows.append(
            {
                "places": points,
                "memory": decay,
                "curve": kind,
                "start": start + first,
                "first": Count(int((p[:, first] <= 0.05).sum()), of),
                "every look at 5%": Count(int((p[:, first:] <= 0.05).any(axis=1).sum()), of),
                "no budget": Count(int(spent(p[:, first:]).any(axis=1).sum()), of),
                "budget": Count(int((spent(p[:, first:]) & within).any(axis=1).sum()), of),
                "every look at 1.5%": Count(int((p[:, first:] <= 0.015).any(axis=1).sum()), of),
            }
        )
    return rows


def spent(p: Floats) -> "npt.NDArray[np.bool_]":
    """Whether each look of each path sees a descent, by the rule of `ftdd.statistics.looks`."""
    return np.asarray(p <= np.where(np.arange(p.shape[1]) == 0, 0.05, 0.05 * LATER))


def path(points: int, decay: float, kind: str, start: int, random: np.random.Generator) -> list[tuple[float, int]]:
    """The p of each look, and how many runs had been added; places are those that `seeds_to_decide` asks for."""
    shape = worst(kind, points)

    def drawn(seeds: int) -> Floats:
        return 0.3 + SIGMA * (shape + remembering(seeds, points, decay, random))

    rows, found, added = drawn(start), [], 0
    while True:
        seen = judged(rows)
        found.append((seen.p, added))
        if len(rows) == MOST_SEEDS_ADDED:
            return found
        new = drawn(1)
        if points < WHOLE_SEEDS and seen.shape:
            first, last = seen.peak_places or (seen.shape.peak, seen.shape.peak)
            keep = [seen.shape.first, *range(first, last + 1), seen.shape.second]
            new[0, np.setdiff1d(np.arange(points), keep)] = np.nan
        rows, added = np.vstack([rows, new]), added + int((~np.isnan(new)).sum())


# ------------------------------------------------------------------------------- gaps, short curves with memory, growth


def falsely(quick: bool) -> list[Row]:
    """The hardest nulls with runs missing, on short curves with memory, and with noise that grows with depth."""
    of = 40 if quick else 1000
    cells = [("a quarter missing", points, decay) for points in (10, 24) for decay in MEMORIES]
    cells += [("short, with memory", points, 0.9) for points in (5, 10, 15)]
    cells += [("grows fivefold", 10, 0.0)]
    return each(
        false_row,
        [(*cell, kind, seeds, of) for cell in cells for kind in WORST for seeds in ((2, 5) if quick else SEEDS)],
    )


def false_row(case: str, points: int, decay: float, kind: str, seeds: int, of: int) -> Row:
    random = np.random.default_rng((len(case), points, int(10 * decay), len(kind), seeds))
    spread = growing(points) if case == "grows fivefold" else np.ones(points)
    hits = 0
    for _ in range(of):
        values = 0.3 + SIGMA * (worst(kind, points) + spread * remembering(seeds, points, decay, random))
        if case == "a quarter missing":
            values = with_gaps(values, random)
        hits += judged(values).answer == "seen"
    return {"case": case, "places": points, "memory": decay, "null": kind, "seeds": seeds, "seen": Count(hits, of)}


def with_gaps(values: Floats, random: np.random.Generator) -> Floats:
    """A quarter of the runs missing, at no place all of them."""
    while True:
        gone = random.random(values.shape) < MISSING
        if not gone.all(axis=0).any():
            return np.where(gone, np.nan, values)


def growing(points: int) -> Floats:
    """Standard deviations over σ, from 0.4 to 2."""
    return np.linspace(0.4, 2, points)


def rival(quick: bool) -> list[Row]:
    """Of noise that grows fivefold over 10 places: how often a peak is seen, by the detector and by the bootstrap."""
    of = 30 if quick else 600
    heights = (0.0, 3.0)
    return each(rival_row, [(height, seeds, of) for height in heights for seeds in ((5, 8) if quick else range(4, 15))])


def rival_row(height: float, seeds: int, of: int) -> Row:
    random = np.random.default_rng((5, int(height), seeds))
    shape = worst(PEAK, 10) * (height / 2) if height else worst(WORST[0], 10)
    ours = theirs = 0
    for _ in range(of):
        values = 0.3 + SIGMA * (shape + growing(10) * remembering(seeds, 10, 0.0, random))
        ours += judged(values).answer == "seen"
        theirs += bootstrapped(values, random)
    return {"height": height, "seeds": seeds, "detector": Count(ours, of), "bootstrap": Count(theirs, of)}


def bootstrapped(values: Floats, random: np.random.Generator) -> bool:
    """Whether a place is above an earlier and a later one, by a wild bootstrap of the largest studentized contrast.

    Signs of Rademacher for each seed's residuals (Liu 1988); each contrast with its own standard error.
    """
    seeds, points = values.shape
    i, j = np.triu_indices(points, 1)
    apart = values[:, j] - values[:, i]
    left = apart - apart.mean(axis=0)

    def studentized(mean: Floats, square: Floats) -> Floats:
        return np.asarray(mean / np.sqrt(np.maximum(square - mean**2, 1e-12) / (seeds - 1)))

    signs = random.choice((-1.0, 1.0), (BOOTSTRAPS, seeds))
    drawn = studentized(signs @ left / seeds, np.broadcast_to((left**2).mean(axis=0), (BOOTSTRAPS, len(i))))
    critical = float(np.quantile(drawn.max(axis=1), 0.95))
    score = np.full((points, points), -np.inf)
    found = studentized(apart.mean(axis=0), (apart**2).mean(axis=0))
    score[i, j], score[j, i] = found, -found
    rises = np.array([score[:k, k].max(initial=-np.inf) for k in range(points)])
    falls = np.array([score[k + 1 :, k].max(initial=-np.inf) for k in range(points)])
    return bool((np.minimum(rises, falls) > critical).any())


def degenerate(quick: bool) -> list[Row]:
    """A peak that stands out, measured by seeds that do not differ, or hardly."""
    return each(
        degenerate_row,
        [(kind, seeds, 20 if quick else 200) for kind in ("equal", "rounded", "offsets", "one place", "half equal")
         for seeds in SEEDS],
    )  # fmt: skip


def degenerate_row(kind: str, seeds: int, of: int) -> Row:
    """`half equal`: every second seed repeats the one before it, on the hardest null."""
    random = np.random.default_rng((len(kind), seeds))
    hits = 0
    for _ in range(of):
        values = np.tile(0.3 + SIGMA * 4 * worst(PEAK, 10), (seeds, 1))
        if kind == "rounded":
            values += random.normal(0, 1e-9, values.shape)
        elif kind == "offsets":
            values += random.normal(0, 0.1, (seeds, 1))
        elif kind == "one place":
            values[:, 3] += random.normal(0, SIGMA, seeds)
        elif kind == "half equal":
            values = 0.3 + SIGMA * (worst(WORST[0], 10) + remembering(seeds, 10, 0.0, random))
            values[1::2] = values[: 2 * (seeds // 2) : 2]
        hits += judged(values).answer == "seen"
    return {"seeds that are": kind, "seeds": seeds, "seen": Count(hits, of)}


# -------------------------------------------------------------------------------------------------- what is excluded


def excluded(quick: bool) -> list[Row]:
    """Six curves with a peak of 4 σ, as wide as the bound speaks of: whether all six upper bounds hold."""
    cells = [(points, decay) for points in (10, 24, 50) for decay in (0.0, 0.6)]
    return each(excluded_row, [(*cell, seeds, 10 if quick else 300) for cell in cells for seeds in SEEDS])


def excluded_row(points: int, decay: float, seeds: int, of: int) -> Row:
    random = np.random.default_rng((6, points, int(10 * decay), seeds))
    width = max(one for one in contrasts.widths(points) if one <= max(points // 8, 1))
    at = (points - width) // 2
    shape = np.zeros(points)
    shape[at : at + width] = 4
    held = never = apart = 0
    for _ in range(of):
        values = [0.3 + SIGMA * (shape + remembering(seeds, points, decay, random)) for _ in range(6)]
        found = [judged(one, curves=6) for one in values]
        assert all(one.excluded_width == width for one in found)
        heights = [one.excluded_height for one in found if one.excluded_height is not None]
        held += all(height >= 4 * SIGMA for height in heights)
        never += any(one.answer == "not seen" for one in found)
        flat = judged(values[0] - SIGMA * shape, curves=6)
        apart += flat.answer == "not seen"
    return {
        "places": points, "memory": decay, "width": width, "seeds": seeds, "all hold": Count(held, of),
        "any falsely not seen": Count(never, of), "flat, not seen": Count(apart, of),
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- the page


def tables(found: dict[str, Any]) -> dict[str, str]:
    """The parts of the page by their marks."""
    nulls = [row for row in found["looks"] if row["curve"] != PEAK]
    peaks = [row for row in found["looks"] if row["curve"] == PEAK]
    bounds = ("all hold", "any falsely not seen", "flat, not seen")
    names = ("first", "no budget", "budget", "every look at 5%")
    return {
        "looks": table(
            ["places", "noise", "curve", "from seeds", "first look", "all looks", "default budget", "all at 5%"],
            [
                [row["places"], memory(row), row["curve"], row["start"], *(percent(row[one]) for one in names)]
                for row in nulls
            ],
        ),
        "looks power": table(
            ["places", "from", "first look", "to 12 seeds", "within the default budget", "all at 1.5%, to 12 seeds"],
            [
                [row["places"], f"{row['start']} seeds"]
                + [percent(row[one], False) for one in ("first", "no budget", "budget", "every look at 1.5%")]
                for row in peaks
            ],
        ),
        "falsely": by_seeds(
            found["falsely"],
            ("case", "places", "noise", "null"),
            lambda row: (row["case"], row["places"], memory(row), row["null"]),
            "seen",
        ),
        "rival": table(
            ["height", "by", *(str(seeds) for seeds in sorted({row["seeds"] for row in found["rival"]}))],
            [
                [f"{height:g} σ" if height else WORST[0], by]
                + [percent(row[by], False) for row in found["rival"] if row["height"] == height]
                for height in sorted({row["height"] for row in found["rival"]})
                for by in ("detector", "bootstrap")
            ],
        ),
        "degenerate": by_seeds(
            found["degenerate"], ("seeds that are",), lambda row: (row["seeds that are"],), "seen"
        ),
        "excluded": table(
            ["places", "noise", "width", "seeds", "all six hold", "any falsely *not seen*", "flat: *not seen*"],
            [
                [row["places"], memory(row), row["width"], row["seeds"], *(percent(row[one]) for one in bounds)]
                for row in found["excluded"]
            ],
        ),
    }  # fmt: skip


def memory(row: Row) -> str:
    return f"AR(1) {row['memory']:g}" if row["memory"] else "independent"


def by_seeds(rows: list[Row], heads: tuple[str, ...], kind: Any, name: str) -> str:
    cells = {(kind(row), row["seeds"]): percent(row[name]) for row in rows}
    seeds = sorted({row["seeds"] for row in rows})
    lines = [[*one, *(cells[one, few] for few in seeds)] for one in dict.fromkeys(kind(row) for row in rows)]
    return table([*heads, *(f"{few} seeds" for few in seeds)], lines)
