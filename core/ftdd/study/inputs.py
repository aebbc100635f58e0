"""What a run's numbers depend on beside its spec: images and labels, weights of others, its source's weights.

A run keeps a digest of each in its status.json, as `inputs`: what it was really trained with. A study keeps, in its
runs.json, those that it was last run with. A run that has ended with others than its study's has the state `changed`
there: it is left out of tables, findings and figures until it is trained anew, or the old inputs are back.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdd.components import Architecture, DataUnavailable, Pair, Side
from ftdd.recipe.specs import SourceSpec, Spec
from ftdd.records.status import State, Status
from ftdd.records.study import Inputs, StudyRecord
from ftdd.study.store import RunFolder, Store, Unreadable
from ftdd.values import Json, tree_identity

if TYPE_CHECKING:
    from ftdd.data.images import Task

DRAWING = 1
"""Raised when subsets, wrong labels, orders or other draws of one seed come out differently than before."""

HALVES = {"train": "training", "test": "test"}


def inputs_of(spec: Spec, task: "Task", store: Store) -> dict[str, Json]:
    """What a run is trained with.   task: the side of its pair that it has loaded, all of it."""
    source = None if isinstance(spec, SourceSpec) else spec.source_spec
    return {
        **_of_code_and_weights(spec),
        images_name(spec.pair.model_dump(mode="json"), spec.task): of_images(spec.pair, task),
        **(of_source(store, source.id) if source else {}),
    }


def inputs_now(specs: Iterable[Spec], store: Store, data: Path, known: Inputs) -> dict[str, Json]:
    """What those runs that have ended would be trained with now; each side of a pair is loaded once.

    Images that cannot be loaded are passed over: what they would be is not known then.
    known: what was found out before; it is believed.
    """
    given = tuple(specs)
    found = {**weights_now(given, store), **known}
    for spec, recorded in _ended(given, store):
        name = images_name(spec.pair.model_dump(mode="json"), spec.task)
        if name in recorded and name not in found:
            with suppress(DataUnavailable):
                found[name] = of_images(spec.pair, spec.pair.load(spec.task, data))
    return found


def weights_now(specs: Iterable[Spec], store: Store) -> dict[str, Json]:
    """Of those, all but images."""
    return {name: value for spec, _ in _ended(specs, store) for name, value in _of_code_and_weights(spec).items()}


def _ended(specs: Iterable[Spec], store: Store) -> Iterator[tuple[Spec, Inputs]]:
    """Those that have ended and say with what."""
    for spec in specs:
        folder = store.run(spec.id)
        status = folder.said()
        if status.state.final and (recorded := recorded_inputs(folder, status)):
            yield spec, recorded


def known_inputs(name: str, store: Store) -> Inputs:
    """What a study was last run with; nothing where it was not, or that cannot be read."""
    try:
        return store.read_study(name).inputs
    except (LookupError, Unreadable):
        return {}


def recorded_inputs(folder: RunFolder, status: Status) -> Inputs:
    """What a run says that it was trained with; of one that an older ftdd has executed, as far as it can be told."""
    given = status.facts.get("inputs")
    if isinstance(given, dict):
        return given
    with suppress(KeyError, TypeError, AttributeError, Unreadable):
        return _from_drawn(folder.read_spec(), status.facts["data"])
    return {}


def statuses(store: Store, record: StudyRecord) -> dict[str, Status]:
    """The status of every run of a study, sources first: `changed` where it has ended with other inputs than it."""
    own = {run_id: store.run(run_id).status() for run_id in record.run_ids}
    return judged(store, own, record.source_of, record.inputs)


def judged(
    store: Store, own: Mapping[str, Status], source_of: Mapping[str, str | None], inputs: Inputs
) -> dict[str, Status]:
    """Statuses as a study sees them; see `judge`."""
    return judge(own, _recorded(store, own), source_of, inputs, lambda source_id: of_source(store, source_id))


def judge(
    own: Mapping[str, Status],
    recorded: Mapping[str, Inputs],
    source_of: Mapping[str, str | None],
    inputs: Inputs,
    weights_of: Callable[[str], Inputs],
) -> dict[str, Status]:
    """Statuses as a study sees them: with `changed`, and as `error` what differs.

    own: what each run says of itself.   recorded: what those that have ended were trained with.   source_of: the run
    that each starts from.   inputs: the study's; where they say nothing, those of the run that was begun last count, so
    that no two are mixed.   weights_of: `of_source` of a source run.
    """
    reference = all_inputs(own, recorded, source_of, inputs, weights_of)
    found = dict(own)
    for run_id in sorted(own, key=lambda key: source_of.get(key) is not None):  # sources first: targets look at theirs
        if run_id not in recorded:
            continue
        reasons = differences(recorded[run_id], reference)
        source_id = source_of.get(run_id)
        if source_id in found and found[source_id].state is State.CHANGED:
            reasons.append(f"its source {source_id} was trained with other inputs ({found[source_id].error})")
        if reasons:
            found[run_id] = replace(own[run_id], state=State.CHANGED, error="; ".join(reasons))
    return found


def inputs_of_study(store: Store, record: StudyRecord) -> Inputs:
    """A study's inputs: those that it was last run with, and where that says nothing, those of its last run."""
    own = {run_id: store.run(run_id).status() for run_id in record.run_ids}
    return all_inputs(
        own, _recorded(store, own), record.source_of, record.inputs, lambda source_id: of_source(store, source_id)
    )


def keep_inputs(store: Store, name: str) -> None:
    """Write down what a study was run with, once its runs have said it: later runs are measured by that."""
    record = store.read_study(name)
    store.write_record(replace(record, inputs=inputs_of_study(store, record)))


def unchecked(statuses: Iterable[Status]) -> int:
    """How many of a study's runs that have ended say nothing of their inputs, where others do."""
    says = [bool(status.facts.get("inputs")) for status in statuses if status.state.final]
    return says.count(False) if any(says) else 0


def differences(then: Inputs, now: Inputs, when: tuple[str, str] = ("when it was trained", "now")) -> list[str]:
    """What differs, a phrase each; what one of them does not say is passed over.

    then: of a run.   now: of its study.   when: the words that tell the two apart.
    """
    return [phrase for name in then if name in now for phrase in _differences(name, then[name], now[name], when)]


def _differences(name: str, then: Json, now: Json, when: tuple[str, str]) -> Iterator[str]:
    kind, *rest = name.split(" ", 2)
    before, since = when
    if kind == "images" and isinstance(then, dict) and isinstance(now, dict):
        phrases = [phrase for half in HALVES if (phrase := _half_difference(half, rest[-1], then, now, when))]
        old, new = then.get("split", 1), now.get("split", 1)  # runs of an older ftdd do not say it
        if phrases and old != new:
            yield f"ftdd splits the {rest[-1]}'s images in another way: version {new} {since}, {old} {before}"
        yield from phrases
    elif then == now:
        return
    elif kind == "weights":
        (old, was), (new, name) = (str(value).split(" ", 1) for value in (then, now))
        if old != new:
            other = "" if was == name else f" ({was})"
            yield f"the weights file {name} is another one: {_short(old)}{other} {before}, {_short(new)} {since}"
    elif kind == "source":
        yield f"the weights of source {rest[0]} are others {since} than {before}"
    elif kind == "drawing":
        yield f"ftdd draws subsets and wrong labels in another way: version {now} {since}, {then} {before}"
    else:
        yield f"{name} differs: {_short(then)} {before}, {_short(now)} {since}"


def _half_difference(
    half: str, side: str, then: Mapping[str, Json], now: Mapping[str, Json], when: tuple[str, str]
) -> str:
    count, digest = f"{half}_images", f"{half}_digest"
    if not {count, digest} <= set(then) & set(now) or then[digest] == now[digest]:
        return ""
    images, (before, since) = f"{HALVES[half]} images of the {side}", when
    if then[count] != now[count]:
        return f"{then[count]} {images} {before}, {now[count]} {since}"
    return f"the {now[count]} {images}, or their labels or order, are others {since} than {before}"


def _short(digest: Json) -> str:
    text = str(digest)
    return text if len(text) <= 12 else f"{text[:8]}…"


def _recorded(store: Store, own: Mapping[str, Status]) -> dict[str, Inputs]:
    return {
        run_id: found
        for run_id, status in own.items()
        if status.state.final and (found := recorded_inputs(store.run(run_id), status))
    }


def all_inputs(
    own: Mapping[str, Status],
    recorded: Mapping[str, Inputs],
    source_of: Mapping[str, str | None],
    inputs: Inputs,
    weights_of: Callable[[str], Inputs],
) -> dict[str, Json]:
    """What a study's runs are measured by; arguments as for `judge`."""
    reference: dict[str, Json] = {}
    for run_id in sorted(recorded, key=lambda key: own[key].started):
        for name, value in recorded[run_id].items():
            before = reference.get(name)
            both = isinstance(before, dict) and isinstance(value, dict)
            reference[name] = {**before, **value} if both else value  # type: ignore[dict-item]
    reference |= inputs
    for source_id in {source_of.get(run_id) for run_id in recorded} - {None}:
        reference |= weights_of(str(source_id))
    return reference


def images_name(pair: Json, side: Side | str) -> str:
    """How inputs call the images of a side.   pair: as plain values."""
    return f"images {tree_identity(pair)} {side}"


def of_images(pair: Pair, task: "Task") -> dict[str, Json]:
    """Counts and digests of a side's halves, labels included."""
    found: dict[str, Json] = {"split": pair.split_version}
    for half, images in (("train", task.train), ("test", task.test)):
        found |= {f"{half}_images": len(images), f"{half}_digest": images.digest()}
    return found


def _from_drawn(spec: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Json]:
    """Of a run of ftdd 0.x that kept digests of what it drew alone: where it drew all there was, that says what was."""
    settings = spec["source" if spec["role"] == "source" else "target"]
    whole: dict[str, Json] = {}
    if settings["images"] == "all" and not settings["label_noise"]:
        whole |= {name: data[name] for name in ("train_images", "train_digest")}
    if settings["test_images"] == "all":
        whole |= {name: data[name] for name in ("test_images", "test_digest")}
    return {images_name(spec["pair"], spec.get("task", "target")): whole} if whole else {}


def _of_code_and_weights(spec: Spec) -> dict[str, Json]:
    architecture = spec.architecture if isinstance(spec, SourceSpec) else spec.starting_architecture
    return {"drawing": DRAWING, **of_weights(architecture)}


def of_weights(architecture: Architecture) -> dict[str, Json]:
    """Digest and name of each file of weights that a network starts from."""
    identity = tree_identity(architecture.model_dump(mode="json"))
    return {
        f"weights {identity} {number}": f"{file_digest(path)} {path.name}"  # a library may change its files' names
        for number, path in enumerate(architecture.weight_files(), start=1)
        if path.is_file()
    }


def of_source(store: Store, source_id: str) -> dict[str, Json]:
    """The weights that a source has ended with, by its ledger; nothing where it has not."""
    with suppress(Unreadable):
        return of_ledger(source_id, store.run(source_id).read_ledger())
    return {}


def of_ledger(source_id: str, ledger: Mapping[str, Any]) -> dict[str, Json]:
    """The same, of a ledger that was read."""
    with suppress(KeyError, IndexError, TypeError):
        last = ledger["phases"][-1]
        hashes = [layer["hash_after"] for layer in last["layers"]]
        return {f"source {source_id}": hashlib.sha256(" ".join(hashes).encode()).hexdigest()}
    return {}


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content; read once by a process, as long as the file is the same one."""
    stat = path.stat()
    return _file_digest(path.absolute(), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=256)
def _file_digest(path: Path, *_: int) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()
