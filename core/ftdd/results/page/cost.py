"""What a study has cost: seconds by role and depth, how frozen layers' outputs were kept, where and when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import pandas as pd

from ftdd.analysis.study_data import StudyData
from ftdd.wording import counted

CACHES = {
    "memory": "computed them once and kept them in memory",
    "file": "computed them once and kept them in a file",
    "recomputed": "computed them again each time",
    "none": "cached none",
}


@dataclass(frozen=True)
class Cost:
    """Seconds of training and evaluation of one role's runs."""

    role: str
    runs: int
    """That have spent any."""
    seconds: float
    longest: float


def costs(table: pd.DataFrame) -> tuple[Cost, ...]:
    """The cost of each role of a table of runs."""
    spent = table[table["seconds"] > 0]
    return tuple(
        Cost(role, len(seconds), float(seconds.sum()), float(seconds.max()))
        for role in ("source", "target")
        if len(seconds := spent["seconds"][spent["role"] == role])
    )


def seconds_by_depth(study: StudyData) -> tuple[tuple[int, float, float], ...]:
    """Mean seconds of target runs for each number of frozen layers, and their share of the largest of these."""
    means = study.done.groupby("frozen_layers")["seconds"].mean()
    if len(means) < 2:
        return ()
    seconds = [float(mean) for mean in means]
    return tuple(
        (int(depth), mean, mean / max(seconds)) for depth, mean in zip(means.index.to_list(), seconds, strict=True)
    )


def caches(table: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """What target runs did with the frozen prefix's outputs, and how many did."""
    used = Counter(table["cache"][table["role"].eq("target")].dropna())
    return tuple((words, used[cache]) for cache, words in CACHES.items() if used[cache])


def machines(study: StudyData) -> tuple[tuple[str, str, int], ...]:
    """Each kind of machine that executed a run, with its versions and how many runs."""
    found: Counter[tuple[str, str]] = Counter()
    for run in study.each:
        facts = run.status.facts
        if "versions" in facts:
            threads = counted(facts["threads"], "thread")
            words = f"{facts['host']}: {facts['device']} ({facts['device_name']}, {facts['cpu_capability']}), {threads}"
            found[words, ", ".join(f"{package} {version}" for package, version in facts["versions"].items())] += 1
    return tuple((words, versions, runs) for (words, versions), runs in found.items())


def days(study: StudyData) -> tuple[str, ...]:
    """The first and the last day on which a run was executed; one where they are the same."""
    times = [moment for run in study.each for moment in (run.status.started, run.status.updated) if moment > 0]
    return _days((min(times), max(times))) if times else ()


def _days(times: Sequence[float]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{datetime.fromtimestamp(one, timezone.utc):%Y-%m-%d}" for one in times))
