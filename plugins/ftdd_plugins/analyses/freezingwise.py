"""`freezingwise`: what the number of frozen layers does: a second descent, the best number, and who interpolates."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ftdd.findings import Answer, Finding, Proposal
from ftdd.values import Json
from ftdd_plugins.analyses.along import Descents, descent_finding, found_descents, seeds_to_decide
from ftdd_plugins.analyses.words import number, place, seeds, within

if TYPE_CHECKING:
    from ftdd.evidence import Evidence, Grid

CAPACITY = ("trainable_parameters", "trainable_share_of_parameters", "trainable_share_of_forward_flops")


class Freezingwise(Descents):
    """Over the number of frozen layers: is there a second descent, which number is best, and which runs interpolate?

    Three findings for each curve over frozen layers: a rise to a peak and a second descent of the final test error;
    whether freezing more than the best number costs anything (over-freezing); and whether the number decides if
    training interpolates. Places are given in frozen layers and in what is left to train.
    """

    name: Literal["freezingwise"] = "freezingwise"

    def findings(self, evidence: "Evidence") -> Sequence[Finding]:
        """Descents of all curves, then what is best, then who interpolates."""
        from ftdd.evidence import over_setting

        grids = over_setting(evidence, "frozen_layers", "final_test_error")
        descents = []
        for grid, descent in found_descents(evidence, grids, self.smallest, self.level):
            finding = descent_finding("freezingwise", evidence, grid, descent, self.level)
            descents.append(replace(finding, numbers={**finding.numbers, **_capacity(evidence, grid, finding)}))
        best = [self._best(evidence, grid, len(grids)) for grid in grids]
        return [*descents, *best, *(one for grid in grids if (one := _deciding(evidence, grid, self.level)))]

    def proposals(self, evidence: "Evidence") -> Sequence[Proposal]:
        """Seeds at the minima and wherever the peak may be, of curves that cannot be told."""
        from ftdd.evidence import over_setting

        grids = over_setting(evidence, "frozen_layers", "final_test_error")
        found = found_descents(evidence, grids, self.smallest, self.level)
        return [proposal for grid, descent in found for proposal in seeds_to_decide(evidence, grid, descent)]

    def _best(self, evidence: "Evidence", grid: "Grid", curves: int) -> Finding:
        """What freezing all but the head costs over freezing the best number."""
        from ftdd_plugins.analyses.best import best_places

        found = best_places(grid, self.level, curves, logs=evidence.labels == "numbers")
        lead = f"{grid.words}: " if grid.words else ""
        at = place("frozen_layers", found.at)
        if found.interval is None:
            answer: Answer = "cannot tell"
            why = "one seed says nothing of how much seeds differ"
        else:
            low, high = found.interval
            answer = "seen" if low > 0 else "not seen" if high < self.smallest else "cannot tell"
            words = ", ".join(f"{x:g}" for x in found.as_good)
            why = f"as good as it, as far as {seeds(len(grid.values))} can tell: {words}"
        cost = (
            f"freezing {place('frozen_layers', grid.x[-1])} costs {number(found.cost)}{within(found.interval)} over it"
        )
        if found.at == grid.x[-1]:
            cost = "so none is frozen too much"
        return Finding(
            analysis="freezingwise",
            statement="Freezing the most layers is worse than freezing the best number of them",
            answer="not seen" if found.at == grid.x[-1] and found.interval else answer,
            text=f"{lead}The mean is lowest with {at}, {cost}; {why}.",
            settings=grid.settings,
            effect=found.cost,
            interval=found.interval,
            level=self.level,
            unit="log test error" if evidence.labels == "numbers" else "test error",
            n=len(grid.values),
            runs=grid.runs,
            numbers={"best_at": found.at, "best": found.error, "as_good": list(found.as_good)},
        )


def _capacity(evidence: "Evidence", grid: "Grid", finding: Finding) -> dict[str, Json]:
    """The peak's and the minima's place in what is left to train."""
    runs = evidence.runs[evidence.runs["id"].isin(grid.runs)]
    found: dict[str, Json] = {}
    for at in ("first_minimum_at", "peak_at", "second_minimum_at"):
        depth = finding.numbers.get(at)
        there = runs[runs["frozen_layers"].astype(float) == depth] if isinstance(depth, float) else runs[:0]
        if len(there):
            for column in CAPACITY:
                value = there[column].dropna()
                if len(value):
                    found[f"{at.removesuffix('_at')}_{column}"] = float(value.iloc[0])
    return found


def _deciding(evidence: "Evidence", grid: "Grid", level: float) -> Finding | None:
    """Whether the number of frozen layers decides if training interpolates; nothing of numbers that never do."""
    from scipy.stats import mannwhitneyu

    if evidence.labels == "numbers":
        return None
    runs = evidence.runs[evidence.runs["id"].isin(grid.runs)]
    depth, reached = runs["frozen_layers"].astype(float), runs["interpolation_epoch"].notna()
    shares = reached.groupby(depth).mean()
    lead = f"{grid.words}: " if grid.words else ""
    p: float | None = None
    if reached.all() or not reached.any():
        answer: Answer = "not seen"
        count = "All" if reached.all() else "No"
        text = f"{lead}{count} runs reach a train error of {evidence.eps:g}, whatever is frozen."
        threshold = None
    else:
        p = float(mannwhitneyu(depth[reached], depth[~reached], alternative="less").pvalue)
        answer = "seen" if p <= 1 - level else "cannot tell"
        most = shares[shares >= 0.5]
        threshold = float(most.index.max()) if len(most) else None
        last = "none" if threshold is None else place("frozen_layers", threshold)
        text = (
            f"{lead}{int(reached.sum())} of {len(runs)} runs reach a train error of {evidence.eps:g}; the most frozen "
            f"layers with which at least half of the seeds do: {last}. With more, training is underparameterized."
        )
    return Finding(
        analysis="freezingwise",
        statement="The more layers are frozen, the fewer runs interpolate",
        answer=answer,
        text=text,
        settings=grid.settings,
        effect=threshold,
        unit="frozen layers",
        level=level,
        n=len(grid.values),
        p=p,
        runs=grid.runs,
        numbers={"threshold_at": threshold, "share_interpolating": {f"{x:g}": float(s) for x, s in shares.items()}},
    )
