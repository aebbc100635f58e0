"""`paper`: the findings F1–F4 of Dar, Luzi and Baraniuk (arXiv 2211.11074), as statements about this study."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ftdd.analysis.finding import Answer, Finding, of_key
from ftdd.statistics.scope import FEWEST_SOURCES
from ftdd.values import Json
from ftdd.wording import lead, number, of, within
from ftdd_plugins.analyses.along import Descents, found_descents
from ftdd_plugins.analyses.freezingwise import Freezingwise
from ftdd_plugins.analyses.similarity import Similarity
from ftdd_plugins.analyses.sizes import TARGET, Sizes
from ftdd_plugins.analyses.sources import over_sources

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.detect import Descent

STATEMENTS = {
    "F1": "F1: the test error over epochs has a more pronounced double descent when the target set is large",
    "F2": "F2: a larger source set slows the target training",
    "F3": "F3: the number of frozen layers decides whether training interpolates, and the test error over it has a "
    "second descent",
    "F4": "F4: a less related source can transfer better than a more related one",
}


class Paper(Descents):
    """Which of the paper's findings does this study show?

    F1 needs a sweep of `target.images`, F2 of `source.images`, F3 of the frozen layers, F4 of a pair's similarity; what
    the study does not sweep is not spoken of. They are claims of existence: one curve that shows it is enough. F5, that
    all this holds for several architectures, takes several studies.
    """

    rank = 1
    peaks_over = ("frozen_layers", "epoch")
    name: Literal["paper"] = "paper"

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """One for each of F1 to F4 that the study is about."""
        settings = {"smallest": self.smallest, "level": self.level}
        freezing = Freezingwise(**settings).findings(study)
        found = [
            self._pronounced(study),
            _exists("F2", of_key(Sizes(**settings).findings(study), "sizes.slowing")),
            _decides(
                of_key(freezing, "freezingwise.descent"),
                of_key(freezing, "freezingwise.interpolation"),
            ),
            _exists("F4", of_key(Similarity(**settings).findings(study), "similarity.better")),
        ]
        more = f"sweep source.seed over at least {FEWEST_SOURCES}" if "source.seed" in study.runs else ""
        return [over_sources(one, more) for one in found if one is not None]

    def _pronounced(self, study: "StudyData") -> Finding | None:
        """F1: the effect of the largest target set against that of the smallest, curve by curve."""
        from ftdd.analysis.replicates import over_epochs

        if TARGET not in study.swept or study.regression:
            return None
        each = 1 - (1 - self.level) / 2  # what is told of two effects is told of their difference
        found = found_descents(study, over_epochs(study), self.smallest, each)
        sides: dict[str, list[tuple[float, Grid, Descent]]] = {}
        for answered in found:
            grid = answered.grid
            key = str({path: value for path, value in grid.settings.items() if path != TARGET})
            images = grid.settings.get(TARGET)
            size = float(images) if isinstance(images, (int, float)) else float("inf")
            sides.setdefault(key, []).append((size, grid, answered.descent))
        compared = []
        for curves in sides.values():
            small, large = min(curves, key=lambda one: one[0]), max(curves, key=lambda one: one[0])
            if small[0] < large[0]:
                compared.append(_more_pronounced(small[1:], large[1:], self.smallest, self.level))
        return _exists("F1", compared)


def _more_pronounced(
    small: "tuple[Grid, Descent]", large: "tuple[Grid, Descent]", smallest: float, level: float
) -> Finding:
    """How much more the peak over epochs stands out with the larger target set; both intervals hold together."""
    (grid_s, one), (grid, two) = small, large
    interval = None
    answer: Answer = "cannot tell"
    if one.interval and two.interval:
        interval = (max(two.interval[0], 0.0) - one.interval[1], two.interval[1] - max(one.interval[0], 0.0))
        answer = "seen" if interval[0] > 0 else "not seen" if interval[1] < smallest else "cannot tell"
    sizes = [grid_s.settings[TARGET], grid.settings[TARGET]]
    counts = [f"{size:,}" if isinstance(size, int) else str(size) for size in sizes]
    shared = {path: value for path, value in grid.settings.items() if path != TARGET}
    return Finding(
        analysis="paper",
        key="paper.F1",
        statement=STATEMENTS["F1"],
        answer=answer,
        text=(
            f"{lead(shared)}With {counts[1]} target images the peak over epochs stands out by {number(two.effect)}"
            f"{within(two.interval)}, with {counts[0]} by {number(one.effect)}{within(one.interval)} "
            f"({min(grid_s, grid, key=lambda one: (one.sources, one.targets)).replication})."
        ),
        settings=shared,
        effect=two.effect - one.effect,
        interval=interval,
        level=level,
        n=min(one.seeds, two.seeds),
        sources=min(grid_s.sources, grid.sources),
        targets=min(grid_s.targets, grid.targets),
        runs=(*grid_s.runs, *grid.runs),
        numbers={"small": sizes[0], "large": sizes[1]},
    )


def _exists(claim: str, findings: Sequence[Finding]) -> Finding | None:
    """The claim that there is such a case: seen if one is, not seen if none is, and inconclusive otherwise.

    Of the cases in which it can be asked; not applicable where there is none.
    """
    findings = [one for one in findings if one.answer != "not applicable"] or findings[:1]
    if not findings:
        return None
    answers = [finding.answer for finding in findings]
    ranked: tuple[Answer, ...] = ("seen", "cannot tell", "not seen", "not applicable")
    answer = next(one for one in ranked if one in answers)
    best = max(
        (one for one in findings if one.answer == answer),
        key=lambda one: (one.effect is not None, one.effect or 0, str(one.settings)),
    )
    count = f"{of(answers.count('seen'), len(answers), 'show', 'comparisons')} it. " if len(answers) > 1 else ""
    numbers: dict[str, Json] = {
        **best.numbers,
        **{a.replace(" ", "_"): answers.count(a) for a in dict.fromkeys(answers)},
    }
    return replace(
        best,
        analysis="paper",
        key=f"paper.{claim}",
        statement=STATEMENTS[claim],
        answer=answer,
        text=f"{count}{best.text}",
        runs=tuple(dict.fromkeys(run for finding in findings for run in finding.runs)),
        numbers=numbers,
    )


def _decides(descents: Sequence[Finding], interpolating: Sequence[Finding]) -> Finding | None:
    """F3 has two halves, and is seen where some curve shows both."""
    halves = []
    for descent in descents:
        same = next(one for one in interpolating if one.settings == descent.settings)
        answers = {descent.answer, same.answer}
        ranked: tuple[Answer, ...] = ("not applicable", "not seen", "cannot tell", "seen")
        answer = next(one for one in ranked if one in answers)
        text = f"{descent.text} {same.text.removeprefix(lead(same.settings))}"
        runs = tuple(dict.fromkeys((*descent.runs, *same.runs)))
        p = None if descent.p is None or same.p is None else max(descent.p, same.p)
        halves.append(replace(descent, answer=answer, text=text, runs=runs, p=p))
    return _exists("F3", halves)
