"""Make MLflow say what the run folders say: add what is missing, replace what is of another carrying-out."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ftdd.records.score import scores_by_run
from ftdd.records.status import State, Status
from ftdd.records.study import StudyRecord
from ftdd.study.inputs import statuses
from ftdd.study.scores import read_scores
from ftdd.study.store import Store, Unreadable
from ftdd.values import Json, flat
from ftdd_plugins.mlflow_mirror.addresses import local_path
from ftdd_plugins.mlflow_mirror.content import Content, DataSet, Point, content
from ftdd_plugins.mlflow_mirror.tracking import artifact_location, locked, open_client, own_database, reaching
from ftdd_plugins.mlflow_mirror.views import KIND, address_of, is_written, tag_of, views

MOST_METRICS, MOST_PARAMS = 1000, 100
"""In one batch, as a tracking server takes them."""

STUDY = "ftdd.study"
"""The tag of an experiment, and of its runs, that names the study."""

MIRRORED = "ftdd.mirrored"
"""The tag that says from what a run was mirrored, once all of it is."""

OF_RUNS = {"ftdd.role", STUDY, "ftdd.state", "ftdd.started", MIRRORED}
"""Tags by which a run is known as one of ftdd's where its id was taken from it."""

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
    _logged: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """By MLflow run: (metric, step) of the points that it has."""
    _sources: dict[str, str] = field(default_factory=dict)
    """MLflow's runs of sources, by their ids."""

    def run(self, run_id: str) -> bool:
        """Make MLflow's run right; whether anything had to be changed. A damaged run is left as MLflow has it.

        Raises Unreadable where a file of the run cannot be read.
        """
        if self.store.run(run_id).status().state in (State.WAITING, State.DAMAGED):
            return False
        try:
            wanted = content(self.store, self.record, run_id)
        except OSError as error:
            raise Unreadable(f"the run's folder cannot be read: {error}") from error
        with locked(self.store.path):
            return self._bring_up_to_date(wanted)

    def study(self, thorough: bool = False) -> int:
        """Make all runs right, then add the study's own files; gives how many runs were changed.

        thorough: look into runs also where a tag says that they are right already. Raises Unreadable, after all others
        were made right, where a run's folder is damaged. A run whose inputs are not the study's is taken out of MLflow.
        """
        known = self._digests()
        if thorough:
            with locked(self.store.path):
                self._remove_nobodys()
        changed = 0
        damaged = []
        found = statuses(self.store, self.store.read_study(self.record.name))
        for run_id, status in found.items():
            if status.state is State.DAMAGED:
                damaged.append(status.error)
            elif status.state is State.CHANGED:
                changed += self._take_out(run_id)
            elif thorough or known.get(run_id) != self._digest(run_id):
                try:
                    changed += self.run(run_id)
                except Unreadable as error:
                    damaged.append(str(error))
        with locked(self.store.path):
            self._study_files(list(found.values()))
        if damaged:
            raise Unreadable("; ".join(damaged))
        return changed

    # ---- one run

    def _bring_up_to_date(self, wanted: Content) -> bool:
        found = self._find(wanted)
        mlflow_id = found.info.run_id if found else self._create(wanted)
        has = self.client.get_run(mlflow_id)
        changed = found is None
        missing = {key: value for key, value in wanted.params.items() if key not in has.data.params}
        changed |= self._log_params(mlflow_id, missing)
        changed |= self._log_points(mlflow_id, wanted.points, has.data.metrics)
        finals = [p for p in wanted.finals if has.data.metrics.get(p.key) != p.value]
        changed |= self._log_metrics(mlflow_id, finals)
        tags = {
            **wanted.tags,
            "mlflow.runName": wanted.name,
            "mlflow.parentRunId": self.parent,
            **self._link(wanted),
        }
        inputs = [_input(data_set) for data_set in wanted.data_sets]
        there = set(map(_said_of_input, has.inputs.dataset_inputs))
        inputs = [one for one in inputs if _said_of_input(one) not in there]
        if inputs:
            changed = True
            self.client.log_inputs(mlflow_id, datasets=inputs)
        mirrored = self._digest(wanted.tags["ftdd.id"]) if wanted.files else None
        if mirrored and (has.data.tags.get(MIRRORED) != mirrored or not self._has_files(has, wanted)):
            changed = True
            for path in wanted.files:
                self.client.log_artifact(mlflow_id, str(path))
        changed |= self._set_tags(mlflow_id, tags, has.data.tags)
        if has.info.status != wanted.status:
            changed = True
            if wanted.ended is None:
                self.client.update_run(mlflow_id, status=wanted.status)
            else:
                self.client.set_terminated(mlflow_id, wanted.status, wanted.ended)
        if mirrored:  # last of all: whoever finds it looks no further
            changed |= self._set_tags(mlflow_id, {MIRRORED: mirrored}, has.data.tags)
        return changed

    def _set_tags(self, mlflow_id: str, tags: Mapping[str, str], has: Mapping[str, str]) -> bool:
        wrong = {key: value for key, value in tags.items() if has.get(key) != value}
        for key, value in wrong.items():
            self.client.set_tag(mlflow_id, key, value)
        return bool(wrong)

    def _take_out(self, run_id: str) -> bool:
        """Delete MLflow's run of this id: `sync` makes it again once it is the study's again."""
        with locked(self.store.path):
            found = self.client.search_runs([self.experiment], f"tags.`ftdd.id` = '{run_id}'")
            for run in found:
                self.client.delete_run(run.info.run_id)
        return bool(found)

    def _link(self, wanted: Content) -> dict[str, str]:
        """The source's run in MLflow, as a tag and as a link in the run's description."""
        source = wanted.tags.get("ftdd.source_id")
        if source is None:
            return {}
        if source not in self._sources:
            found = self.client.search_runs([self.experiment], f"tags.`ftdd.id` = '{source}'")
            if not found:
                return {}
            self._sources[source] = found[0].info.run_id
        link = f"Transferred from [{source}](#/experiments/{self.experiment}/runs/{self._sources[source]})."
        note = wanted.tags.get("mlflow.note.content", "")
        return {"ftdd.source_run": self._sources[source], "mlflow.note.content": f"{note} {link}".strip()}

    def _find(self, wanted: Content) -> Any:
        """MLflow's run of this id, of this carrying-out and with these parameters; others of the id are deleted."""
        same = None
        run_id = wanted.tags["ftdd.id"]
        for run in self.client.search_runs([self.experiment], f"tags.`ftdd.id` = '{run_id}'"):
            params = run.data.params
            fits = run.data.tags.get("ftdd.started") == wanted.tags["ftdd.started"]
            fits &= all(params.get(key, value) == value for key, value in wanted.params.items())
            if fits and same is None:
                same = run
            else:
                self.client.delete_run(run.info.run_id)
        return same

    def _create(self, wanted: Content) -> str:
        run = self.client.create_run(self.experiment, start_time=wanted.started, tags=wanted.tags, run_name=wanted.name)
        self._logged[run.info.run_id] = set()
        return str(run.info.run_id)

    def _log_params(self, mlflow_id: str, params: dict[str, str]) -> bool:
        from mlflow.entities import Param

        for batch in _pieces([Param(key, value) for key, value in params.items()], MOST_PARAMS):
            self.client.log_batch(mlflow_id, params=batch)
        return bool(params)

    def _log_points(self, mlflow_id: str, points: Iterable[Point], has: Iterable[str]) -> bool:
        """Add the points of the curve that are not there. A step once logged is never logged again.

        A run that went on from a checkpoint measured some epochs twice, with the same values at other times.
        """
        wanted = list(points)
        if mlflow_id not in self._logged:
            keys = {point.key for point in wanted} & set(has)
            self._logged[mlflow_id] = {
                (key, metric.step) for key in keys for metric in self.client.get_metric_history(mlflow_id, key)
            }
        logged = self._logged[mlflow_id]
        new = [point for point in wanted if (point.key, point.step) not in logged]
        self._log_metrics(mlflow_id, new)
        logged |= {(point.key, point.step) for point in new}
        return bool(new)

    def _log_metrics(self, mlflow_id: str, points: Iterable[Point]) -> bool:
        from mlflow.entities import Metric

        metrics = [Metric(point.key, point.value, point.timestamp, point.step) for point in points]
        for batch in _pieces(metrics, MOST_METRICS):
            self.client.log_batch(mlflow_id, metrics=batch)
        return bool(metrics)

    def _has_files(self, has: Any, wanted: Content) -> bool:
        """Whether the artifacts are there and whole: byte for byte where they lie beside the runs, else by size."""
        if own_database(self.store.path):
            folder = Path(local_path(has.info.artifact_uri))
            return all(_equal(path, folder / path.name) for path in wanted.files)
        there = {Path(entry.path).name: entry.file_size for entry in self.client.list_artifacts(has.info.run_id)}
        return all(there.get(path.name) == path.stat().st_size for path in wanted.files)

    # ---- the study

    def _digest(self, run_id: str) -> str:
        """Of the folder's status: another one means that there is something to mirror."""
        path = self.store.run(run_id).path / "status.json"
        text = path.read_bytes() if path.exists() else b""
        scores = scores_by_run(read_scores(self.store, self.record.name)).get(run_id, {})
        return hashlib.sha256(text + repr((self.parent, self.record.eps, *scores.items())).encode()).hexdigest()[:16]

    def _digests(self) -> dict[str, str]:
        """What every run of the experiment says it was mirrored from."""
        found: dict[str, list[str]] = {}
        for run in self._every_run():
            found.setdefault(run.data.tags.get("ftdd.id"), []).append(run.data.tags.get(MIRRORED))
        return {run_id: digests[0] for run_id, digests in found.items() if len(digests) == 1}

    def _every_run(self) -> Iterator[Any]:
        token = None
        while True:
            page = self.client.search_runs([self.experiment], max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _remove_nobodys(self) -> None:
        """Put into MLflow's trash what ftdd has made and belongs to no run folder.

        Those are runs that have lost their id, and, where the database is the store's own, empty runs and those with an
        id that no folder has; elsewhere they may be another store's. What a user has logged himself stays.
        """
        own = own_database(self.store.path) is not None
        for run in list(self._every_run()):
            run_id = run.data.tags.get("ftdd.id")
            if run.info.run_id == self.parent or run_id in self.record.run_ids:
                continue
            if run_id is None:
                nobodys = bool(OF_RUNS & set(run.data.tags)) or (own and _is_empty(run))
            else:
                nobodys = own and not self.store.run(run_id).path.is_dir()
            if nobodys:
                self.client.delete_run(run.info.run_id)

    def _study_files(self, found: Sequence[Status]) -> None:
        """The study's own run: how far it has come, and its recipe, page, findings and figures as artifacts."""
        states = [status.state for status in found]
        counts = {
            "runs": len(states),
            "runs_done": states.count(State.DONE),
            "runs_diverged": states.count(State.DIVERGED),
            "runs_failed": states.count(State.FAILED),
        }
        has = self.client.get_run(self.parent)
        now = int(time.time() * 1000)
        self._log_metrics(
            self.parent,
            [Point(key, count, now, 0) for key, count in counts.items() if has.data.metrics.get(key) != count],
        )
        folder = self.store.study_folder(self.record.name)
        for name in STUDY_FILES:
            if (folder / name).exists():
                self.client.log_artifact(self.parent, str(folder / name))
        for path in sorted((folder / "figures").glob("*.*g")):
            self.client.log_artifact(self.parent, str(path), "figures")
        tags = {**_tags_of_study(self.record), "mlflow.runName": self.record.title}
        self._set_tags(self.parent, tags, has.data.tags)
        status = _status_of_study(states)
        if has.info.status != status:
            if status == "RUNNING":
                self.client.update_run(self.parent, status=status)
            else:
                self.client.set_terminated(self.parent, status)
        self._introduce()

    def _introduce(self) -> None:
        """What the experiment's page says of it, with links, and the views that these lead to."""
        tags = self.client.get_experiment(self.experiment).tags
        ready = views(_swept(self.store, self.record), _score_metrics(self.store, self.record.name))
        links = [f"[{view.name}]({address_of(view.key, self.experiment)})" for view in ready]
        files = f"[figures, findings and page](#/experiments/{self.experiment}/runs/{self.parent}/artifacts)"
        note = f"{self.record.question}\n\nCharts: {', '.join(links)}. Of the whole study: {files}.".strip()
        wanted = {**KIND, STUDY: self.record.name, "mlflow.note.content": note}
        now = int(time.time() * 1000)
        for view in ready:
            if not is_written(view, tags.get(tag_of(view.key))):
                wanted[tag_of(view.key)] = view.written(now)
        for key, value in wanted.items():
            if tags.get(key) != value:
                self.client.set_experiment_tag(self.experiment, key, value)


def _status_of_study(states: Sequence[State]) -> str:
    """MLflow's word for how far a study has come."""
    if State.RUNNING in states:
        return "RUNNING"
    if all(state.final for state in states):
        return "FINISHED"
    return "FAILED" if State.FAILED in states else "KILLED"


def _swept(store: Store, study: StudyRecord) -> dict[str, list[Json]]:
    """The swept settings as the runs' parameters have them, each with its values.

    A setting that is a whole component is told apart by those of its fields that differ.
    """
    leaves = [flat(store.run(entry.id).read_spec()) for entry in study.entries]
    found: dict[str, list[Json]] = {}
    for path in study.swept:
        for key in dict.fromkeys(key for leaf in leaves for key in leaf if key == path or key.startswith(f"{path}.")):
            values = [leaf.get(key) for leaf in leaves]
            if key == path or any(value != values[0] for value in values):
                found[key] = values
    return found


def _score_metrics(store: Store, name: str) -> list[str]:
    """The metrics of likeness that runs of the study have."""
    return list(dict.fromkeys(f"similarity.{row.scheme}" for row in read_scores(store, name) if row.value is not None))


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


def _input(data_set: DataSet) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    about = json.dumps({"images": data_set.images})
    dataset = Dataset(data_set.name, data_set.digest, "code", about, profile=about)
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", data_set.use)])


def _said_of_input(one: Any) -> tuple[str, str, str | None]:
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


def _pieces(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[i : i + size] for i in range(0, len(items), size))
