"""`emc`: effective model complexity over frozen layers, and whether the peak stands where it crosses n."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.values import Json
from ftdd.wording import count, layers, lead, position, seeds
from ftdd_plugins.analyses.along import Descents, found_descents

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.noise import Floats

IMAGES = "target.images"


@dataclass(frozen=True)
class Bracket:
    """Between which numbers of images the effective model complexity of one depth lies."""

    depth: float
    low: float
    """The largest number that is still fitted, with all smaller ones; 0 where none is."""
    high: float
    """The smallest that is not; infinite where all are."""
    significant_low: float
    """As `low`, of numbers that are significantly fitted; no larger than `low`."""
    significant_high: float
    """As `high`, of numbers that are significantly not; no smaller than `high`."""
    grid: "Grid"


class EffectiveModelComplexity(Descents):
    """With how many images is training at the interpolation threshold, and is the freezing-wise peak there?

    Effective model complexity (Nakkiran et al. 2019, definition 1): the largest n such that training on n images ends
    with a mean train error ≤ eps. For studies that sweep `target.images` and the number of frozen layers: EMC lies
    between the largest size that is fitted and the smallest that is not, and `--more-seeds-where-unsure` halves what
    is between (on a log scale) until the two differ by `ratio`. If the hypothesis of that paper holds for freezing,
    the peak over frozen layers at n images stands where EMC crosses n.
    """

    rank = 9
    name: Literal["emc"] = "emc"
    eps: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Train error at which training counts as fitting its images: a heuristic of that paper, so report it."""
    ratio: Annotated[float, Field(gt=1)] = 1.25
    """How near the two sizes around EMC are to come."""

    def findings(self, study: "StudyData") -> Sequence[Finding]:
        """EMC of every depth for each setting, then for each number of images whether the peak is at the crossing."""
        found: list[Finding] = []
        for settings, brackets in self._brackets(study):
            found.append(self._complexity(settings, brackets))
            found += self._crossings(study, settings, brackets)
        return found

    def proposals(self, study: "StudyData") -> Sequence[Proposal]:
        """Runs at the geometric mean of the two sizes around each EMC, with the seeds that are there."""
        proposals = []
        for _, brackets in self._brackets(study):
            for bracket in brackets:
                if not 0 < bracket.low < bracket.high < math.inf or bracket.high <= self.ratio * bracket.low:
                    continue
                images = round(math.sqrt(bracket.low * bracket.high))
                if not bracket.low < images < bracket.high:
                    continue
                runs = study.done[study.done["id"].isin(bracket.grid.runs)].drop_duplicates("id")
                like = runs[runs[IMAGES].astype(float).eq(bracket.low)]
                reason = (
                    f"EMC with {position('frozen_layers', bracket.depth)}: "
                    f"between {count(bracket.low)} and {count(bracket.high)} images"
                )
                proposals += [Proposal({**study.settings.get(run, {}), IMAGES: images}, reason) for run in like["id"]]
        return proposals

    def _brackets(self, study: "StudyData") -> list[tuple[dict[str, Json], list[Bracket]]]:
        """For each setting beside sizes and depths, the brackets of its depths in their order."""
        import numpy as np

        from ftdd.analysis.replicates import over_setting

        if IMAGES not in study.swept or study.regression:
            return []
        others = [path for path in study.groups if path != IMAGES]
        grids = over_setting(study, IMAGES, "final_train_error", by=[*others, "frozen_layers"])
        found: dict[str, tuple[dict[str, Json], list[Bracket]]] = {}
        for grid in grids:
            settings = {path: value for path, value in grid.settings.items() if path != "frozen_layers"}
            depth = float(str(grid.settings["frozen_layers"]))
            low, high = _around(grid.x, np.nanmean(grid.values, axis=0) <= self.eps)
            bracket = Bracket(depth, low, high, *_significantly_around(grid, self.eps, self.level, len(grids)), grid)
            found.setdefault(str(settings), (settings, []))[1].append(bracket)
        return [(settings, sorted(brackets, key=lambda one: one.depth)) for settings, brackets in found.values()]

    def _complexity(self, settings: dict[str, Json], brackets: list[Bracket]) -> Finding:
        """Whether freezing lowers EMC: by brackets that significantly do not overlap."""
        first, last = brackets[0], brackets[-1]
        n = min(len(bracket.grid.values) for bracket in brackets)
        if len(brackets) < 2 or n < 2:
            answer: Answer = "cannot tell"
        else:
            pairs = list(combinations(brackets, 2))
            falls = any(later.significant_high <= earlier.significant_low for earlier, later in pairs)
            rises = any(later.significant_low >= earlier.significant_high for earlier, later in pairs)
            answer = "seen" if falls and not rises else "not seen" if rises and not falls else "cannot tell"
        words = "; ".join(f"with {layers([bracket.depth])} {_between(bracket)}" for bracket in brackets)
        why = ""
        if answer == "cannot tell":
            why = " Inconclusive; more seeds, or sizes between these, would decide."
            why = " One seed gives no estimate of the variance between seeds." if n < 2 else why
        return Finding(
            analysis="emc",
            key="emc.complexity",
            statement="Freezing lowers the effective model complexity",
            answer=answer,
            text=(
                f"{lead(settings)}How many images are fitted to a train error of {self.eps:g}, in the mean over "
                f"{seeds(n)}: {words}.{why}"
            ),
            settings=settings,
            effect=first.low / last.high if 0 < last.high < math.inf and first.low > 0 else None,
            unit="times as many images",
            level=self.level,
            n=n,
            sources=min(bracket.grid.sources for bracket in brackets),
            targets=min(bracket.grid.targets for bracket in brackets),
            runs=tuple(run for bracket in brackets for run in bracket.grid.runs),
            numbers={
                "eps": self.eps,
                "emc": {f"{b.depth:g}": [b.low, None if math.isinf(b.high) else b.high] for b in brackets},
            },
        )

    def _crossings(self, study: "StudyData", settings: dict[str, Json], brackets: list[Bracket]) -> list[Finding]:
        """For each number of images: does the peak over frozen layers stand where EMC crosses it?"""
        from ftdd.analysis.replicates import over_setting

        others = [path for path in study.groups if path != IMAGES]
        grids = [
            grid
            for grid in over_setting(study, "frozen_layers", "final_test_error", by=[*others, IMAGES])
            if {path: grid.settings[path] for path in others} == settings
        ]
        found = []
        for answered in found_descents(study, grids, self.smallest, self.level):
            grid, descent = answered.grid, answered.descent
            images = float(str(grid.settings[IMAGES])) if grid.settings[IMAGES] != "all" else math.inf
            fitted = [bracket.depth for bracket in brackets if bracket.low >= images]
            not_fitted = [bracket.depth for bracket in brackets if bracket.high <= images]
            if not fitted or not not_fitted or max(fitted) >= min(not_fitted):
                continue
            low, high = max(fitted), min(not_fitted)
            # EMC may cross anywhere between the depths that significantly fit and those that significantly do not
            significant_low = max((one.depth for one in brackets if one.significant_low >= images), default=-math.inf)
            significant_high = min((one.depth for one in brackets if one.significant_high <= images), default=math.inf)
            about = {path: value for path, value in grid.settings.items() if path != IMAGES}
            where = f"{lead(about)}EMC crosses {count(images)} images between {count(low)} and {layers([high])}"
            if descent.answer == "seen" and descent.shape and descent.peak_places:
                first, last = (float(grid.x[i]) for i in descent.peak_places)
                peak = float(grid.x[descent.shape.peak])
                away = last < significant_low or first > significant_high
                there = low <= first and last <= high and (low, high) == (significant_low, significant_high)
                answer: Answer = "seen" if there else "not seen" if away else "cannot tell"
                text = f"{where}; the peak stands at {layers([peak])}"
                text += "." if first == last else f", and may stand anywhere from {count(first)} to {count(last)}."
                if (low, high) != (significant_low, significant_high):
                    text += " Where EMC crosses is uncertain with these seeds."
                effect: float | None = 0.0 if low <= peak <= high else min(peak - low, peak - high, key=abs)
                interval: tuple[float, float] | None = (first - significant_high, last - significant_low)
                if math.isinf(significant_low) or math.isinf(significant_high):
                    interval = None
            else:
                answer, effect, interval = "cannot tell", None, None
                sure = "excluded" if descent.answer == "not seen" else "not established"
                text = f"{where}; a peak over frozen layers is {sure}."
            found.append(
                Finding(
                    analysis="emc",
                    key="emc.crossing",
                    statement="The peak over frozen layers stands where the effective model complexity crosses n",
                    answer=answer,
                    text=text,
                    settings=grid.settings,
                    effect=effect,
                    interval=interval,
                    level=self.level,
                    unit="frozen layers",
                    n=len(grid.values),
                    sources=grid.sources,
                    targets=grid.targets,
                    runs=grid.runs,
                    numbers={"eps": self.eps, "crosses_from": low, "crosses_to": high, "images": images},
                )
            )
        return found


def _around(sizes: "Floats", fits: "npt.NDArray[np.bool_]") -> tuple[float, float]:
    """The last size of those that are fitted with all smaller ones, and the first that is not."""
    last = int(fits.argmin()) if not fits.all() else len(fits)
    return float(sizes[last - 1]) if last > 0 else 0.0, float(sizes[last]) if last < len(fits) else math.inf


def _significantly_around(grid: "Grid", eps: float, level: float, curves: int) -> tuple[float, float]:
    """The same of what is significantly fitted and significantly not, of all sizes and curves together."""
    import numpy as np

    from ftdd.statistics.differences import differences

    at_eps = replace(grid.cells, values=np.where(np.isnan(grid.cells.values), np.nan, eps))
    over = differences((grid.x, grid.x), (at_eps, grid.cells), level=level, comparisons=curves)
    return (0.0, math.inf) if over is None else (_around(grid.x, over.high <= 0)[0], _around(grid.x, over.low <= 0)[1])


def _between(bracket: Bracket) -> str:
    if math.isinf(bracket.high):
        return f"{count(bracket.low)} or more"
    return f"{count(bracket.low)} to {count(bracket.high)}" if bracket.low else f"fewer than {count(bracket.high)}"
