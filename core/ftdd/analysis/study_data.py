"""StudyData: a study as it was read, each of its files once. All that is told or drawn of a study is made from it."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from ftdd.analysis.tables import curves_table, runs_table
from ftdd.records.run import Run
from ftdd.records.score import ScoreRow, scores_by_run
from ftdd.records.status import State
from ftdd.records.study import SEEDS, Inputs, StudyRecord
from ftdd.values import Json


@dataclass(frozen=True)
class Depth:
    """What stands for the number of frozen layers in figures and tables."""

    column: str = "frozen_layers"
    """Of the table of runs."""
    words: str = "frozen layers"


@dataclass(frozen=True)
class StudyData:
    """A study as it was read."""

    record: StudyRecord
    """What the study's folder says: title, question, swept settings, which runs there are."""
    runs: pd.DataFrame
    """A row for each run, sources first, whatever its state. `ftdd.analysis.columns` says what its columns mean."""
    curves: pd.DataFrame
    """A row for each evaluation of these runs."""
    groups: tuple[str, ...]
    """Columns that tell curves over frozen layers apart: swept settings other than seeds and the number of layers."""
    depth: Depth = Depth()
    each: tuple[Run, ...] = ()
    """The runs themselves, in the order of the table: status, curve, ledger, spec."""
    scores: tuple[ScoreRow, ...] = ()
    """Similarity scores of source and target."""
    inputs: Inputs = field(default_factory=dict)
    """What it was last run with; where its record does not say it, what its last run was trained with."""

    @property
    def swept(self) -> tuple[str, ...]:
        """The swept settings, as dotted paths."""
        return self.record.swept

    @property
    def eps(self) -> float:
        """A run interpolates when its train error is at or below this."""
        return self.record.eps

    @property
    def regression(self) -> bool:
        """Whether numbers are learned, not classes: errors are then squared ones, without an upper end."""
        return self.record.task == "regression"

    @property
    def similarity(self) -> Mapping[str, Json]:
        """Swept settings by which source and target are more or less similar; see `ftdd.components.Pair`."""
        return self.record.similarity_order

    @cached_property
    def settings(self) -> Mapping[str, Mapping[str, Json]]:
        """What the sweep gave each target run, by its id."""
        return {entry.id: entry.settings for entry in self.record.entries}

    @cached_property
    def targets(self) -> pd.DataFrame:
        """A row for each target run, whatever its state."""
        return self.runs[self.runs["role"].eq("target")]

    @cached_property
    def done(self) -> pd.DataFrame:
        """A row for each target run that is done and can be read: the runs that figures and findings are of.

        A run that diverged has no final error to compare. The column `depth` repeats `depth.column`.
        """
        done = self._done("target", self.depth.column)
        return done.assign(depth=done[self.depth.column])

    @cached_property
    def sources(self) -> pd.DataFrame:
        """A row for each source run that is done."""
        return self._done("source")

    @property
    def asked(self) -> int:
        """Target runs of the study, those that are not done included."""
        return len(self.targets)

    @property
    def failed(self) -> int:
        """Target runs that have failed."""
        return int(self.targets["state"].eq(str(State.FAILED)).sum())

    @property
    def diverged(self) -> int:
        """Target runs whose loss was not finite."""
        return int(self.targets["state"].eq(str(State.DIVERGED)).sum())

    @property
    def missing(self) -> int:
        """Target runs that have not ended, or failed."""
        return self.asked - self.diverged - len(self.done)

    @cached_property
    def by_id(self) -> Mapping[str, Run]:
        """The runs by their ids."""
        return {run.id: run for run in self.each}

    def curves_of(self, runs: pd.DataFrame) -> pd.DataFrame:
        """The evaluations of some runs."""
        return self.curves[self.curves["id"].isin(runs["id"])]

    def copy(self) -> "StudyData":
        """The same, for an analysis that may write into its tables."""
        settings = [replace(entry, settings=deepcopy(entry.settings)) for entry in self.record.entries]
        record = replace(self.record, entries=tuple(settings), similarity_order=deepcopy(self.record.similarity_order))
        return replace(self, record=record, runs=self.runs.copy(), curves=self.curves.copy())

    def _done(self, role: str, *measured: str) -> pd.DataFrame:
        there = self.runs["role"].eq(role) & self.runs["state"].eq(str(State.DONE))
        return self.runs[there & self.runs[["final_test_error", *measured]].notna().all(axis=1)]


def study_data(
    record: StudyRecord, runs: Sequence[Run], scores: Iterable[ScoreRow] = (), inputs: Inputs | None = None
) -> StudyData:
    """A study of these runs, sources first."""
    rows = tuple(scores)
    return StudyData(
        record,
        runs_table(runs, record.swept, record.eps, scores_by_run(rows)),
        curves_table(runs, record.swept),
        tuple(path for path in record.swept if path not in (*SEEDS, *record.depth)),
        each=tuple(runs),
        scores=rows,
        inputs=inputs or {},
    )


TRANSFERRED = "transfer.first_layers"


def over_transfer(study: StudyData) -> StudyData:
    """The same over the number of transferred layers, where the study sweeps it; else as it is.

    Runs in which just the transferred layers are frozen, and runs in which they are trained, become two groups.
    """
    if TRANSFERRED not in study.groups:
        return study
    given = study.runs[TRANSFERRED]
    counts = pd.to_numeric(given, errors="coerce")
    if counts[given.index.isin(study.done.index)].nunique() < 2:
        return study
    frozen = given.eq("frozen")
    runs: Any = study.runs.assign(
        transferred_layers=counts.where(~frozen, study.runs["frozen_layers"]).astype("Int64"),
        transferred=frozen.map({True: "and frozen", False: "and trained"}),
    )
    groups = tuple("transferred" if group == TRANSFERRED else group for group in study.groups)
    return replace(study, runs=runs, groups=groups, depth=Depth("transferred_layers", "transferred layers"))
