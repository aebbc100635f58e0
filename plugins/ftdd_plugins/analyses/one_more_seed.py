"""One more seed: the runs of one replicate of a curve again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftdd.analysis.finding import Proposal
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.analysis.replicates import Grid
    from ftdd.analysis.study_data import StudyData


def one_more_seed(
    study: "StudyData",
    grid: "Grid",
    reason: str,
    places: Sequence[float] | None = None,
    new_source: bool = False,
) -> list[Proposal]:
    """The runs of one replicate of a curve once more with a new seed, at some places or at all.

    What replicates are, `Cells.margin` says: a new target seed runs from every source that has target seeds in common
    with others, a new source has as many targets as the others have. New seeds are new to the study, so that curves
    that are compared get the same ones, and runs that failed are not asked for again.

    new_source: a source in any case, where the claim is about sources and there are too few.
    """
    from ftdd.records.study import SEEDS

    runs = study.done[study.done["id"].isin(grid.runs)].drop_duplicates("id")
    if places is not None:
        runs = runs[runs[grid.over].astype(float).isin(list(places))]
    if not len(runs):
        return []
    runs = runs.sort_values([*(column for column in SEEDS if column in runs), "id"])
    cells, has_source = grid.cells, can_have_sources(study, grid)
    own_source = not cells.crossed and len(cells.sources) == len(cells.values) > 1
    at = ["frozen_layers"] if grid.over == "epoch" else [grid.over]
    seed, source = (_new(study, path) for path in SEEDS)
    new: dict[str, dict[str, Json]] = {}
    if has_source and (cells.by_source or own_source or new_source):
        like = runs[runs["source.seed"].eq(runs["source.seed"].mode().iloc[0])].drop_duplicates([*at, "seed"])
        olds = list(like["seed"].unique())
        keep = cells.crossed or len(cells.sources) == 1 or "seed" not in study.swept or runs["seed"].nunique() == 1
        for run_id, old in zip(like["id"], like["seed"], strict=True):
            kept: dict[str, Json] = {} if keep else {"seed": seed + olds.index(old)}
            new[run_id] = {**kept, "source.seed": source}
    else:
        like = runs.drop_duplicates([*at, *(["source.seed"] if has_source and cells.crossed else [])])
        new = {run_id: {"seed": seed} for run_id in like["id"]}
    return [Proposal({**study.settings.get(run_id, {}), **added}, reason) for run_id, added in new.items()]


def can_have_sources(study: "StudyData", grid: "Grid") -> bool:
    """Whether `source.seed` gives its runs another source; it does not where weights come with the architecture."""
    runs = study.done[study.done["id"].isin(grid.runs)]
    return "source.seed" in runs and len(runs) > 0 and bool(runs["source.seed"].notna().all())


def _new(study: "StudyData", path: str) -> int:
    """A seed that no run of the study has, done or not."""
    given = [settings.get(path) for settings in study.settings.values()]
    given += study.done[path].dropna().tolist() if path in study.done else []
    return 1 + max((int(seed) for seed in given if isinstance(seed, (int, float))), default=0)
