"""Advice: how many layers to freeze, as the analysis `advise` finds it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from shlex import quote
from typing import Any

from ftdd.analysis.finding import Finding, of_key
from ftdd.records.study import StudyRecord
from ftdd.values import Json

KEY = "advise.best"


@dataclass(frozen=True)
class DepthChoice:
    """One number of frozen layers."""

    frozen_layers: int
    test_error: float
    """Mean over seeds of the final test error; for regression the geometric mean."""
    cost: float
    """Error over that of the lowest number, on the images that choose; for regression, the difference of logarithms."""
    interval: tuple[float, float] | None
    """Of the cost over the truly best number: 0 or more, upper ends simultaneous. None for one seed."""
    as_good: bool | None
    """Whether it may be the best; None where seeds give no estimate of the variance."""
    trainable_parameters: int | None
    seconds: float | None
    """Of one training, median over seeds, on the machine of the study."""


@dataclass(frozen=True)
class AdviceLine:
    """A sentence or two."""

    key: str
    """What it is about, the same in every study and version: `advise.best`, `advise.scratch`, …"""
    text: str


@dataclass(frozen=True)
class MoreSeeds:
    """What would settle which number to choose, were the means to stay as they are."""

    replicates: int
    """In all."""
    command: str
    """That runs them."""
    seconds: float | None
    """That it would take one worker; None where no run says how long it took."""


@dataclass(frozen=True)
class Advice:
    """How many layers to freeze, for one setting of the study."""

    settings: Mapping[str, Json]
    best: int
    """The number of frozen layers with the smallest mean error on the images that choose."""
    recommended: int | None
    """The largest number whose cost over the best one is below `tolerance` at its upper end: so sure, the least to
    train. None where there is none: it cannot be told yet."""
    tolerance: float
    choices: tuple[DepthChoice, ...]
    chosen_on: str
    """`test images`, or `validation images` where the study holds such out."""
    optimism: float | None
    """How much too low the best number's error is for its having been chosen by the same seeds; None for one seed."""
    improving: tuple[int, ...]
    """Numbers of frozen layers with which the test error is still falling at the last epoch."""
    more_seeds: MoreSeeds | None
    """None where it can be told, or where no number of seeds that is looked at would do."""
    peak_at: float | None
    """Where the error over frozen layers peaks, if a peak is seen."""
    threshold_at: int | None
    """The most frozen layers with which at least half of the runs interpolate."""
    lines: tuple[AdviceLine, ...]
    """The answer first, then its price, and what would help."""

    @property
    def possible(self) -> tuple[int, ...]:
        """The numbers of frozen layers that may be the best; empty where seeds say nothing of it."""
        return tuple(choice.frozen_layers for choice in self.choices if choice.as_good)

    @property
    def text(self) -> tuple[str, ...]:
        """The lines without their keys."""
        return tuple(line.text for line in self.lines)

    def to_json(self) -> dict[str, Json]:
        """As `ftdd advise --json` prints it, and as the finding keeps it among its numbers."""
        tree: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # with lists, as findings that were kept have them
        return tree


def advice_in(findings: Iterable[Finding]) -> tuple[Advice, ...]:
    """The advice among findings. Raises KeyError or TypeError where one of that key is something else."""
    return tuple(_advice(finding) for finding in of_key(findings, KEY))


def command(record: StudyRecord, setting: str) -> str:
    """What runs a study again with one setting more, ready for the shell; `setting` as `--set` takes it.

    The recipe is named as it was when the study was run, and by the study's name where nothing says how that was.
    """
    path = setting.partition("=")[0]
    kept = [one for one in record.overrides if one.partition("=")[0] not in (path, path.removeprefix("sweep."))]
    options = "".join(f" --set {quote(one)}" for one in (*kept, setting))
    return f"ftdd run {quote(record.file or record.name)}{options}"


def _advice(finding: Finding) -> Advice:
    given: Any = finding.numbers
    choices = [
        DepthChoice(**{**one, "interval": None if one["interval"] is None else tuple(one["interval"])})
        for one in given["choices"]
    ]
    own = {field.name: given[field.name] for field in fields(Advice) if field.name != "settings"}
    own |= {
        "choices": tuple(choices),
        "improving": tuple(own["improving"]),
        "more_seeds": None if own["more_seeds"] is None else MoreSeeds(**own["more_seeds"]),
        "lines": tuple(AdviceLine(**line) for line in own["lines"]),
    }
    return Advice(settings=finding.settings, **own)
