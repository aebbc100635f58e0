"""The best number of frozen layers against training from scratch, which allows for its having been chosen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ftdd.analysis.finding import Answer, Finding
from ftdd.wording import error, lead, p_value

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData
    from ftdd.statistics.noise import Floats

SCRATCH = "advise.scratch"


def against_scratch(study: "StudyData", grid: "Grid", best: int, level: float, curves: int) -> Finding | None:
    """Whether the transfer with the best number of frozen layers has a lower test error; None without such a control.

    best: its place on the curve.   Every number of frozen layers is compared with scratch, and the interval is that of
    the best one among simultaneous ones: so it holds although the number was chosen by its error.
    """
    import numpy as np

    from ftdd.analysis.image_errors import estimand, test_image_variance
    from ftdd.analysis.replicates import max_difference, over_setting
    from ftdd.statistics.differences import differences
    from ftdd.statistics.replication import paired

    scratch = [
        other
        for other in over_setting(study, "frozen_layers", "final_test_error", fewest=1)
        if other.settings.get("control") == "scratch"
        and {**other.settings, "control": None} == {**grid.settings, "control": None}
    ]
    if not scratch:
        return None
    without = scratch[0]
    repeated = replace(without.cells, values=np.repeat(without.cells.values[:, :1], len(grid.x), axis=1))
    pairs = paired(grid.cells.at(np.array([best])), repeated.at(np.array([best])))
    # With a pair or none where it matters, all are compared as they are
    cells = grid.cells if pairs is not None else replace(grid.cells, target=tuple(enumerate(grid.cells.target)))
    images = test_image_variance(study, grid, without)
    found = differences(
        (grid.x, grid.x),
        (cells, repeated),
        None if images is None else _repeated(images.covariance, len(grid.x)),
        level=level,
        comparisons=curves,
        most=max_difference(study),
    )
    if found is None:
        return None
    gain, low, high = (float(row[best]) for row in (found.mean, found.low, found.high))
    known = bool(np.isfinite(low))
    answer: Answer = "seen" if low > 0 else "cannot tell"
    logs = study.regression
    ends = f" [{error(low, logs)}, {error(high, logs)}]" if known else ""
    p = float(found.p[best])
    sure = f", p {p_value(p)}, adjusted for {len(grid.x)} numbers" if known else ""
    if known and low <= 0 <= high:
        sure += "; not significant"
    return Finding(
        analysis="advise",
        key=SCRATCH,
        statement="Transfer with the best number of frozen layers is better than training from scratch",
        answer=answer,
        text=(
            f"{lead(grid.settings)}Against training from scratch: mean error {error(abs(gain), logs)} "
            f"{'lower' if gain > 0 else 'higher'}{ends}{sure}."
        ),
        settings=grid.settings,
        effect=gain,
        interval=(low, high) if known else None,
        level=level,
        n=int(found.counts[best]),
        sources=grid.sources,
        targets=grid.targets,
        test_images=estimand(images),
        p=p if known else None,
        runs=(*grid.runs, *without.runs),
        numbers={"best_at": float(grid.x[best]), "compared": len(grid.x)},
    )


def _repeated(covariance: "Floats", points: int) -> "Floats":
    """That of the curve's places and of scratch beside each, from that of the places and of scratch once."""
    at = [*range(points), *([points] * points)]
    return covariance[at][:, at]
