"""A study at work, as its run folders have it: a row for each run, sparklines, and what is left to do."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ftdd.records.curve import Curve
from ftdd.records.events import Role
from ftdd.records.run import Run
from ftdd.records.status import State
from ftdd.study.reading import read_runs
from ftdd.study.store import Store

BLOCKS = "▁▂▃▄▅▆▇█"
SHARE_BELOW = 0.85
"""Of the evaluations, whose test errors a sparkline tells apart; larger ones are full blocks."""
ENDED = (State.DONE, State.DIVERGED, State.FAILED, State.CHANGED)


def seconds_left(run: Run) -> float | None:
    """Until a run has ended, at the pace it has had; None where it is not running or has no pace yet."""
    status = run.status
    if run.state is not State.RUNNING or not status.epoch or not status.seconds:
        return None
    return status.seconds / status.epoch * (status.epochs - status.epoch)


@dataclass(frozen=True)
class SparklineScale:
    """The test errors between which a sparkline rises from its lowest block to its highest; beyond, it stays there."""

    low: float
    high: float


@dataclass(frozen=True)
class View:
    """A study at one moment."""

    title: str
    rows: tuple[Run, ...]
    """Runs at work, then those that ended, the last one first, then interrupted and damaged ones, then the rest."""
    scales: Mapping[Role, SparklineScale]
    """One for all targets, one for all sources: their tasks differ, and so do their errors."""

    @property
    def counts(self) -> Counter[State]:
        """How many runs are in which state."""
        return Counter(row.state for row in self.rows)

    @property
    def ended(self) -> bool:
        """Whether no run is running and none could still be started.

        A target whose source failed, or has other inputs than the study's, waits for the next `ftdd run`, not for this.
        """
        failed = {row.id for row in self.rows if row.state in (State.FAILED, State.CHANGED)}
        return all(row.state in ENDED or row.source_id in failed for row in self.rows)

    @property
    def seconds_left(self) -> float | None:
        """Until the study has ended, at the present rate; None where no run is running, or nothing is known yet."""
        at_work = self.counts[State.RUNNING]
        left = 0.0
        for row in self.rows:
            if row.state in ENDED:
                continue
            own = seconds_left(row) if row.state is State.RUNNING else self._whole(row.role)
            if own is None:
                own = self._whole(row.role)
            if own is None:
                return None
            left += own
        return left / at_work if at_work else None

    def _whole(self, role: Role) -> float | None:
        """Seconds that a run of this role takes: the mean of those that are done, else what one at work will take."""
        same = [row for row in self.rows if row.role == role]
        done = [row.status.seconds for row in same if row.state is State.DONE and row.status.seconds]
        coming = [row.status.seconds + left for row in same if (left := seconds_left(row)) is not None]
        return sum(done or coming) / len(done or coming) if done or coming else None


def look(store: Store, name: str, before: View | None = None) -> View:
    """A study as it is now. Raises LookupError where there is no such study.

    before: what was seen last; a run that has ended since and did not change is not read again.
    """
    record = store.read_study(name)
    runs, _ = read_runs(store, record, {row.id: row for row in before.rows} if before else None)
    places = {run.id: i for i, run in enumerate(runs)}
    return View(
        record.title,
        tuple(sorted(runs, key=lambda run: _rank(run, places[run.id]))),
        {role: scale for role in _roles() if (scale := _scale([run.curve for run in runs if run.role == role]))},
    )


def sparkline(curve: Curve, epochs: int, scale: SparklineScale, width: int) -> str:
    """The test error over epochs, in so many blocks: on a log axis, whose last block is the epoch `epochs`.

    What lies between two evaluations is on the straight line between them; what is still to come is blank.
    """
    points = [(math.log1p(record.epoch), record.test_error) for record in curve.records]
    points = [(at, error) for at, error in points if math.isfinite(error)]
    if not points or width < 1:
        return " " * max(width, 0)
    end = math.log1p(max(epochs, curve.last.epoch, 1))
    step = end / max(width - 1, 1)
    reached = 1 + math.floor(points[-1][0] / step + 1e-9)
    errors = [_between(points, i * step) for i in range(min(max(reached, 1), width))]
    return "".join(_block(error, scale) for error in errors).ljust(width)


def _roles() -> tuple[Role, ...]:
    return ("target", "source")


def _rank(row: Run, place: int) -> tuple[int, float]:
    if row.state is State.RUNNING:
        return 0, place
    if row.state in ENDED:
        return 1, -row.status.updated
    return (2 if row.state in (State.INTERRUPTED, State.DAMAGED) else 3), place


def _scale(curves: Sequence[Curve]) -> SparklineScale | None:
    """From the smallest test error to one that all but a few evaluations stay below.

    The largest are those of the first epochs, where every network has about the same error: with them, a second
    descent would look flat.
    """
    errors = sorted(record.test_error for curve in curves for record in curve.records)
    errors = [error for error in errors if math.isfinite(error)]
    return SparklineScale(errors[0], errors[int(SHARE_BELOW * (len(errors) - 1))]) if errors else None


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    after = next((i for i, (place, _) in enumerate(points) if place >= at), len(points) - 1)
    if after == 0:
        return points[0][1]
    (left, low), (right, high) = points[after - 1], points[after]
    return low + (high - low) * min(1.0, (at - left) / (right - left))


def _block(error: float, scale: SparklineScale) -> str:
    low, high, error = scale.low, scale.high, error
    if high > 1 and low > 0:  # squared errors have peaks a hundred times as high as what is beside them
        low, high, error = math.log(low), math.log(high), math.log(max(error, low))
    share = (error - low) / (high - low) if high > low else 0.0
    return BLOCKS[min(max(int(share * len(BLOCKS)), 0), len(BLOCKS) - 1)]
