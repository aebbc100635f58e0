"""Read a study from its folders, in one pass: each file once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftdd.records.curve import Curve
from ftdd.records.run import Run, Stamp
from ftdd.records.status import State
from ftdd.records.study import Inputs, StudyRecord
from ftdd.study.inputs import all_inputs, judge, of_ledger, recorded_inputs
from ftdd.study.scores import read_scores
from ftdd.study.store import RunFolder, Store, Unreadable

if TYPE_CHECKING:
    from ftdd.analysis.study_data import StudyData

STAMPED = ("status.json", "curve.csv")
ENDED = (State.DONE, State.DIVERGED, State.FAILED)


def read_study_data(store: Store, name: str) -> "StudyData":
    """A study as it is now. Raises LookupError where there is no such study, Unreadable where its list is damaged."""
    from ftdd.analysis.study_data import study_data  # it imports pandas, which `ftdd plan` and `ftdd watch` do without

    record = store.read_study(name)
    runs, inputs = read_runs(store, record)
    return study_data(record, runs, read_scores(store, name), inputs)


def read_runs(
    store: Store, record: StudyRecord, before: Mapping[str, Run] | None = None
) -> tuple[tuple[Run, ...], Inputs]:
    """The runs of a study, sources first, and what they are measured by; see `ftdd.study.inputs.judge`.

    before: what was read last, by id; a run that has ended since and did not change is not read again.
    """
    entries = {entry.id: entry for entry in record.entries}
    given: dict[str, Run] = {}
    inputs: dict[str, Inputs] = {}
    for run_id in record.run_ids:
        known = (before or {}).get(run_id)
        folder = store.run(run_id).once()
        if known is not None and known.state in ENDED and known.stamp == stamp_of(folder):
            run = known
        else:
            run = read_run(folder)
        entry = entries.get(run_id)
        if entry is not None:
            target = replace(run, role="target", source_id=entry.source_id, settings=entry.settings, added=entry.added)
            run = run if target == run else target
        given[run_id] = run
        if run.ended and (recorded := recorded_inputs(folder, run.status)):
            inputs[run_id] = recorded
    own = {run_id: run.status for run_id, run in given.items()}
    known_by = (own, inputs, record.source_of, record.inputs, lambda key: of_ledger(key, given[key].ledger))
    seen = judge(*known_by)
    runs = (run if seen[key] is run.status else replace(run, status=seen[key]) for key, run in given.items())
    return tuple(runs), all_inputs(*known_by)


def read_run(folder: RunFolder) -> Run:
    """One run, as a source without settings; a file that cannot be read costs what it says, and is a fault."""
    folder = folder.once()
    faults: list[str] = []
    stamp, status = stamp_of(folder), folder.status()
    try:
        spec = folder.read_spec()
    except Unreadable as error:
        spec = {}
        faults.append(str(error))
    ledger = b""
    try:
        if folder.read_ledger():
            ledger = folder.read_bytes("ledger.json")
    except Unreadable as error:
        faults += [str(error)] if status.state.final else []
    try:
        curve = folder.curve()
    except Unreadable as error:
        curve = Curve()
        faults += [str(error)] if status.state.final else []
    return Run(
        folder.path.name,
        "source",
        spec=spec,
        status=status,
        curve=curve,
        ledger_text=ledger,
        faults=tuple(faults),
        stamp=stamp,
        kept_predictions=folder.predictions if folder.predictions.name in status.facts.get("files", ()) else None,
    )


def stamp_of(folder: RunFolder) -> Stamp:
    """Of status and curve."""
    return tuple(_stamp(folder.path / name) for name in STAMPED)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, -1
    return stat.st_mtime_ns, stat.st_size
