"""What a study's folder says of the study: its runs, what is swept, and what it was last run with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ftdd.values import Json

Inputs = Mapping[str, Json]
"""What runs were trained with beside their specs; see `ftdd.study.inputs`."""

SEEDS = ("seed", "source.seed")
"""Settings that only repeat a run; everything else that is swept makes a curve of its own."""

DEPTHS_OF_OLD = ("freezing.count", "freezing.fraction")
"""Settings that set the number of frozen layers in studies of an ftdd whose records do not say it."""


_TASK_OF_LABELS: Mapping[str, Any] = {"classes": "classification", "numbers": "regression"}
"""As it stood in runs.json until 0.1."""


@dataclass(frozen=True)
class StudyEntry:
    """One target run of a study as the study's folder lists it."""

    id: str
    source_id: str | None
    settings: Mapping[str, Json]
    """Its value on each swept path."""
    added: bool = False
    """Whether an analysis has asked for it, and not the recipe."""


@dataclass(frozen=True)
class StudyRecord:
    """What a study's folder says: enough to draw and tell everything again from the run folders."""

    name: str
    title: str
    question: str
    eps: float
    swept: tuple[str, ...]
    entries: tuple[StudyEntry, ...]
    compared: tuple[str, ...] = ()
    """Source runs that no target starts from, and that are there to be compared with."""
    task: Literal["classification", "regression"] = "classification"
    """What is learned; see `ftdd.components.Pair.task`."""
    similarity_order: Mapping[str, Json] = field(default_factory=dict)
    """Swept settings of the pair by which source and target are more or less similar; see `Pair.similarity_order`."""
    depth: tuple[str, ...] = ()
    """Swept settings that set the number of frozen layers; see `ftdd.components.Policy.depth`."""
    analyses: tuple[Json, ...] | None = None
    """The analyses that the recipe chooses, with their fields; None for all that are installed."""
    inputs: Inputs = field(default_factory=dict)
    """What it was last run with."""
    file: str = ""
    """The recipe as it was named when the study was run: a path, or the name of one that ships; "" where it is none."""
    overrides: tuple[str, ...] = ()
    """What `--set` changed then, as it was given."""

    @property
    def source_ids(self) -> tuple[str, ...]:
        """The source runs, each once, in the order in which targets name them."""
        named = (entry.source_id for entry in self.entries if entry.source_id)
        return tuple(dict.fromkeys((*named, *self.compared)))

    @property
    def run_ids(self) -> tuple[str, ...]:
        """All runs: sources first, then targets."""
        return (*self.source_ids, *(entry.id for entry in self.entries))

    @property
    def source_of(self) -> Mapping[str, str | None]:
        """For each run the one that it starts from."""
        return {**dict.fromkeys(self.source_ids), **{entry.id: entry.source_id for entry in self.entries}}

    def to_json(self) -> dict[str, Any]:
        """As it stands in runs.json."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        runs = [vars(entry) for entry in plain.pop("entries")]
        return plain | {"runs": runs, "similarity_order": dict(self.similarity_order), "inputs": dict(self.inputs)}

    @staticmethod
    def from_json(tree: Mapping[str, Any]) -> "StudyRecord":
        """From what stands in runs.json. Raises KeyError, TypeError, ValueError or AttributeError for anything else."""
        entries = tuple(
            StudyEntry(one["id"], one["source_id"], one["settings"], one.get("added", False)) for one in tree["runs"]
        )
        analyses, swept = tree.get("analyses"), tuple(tree["swept"])
        return StudyRecord(
            tree["name"],
            tree["title"],
            tree["question"],
            tree["eps"],
            swept,
            entries,
            tuple(tree.get("compared", ())),
            tree.get("task") or _TASK_OF_LABELS[tree.get("labels", "classes")],
            tree.get("similarity_order", tree.get("likeness", {})),
            tuple(tree.get("depth", [path for path in swept if path in DEPTHS_OF_OLD])),
            None if analyses is None else tuple(analyses),
            dict(tree.get("inputs", {})),
            str(tree.get("file", "")),
            tuple(tree.get("overrides", ())),
        )
