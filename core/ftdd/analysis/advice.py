"""Advice: how many layers to freeze, as the analysis `advise` finds it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ftdd.analysis.finding import Finding, of_key
from ftdd.values import Json

KEY = "advise.best"


@dataclass(frozen=True)
class DepthChoice:
    """One number of frozen layers."""

    frozen_layers: int
    test_error: float
    """Mean over seeds of the final test error; for regression the geometric mean."""
    cost: float
    """Test error over that of the best number; for regression, the difference of logarithms."""
    interval: tuple[float, float] | None
    """Simultaneous confidence interval of the cost; None for one seed."""
    as_good: bool | None
    """Not significantly worse than another number; None where seeds give no estimate of the variance."""
    trainable_parameters: int | None
    seconds: float | None
    """Of one training, median over seeds, on the machine of the study."""


@dataclass(frozen=True)
class Advice:
    """How many layers to freeze, for one setting of the study."""

    settings: Mapping[str, Json]
    best: int
    """The number of frozen layers with the smallest mean test error."""
    cheapest: int
    """Of those that are as good, the one that freezes the most: the least to train; `best` where that is not known."""
    choices: tuple[DepthChoice, ...]
    peak_at: float | None
    """Where the error over frozen layers peaks, if a peak is seen."""
    threshold_at: int | None
    """The most frozen layers with which at least half of the runs interpolate."""
    text: tuple[str, ...]
    """The answer, its price, and what would help, a sentence or two each."""

    def to_json(self) -> dict[str, Json]:
        """As `ftdd advise --json` prints it, and as the finding keeps it among its numbers."""
        tree: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # with lists, as findings that were kept have them
        return tree


def advice_in(findings: Iterable[Finding]) -> tuple[Advice, ...]:
    """The advice among findings. Raises KeyError or TypeError where one of that key is something else."""
    return tuple(_advice(finding) for finding in of_key(findings, KEY))


def _advice(finding: Finding) -> Advice:
    given: Any = finding.numbers
    choices = [
        DepthChoice(**{**one, "interval": None if one["interval"] is None else tuple(one["interval"])})
        for one in given["choices"]
    ]
    own = {field.name: given[field.name] for field in fields(Advice) if field.name not in ("settings", "choices")}
    return Advice(**{**own, "settings": finding.settings, "choices": tuple(choices), "text": tuple(own["text"])})
