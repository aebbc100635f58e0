"""`ensembles`: whether a vote of the seeds still has the peak over frozen layers that single seeds have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Answer, Finding
from ftdd.values import Json
from ftdd.wording import counted, lead, number, position, sentence, within
from ftdd_plugins.analyses.along import Answered, Descents, found_descents

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.records.predictions import Predictions

    Floats = npt.NDArray[np.float64]

FEWEST = 3
"""Seeds: two have no majority."""
FEWEST_KNOWN = 4
"""From so many on, leaving one out leaves a majority, and so says how much the vote varies."""
REMOVED = "Averaging over seeds removes the peak of the test error over frozen layers"


class Ensembles(Descents):
    """Does averaging over seeds remove the peak of the test error over frozen layers?

    For studies of classes whose runs have kept their predictions, with three seeds or more: at each depth the error of
    the seeds' majority vote beside the mean error of single seeds. It asks of curves whose mean has a peak for sure.
    """

    rank = 11
    name: Literal["ensembles"] = "ensembles"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each curve; nothing where predictions or seeds are too few."""
        from ftdd.analysis.replicates import over_setting

        if study.regression:
            return []
        grids = over_setting(study, "frozen_layers", "final_test_error")
        voted = {id(grid): votes for grid in grids if (votes := _votes(study, grid)) is not None}
        answered = found_descents(study, grids, self.smallest, self.level) if voted else []
        return [
            _finding(one, voted[id(one.grid)], self.smallest, self.level, len(answered))
            for one in answered
            if id(one.grid) in voted
        ]


@dataclass(frozen=True)
class _Votes:
    """Errors at the places of a curve, of all its replicates, and without each one of them in turn."""

    mean: "Floats"
    """Mean error of single runs: shape (1 + replicates, places); row 0 is of all."""
    vote: "Floats"
    """Error of the majority vote of the runs, likewise."""
    runs: int
    """That vote at a place, of all replicates."""


def _votes(study: "StudyData", grid: "Grid") -> _Votes | None:
    """None where runs with predictions at all places, on the same images, belong to fewer than three replicates."""
    import numpy as np

    from ftdd.analysis.predictions import errors_at, vote_errors

    rows: list[list[Predictions]] = []
    labels = []
    for label, ids in zip(grid.cells.labels, grid.ids, strict=True):
        kept = [study.by_id[run].predictions() if run in study.by_id else None for run in ids]
        row = [one for one in kept if one is not None and len(one.epochs)]
        if len(row) == len(kept):
            rows.append(row)
            labels.append(label)
    replicates = list(dict.fromkeys(labels))
    if len(replicates) < FEWEST or len({one.test_digest for row in rows for one in row}) > 1:
        return None
    mean, vote = np.empty((2, 1 + len(replicates), len(grid.x)))
    for i, left_out in enumerate([None, *replicates]):
        some = [row for label, row in zip(labels, rows, strict=True) if left_out is None or label != left_out]
        for j, runs in enumerate(zip(*some, strict=True)):
            mean[i, j], vote[i, j] = errors_at(runs).mean(), vote_errors(runs).mean()
    return _Votes(mean, vote, len(rows))


def _finding(found: Answered, votes: _Votes, smallest: float, level: float, curves: int) -> Finding:
    grid, shape, replicates = found.grid, found.descent.shape, len(votes.vote) - 1
    numbers: dict[str, Json] = {
        "frozen_layers": grid.x.tolist(),
        "mean_error": votes.mean[0].tolist(),
        "vote_error": votes.vote[0].tolist(),
    }
    effect, interval = None, None
    answer: Answer = "cannot tell"
    if found.descent.answer == "not seen":
        answer, text = "not applicable", "Single seeds have no peak that averaging could remove."
    elif found.descent.answer == "cannot tell" or shape is None:
        text = f"Whether single seeds have a peak is not certain, so nor is what averaging does to it. {_errors(votes)}"
    else:
        places = (shape.first, shape.peak, shape.second)
        of_mean, of_vote = (_height(table, *places) for table in (votes.mean, votes.vote))
        anywhere, less = _highest(votes.vote), of_mean - of_vote
        effect, lowered, most = float(of_vote[0]), None, None
        vote, bound = f"the vote of {counted(votes.runs, 'run')}", number(smallest)
        if replicates < FEWEST_KNOWN:
            told = f"How much {vote} varies is known from {FEWEST_KNOWN} seeds on"
        else:
            interval, lowered = _jackknife(of_vote, level, curves), _jackknife(less, level, curves)
            most = _jackknife(anywhere, level, curves)[1]
            if lowered[0] > 0 and most < smallest <= of_mean[0]:
                answer, told = "seen", f"{vote} has no peak of {bound} or more, at any depth"
            elif interval[0] > 0:
                answer, told = "not seen", f"{vote} still has it"
            else:
                told = f"{vote} may have a peak of up to {number(most)}, and less than {bound} counts as none"
        text = (
            f"With {position(grid.over, float(grid.x[shape.peak]))} the mean error of single seeds stands out by "
            f"{number(float(of_mean[0]))}, that of their vote by {number(effect)}{within(interval)}; averaging lowers "
            f"the peak by {number(float(less[0]))}{within(lowered)}. {sentence(told)}."
        )
        numbers |= {
            "peak_at": float(grid.x[shape.peak]),
            "mean_effect": float(of_mean[0]),
            "lowered_by": float(less[0]),
            "lowered_by_interval": list(lowered) if lowered else None,
            "vote_effect_anywhere": float(anywhere[0]),
            "vote_effect_anywhere_upper": most,
        }
    return Finding(
        analysis="ensembles",
        statement=REMOVED,
        answer=answer,
        text=text if answer == "not applicable" else f"{lead(grid.settings)}{text}",
        settings=grid.settings,
        effect=effect,
        interval=interval,
        level=level,
        n=replicates,
        sources=grid.sources,
        targets=grid.targets,
        test_images="these images",
        runs=grid.runs,
        numbers=numbers,
    )


def _errors(votes: _Votes) -> str:
    vote, mean = (number(float(table[0].min())) for table in (votes.vote, votes.mean))
    return f"At its best depth the vote's error is {vote}, the mean of single seeds at theirs {mean}."


def _height(tables: "Floats", first: int, peak: int, second: int) -> "Floats":
    """How far the peak stands out at given places, of each row; below 0 where it is lower than one of the minima."""
    import numpy as np

    return np.asarray(tables[:, peak] - np.maximum(tables[:, first], tables[:, second]))


def _highest(tables: "Floats") -> "Floats":
    """How far the peak stands out that does so most, of each row; 0 where there is none."""
    import numpy as np

    before = np.minimum.accumulate(tables, axis=1)
    after = np.minimum.accumulate(tables[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((tables - np.maximum(before, after)).max(axis=1))


def _jackknife(values: "Floats", level: float, curves: int) -> tuple[float, float]:
    """Of a value: first that of all replicates, then those without each one.

    t intervals with the jackknife's standard error, which in the mean over studies is not too small (Efron and Stein
    1981), Bonferroni-adjusted for the curves.
    """
    import numpy as np
    from scipy.stats import t

    without = values[1:]
    count = len(without)
    error = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    half = float(error * t.ppf(1 - (1 - level) / curves / 2, count - 1))
    return float(values[0]) - half, float(values[0]) + half
