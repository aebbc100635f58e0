"""One similarity score as a study's scores.json has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ftdd.values import Json


@dataclass(frozen=True)
class ScoreRow:
    """One scheme's answer for one pair and source."""

    scheme: str
    """Its label."""
    pair: dict[str, Json]
    source_id: str | None
    value: float | None
    """None where it is not available; `error` says why."""
    details: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    """That it took when it was computed, loading images and network included."""
    source_test_error: float | None = None
    """Of the source network on its own task: scores of a network depend on how good it is."""
    error: str = ""
    runs: tuple[str, ...] = ()
    """The target runs of which it is said."""


def scores_by_run(rows: Iterable[ScoreRow]) -> Mapping[str, Mapping[str, float]]:
    """For each target run its scores, as columns and metrics: `similarity.<label>`."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.value is not None:
            for run_id in row.runs:
                found.setdefault(run_id, {})[f"similarity.{row.scheme}"] = row.value
    return found
