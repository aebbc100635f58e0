"""`epochwise`: a second descent over the epochs of target training."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Finding, Proposal
from ftdd_plugins.analyses.along import Descents, descent_finding, found_descents, seeds_to_decide
from ftdd_plugins.analyses.reaching import interpolation, time_numbers

if TYPE_CHECKING:
    from ftdd.analysis.study_data import StudyData

ORDER = {"seen": 0, "cannot tell": 1, "not seen": 2}


class Epochwise(Descents):
    """Does the test error over epochs fall, rise to a peak and fall again? One finding for each curve of the study.

    A curve is what all seeds of one setting measured. Beside the answer: where the peak stands relative to the epoch of
    interpolation (Kaplan–Meier median), and what the best epoch would have saved over the last.
    """

    rank = 3
    peaks_over = ("epoch",)
    name: Literal["epochwise"] = "epochwise"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each curve; `seen` first."""
        from dataclasses import replace

        from ftdd.analysis.replicates import over_epochs

        found = []
        for answered in found_descents(study, over_epochs(study), self.smallest, self.level):
            finding = descent_finding("epochwise", study, answered, self.level)
            runs = answered.grid.runs
            reached = interpolation(study, runs)
            more = {
                **time_numbers("interpolation_epoch", reached),
                "best_over_seeds": _mean(study, runs, "best_test_error"),
                "final_over_seeds": _mean(study, runs, "final_test_error"),
            }
            found.append(replace(finding, numbers={**finding.numbers, **more}))
        # Errors are counts of images, so effects tie but for the last digit
        return sorted(found, key=lambda one: (ORDER[one.answer], -round(one.effect or 0, 9), str(one.settings)))

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """A seed for each curve that cannot be told, those whose peak stands out most first."""
        from ftdd.analysis.replicates import over_epochs

        found = found_descents(study, over_epochs(study), self.smallest, self.level)
        ordered = sorted(found, key=lambda one: (-round(one.descent.effect, 9), str(one.grid.settings)))
        return [proposal for answered in ordered for proposal in seeds_to_decide(study, answered)]


def _mean(study: "StudyData", runs: Sequence[str], column: str) -> float | None:
    values = study.done[study.done["id"].isin(runs)].drop_duplicates("id")[column].dropna().astype(float)
    return float(values.mean()) if len(values) and math.isfinite(values.mean()) else None
