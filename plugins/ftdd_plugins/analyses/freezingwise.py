"""`freezingwise`: over the number of frozen layers, a second descent, the best number, and which runs interpolate."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.values import Json
from ftdd.wording import count, layers, lead, number, of, position, within
from ftdd_plugins.analyses.along import Descents, bounded, descent_finding, found_descents, seeds_to_decide

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData

CAPACITY = ("trainable_parameters", "trainable_share_of_parameters", "trainable_share_of_forward_flops")


class Freezingwise(Descents):
    """Over the number of frozen layers: is there a second descent, which number is best, and which runs interpolate?

    Three findings for each curve over frozen layers: a rise to a peak and a second descent of the final test error;
    whether freezing more than the best number costs anything (over-freezing); and whether the number decides if
    training interpolates. Places are given in frozen layers and in what is left to train.
    """

    rank = 2
    peaks_over = ("frozen_layers",)
    name: Literal["freezingwise"] = "freezingwise"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """Descents of all curves, then what is best, then which runs interpolate."""
        from ftdd.analysis.replicates import over_setting

        grids = over_setting(study, "frozen_layers", "final_test_error")
        descents = []
        for answered in found_descents(study, grids, self.smallest, self.level):
            finding = descent_finding("freezingwise", study, answered, self.level)
            capacity = _capacity(study, answered.grid, finding)
            descents.append(replace(finding, numbers={**finding.numbers, **capacity}))
        best = [self._best(study, grid, len(grids)) for grid in grids]
        return [*descents, *best, *(_deciding(study, grid, self.level, len(grids)) for grid in grids)]

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """Seeds at the minima and wherever the peak may be, of curves that cannot be told."""
        from ftdd.analysis.replicates import over_setting

        grids = over_setting(study, "frozen_layers", "final_test_error")
        found = found_descents(study, grids, self.smallest, self.level)
        return [proposal for answered in found for proposal in seeds_to_decide(study, answered)]

    def _best(self, study: "StudyData", grid: "Grid", curves: int) -> Finding:
        """What freezing the most layers costs over freezing the best number."""
        import numpy as np

        from ftdd.analysis.image_errors import estimand, test_image_variance
        from ftdd.analysis.replicates import compared_cells, max_difference
        from ftdd.statistics.best import best_places

        logs = study.regression
        cells, most, images = compared_cells(study, grid), max_difference(study), test_image_variance(study, grid)
        test = images.covariance if images else None
        found = best_places(cells.margin, test, cells.second, level=self.level, curves=curves, most=most)
        at, last = float(grid.x[found.at]), float(grid.x[-1])
        cost, interval = float(found.cost[-1]), None
        answer: Answer = "cannot tell"
        if found.known:
            interval = (float(found.low[-1]), float(found.high[-1]))
            answer = "seen" if interval[0] > 0 else "not seen" if interval[1] < self.smallest else "cannot tell"
        text = f"{lead(grid.settings)}The mean{' logarithm' if logs else ''} is lowest with {position(grid.over, at)}"
        costs = f"; freezing {count(last)} costs {number(cost)}{within(bounded(interval))}"
        text += ", the most there are" if at == last else costs
        as_good = [float(grid.x[i]) for i in found.as_good]
        others = [x for x in as_good if x != at]
        upper = max((float(found.high[i]) for i in found.as_good if float(grid.x[i]) != at), default=0.0)
        may_cost = f", whose cost may be up to {number(upper)}" if upper < 1 or logs else ""
        told = f"not distinguishable from {count(at)} ({grid.replication}): {', '.join(map(count, others))}{may_cost}"
        if not others:
            told = f"no other depth may be the best ({self.level:.0%}, {grid.replication})"
        if not found.known:
            few = f"the variance between seeds cannot be estimated ({grid.replication})"
            told = few if len(grid.values) > 1 else "one seed gives no estimate of the variance between seeds"
        return Finding(
            analysis="freezingwise",
            key="freezingwise.over_freezing",
            statement="Freezing the most layers is worse than freezing the best number of them",
            answer=answer,
            text=f"{text}; {told}.",
            settings=grid.settings,
            effect=cost,
            interval=interval,
            level=self.level,
            unit="log test error" if logs else "test error",
            n=len(grid.values),
            sources=grid.sources,
            targets=grid.targets,
            test_images=estimand(images),
            runs=grid.runs,
            numbers={
                "best_at": at,
                "best": float(np.exp(found.mean[found.at]) if logs else found.mean[found.at]),
                "as_good": list(as_good) if found.known else None,
            },
        )


def _capacity(study: "StudyData", grid: "Grid", finding: Finding) -> dict[str, Json]:
    """The peak's and the minima's place in what is left to train."""
    runs = study.done[study.done["id"].isin(grid.runs)]
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


def _deciding(study: "StudyData", grid: "Grid", level: float, curves: int) -> Finding:
    """Whether the number of frozen layers decides if training interpolates."""
    runs = study.done[study.done["id"].isin(grid.runs)].drop_duplicates("id")
    depth, reached = runs["frozen_layers"].astype(float), runs["interpolation_epoch"].notna()
    shares = reached.groupby(depth).mean()
    p: float | None = None
    threshold: float | None = None
    answer: Answer = "cannot tell"
    to = f"a train error of {study.eps:g}"
    if reached.all() or not reached.any():
        answer = "not applicable"
        text = f"{'All' if reached.all() else 'No'} runs reach {to}, whatever is frozen."
        if study.regression and study.eps == 0 and not reached.any():
            text = f"No runs reach {to}; squared errors hardly ever do: set `eps` to what counts as nothing."
    else:
        most = shares[shares >= 0.5]
        text = f"{of(int(reached.sum()), len(runs), 'reach')} {to}; "
        if len(most):
            threshold = float(most.index.max())
            text += f"at least half do with up to {layers([threshold])}."
            text += "" if threshold == shares.index.max() else " With more, training is underparameterized."
        else:
            text += "with no number of frozen layers at least half do."
        if len(grid.values) > 1:
            p = min(1.0, curves * _chance(grid, runs))
            answer = "seen" if p <= 1 - level else "cannot tell"
    if len(grid.values) < 2 and answer != "not applicable":
        text += " One seed gives no estimate of the variance between seeds."
    return Finding(
        analysis="freezingwise",
        key="freezingwise.interpolation",
        statement="The more layers are frozen, the fewer runs interpolate",
        answer=answer,
        text=text if answer == "not applicable" else f"{lead(grid.settings)}{text}",
        settings=grid.settings,
        effect=threshold,
        unit="frozen layers",
        level=level,
        n=len(grid.values),
        sources=grid.sources,
        targets=grid.targets,
        p=p,
        runs=grid.runs,
        numbers={"threshold_at": threshold, "share_interpolating": {f"{x:g}": float(s) for x, s in shares.items()}},
    )


def _chance(grid: "Grid", runs: "pd.DataFrame") -> float:
    """That those which interpolate have so few frozen layers were it all the same, by ranks.

    Where sources are the replicates, one interpolates where at least half of its targets do; with fewer sources, a
    target seed where it does from at least half of them.
    """
    from ftdd.analysis.replicates import replicate_columns
    from ftdd.statistics.ranks import nearer

    table = runs.assign(_depth=runs["frozen_layers"].astype(float), _reached=runs["interpolation_epoch"].notna())
    repeats = replicate_columns(table)
    shares = table.groupby([*repeats, "_depth"], dropna=False)["_reached"].mean()
    table = (shares >= 0.5).reset_index()
    seeds = list(table[repeats].astype(str).itertuples(index=False, name=None))
    return nearer(table["_depth"].to_numpy(dtype=float), table["_reached"].to_numpy(dtype=bool), seeds)
