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
        """What freezing the most layers costs over freezing the best number."""
        import numpy as np

        from ftdd.descent.best import best_places

        logs = evidence.labels == "numbers"
        values = np.log(grid.values) if logs else grid.values
        found = best_places(values, None if logs else grid.test_images, level=self.level, curves=curves)
        lead = f"{grid.words}: " if grid.words else ""
        at, most = float(grid.x[found.at]), float(grid.x[-1])
        cost, interval = float(found.cost[-1]), None
        answer: Answer = "cannot tell"
        if found.known:
            interval = (float(found.low[-1]), float(found.high[-1]))
            answer = "seen" if interval[0] > 0 else "not seen" if interval[1] < self.smallest else "cannot tell"
        text = f"{lead}The mean is lowest with {place('frozen_layers', at)}"
        text += ", the most there are" if at == most else f"; freezing {most:g} costs {number(cost)}{within(interval)}"
        as_good = [float(grid.x[i]) for i in found.as_good]
        words = ", ".join(f"{x:g}" for x in as_good)
        told = f"as good, as far as {seeds(len(grid.values))} can tell: {words}"
        return Finding(
            analysis="freezingwise",
            statement="Freezing the most layers is worse than freezing the best number of them",
            answer="not seen" if at == most and found.known else answer,
            text=f"{text}; {told if found.known else 'one seed says nothing of how much seeds differ'}.",
            settings=grid.settings,
            effect=cost,
            interval=interval,
            level=self.level,
            unit="log test error" if logs else "test error",
            n=len(grid.values),
            runs=grid.runs,
            numbers={
                "best_at": at,
                "best": float(np.exp(found.mean[found.at]) if logs else found.mean[found.at]),
                "as_good": list(as_good),
            },
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
