"""One curve against another: findings about differences, paired by seed, along frozen layers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.values import Json
from ftdd.wording import count, lead, number, position, sentence, within
from ftdd_plugins.analyses.along import bounded
from ftdd_plugins.analyses.one_more_seed import can_have_sources, one_more_seed
from ftdd_plugins.analyses.sources import how_to_have_more, over_sources

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.differences import Differences


def compared(study: "StudyData", better: "Grid", worse: "Grid", level: float, comparisons: int) -> "Differences | None":
    """The errors of the one that is said to be worse, minus those of the better, where both were measured."""
    from dataclasses import replace

    from ftdd.analysis.image_errors import test_image_variance
    from ftdd.analysis.replicates import max_difference
    from ftdd.statistics.differences import differences

    images = test_image_variance(study, better, worse)
    found = differences(
        (better.x, worse.x),
        (better.cells, worse.cells),
        images.covariance if images else None,
        level=level,
        comparisons=comparisons,
        most=max_difference(study),
    )
    if found is None or not (found.counts > 0).any():  # of half a study, pairs may lack a seed in common
        return None
    # How much seeds differ where there is one is not known from other places: it is at the threshold that they do
    there = found.counts > (1 if (found.counts > 1).any() else 0)
    parts = {name: getattr(found, name)[there] for name in ("x", "mean", "low", "high", "p", "counts")}
    return replace(found, **parts)


def between(
    key: str,
    study: "StudyData",
    found: "Differences",
    grids: "tuple[Grid, Grid]",
    *,
    statement: str,
    names: tuple[str, str],
    smallest: float,
    level: float,
    settings: Sequence[str] = (),
) -> Finding:
    """Whether the first is better than the second at some depth; by how much where that is largest_margin.

    A claim about sources, which fewer than three of them cannot show.

    settings: of the first curve's, those that only it has, and that so are not what both share.
    """
    import numpy as np

    from ftdd.analysis.image_errors import estimand, test_image_variance

    at, squared = largest_margin(found), study.regression
    seen, excluded_ = bool((found.low > 0).any()), excluded(found, grids[0], study, smallest)
    answer: Answer = "seen" if seen else "not seen" if excluded_ else "cannot tell"
    known = bool(np.isfinite(found.low).all())
    shared = {
        key: value
        for key, value in grids[0].settings.items()
        if grids[1].settings.get(key) == value and key not in settings
    }
    sources = min((grid.sources for grid in grids if grid.sources), default=0)
    wins = [float(x) for x, low in zip(found.x, found.low, strict=True) if low > 0]
    loses = [float(x) for x, high in zip(found.x, found.high, strict=True) if high < 0]
    finding = Finding(
        analysis=key.split(".")[0],
        key=key,
        statement=statement,
        answer=answer,
        text=_text(grids, found, names, at, (wins, loses), shared, squared) + _verdict(answer, names, smallest, known),
        settings=shared,
        effect=float(found.mean[at]),
        interval=(float(found.low[at]), float(found.high[at])) if known else None,
        level=level,
        n=int(found.counts[at]),
        sources=sources,
        targets=min(grid.targets for grid in grids),
        test_images=estimand(test_image_variance(study, *grids)),
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
    return over_sources(finding, how_to_have_more(study, grids[0]))


def largest_margin(found: "Differences") -> int:
    """The position at which the first curve is below the second with the largest margin."""
    import numpy as np

    return int(np.argmax(found.low if np.isfinite(found.low).all() else found.mean))


def excluded(found: "Differences", first: "Grid", study: "StudyData", smallest: float) -> bool:
    """Whether an advantage of `smallest` is excluded at all depths; errors of numbers have no scale but their own."""
    import numpy as np

    own = 1.0
    if study.regression:
        own = np.nanmean(first.values[:, np.isin(first.x, found.x)], axis=0)
    return bool((found.high < smallest * own).all())


def seeds_for_difference(
    study: "StudyData", better: "Grid", worse: "Grid", smallest: float, level: float, comparisons: int
) -> list[Proposal]:
    """One more seed of both curves, at the depth where the difference is nearest to telling; nothing if it tells."""
    found = compared(study, better, worse, level, comparisons)
    few = 0 < better.sources < FEWEST_SOURCES and can_have_sources(study, better)
    if found is None or (not few and ((found.low > 0).any() or excluded(found, better, study, smallest))):
        return []
    at = float(found.x[largest_margin(found)])
    about = f" ({worse.words})" if worse.words else ""
    reason = f"which source is better with {position(better.over, at)}{about}"
    return [
        proposal
        for grid in (better, worse)
        for proposal in one_more_seed(study, grid, reason, [at], few) or one_more_seed(study, grid, reason, None, few)
    ]


def _text(
    grids: "tuple[Grid, Grid]",
    found: "Differences",
    names: tuple[str, str],
    at: int,
    decided: tuple[list[float], list[float]],
    shared: Mapping[str, Json],
    squared: bool,
) -> str:
    import numpy as np

    by, ends = float(found.mean[at]), None
    if np.isfinite(found.low[at]):
        ends = (float(found.low[at]), float(found.high[at]))
    first, second = names
    significant = ends is not None and (ends[0] > 0 or ends[1] < 0)
    if by < 0:
        first, second, ends = second, first, None if ends is None else (-ends[1], -ends[0])
    how = f"{_replication(grids, names)}{'' if found.paired else ', not paired'}"
    text = f"{lead(shared)}With {position(grids[0].over, found.x[at])}, the mean error of {first} is "
    text += f"{number(abs(by), squared)}{within(bounded(ends), squared)} lower than that of {second}"
    text += f"{'' if significant else ', not significant'} ({how})."
    for name, where in zip(names, decided, strict=True):
        if where:
            places = ", ".join(map(count, where))
            of_all = f"at {len(where)} of {len(found.x)} depths ({places})" if len(found.x) > 1 else "there"
            text += f" {sentence(name)} is significantly better {of_all}."
    return text


def _replication(grids: "tuple[Grid, Grid]", names: tuple[str, str]) -> str:
    """`3 sources × 5 seeds`, or what each of the two has."""
    both = [grid.replication for grid in grids]
    return both[0] if both[0] == both[1] else ", ".join(f"{name} {by}" for name, by in zip(names, both, strict=True))


def _verdict(answer: Answer, names: tuple[str, str], smallest: float, known: bool) -> str:
    if answer == "seen":
        return ""
    if answer == "not seen":
        return f" That {names[0]} is better by {smallest:g} or more is excluded at every depth."
    if not known:
        return " One seed gives no estimate of the variance between seeds; add at least two more."
    return f" Whether {names[0]} is better at any depth is inconclusive."
