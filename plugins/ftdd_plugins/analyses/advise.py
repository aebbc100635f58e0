"""`advise`: how many layers to freeze, what it costs to be wrong, and what would settle it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftdd.analysis.advice import KEY, Advice, AdviceLine, DepthChoice
from ftdd.analysis.finding import Answer, Finding
from ftdd.components import Analysis
from ftdd.wording import lead
from ftdd_plugins.analyses.advice_lines import answer, beside, compared_with_best, still_improving, wrong_by_one
from ftdd_plugins.analyses.advice_numbers import Found, found_best, improving, seeds_that_settle, threshold
from ftdd_plugins.analyses.scratch import SCRATCH, against_scratch

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData

SMALLEST, LEVEL = 0.05, 0.95


class Advise(Analysis):
    """How many layers should be frozen, what does it cost to be wrong, and what would settle it?

    One answer for each setting of the study whose runs differ in their frozen layers. The recommended number is the
    largest that costs less than `tolerance` over the best one, with the confidence of the study's findings; where there
    is none, it cannot be told yet. Controls are not advised about: transfer is compared with training from scratch
    where the study has it.
    """

    rank = 10
    name: Literal["advise"] = "advise"
    tolerance: Annotated[float, Field(gt=0)] = 0.01
    """What freezing more layers than the best number may cost: an error, or a difference of logarithms of numbers."""
    smallest: Annotated[float | None, Field(gt=0)] = None
    """The peak that is to be ruled out; that of the recipe's `freezingwise` where it is left out, else 0.05."""
    level: Annotated[float | None, Field(gt=0.5, lt=1)] = None
    """With which the intervals hold, of all settings together; likewise, else 0.95."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each curve of the transfer, whose numbers are an `ftdd.analysis.advice.Advice`; then what scratch is.

        Intervals allow for all curves over frozen layers, as those of `freezingwise` do.
        """
        from ftdd.analysis.replicates import over_setting

        grids = over_setting(study, "frozen_layers", "final_test_error")
        smallest, level = self._as_the_findings(study)
        transfers = [grid for grid in grids if grid.settings.get("control", "transfer") == "transfer"]
        advised, scratches = [], []
        for grid in transfers:
            found = found_best(study, grid, level, smallest, len(grids))
            scratch = against_scratch(study, grid, found.best.at, level, len(transfers))
            advised.append(_finding(study, found, transfers, scratch, self.tolerance))
            scratches += [scratch] if scratch else []
        return [*advised, *scratches]

    def _as_the_findings(self, study: "StudyData") -> tuple[float, float]:
        chosen = [one for one in study.record.analyses or () if isinstance(one, dict)]
        given = next((one for one in chosen if one.get("name") == "freezingwise"), {})
        smallest = given.get("smallest", SMALLEST) if self.smallest is None else self.smallest
        level = given.get("level", LEVEL) if self.level is None else self.level
        return float(str(smallest)), float(str(level))


def _finding(
    study: "StudyData", found: Found, transfers: "Sequence[Grid]", scratch: Finding | None, tolerance: float
) -> Finding:
    from ftdd.analysis.image_errors import estimand

    grid, best = found.grid, found.best
    advice = _advice(study, found, transfers, scratch, tolerance)
    others = [choice for choice in advice.choices if choice.frozen_layers != advice.best]
    alone = bool(others) and best.known and len(best.as_good) == 1
    verdict: Answer = "seen" if alone and not advice.improving else "cannot tell"
    nearest = min(others, key=lambda choice: choice.cost, default=None)
    return Finding(
        analysis="advise",
        key=KEY,
        statement="One number of frozen layers is better than all others",
        answer=verdict,
        text=f"{lead(grid.settings)}{advice.text[0]}",
        settings=grid.settings,
        effect=nearest.cost if nearest and math.isfinite(nearest.cost) else None,
        interval=nearest.interval if nearest else None,
        level=found.level,
        unit="log test error" if study.regression else "test error",
        n=len(grid.values),
        sources=grid.sources,
        targets=grid.targets,
        test_images=estimand(found.images),
        runs=grid.runs,
        numbers={name: value for name, value in advice.to_json().items() if name != "settings"},
    )


def _advice(
    study: "StudyData", found: Found, transfers: "Sequence[Grid]", scratch: Finding | None, tolerance: float
) -> Advice:
    grid, best, descent = found.grid, found.best, found.descent
    runs = study.done[study.done["id"].isin(grid.runs)].drop_duplicates("id")
    choices = _choices(found, runs, study.regression)
    cheap = best.cheap(tolerance) if best.known else ()
    recommended = int(grid.x[max(cheap)]) if cheap else None
    falling = improving(study, grid, 1 - (1 - found.level) / found.curves, tolerance)
    more = None if cheap else seeds_that_settle(study, found, tolerance)
    lines = [
        AdviceLine("advise.improving", still_improving(study, falling, runs)),
        AdviceLine(KEY, answer(study, found, choices, recommended, tolerance, more)),
        AdviceLine("advise.others", compared_with_best(found, choices, study.regression)),
        AdviceLine("advise.step", wrong_by_one(choices, best.at, study.regression)),
        *beside(study, found, runs, transfers),
    ]
    if scratch is not None:
        lines.append(AdviceLine(SCRATCH, scratch.text.removeprefix(lead(scratch.settings))))
    return Advice(
        settings=grid.settings,
        best=int(grid.x[best.at]),
        recommended=recommended,
        tolerance=tolerance,
        choices=choices,
        chosen_on=found.chosen_on,
        optimism=found.optimism,
        improving=tuple(depth for depth, _ in falling),
        more_seeds=more,
        peak_at=float(grid.x[descent.shape.peak]) if descent.answer == "seen" and descent.shape else None,
        threshold_at=threshold(runs),
        lines=tuple(line for line in lines if line.text),
    )


def _choices(found: Found, runs: "pd.DataFrame", logs: bool) -> tuple[DepthChoice, ...]:
    choices, best = [], found.best
    for i, x in enumerate(found.grid.x):
        there = runs[runs["frozen_layers"].astype(float) == x]
        parameters, seconds = there["trainable_parameters"].dropna(), there["seconds"].dropna()
        choices.append(
            DepthChoice(
                int(x),
                float(math.exp(found.mean[i]) if logs else found.mean[i]),
                float(best.cost[i]),
                (float(best.low[i]), float(best.high[i])) if best.known else None,
                i in best.as_good if best.known else None,
                int(parameters.iloc[0]) if len(parameters) else None,
                float(seconds.median()) if len(seconds) else None,
            )
        )
    return tuple(choices)
