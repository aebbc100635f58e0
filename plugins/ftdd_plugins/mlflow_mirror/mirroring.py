"""Make MLflow say what the run folders say: add what is missing, replace what belongs to an earlier execution."""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from ftdd.records.run import Run
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.study.reading import read_run, read_runs
from ftdd.study.store import Store, Unreadable
from ftdd_plugins.mlflow_mirror import database
from ftdd_plugins.mlflow_mirror.addresses import local_path
from ftdd_plugins.mlflow_mirror.content import Content, LoggedImages, MetricPoint, content, score_points
from ftdd_plugins.mlflow_mirror.tracking import artifact_location, locked, open_client, own_database, reaching

MOST_METRICS, MOST_PARAMS, MOST_TAGS = 800, 100, 100
"""In one batch; a tracking server takes 1,000 of all three together."""
RUNS_AT_ONCE = 200
"""New runs that are written under one lock: another process must not wait for it for long."""

STUDY = "ftdd.study"
"""The tag of an experiment, and of its runs, that names the study."""

MIRRORED = "ftdd.mirrored"
"""The tag that says from what a run was mirrored, once all of it is."""

OF_RUNS = {"ftdd.role", STUDY, "ftdd.state", "ftdd.started", MIRRORED}
"""Tags by which a run is known as one of ftdd's where its id was taken from it."""

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Training rather than talking to language models: which pages MLflow shows of the experiment."""

LEFT_ALONE = (State.WAITING, State.DAMAGED)
"""Runs in these states stay as MLflow has them."""

STUDY_FILES = ("recipe.yaml", "report.html", "findings.json", "findings.csv", "advice.json")

T = TypeVar("T")


def open_mirror(store: Store, name: str, mend: bool = False) -> "Mirror":
    """The mirror of a study: its experiment is made where there is none. Raises MirrorUnavailable.

    mend: set the store's own database aside where it cannot be used, also where another MLflow has made it.
    """
    study = store.read_study(name)
    client = open_client(store.path, mend)
    with reaching(store.path), locked(store.path):
        experiment = _experiment(client, study, artifact_location(store.path))
        parent = _study_run(client, study, experiment)
    return Mirror(store, study, client, experiment, parent)


@dataclass
class Mirror:
    """One study's experiment, and what is known to be in it."""

    store: Store
    record: StudyRecord
    client: Any
    experiment: str
    parent: str
    """MLflow's run that stands for the study; all others are nested in it."""
    _keys: dict[str, str] | None = None
    """MLflow's runs by the ids of ftdd's; None as long as MLflow was not asked."""
    _logged: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """By MLflow run: (metric, step) of the points that it has."""

    @cached_property
    def _entries(self) -> Mapping[str, StudyEntry]:
        return {entry.id: entry for entry in self.record.entries}

    @cached_property
    def _sources(self) -> frozenset[str]:
        return frozenset(self.record.source_ids)

    def runs(self, run_ids: Iterable[str]) -> None:
        """Make MLflow's runs right while the study runs. A damaged run is left as MLflow has it.

        Raises Unreadable, after all others were made right, where a file of a run cannot be read.
        """
        scores = score_points(self.store, self.record.name)
        unreadable, new = [], []
        with locked(self.store.path):
            if self._keys is None:
                self._keys = {}
                for has in (run for page in self._pages() for run in page):
                    self._keys.setdefault(str(has.data.tags.get("ftdd.id")), has.info.run_id)
            for run_id in run_ids:
                run = read_run(self.store.run(run_id))
                if run.state in LEFT_ALONE:
                    continue
                if entry := self._entries.get(run_id):
                    run = replace(run, role="target", source_id=entry.source_id, settings=entry.settings)
                try:
                    wanted, digest = self._content(run, scores)
                except Unreadable as error:
                    unreadable.append(str(error))
                    continue
                has = self.client.get_run(self._keys[run_id]) if run_id in self._keys else None
                if has and has.info.lifecycle_stage == "active" and _fits(has, wanted):
                    self._complete(has, wanted, digest)
                    continue
                if has and has.info.lifecycle_stage == "active":
                    self.client.delete_run(has.info.run_id)
                new.append((wanted, digest))
            self._create(new)
        if unreadable:
            raise Unreadable("; ".join(unreadable))

    def study(self, thorough: bool = False) -> int:
        """Make all runs right, then add the study's own files; gives how many runs were changed.

        thorough: compare also runs whose tag says that they are right already, and remove what belongs to no run.
        Raises Unreadable, after all others were made right, where a run's folder is damaged. A run whose inputs are not
        the study's is taken out of MLflow.
        """
        found, _ = read_runs(self.store, self.store.read_study(self.record.name))
        scores = score_points(self.store, self.record.name)
        unreadable = [run.status.error for run in found if run.state is State.DAMAGED]
        changed = 0
        self._keys = {}
        # Sources first: targets link to their runs in MLflow
        for filter_string, role in (("tags.`ftdd.role` = 'source'", "source"), ("", "target")):
            some = {run.id: run for run in found if run.role == role}
            changed += self._compare(some, scores, filter_string, thorough, unreadable)
        with locked(self.store.path):
            self._study_files([run.state for run in found])
        if unreadable:
            raise Unreadable("; ".join(unreadable))
        return changed

    # ---- many runs

    def _compare(
        self,
        found: Mapping[str, Run],
        scores: Mapping[str, Mapping[str, MetricPoint]],
        filter_string: str,
        thorough: bool,
        unreadable: list[str],
    ) -> int:
        """Make these runs right, page by page of MLflow's answer; gives how many were changed."""
        assert self._keys is not None
        left_alone = {run_id for run_id, run in found.items() if run.state in LEFT_ALONE}
        missing = {run_id: run for run_id, run in found.items() if run_id not in left_alone}
        changed = 0
        delete: set[str] = set()  # after all pages: what is deleted would move the others from one page to the next

        def read(run_id: str) -> tuple[Content, str] | None:
            try:
                return self._content(found[run_id], scores)
            except Unreadable as error:
                unreadable.append(str(error))
                left_alone.add(run_id)
                del missing[run_id]
                return None

        for page in self._pages(filter_string):
            with locked(self.store.path):
                for has in page:
                    key, run_id = has.info.run_id, has.data.tags.get("ftdd.id")
                    if run_id not in found or run_id in left_alone:
                        if thorough and self._is_nobodys(has):
                            delete.add(key)
                        continue
                    if found[run_id].state is State.CHANGED:
                        delete.add(key)
                        changed += 1
                        continue
                    if run_id not in missing:  # it is there twice
                        delete.add(key)
                        continue
                    digest = self._digest(found[run_id].status, scores.get(run_id, {}))
                    if thorough or has.data.tags.get(MIRRORED) != digest:
                        given = read(run_id)
                        if given is None:
                            continue
                        if not _fits(has, given[0]):
                            delete.add(key)
                            continue
                        changed += self._complete(has, *given)
                    self._keys[run_id] = key
                    del missing[run_id]
        if delete:
            with locked(self.store.path):
                for key in delete:
                    self.client.delete_run(key)
        new = [run_id for run_id, run in missing.items() if run.state is not State.CHANGED]
        for some in _pieces(new, RUNS_AT_ONCE):
            wanted = [given for run_id in some if (given := read(run_id))]
            with locked(self.store.path):
                self._create(wanted)
            changed += len(wanted)
        return changed

    def _pages(self, filter_string: str = "") -> Iterator[Sequence[Any]]:
        """The experiment's runs."""
        token = None
        while True:
            page = self.client.search_runs([self.experiment], filter_string, max_results=500, page_token=token)
            yield page
            token = page.token
            if not token:
                return

    def _is_nobodys(self, has: Any) -> bool:
        """Whether ftdd has made a run of MLflow's that belongs to no run folder.

        Those are runs that have lost their id, and, where the database is the store's own, empty runs and those with an
        id that no folder has; elsewhere they may be another store's. What a user has logged himself is not.
        """
        run_id, own = has.data.tags.get("ftdd.id"), own_database(self.store.path) is not None
        if has.info.run_id == self.parent or run_id in self._entries or run_id in self._sources:
            return False
        if run_id is None:
            return bool(OF_RUNS & set(has.data.tags)) or (own and _is_empty(has))
        return own and not self.store.run(run_id).path.is_dir()

    # ---- one run

    def _content(self, run: Run, scores: Mapping[str, Mapping[str, MetricPoint]]) -> tuple[Content, str]:
        """What the run's folder says, and the digest of it. Raises Unreadable."""
        own = scores.get(run.id, {})
        if run.faults:
            raise Unreadable("; ".join(run.faults))
        try:
            return content(run, self.store.run(run.id).path, self.record, own), self._digest(run.status, own)
        except OSError as error:
            raise Unreadable(f"the run's folder cannot be read: {error}") from error

    def _digest(self, status: Status, scores: Mapping[str, MetricPoint]) -> str:
        """Of what a run is mirrored from: another one means that there is something to mirror."""
        numbers = [(point.key, point.value) for point in scores.values()]
        tree = [status.to_json(), self.parent, self.record.eps, numbers]
        return hashlib.sha256(json.dumps(tree).encode()).hexdigest()[:16]

    def _create(self, wanted: Sequence[tuple[Content, str]]) -> None:
        """New runs in MLflow; each with the digest of what it is mirrored from."""
        assert self._keys is not None
        path = own_database(self.store.path)
        if path and wanted and self._insert(path, wanted):
            return
        for one, digest in wanted:
            run = self.client.create_run(self.experiment, start_time=one.started, tags=one.tags, run_name=one.name)
            self._keys[one.tags["ftdd.id"]] = run.info.run_id
            self._complete(run, one, digest)

    def _insert(self, path: Path, wanted: Sequence[tuple[Content, str]]) -> bool:
        """Write new runs into the store's own database; False where its tables are not as ftdd knows them."""
        assert self._keys is not None
        keys = [database.new_key() for _ in wanted]
        known = self._keys | {one.tags["ftdd.id"]: key for key, (one, _) in zip(keys, wanted, strict=True)}
        rows = [(key, one, self._tags(one, known)) for key, (one, _) in zip(keys, wanted, strict=True)]
        try:
            folder = database.insert_runs(path, self.experiment, rows)
        except sqlite3.Error as error:
            if not database.is_unknown_schema(error):
                raise
            return False
        self._keys = known
        for key, one, _ in rows:
            self._logged[key] = {(point.key, point.step) for point in one.points}
            for file in one.files:
                _copy(file, folder / key / "artifacts" / file.name)
        # Last of all: whoever finds this tag looks no further
        complete = {key: digest for key, (one, digest) in zip(keys, wanted, strict=True) if one.files}
        database.set_tag(path, MIRRORED, complete)
        return True

    def _complete(self, has: Any, wanted: Content, digest: str) -> bool:
        """Add to a run of MLflow's what it lacks; whether anything had to be changed."""
        from mlflow.entities import Metric, Param, RunTag

        key, data = has.info.run_id, has.data
        known = data.tags.get(MIRRORED) == digest and all(point.key in data.metrics for point in wanted.points)
        points = [] if known else self._new_points(key, wanted.points, data.metrics)
        points += [point for point in wanted.finals if data.metrics.get(point.key) != point.value]
        params = [Param(name, value) for name, value in wanted.params.items() if name not in data.params]
        tags = [
            RunTag(name, value)
            for name, value in self._tags(wanted, self._keys or {}).items()
            if data.tags.get(name) != value
        ]
        metrics = [Metric(point.key, point.value, point.timestamp, point.step) for point in points]
        changed = self._log(key, metrics, params, tags)
        there = set(map(_described, has.inputs.dataset_inputs))
        inputs = [one for one in map(_input, wanted.data_sets) if _described(one) not in there]
        if inputs:
            changed = True
            self.client.log_inputs(key, datasets=inputs)
        for path in self._missing_files(has, wanted, data.tags.get(MIRRORED) == digest):
            changed = True
            self._add_file(has, path)
        if has.info.status != wanted.status:
            changed = True
            if wanted.ended is None:
                self.client.update_run(key, status=wanted.status)
            else:
                self.client.set_terminated(key, wanted.status, wanted.ended)
        if wanted.files and data.tags.get(MIRRORED) != digest:  # last of all: whoever finds it looks no further
            changed = True
            self.client.set_tag(key, MIRRORED, digest)
        return changed

    def _log(self, key: str, metrics: list[Any], params: list[Any], tags: list[Any]) -> bool:
        """In one batch where it is not too large; whether there was anything."""
        pieces = (_pieces(metrics, MOST_METRICS), _pieces(params, MOST_PARAMS), _pieces(tags, MOST_TAGS))
        batch: tuple[list[Any], ...]
        for batch in zip_longest(*pieces, fillvalue=[]):
            self.client.log_batch(key, *batch)
        return bool(metrics or params or tags)

    def _tags(self, wanted: Content, keys: Mapping[str, str]) -> dict[str, str]:
        """All tags but the last, with the source's run in MLflow, also as a link in the run's description."""
        tags = {**wanted.tags, "mlflow.runName": wanted.name, "mlflow.parentRunId": self.parent}
        source_id = wanted.tags.get("ftdd.source_id", "")
        if source_id in keys:
            tags["ftdd.source_run"] = keys[source_id]
            link = f"Transferred from [{source_id}](#/experiments/{self.experiment}/runs/{keys[source_id]})."
            tags["mlflow.note.content"] = f"{wanted.tags.get('mlflow.note.content', '')} {link}".strip()
        return tags

    def _new_points(self, key: str, points: Sequence[MetricPoint], has: Iterable[str]) -> list[MetricPoint]:
        """The points of the curve that are not there. A step once logged is never logged again.

        A run that went on from a checkpoint measured some epochs twice, with the same values at other times.
        """
        if key not in self._logged:
            names = {point.key for point in points} & set(has)
            self._logged[key] = {
                (name, metric.step) for name in names for metric in self.client.get_metric_history(key, name)
            }
        new = [point for point in points if (point.key, point.step) not in self._logged[key]]
        self._logged[key] |= {(point.key, point.step) for point in new}
        return new

    def _missing_files(self, has: Any, wanted: Content, mirrored: bool) -> list[Path]:
        """Files that are no artifacts yet: compared byte for byte beside the runs, else by size where all was there."""
        if own_database(self.store.path):
            folder = local_path(has.info.artifact_uri)
            return [path for path in wanted.files if not _equal(path, folder / path.name)]
        if not wanted.files or not mirrored:
            return list(wanted.files)
        there = {Path(entry.path).name: entry.file_size for entry in self.client.list_artifacts(has.info.run_id)}
        return [path for path in wanted.files if there.get(path.name) != path.stat().st_size]

    def _add_file(self, has: Any, path: Path, folder: str = "") -> None:
        """A file as an artifact; a plain copy does beside the runs."""
        if own_database(self.store.path):
            _copy(path, local_path(has.info.artifact_uri) / folder / path.name)
        else:
            self.client.log_artifact(has.info.run_id, str(path), folder or None)

    # ---- the study

    def _study_files(self, states: Sequence[State]) -> None:
        """The study's own run: how far it has come, and its recipe, page, findings and figures as artifacts."""
        from mlflow.entities import Metric, RunTag

        counts = {
            "runs": len(states),
            "runs_done": states.count(State.DONE),
            "runs_diverged": states.count(State.DIVERGED),
            "runs_failed": states.count(State.FAILED),
        }
        has, now = self.client.get_run(self.parent), int(time.time() * 1000)
        tags = {**_tags_of_study(self.record), "mlflow.runName": self.record.title}
        self._log(
            self.parent,
            [Metric(key, count, now, 0) for key, count in counts.items() if has.data.metrics.get(key) != count],
            [],
            [RunTag(key, value) for key, value in tags.items() if has.data.tags.get(key) != value],
        )
        folder = self.store.study_folder(self.record.name)
        for path in (folder / name for name in STUDY_FILES):
            if path.exists():
                self._add_file(has, path)
        for path in sorted((folder / "figures").glob("*.*g")):
            self._add_file(has, path, "figures")
        status = _status_of_study(states)
        if has.info.status != status and status == "RUNNING":
            self.client.update_run(self.parent, status=status)
        elif has.info.status != status:
            self.client.set_terminated(self.parent, status)
        files = f"[figures, findings and page](#/experiments/{self.experiment}/runs/{self.parent}/artifacts)"
        note = f"{self.record.question}\n\nOf the whole study: {files}.".strip()
        there = self.client.get_experiment(self.experiment).tags
        for key, value in {**KIND, STUDY: self.record.name, "mlflow.note.content": note}.items():
            if there.get(key) != value:
                self.client.set_experiment_tag(self.experiment, key, value)


def _fits(has: Any, wanted: Content) -> bool:
    """Whether MLflow's run is of this execution and has no other parameters: MLflow never changes one."""
    same = has.data.tags.get("ftdd.started") == wanted.tags["ftdd.started"]
    return same and all(has.data.params.get(key, value) == value for key, value in wanted.params.items())


def _status_of_study(states: Sequence[State]) -> str:
    """MLflow's word for how far a study has come."""
    if State.RUNNING in states:
        return "RUNNING"
    if all(state.final for state in states):
        return "FINISHED"
    return "FAILED" if State.FAILED in states else "KILLED"


def _study_run(client: Any, study: StudyRecord, experiment: str) -> str:
    """MLflow's run that stands for the study, made where there is none; of several the oldest, others are deleted."""
    found = client.search_runs([experiment], "tags.`ftdd.role` = 'study'", order_by=["attributes.start_time"])
    for other in found[1:]:
        client.delete_run(other.info.run_id)
    if found:
        return str(found[0].info.run_id)
    return str(client.create_run(experiment, tags=_tags_of_study(study), run_name=study.title).info.run_id)


def _tags_of_study(study: StudyRecord) -> dict[str, str]:
    return {"ftdd.role": "study", STUDY: study.name, "mlflow.note.content": study.question}


def _input(data_set: LoggedImages) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(data_set.name, data_set.digest, "code", data_set.profile, profile=data_set.profile)
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", data_set.use)])


def _described(one: Any) -> tuple[str, str, str | None]:
    use = next((tag.value for tag in one.tags if tag.key == "mlflow.data.context"), None)
    return one.dataset.name, one.dataset.digest, use


def _experiment(client: Any, study: StudyRecord, location: str | None) -> str:
    """The id of the study's experiment: made where there is none, restored where it was deleted.

    One that was given another name in the UI is found by its tag, and gets its name back.
    """
    found = client.get_experiment_by_name(study.name) or _renamed(client, study.name)
    if found is None:
        where = None if location is None else f"{location}/{study.name}"
        return str(client.create_experiment(study.name, artifact_location=where, tags={STUDY: study.name}))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if found.name != study.name:
        client.rename_experiment(found.experiment_id, study.name)
    if found.tags.get(STUDY) != study.name:
        client.set_experiment_tag(found.experiment_id, STUDY, study.name)
    return str(found.experiment_id)


def _renamed(client: Any, name: str) -> Any:
    from mlflow.entities import ViewType

    found = client.search_experiments(ViewType.ALL, filter_string=f"tags.`{STUDY}` = '{name}'")
    return found[0] if found else None


def _is_empty(run: Any) -> bool:
    return not run.data.params and not run.data.metrics and set(run.data.tags) <= {"mlflow.runName"}


def _equal(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except FileNotFoundError:
        return False


def _copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, copy)


def _pieces(items: Sequence[T], size: int) -> Iterator[list[T]]:
    return (list(items[i : i + size]) for i in range(0, len(items), size))
