"""`controls`: is it the transfer, or would a control do as well?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftdd.analysis.finding import Finding, Proposal
from ftdd.components import Analysis
from ftdd_plugins.analyses.between import between, compared, seeds_for_difference

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData

MEANING = {
    "selffer": "a source trained on the target's own task",
    "random": "a frozen prefix that learned nothing",
    "scratch": "training from scratch",
}


class Controls(Analysis):
    """Is transfer better than a source that is the target's own task, a random prefix, or no source at all?

    For studies that sweep `control`: at each number of frozen layers the control's final test error minus the
    transfer's, paired by seed, with intervals that hold at all depths together.
    """

    rank = 5
    name: Literal["controls"] = "controls"
    smallest: Annotated[float, Field(gt=0)] = 0.05
    """`not seen` rules out an advantage of transfer of this much at any depth."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which intervals hold, of all controls and depths together."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each control and each curve of the transfer."""
        pairs = _pairs(study)
        found = []
        for control, transfer, other in pairs:
            result = compared(study, transfer, other, self.level, len(pairs))
            if result is not None:
                found.append(
                    between(
                        "controls.better",
                        study,
                        result,
                        (transfer, other),
                        statement=f"Transfer is better than {MEANING.get(control, control)}",
                        names=("transfer", control),
                        smallest=self.smallest,
                        level=self.level,
                    )
                )
        return found

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """A seed of transfer and of control, at the depth that is nearest to telling."""
        pairs = _pairs(study)
        return [
            proposal
            for _, transfer, other in pairs
            for proposal in seeds_for_difference(study, transfer, other, self.smallest, self.level, len(pairs))
        ]


def _pairs(study: "StudyData") -> "list[tuple[str, Grid, Grid]]":
    """(control, curve of the transfer, curve of the control), of the same settings otherwise."""
    from ftdd.analysis.replicates import over_setting

    if "control" not in study.swept:
        return []
    grids = over_setting(study, "frozen_layers", "final_test_error", fewest=1)
    transfers = [grid for grid in grids if grid.settings.get("control") == "transfer"]
    others = [grid for grid in grids if grid.settings.get("control") != "transfer"]
    return [
        (str(other.settings["control"]), transfer, _stretched(other, transfer))
        for transfer in transfers
        for other in others
        if {**transfer.settings, "control": None} == {**other.settings, "control": None}
    ]


def _stretched(control: "Grid", transfer: "Grid") -> "Grid":
    """Training from scratch, in which nothing is frozen and which so has one place, stands at every depth."""
    from dataclasses import replace

    import numpy as np

    if control.settings["control"] != "scratch":
        return control
    cells = replace(control.cells, values=np.repeat(control.cells.values[:, :1], len(transfer.x), axis=1))
    return replace(control, x=transfer.x, cells=cells, ids=np.repeat(control.ids[:, :1], len(transfer.x), axis=1))
