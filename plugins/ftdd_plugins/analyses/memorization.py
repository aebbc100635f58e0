"""`memorization`: right labels against wrong ones."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftdd.analysis.finding import Answer, Finding
from ftdd.components import Analysis
from ftdd.values import Json
from ftdd.wording import lead, number, position, replication
from ftdd_plugins.analyses.reaching import reaching, time_numbers

if TYPE_CHECKING:
    import pandas as pd

    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.times import Times

COLUMNS = ("train_error_clean", "train_error_mislabelled")


class Memorization(Analysis):
    """Are right labels learned before wrong ones, and with how many frozen layers are wrong ones still memorized?

    For studies with label noise. When half of the wrong labels are fitted is compared with when half of the right ones
    are, by the log-rank test over seeds (of each the median over frozen layers); what never gets there counts as later
    than it was trained.
    """

    rank = 8
    name: Literal["memorization"] = "memorization"
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the labels, that must be fitted."""
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """1 − level is the chance of any `seen` where there is nothing to see, of all settings together."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each setting with wrong labels, over all its numbers of frozen layers."""
        from ftdd.analysis.replicates import parts_of, replicate_columns
        from ftdd.statistics.times import later, times

        noisy = study.done[study.done["final_train_error_mislabelled"].notna()].drop_duplicates("id")
        parts = parts_of(noisy, study.groups)
        found = []
        for settings, runs in parts:
            right, wrong, ends = [], [], []
            for _, same in runs.groupby(replicate_columns(runs), dropna=False):
                fitted = [self._fitted(study, same["id"], column) for column in COLUMNS]
                right.append(fitted[0].median)
                wrong.append(fitted[1].median)
                ends.append(float(same["epoch"].max()))
            sides = (times(right, ends), times(wrong, ends))
            p = min(1.0, later(*sides) * len(parts))
            found.append(self._finding(settings, runs, sides, p))
        return found

    def _fitted(self, study: "StudyData", runs: Iterable[str], column: str) -> "Times":
        return reaching(study, list(runs), lambda curves: curves[column] <= 1 - self.share)

    def _finding(
        self, settings: dict[str, Json], runs: "pd.DataFrame", sides: "tuple[Times, Times]", p: float
    ) -> Finding:
        from ftdd.analysis.replicates import replication_of

        right, wrong = sides
        sources, targets = replication_of(runs)
        known = right.median is not None and wrong.median is not None
        answer: Answer = "cannot tell"
        if p <= 1 - self.level:
            answer = "seen"
        elif right.n > 1 and known and right.median == wrong.median:
            answer = "not seen"
        memorized = 1 - runs.groupby("frozen_layers")["final_train_error_mislabelled"].mean().astype(float)
        depths = [position("frozen_layers", float(depth)) for depth in memorized.index]
        ends = f"with {depths[0]}, {memorized.iloc[0]:.0%} of the wrong labels end up memorized"
        if len(memorized) > 1:
            ends += f"; with {depths[-1]}, {memorized.iloc[-1]:.0%}"
        return Finding(
            analysis="memorization",
            key="memorization.order",
            statement="Wrong labels are fitted later than right ones",
            answer=answer,
            text=(
                f"{lead(settings)}{self.share:.0%} of the right labels are fitted {_when(right.median)}, "
                f"of the wrong ones {_when(wrong.median)} ({_over(right.n, replication(sources, targets))}); {ends}."
                f"{' More seeds would tell whether that is chance.' if answer == 'cannot tell' and right.n > 1 else ''}"
            ),
            settings=settings,
            effect=wrong.median - right.median if wrong.median is not None and right.median is not None else None,
            level=self.level,
            unit="epochs",
            n=right.n,
            sources=sources,
            targets=targets,
            p=p,
            runs=tuple(runs["id"]),
            numbers={
                "share": self.share,
                **time_numbers("right_epoch", right),
                **time_numbers("wrong_epoch", wrong),
                "memorized": {str(depth): float(part) for depth, part in memorized.items()},
            },
        )


def _over(count: int, by: str) -> str:
    return f"median, {by}" if count > 1 else "one seed, which gives no estimate of the variance between seeds"


def _when(epoch: float | None) -> str:
    return "in fewer than half of the runs" if epoch is None else f"by epoch {number(epoch)}"
