"""How similar source and target are: every scheme of a study on every pair and source, each computed once.

A score is kept in `scores/<id>.json` of the store, by all that it depends on: the scheme with its fields, the pair, and
the runs whose networks it looks at. Beside it lie digests of the images and weights, and where these have changed it is
computed anew. What a study asked for lies in its `scores.json`.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from filelock import FileLock

from ftdd.components import KINDS, Architecture, ComponentFailed, DataUnavailable, Scheme, Score, Side, Unfit
from ftdd.components.comparison import Comparison, Network
from ftdd.recipe.recipe import Group, Recipe
from ftdd.records.score import ScoreRow
from ftdd.records.study import Inputs
from ftdd.study.files import write_json
from ftdd.study.inputs import differences, images_name, known_inputs, of_images, of_source, of_weights
from ftdd.study.store import Store
from ftdd.values import Json, Value, tree_identity

LONGEST_LABEL = 80
"""Characters: MLflow takes metric names of 250, tables less."""

VERSION = 1
"""Of what scores mean; another one computes them anew."""


def labels(schemes: Sequence[Scheme]) -> dict[Scheme, str]:
    """What each scheme is called in tables and metrics: its name, with those of its settings that are not the default.

    Where two would be called the same, the later ones have a number.
    """
    named: dict[Scheme, str] = {}
    for scheme in schemes:
        label = _words(scheme, str(KINDS["scheme"].name_of(scheme)))[:LONGEST_LABEL]
        same = sum(other == label or other.startswith(f"{label}.") for other in named.values())
        named.setdefault(scheme, f"{label}.{same + 1}" if same else label)
    return named


def _words(value: Value, name: str) -> str:
    parts = [name]
    for key, field_info in type(value).model_fields.items():
        given = getattr(value, key)
        if key == "name" or given == field_info.default:
            continue
        if isinstance(given, Value):
            parts.append(_words(given, str(getattr(given, "name", ""))))
        else:
            word = str(given).rsplit("/", 1)[-1]  # of a path, its file
            parts.append("".join(c if (c.isascii() and c.isalnum()) or c in "._" else "_" for c in word))
    return "-".join(parts)


def score_study(
    study: Recipe, schemes: Sequence[Scheme], store: Store, data: Path, say: Callable[[str], None]
) -> tuple[ScoreRow, ...]:
    """Every scheme on every pair and source of a study, written into the study's `scores.json`.

    What other schemes said of the study's runs before is kept there.
    say: takes a line on what is being computed. What is not available is a row with an error; nothing is raised for it.
    """
    rows = []
    named = labels(schemes)
    known = known_inputs(study.name, store)
    for group in study.groups:
        comparison = _Once(group, store, data, known)
        for scheme in named:
            say(f"similarity: {named[scheme]}")
            rows.append(_row(scheme, named[scheme], group, comparison, store, say))
    path = store.study_folder(study.name) / "scores.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        now = {(row.scheme, group) for row in rows for group in row.runs}
        asked = {run for group in study.groups for run in group.runs}
        before = [row for row in read_scores(store, study.name) if row.runs and set(row.runs) <= asked]
        kept = [row for row in before if not any((row.scheme, run) in now for run in row.runs)]
        write_json(path, [asdict(row) for row in (*rows, *kept)])
    return tuple(rows)


def read_scores(store: Store, name: str) -> tuple[ScoreRow, ...]:
    """What a study's `scores.json` says; nothing where there is none, or none that can be read."""
    try:
        rows = json.loads((store.study_folder(name) / "scores.json").read_text(encoding="utf-8"))
        return tuple(ScoreRow(**{**row, "runs": tuple(row["runs"])}) for row in rows)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return ()


def failed_scores(rows: Sequence[ScoreRow]) -> tuple[str, ...]:
    """A line for each scheme and reason for which a score could not be had, with how many scores it cost."""
    costs: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.error:
            costs[row.scheme, row.error] = costs.get((row.scheme, row.error), 0) + 1
    return tuple(
        f"similarity {scheme}: no score{'' if count == 1 else f' of {count}'}: {error}"
        for (scheme, error), count in costs.items()
    )


class _Once:
    """A comparison whose tasks and networks are loaded when they are first asked for, and kept for the next scheme."""

    def __init__(self, group: Group, store: Store, data: Path, known: Inputs) -> None:
        self._group, self._store, self._data, self._known = group, store, data, known
        self._tasks: dict[Side, Any] = {}
        self._networks: dict[Side, Network] = {}

    def value(self) -> Comparison:
        return Comparison(lambda side: self._group.pair.classes(side, self._data), self._task, self._network)

    def inputs(self, scheme: Scheme) -> Inputs:
        """What a score depends on beside its id. Images are looked at where the study does not know them."""
        group, sides = self._group, get_args(Side)
        classes: list[Json] = [list(group.pair.classes(side, self._data)) for side in sides]
        found: dict[str, Json] = {"classes": tree_identity(classes)}
        if scheme.needs != "classes":
            tree = group.pair.model_dump(mode="json")
            for side in sides:
                name = images_name(tree, side)
                found[name] = self._known[name] if name in self._known else of_images(group.pair, self._task(side))
        for side, spec in _networks(scheme, group):
            if isinstance(spec, str):
                found |= of_source(self._store, spec)
            elif side == "source":
                found |= of_weights(group.architecture)
        return found

    def valid(self, scheme: Scheme, kept: Mapping[str, Any]) -> bool:
        """Whether a score that is kept was made of what there is now; believed where that cannot be known."""
        try:
            return "inputs" in kept and not differences(kept["inputs"], self.inputs(scheme))
        except (Unfit, DataUnavailable):
            return True

    def _task(self, side: Side) -> Any:
        if side not in self._tasks:
            self._tasks[side] = self._group.pair.load(side, self._data)
        return self._tasks[side]

    def _network(self, side: Side) -> Network:
        if side not in self._networks:
            self._networks[side] = self._loaded(side)
        return self._networks[side]

    def _loaded(self, side: Side) -> Network:
        from ftdd.study.networks import trained_network
        from ftdd.training.trained import TrainedNetwork

        spec = self._group.source if side == "source" else self._group.own
        if spec is None and side == "source" and self._group.pretrained:
            return self._given(self._group.architecture)
        if spec is None:
            raise LookupError("no source is trained in this study")
        chain = trained_network(self._store, spec, self._data)
        normalization = spec.architecture.normalization(spec.pair.image_shape()) or spec.pair.normalization()
        return TrainedNetwork(chain, normalization, spec.architecture.memory_format)

    def _given(self, architecture: Architecture) -> Network:
        """The network with the weights that it brings; its head is new, so it has no classes of its own."""
        import torch

        from ftdd.training.trained import TrainedNetwork

        pair = self._group.pair
        image = pair.image_shape()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            chain = architecture.build(image, len(pair.classes("target", self._data)))
        normalization = architecture.normalization(image) or pair.normalization()
        return TrainedNetwork(chain, normalization, architecture.memory_format, head_is_new=True)


def _row(
    scheme: Scheme, label: str, group: Group, comparison: _Once, store: Store, say: Callable[[str], None]
) -> ScoreRow:
    source_id = group.source.id if group.source else None
    pair = group.pair.model_dump(mode="json")
    row = ScoreRow(label, pair, source_id, None, runs=group.runs, source_test_error=_test_error(store, source_id))
    path = store.path / "scores" / f"{_score_id(scheme, group)}.json"
    kept = _kept(path)
    if kept is None or not comparison.valid(scheme, kept):
        began = time.perf_counter()
        try:
            if group.pair.task == "regression":
                raise Unfit("compares classes; the labels of this pair are numbers")
            scheme.prepare(say)
            found = {**_plain(scheme.score(comparison.value())), "inputs": comparison.inputs(scheme)}
        except Exception as error:  # whatever a scheme raises, it costs this score and nothing else
            known = isinstance(error, (ComponentFailed, Unfit, LookupError, ImportError, DataUnavailable, ValueError))
            said = str(error.args[0] if error.args else error)
            message = said if known and said else f"{type(error).__name__}: {said}"
            return ScoreRow(**{**asdict(row), "runs": group.runs, "error": message})
        kept = {**found, "seconds": time.perf_counter() - began}
        write_json(path, {"scheme": scheme.model_dump(mode="json"), "pair": pair, "source_id": source_id, **kept})
    own = {name: kept[name] for name in ("value", "details", "seconds")}
    return ScoreRow(**{**asdict(row), "runs": group.runs, **own})


def _plain(score: Score) -> dict[str, Any]:
    """As it is kept. Raises ValueError where a number is not finite: JSON has none such, and no figure a place."""
    numbers = {"the score": float(score.value), **{name: float(value) for name, value in score.details.items()}}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} came out as {value}, which is no number to compare")
    return {"value": numbers.pop("the score"), "details": numbers}


def _score_id(scheme: Scheme, group: Group) -> str:
    networks = [spec for _, spec in _networks(scheme, group)]
    return tree_identity(
        {
            "version": VERSION,
            "scheme": scheme.model_dump(mode="json"),
            "pair": group.pair.model_dump(mode="json"),
            "networks": networks,
        }
    )


def _networks(scheme: Scheme, group: Group) -> Iterator[tuple[Side, Json]]:
    if scheme.needs in ("source network", "both networks"):
        given = group.architecture.model_dump(mode="json") if group.pretrained else None
        yield "source", group.source.id if group.source else given
    if scheme.needs == "both networks":
        yield "target", group.own.id if group.own else None


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return tree if isinstance(tree["value"], float) and {"details", "seconds"} <= set(tree) else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _test_error(store: Store, source_id: str | None) -> float | None:
    if source_id is None:
        return None
    try:
        curve = store.run(source_id).curve()
    except ValueError:
        return None
    return curve.last.test_error if len(curve) else None
