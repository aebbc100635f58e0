"""Analyses: from a study's curves to findings."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ftdd.analysis.finding import Finding, Proposal
from ftdd.components.base import Component

if TYPE_CHECKING:
    from ftdd.analysis.study_data import StudyData


class Analysis(Component):
    """Computes findings from a study's curves."""

    rank: ClassVar[int] = 100
    """Findings of a lower rank are read first, where a recipe does not say in which order."""

    peaks_over: ClassVar[tuple[str, ...]] = ()
    """Along which columns it looks for peaks that stand out by its field `smallest`: `frozen_layers`, `epoch`. `ftdd
    plan` says how many seeds such a peak takes."""

    @abstractmethod
    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """What the runs show, in the order in which to read it; nothing where the study is not about this.

        Of half a study too: what is missing makes intervals wider and answers `cannot tell`.
        """

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """Runs that would let it tell what it cannot tell yet, the most useful first; nothing where it can.

        `ftdd run --more-seeds-where-unsure` executes them, within its budget, and asks again.
        """
        return ()
