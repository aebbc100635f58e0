"""Finding: what an analysis says of a study, as data first and text second."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ftdd.statistics.scope import scope
from ftdd.values import Json
from ftdd.wording import replication

Answer = Literal["seen", "not seen", "cannot tell", "not applicable"]
"""`not applicable`: the study cannot ask this; it says nothing for or against the statement."""


@dataclass(frozen=True)
class Finding:
    """A statement, whether it was seen, how much, how certain, and the runs behind it."""

    analysis: str
    """The name of the analysis that says it."""
    statement: str
    """What is asked of the runs, as a statement that is true or false."""
    answer: Answer
    text: str
    """What was found, in a sentence or two with figures; for `cannot tell` also why, and what would decide."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """What the runs behind it share, of what the study sweeps: dotted paths and values."""
    effect: float | None = None
    """How much; what it is of stands in `unit`. None where there is nothing to measure."""
    interval: tuple[float, float] | None = None
    """Of the effect, simultaneous over all that the analysis looked at. None where it is not available."""
    level: float = 0.95
    """With which the interval holds."""
    unit: str = "test error"
    """`test error`, `log test error`, `epochs`, `frozen layers`, …"""
    n: int = 0
    """Independent replicates: sources where the claim is about sources, else target seeds."""
    sources: int = 0
    """Source networks behind it; 0 where nothing is transferred."""
    targets: int = 0
    """Target seeds of each source; 0 where the analysis does not say."""
    test_images: Literal["images like these", "these images", ""] = ""
    """Which test images it is a claim about: others like these, where runs keep what they answered for each, or these
    very ones; "" where the analysis does not say."""
    p: float | None = None
    """Of the null hypothesis that the statement is wrong, adjusted for how many curves the analysis looked at."""
    runs: tuple[str, ...] = ()
    """Ids of the runs behind it."""
    numbers: Mapping[str, Json] = field(default_factory=dict)
    """All else that was computed, by the names of docs/method.md: `peak_at`, `rise`, `fall`, …"""
    key: str = ""
    """Which question it answers, the same in every study and version: the analysis's name, a dot and a word, such as
    `freezingwise.descent`; the analysis's name alone where it answers one question."""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.analysis)

    @property
    def scope(self) -> str:
        """What it is a claim about: `sources like these`, `this source network`; "" without any source."""
        return scope(self.sources)

    @property
    def basis(self) -> str:
        """What it stands on, and what it is a claim about: `3 sources × 5 seeds; for sources like these`.

        Of an analysis that does not say it: `n = 4`.
        """
        if not self.targets:
            return f"n = {self.n}" if self.n else ""
        images = {"images like these": "test images like these", "these images": "these test images", "": ""}
        about = " and ".join(filter(None, (self.scope, images[self.test_images])))
        return replication(self.sources, self.targets) + (f"; for {about}" if about else "")

    def to_json(self) -> dict[str, Any]:
        """As it stands in findings.json."""
        tree = asdict(self)
        return tree | {
            "scope": self.scope,
            "interval": list(self.interval) if self.interval else None,
            "runs": list(self.runs),
        }

    @staticmethod
    def from_json(tree: Mapping[str, Any]) -> "Finding":
        """From what stands in findings.json. Raises TypeError or KeyError for anything else."""
        interval = tree["interval"]
        return Finding(
            **{
                **{name: value for name, value in tree.items() if name != "scope"},
                "interval": (float(interval[0]), float(interval[1])) if interval else None,
                "runs": tuple(tree["runs"]),
            }
        )


@dataclass(frozen=True)
class Proposal:
    """A run that an analysis asks for, because the runs there are cannot tell."""

    settings: Mapping[str, Json]
    """Dotted paths and values, set on top of the recipe's base: those of a run like it, and what is to be different."""
    reason: str
    """In a few words: what it is to decide."""


def said_once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings; those of one question that do not apply for one reason, as one, without what tells them apart."""
    said: dict[tuple[str, str, str], list[Finding]] = {}
    for i, one in enumerate(findings):
        which = one.text if one.answer == "not applicable" else str(i)
        said.setdefault((one.key, one.answer, which), []).append(one)
    return tuple(same[0] if len(same) == 1 else _merged(same) for same in said.values())


def _merged(same: Sequence[Finding]) -> Finding:
    first = same[0].settings
    shared = {path: first[path] for path in first if all(one.settings.get(path) == first[path] for one in same)}
    runs = tuple(dict.fromkeys(run for one in same for run in one.runs))
    return replace(same[0], settings=shared, runs=runs)


def of_key(findings: Iterable[Finding], key: str) -> tuple[Finding, ...]:
    """The findings that answer one question."""
    return tuple(finding for finding in findings if finding.key == key)
