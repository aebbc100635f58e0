"""One curve against another: findings about differences, paired by seed, along frozen layers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ftdd.findings import Answer, Finding, Proposal
from ftdd.values import Json
from ftdd_plugins.analyses.along import one_more_seed
from ftdd_plugins.analyses.words import number, place, seeds

if TYPE_CHECKING:
    from ftdd.descent.differences import Differences
    from ftdd.evidence import Evidence, Grid


def compared(
    evidence: "Evidence", better: "Grid", worse: "Grid", level: float, comparisons: int
) -> "Differences | None":
    """The errors of the one that is said to be worse, minus those of the better."""
    from ftdd.descent.differences import differences

    return differences(
        (better.x, worse.x),
        (better.values, worse.values),
        (better.seeds, worse.seeds),
        better.test_images,
        level=level,
        comparisons=comparisons,
    )


def between(
    analysis: str,
    evidence: "Evidence",
    found: "Differences",
    grids: "tuple[Grid, Grid]",
    *,
    statement: str,
    names: tuple[str, str],
    smallest: float,
    level: float,
    settings: Sequence[str] = (),
) -> Finding:
    """Whether the first is better than the second at some depth; by how much where that is surest.

    settings: of the first curve's, those that only it has, and that so are not what both share.
    """
    import numpy as np

    at = surest(found)
    seen, ruled_out = bool((found.low > 0).any()), ruled_out_at(found, grids[0], evidence, smallest)
    answer: Answer = "seen" if seen else "not seen" if ruled_out else "cannot tell"
    known = np.isfinite(found.low).all()
    shared = {
        key: value
        for key, value in grids[0].settings.items()
        if grids[1].settings.get(key) == value and key not in settings
    }
    wins = [float(x) for x, low in zip(found.x, found.low, strict=True) if low > 0]
    loses = [float(x) for x, high in zip(found.x, found.high, strict=True) if high < 0]
    return Finding(
        analysis=analysis,
        statement=statement,
        answer=answer,
        text=_text(grids[0].over, found, names, at, (wins, loses), shared),
        settings=shared,
        effect=float(found.mean[at]),
        interval=(float(found.low[at]), float(found.high[at])) if known else None,
        level=level,
        n=int(found.counts[at]),
        p=float(found.p[at]) if known else None,
        runs=tuple(dict.fromkeys((*grids[0].runs, *grids[1].runs))),
        numbers={
            "better": names[0],
            "worse": names[1],
            "over": grids[0].over,
            "at": float(found.x[at]),
            "wins_at": list(wins),
            "loses_at": list(loses),
            "paired": found.paired,
            "smallest": smallest,
            "differences": {f"{x:g}": float(d) for x, d in zip(found.x, found.mean, strict=True)},
        },
    )


def surest(found: "Differences") -> int:
    """The place where the first curve is most surely below the second."""
    import numpy as np

    return int(np.argmax(found.low if np.isfinite(found.low).all() else found.mean))


def ruled_out_at(found: "Differences", first: "Grid", evidence: "Evidence", smallest: float) -> bool:
    """Whether an advantage of `smallest` is ruled out everywhere; errors of numbers have no scale but their own."""
    import numpy as np

    own = 1.0
    if evidence.labels == "numbers":
        own = np.nanmean(first.values[:, np.isin(first.x, found.x)], axis=0)
    return bool((found.high < smallest * own).all())


def seeds_for_difference(
    evidence: "Evidence", better: "Grid", worse: "Grid", smallest: float, level: float, comparisons: int
) -> list[Proposal]:
    """One more seed of both curves, at the depth where the difference is nearest to telling; nothing if it tells."""
    found = compared(evidence, better, worse, level, comparisons)
    if found is None or (found.low > 0).any() or ruled_out_at(found, better, evidence, smallest):
        return []
    at = float(found.x[surest(found)])
    words = ", ".join(f"{path} {value}" for path, value in worse.settings.items())
    reason = f"whether another source does better at {place(better.over, at)} ({words})"
    return [
        proposal
        for grid in (better, worse)
        for proposal in one_more_seed(evidence, grid, reason, [at] if at in grid.x else None)
    ]


def _text(
    over: str,
    found: "Differences",
    names: tuple[str, str],
    at: int,
    decided: tuple[list[float], list[float]],
    shared: Mapping[str, Json],
) -> str:
    import numpy as np

    lead = ", ".join(f"{path} {value}" for path, value in shared.items())
    there = place(over, found.x[at])
    by = found.mean[at]
    ends = f" [{number(found.low[at])}, {number(found.high[at])}]" if np.isfinite(found.low[at]) else ""
    first, second = names if by >= 0 else names[::-1]
    text = f"{lead + ': ' if lead else ''}With {there}, {first} is better than {second} by {number(abs(by))}"
    how = seeds(int(found.counts[at])) + ("" if found.paired else ", not paired")
    text += f" (difference{ends or ' of one seed'}, {how})."
    wins, loses = decided
    if wins:
        text += f" {names[0]} is surely better at {_places(wins)} of {len(found.x)} depths."
    if loses:
        text += f" {names[1]} is surely better at {_places(loses)} of {len(found.x)} depths."
    return text


def _places(places: list[float]) -> str:
    return f"{len(places)} ({', '.join(f'{x:g}' for x in places)})"
