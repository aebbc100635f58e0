"""`widthwise`: a second descent over the width of the network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Finding, Proposal
from ftdd_plugins.analyses.along import Descents, descent_finding, found_descents, seeds_to_decide

if TYPE_CHECKING:
    from ftdd.analysis.evidence import Evidence, Grid

WIDTH = "architecture.width"


class Widthwise(Descents):
    """Does the final test error over the network's width fall, rise and fall again (model-wise double descent)?

    For studies that sweep `architecture.width`: one finding for each curve over it (Nakkiran et al. 2019).
    """

    rank = 7
    name: Literal["widthwise"] = "widthwise"

    def findings(self, evidence: "Evidence") -> Sequence[Finding]:
        """One for each curve."""
        return [
            descent_finding("widthwise", evidence, grid, found, self.level)
            for grid, found in found_descents(evidence, _grids(evidence), self.smallest, self.level)
        ]

    def proposals(self, evidence: "Evidence") -> Sequence[Proposal]:
        """Seeds at the minima and wherever the peak may be."""
        found = found_descents(evidence, _grids(evidence), self.smallest, self.level)
        return [proposal for grid, descent in found for proposal in seeds_to_decide(evidence, grid, descent)]


def _grids(evidence: "Evidence") -> "tuple[Grid, ...]":
    from ftdd.analysis.evidence import over_setting

    return over_setting(evidence, WIDTH, "final_test_error") if WIDTH in evidence.swept else ()
