"""What a study could tell, before it is run: what it can claim, and the smallest peak and difference it would see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdd.components import KINDS, Analysis, DataUnavailable, Pair, Unfit
from ftdd.recipe.recipe import Point, Recipe
from ftdd.statistics.scope import FEWEST_SOURCES, scope
from ftdd.study.noise import AlikeRun, RunNoise, noise_of
from ftdd.training.settings import evaluation_epochs

if TYPE_CHECKING:
    from ftdd.statistics.power import Spread

SMALLEST, LEVEL = 0.05, 0.95
"""Where no analysis of the recipe says how small a peak is to be seen."""
FEWEST_PLACES = 3
"""A curve of fewer has no room for a peak."""


@dataclass(frozen=True)
class Curves:
    """The curves of a study along one axis, and what would be seen along them with a probability of 0.8."""

    over: str
    """`frozen_layers` or `epoch`."""
    curves: int
    """How many are looked at together."""
    places: int
    """Of the shortest."""
    sources: int
    """Source networks of each curve; the fewest. 0 where nothing was learned before."""
    seeds: int
    """Target seeds of each source; the fewest."""
    replicates: int
    """What a curve is the mean over: sources where these are three or more, else target seeds."""
    asked: float | None
    """The peak that an analysis of the recipe is to see; None where none looks for peaks along this axis."""
    level: float
    peak: float | None = None
    """The height of the smallest peak that would be seen; None with one seed, with fewer than three places, or where
    nothing is known of the noise."""
    cost: float | None = None
    """Along frozen layers: by how much a place must be worse than the best one to be told apart from it."""
    between_curves: float | None = None
    """The smallest difference of two of the curves at one place; None where there is one curve."""
    seeds_for_asked: int | None = None
    """Replicates from which on the peak that is asked for would be seen; None where 50 would not."""
    images_limit: bool = False
    """Whether so many would, if the claim were about these very test images."""

    @property
    def scope(self) -> str:
        """What it can speak for: `this source network`, or `sources like these`; "" where there is none."""
        return scope(self.sources)

    @property
    def sees_what_is_asked(self) -> bool:
        """Whether the peak that is asked for would be seen; where nothing is known of the noise, this is not either."""
        return self.asked is None or self.peak is None or self.peak <= self.asked


@dataclass(frozen=True)
class Foresight:
    """What a study could tell."""

    along: tuple[Curves, ...]
    noise: RunNoise | None
    """What that was reckoned with; None where nothing is known of it."""
    test_images: int | None
    """None where it is not known before a run is done; what they limit is then left out."""


def foresee(study: Recipe, analyses: Sequence[Analysis], alike: Sequence[AlikeRun], data: Path) -> Foresight:
    """What a study could tell.

    analyses: those that will look at it.   alike: runs in the store of its networks and pairs.   data: the folder where
    data sets lie.
    """
    targets = [run for run in alike if run.settings.get("role") == "target"]
    spec = study.points[0].spec
    noise = noise_of(KINDS["pair"].name_of(spec.pair), targets, spec.pair.task == "regression")
    images = _test_images(study, data)
    if images is None and noise is not None:
        images = noise.test_images
    if spec.pair.task == "regression":
        images = None
    along = [_curves(study, analyses, over) for over in ("frozen_layers", "epoch")]
    drawn_anew = all(isinstance(point.spec.target.test_images, int) for point in study.points)
    seen = tuple(_with_power(one, noise, images, drawn_anew) for one in along if one is not None)
    return Foresight(seen, noise, images)


def _test_images(study: Recipe, data: Path) -> int | None:
    """The fewest that a run is tested on; None where that is not known yet."""
    given = {(point.spec.pair, point.spec.target.test_images) for point in study.points}
    counts = [images if isinstance(images, int) else _test_count(pair, data) for pair, images in given]
    known = [count for count in counts if count is not None]
    return min(known) if len(known) == len(counts) else None


def _test_count(pair: Pair, data: Path) -> int | None:
    try:
        return pair.test_count("target", data)
    except (DataUnavailable, Unfit):
        return None


def _curves(study: Recipe, analyses: Sequence[Analysis], over: str) -> Curves | None:
    """None where the study has no curve along this axis."""
    apart = (*(() if over == "epoch" else study.depth), "seed", "source.seed")
    parts: dict[str, list[Point]] = {}
    for point in study.points:
        if over == "epoch" or point.spec.control != "scratch":
            parts.setdefault(str({path: v for path, v in point.settings.items() if path not in apart}), []).append(
                point
            )
    places = {key: _places(study, part, over) for key, part in parts.items()}
    curves = [part for key, part in parts.items() if places[key] > 1]
    if not curves:
        return None
    seeds = [_seeds(part) for part in curves]
    # Controls without a source are compared with the others, and claim nothing of sources
    sources, targets = min([one[:2] for one in seeds if one[0]] or [one[:2] for one in seeds])
    looking = [one for one in analyses if over in one.peaks_over]
    said = [float(value) for one in looking if (value := getattr(one, "smallest", None)) is not None]
    levels = [float(value) for one in looking if (value := getattr(one, "level", None)) is not None]
    return Curves(
        over,
        len(curves),
        min(count for count in places.values() if count > 1),
        sources,
        targets,
        min(one[2] for one in seeds),
        min(said, default=None),
        max(levels, default=LEVEL),
    )


def _places(study: Recipe, points: Sequence[Point], over: str) -> int:
    if over == "epoch":
        schedules = (evaluation_epochs(one.spec.target.evaluate, one.spec.target.training.epochs) for one in points)
        return min(map(len, schedules))
    return len({str([point.settings.get(path) for path in study.depth]) for point in points})


def _seeds(points: Sequence[Point]) -> tuple[int, int, int]:
    """(source networks, target seeds of each, replicates) of one curve; as `ftdd.statistics.replication` has it."""
    rows = {(_network(point), point.spec.seed) for point in points}
    sources = len({network for network, _ in rows} - {None})
    targets = len({seed for _, seed in rows})
    by_source = sources >= FEWEST_SOURCES or sources > targets == 1
    crossed = len(rows) > targets
    return sources, len(rows) // max(sources, 1), sources if by_source else targets if crossed else len(rows)


def _network(point: Point) -> str | None:
    """What tells apart the networks that runs start from; None where nothing was learned before."""
    source, spec = point.spec.source_spec, point.spec
    if source is not None:
        return source.id
    return "with its weights" if spec.starting_architecture.untrained() != spec.starting_architecture else None


def _with_power(curves: Curves, noise: RunNoise | None, test_images: int | None, drawn_anew: bool) -> Curves:
    if noise is None or curves.over not in noise.over:
        return curves
    from ftdd.statistics.power import seeds_for, smallest_cost, smallest_difference, smallest_peak

    level, places, over = curves.level, curves.places, curves.over

    def spread(replicates: int) -> "Spread":
        # A subset is drawn anew by each seed, so that its part falls with seeds too
        return noise.spread(over, test_images and test_images * (replicates if drawn_anew else 1))

    def peak(replicates: int) -> float | None:
        return smallest_peak(places, replicates, spread(replicates), level=level, curves=curves.curves)

    def alone(replicates: int) -> float | None:
        return smallest_peak(places, replicates, noise.spread(over, None), level=level, curves=curves.curves)

    asked, seeds, others = curves.asked, curves.replicates, curves.curves - 1
    takes = None if asked is None or places < FEWEST_PLACES else seeds_for(asked, peak)
    found = replace(
        curves,
        peak=peak(seeds),
        seeds_for_asked=takes,
        images_limit=bool(asked and takes is None and test_images and seeds_for(asked, alone)),
    )
    if curves.over == "epoch":
        return found
    given = spread(seeds)
    return replace(
        found,
        cost=smallest_cost(places, seeds, given, level=level, curves=curves.curves),
        between_curves=smallest_difference(seeds, given, level=level, comparisons=places * others) if others else None,
    )


def to_json(foresight: Foresight) -> Mapping[str, Any]:
    """As `ftdd plan --json` prints it."""
    noise = foresight.noise
    return {
        "test_images": foresight.test_images,
        "noise_from": noise and noise.noise_from,
        "along": [{**vars(one), "scope": one.scope} for one in foresight.along],
    }
