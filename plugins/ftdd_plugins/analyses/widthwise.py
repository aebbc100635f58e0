"""`widthwise`: a second descent over the width of the network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Finding, Proposal
from ftdd_plugins.analyses.along import Descents, descent_finding, found_descents, seeds_to_decide

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData

WIDTH = "architecture.width"


class Widthwise(Descents):
    """Does the final test error over the network's width fall, rise and fall again (model-wise double descent)?

    For studies that sweep `architecture.width`: one finding for each curve over it (Nakkiran et al. 2019).
    """

    rank = 7
    name: Literal["widthwise"] = "widthwise"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each curve."""
        return [
            descent_finding("widthwise", study, answered, self.level)
            for answered in found_descents(study, _grids(study), self.smallest, self.level)
        ]

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """Seeds at the minima and wherever the peak may be."""
        found = found_descents(study, _grids(study), self.smallest, self.level)
        return [proposal for answered in found for proposal in seeds_to_decide(study, answered)]


def _grids(study: "StudyData") -> "tuple[Grid, ...]":
    from ftdd.analysis.replicates import over_setting

    return over_setting(study, WIDTH, "final_test_error") if WIDTH in study.swept else ()
