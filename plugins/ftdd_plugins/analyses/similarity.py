"""`similarity`: can a less related source be the better one?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.components import Analysis
from ftdd.wording import layers, lead, number, position, sentence
from ftdd_plugins.analyses.between import between, compared, seeds_for_difference
from ftdd_plugins.analyses.sources import how_to_have_more, over_sources

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.differences import Differences

PREFIX = "similarity."


class Similarity(Analysis):
    """Is a less related source better than a more related one with some number of frozen layers, and do curves cross?

    For studies that sweep a setting of the pair by which source and target differ more or less. Which source is the
    less related one says the pair; where it does not, the study's first scheme that tells them apart. Each source is
    compared with the most related: final test errors paired by seed, with intervals that hold at all depths together.
    """

    rank = 4
    name: Literal["similarity"] = "similarity"
    smallest: Annotated[float, Field(gt=0)] = 0.05
    """`not seen` rules out that a less related source is better by this much at any depth; of numbers, this share."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which intervals hold, of all sources and depths together."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """Two for each less related source: whether it is better anywhere, and whether curves cross."""
        found: list[Finding] = []
        pairs = source_pairs(study)
        for axis, more, less in pairs:
            names = (_source(axis, less), _source(axis, more))
            if not _same_target(study, more, less):
                found.append(_incomparable(less, names, more))
                continue
            result = compared(study, less, more, self.level, len(pairs))
            if result is None:
                continue
            finding = between(
                "similarity.better",
                study,
                result,
                (less, more),
                statement=f"The less related source ({names[0]}) is better than the more related one ({names[1]})",
                names=names,
                smallest=self.smallest,
                level=self.level,
            )
            found.append(_with_quality(study, finding, less, more))
            if len(result.x) > 1:
                crossing = _crossing(finding, result, names, self.level, study.regression)
                found.append(over_sources(crossing, how_to_have_more(study, less)))
        return found

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """A seed of both sources, at the depth that is nearest to telling."""
        pairs = source_pairs(study)
        return [
            proposal
            for _, more, less in pairs
            if _same_target(study, more, less)
            for proposal in seeds_for_difference(study, less, more, self.smallest, self.level, len(pairs))
        ]


def source_pairs(study: "StudyData") -> "list[tuple[str, Grid, Grid]]":
    """(setting, curve of the most related source, curve of a less related one), of the same settings otherwise."""
    from ftdd.analysis.replicates import over_setting

    found = []
    for path, order in _orders(study).items():
        grids = over_setting(study, "frozen_layers", "final_test_error", fewest=1)
        grids = tuple(grid for grid in grids if grid.settings.get("control", "transfer") == "transfer")
        for more in grids:
            for less in grids:
                same = {**more.settings, path: None} == {**less.settings, path: None}
                ranks = [order.get(str(grid.settings.get(path))) for grid in (more, less)]
                if same and None not in ranks and ranks[0] == 0 and ranks[1] != 0:
                    found.append((path, more, less))
    return found


def _orders(study: "StudyData") -> dict[str, dict[str, int]]:
    """For each swept setting of the pair by which sources differ: its values by similarity, 0 the most."""
    orders: dict[str, dict[str, int]] = {}
    swept = [path for path in study.swept if path == "pair" or path.startswith("pair.")]
    for path in swept:
        values = list(dict.fromkeys(study.done[path].dropna().tolist()))
        if len(values) < 2:
            continue
        if path in study.similarity:
            said = study.similarity[path]
            ranked = _ranked(values, said)
            if ranked is not None:
                orders[path] = {str(value): i for i, value in enumerate(ranked)}
    if orders:
        return orders
    for path in swept:
        for scheme in [column for column in study.done.columns if str(column).startswith(PREFIX)]:
            scores = study.done.dropna(subset=[scheme]).groupby(path)[scheme].mean().sort_values(ascending=False)
            if scores.nunique() > 1 and len(scores) == study.done[path].nunique():
                return {path: {str(value): i for i, value in enumerate(scores.index)}}
    return {}


def _ranked(values: list[Any], said: Any) -> list[Any] | None:
    """The values, most related first; None where they are not what the pair speaks of."""
    if said in ("larger", "smaller"):
        numbers = all(isinstance(value, (int, float)) for value in values)
        return sorted(values, reverse=said == "larger") if numbers else None
    order = [str(value) for value in said]
    return sorted(values, key=lambda value: order.index(str(value))) if {str(v) for v in values} <= set(order) else None


def _same_target(study: "StudyData", more: "Grid", less: "Grid") -> bool:
    """Whether both are tested on the same images, seed by seed, as far as the runs say."""
    if "test_digest" not in study.done:
        return True
    digests = [set(study.done[study.done["id"].isin(grid.runs)]["test_digest"].dropna()) for grid in (more, less)]
    return digests[0] == digests[1] or not all(digests) or bool(digests[0] & digests[1])


def _incomparable(less: "Grid", names: tuple[str, str], more: "Grid") -> Finding:
    shared = {path: value for path, value in less.settings.items() if more.settings.get(path) == value}
    return Finding(
        analysis="similarity",
        key="similarity.better",
        statement=f"The less related source ({names[0]}) is better than the more related one ({names[1]})",
        answer="not applicable",
        text=(
            f"{lead(shared)}The two have different targets, so errors do not compare; "
            "choose a pair whose target stays the same."
        ),
        settings=shared,
        n=len(less.values),
        sources=min(more.sources, less.sources),
        targets=min(more.targets, less.targets),
        runs=(*more.runs, *less.runs),
    )


def _with_quality(study: "StudyData", finding: Finding, less: "Grid", more: "Grid") -> Finding:
    """With the sources' errors on their own tasks: a better network may transfer better whatever it has learned."""
    from dataclasses import replace

    from ftdd.wording import error

    own = [_own_error(study, grid) for grid in (less, more)]
    if None in own:
        return finding
    words = " and ".join(error(value, study.regression) for value in own)
    return replace(
        finding,
        text=f"{finding.text} Test errors of the two sources on their own tasks: {words}.",
        numbers={**finding.numbers, "less_related_source_test_error": own[0], "more_related_source_test_error": own[1]},
    )


def _own_error(study: "StudyData", grid: "Grid") -> float | None:
    """The mean test error of a curve's sources on their own task."""
    if "source_test_error" not in study.done:
        return None
    values = study.done[study.done["id"].isin(grid.runs)]["source_test_error"].dropna().astype(float)
    return float(values.mean()) if len(values) else None


def _source(axis: str, grid: "Grid") -> str:
    from ftdd.wording import format_value

    return f"{axis.split('.')[-1]} {format_value(grid.settings[axis])}"


def _crossing(finding: Finding, found: "Differences", names: tuple[str, str], level: float, squared: bool) -> Finding:
    """Whether each of the two is significantly better at some depth."""
    from dataclasses import replace

    import numpy as np

    wins, loses = found.low > 0, found.high < 0
    both = bool(wins.any() and loses.any())
    one_sided = bool(wins.all() or loses.all())
    answer: Answer = "seen" if both else "not seen" if one_sided else "cannot tell"
    if both:
        text = f"{names[0]} is significantly better with {_list(found, wins)}, {names[1]} with {_list(found, loses)}."
    elif one_sided:
        text = f"{names[0] if wins.all() else names[1]} is significantly better at every depth."
    else:
        text = f"At {int((~wins & ~loses).sum())} of {len(found.x)} depths the difference is not significant."
    best = int(np.argmax(np.abs(found.mean)))
    return replace(
        finding,
        key="similarity.crossing",
        statement=f"Which source is better, {names[0]} or {names[1]}, depends on how many layers are frozen",
        answer=answer,
        text=(
            f"{lead(finding.settings)}{sentence(text)} They differ most with "
            f"{position('frozen_layers', float(found.x[best]))}, by {number(abs(float(found.mean[best])), squared)}."
        ),
        numbers={name: value for name, value in finding.numbers.items() if name != "for_these_sources"},
        effect=float(found.mean.max() - found.mean.min()),
        interval=None,
        p=None,
        level=level,
    )


def _list(found: "Differences", where: Any) -> str:
    return layers([float(x) for x in found.x[where]])
