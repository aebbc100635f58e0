"""Execute one run: from its spec to its folder."""

import math
import platform
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save_file

import ftdd
from ftdd.components import ComponentFailed, DataUnavailable, Job, Pair, Side, Unfit
from ftdd.components.plugins import installed_plugins
from ftdd.data.images import Task, remarks_on_range, repeats
from ftdd.networks.chain import Chain
from ftdd.recipe.specs import SourceSettings, SourceSpec, Spec, TargetSpec, read_spec
from ftdd.records.curve import Curve, to_csv
from ftdd.records.predictions import Predictions, no_predictions, to_bytes
from ftdd.records.status import State, Status
from ftdd.study import checkpoint
from ftdd.study.drawing import draw
from ftdd.study.files import json_text
from ftdd.study.inputs import differences, inputs_of, recorded_inputs
from ftdd.study.remarks import remarks_on
from ftdd.study.start import (
    RunRefused,
    anchor_of,
    check_transferable,
    recalibrate_frozen,
    side_of,
    source_id_of,
    starting_chain,
)
from ftdd.study.store import BEFORE_ENDING, FolderGone, RunFolder, Store, TakenFolder
from ftdd.training.features import CacheBudget, Pixels
from ftdd.training.freezing import layer_facts, ledger
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.probe import FrozenLayerChanged, spread
from ftdd.training.settings import EveryEpochs, evaluation_epochs
from ftdd.values import flat

SHOW_SECONDS = 0.5
"""Curve and status are written at most this often, for whoever looks on."""
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 50
"""Between two checkpoints lies at least this many times what the last one took: 2% of the time."""


_plugins = lru_cache(maxsize=1)(installed_plugins)  # a worker executes one run after another


@lru_cache(maxsize=64)
def _remarks(pair: Pair, side: Side, data: Path) -> tuple[str, ...]:
    return remarks_on([(pair, side)], data)  # a walk through folders, for some pairs


def execute(job: Job) -> None:
    """Carry the job's run out, or go on with it; find it done where it is done.

    What goes wrong is written into the run's folder, as state `failed` with a traceback; nothing is raised for it.
    Raises OSError where the folder cannot be written to, as on a full disk, and FolderGone where it was deleted.
    """
    store = Store(job.store)
    if not store.run(job.run_id).path.exists():
        raise FolderGone(store.run(job.run_id).path)
    with store.run(job.run_id).lock():
        folder = store.run(job.run_id).taken()
        before = folder.status()
        if before.state.final and not _lost_weights(folder, before):
            folder.remove_leftovers()
            return
        if before.state.final or before.state is State.DAMAGED:
            folder.set_aside(path for path in folder.damage(folder.said()) if path != folder.spec)
            before = Status(State.WAITING, facts={"inputs": recorded_inputs(folder, before)})
        try:
            spec = _own_spec(folder)
            _prepare_torch(job)
            _execute(spec, folder, store, job, before)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # whatever it is, it is this run's failure and nobody else's
            folder.write_text(folder.log, traceback.format_exc())  # raises FolderGone where nothing can be said there
            now = folder.status()
            reason = str(error) or type(error).__name__
            known = isinstance(error, (FrozenLayerChanged, RunRefused, Unfit, DataUnavailable, ComponentFailed))
            message = reason if known else f"{type(error).__name__}: {reason}"
            folder.write_status(replace(now, state=State.FAILED, error=message, updated=time.time()))
        finally:
            for file in folder.path.glob("features-*.npy"):
                file.unlink(missing_ok=True)


def _own_spec(folder: RunFolder) -> Spec:
    """The run's spec. Raises RunRefused where spec.json is gone, or is another run's."""
    anew = "`ftdd run` writes it anew from the recipe"
    try:
        spec = read_spec(folder.spec.read_text(encoding="utf-8"), _plugins())
    except FileNotFoundError:
        raise RunRefused(f"{folder.spec} is gone; {anew}") from None
    if spec.id != folder.path.name:
        raise RunRefused(f"{folder.spec} is of run {spec.id}; {anew}")
    return spec


def _lost_weights(folder: RunFolder, status: Status) -> bool:
    """Whether it is a source that is done and can give nothing to a target any more."""
    return status.state is State.DONE and status.facts.get("role") == "source" and not folder.weights.exists()


def _prepare_torch(job: Job) -> None:
    """The same bits for the same seed, machine and number of threads."""
    torch.set_num_threads(job.threads)
    if job.device.startswith("cuda"):
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def _execute(spec: Spec, folder: TakenFolder, store: Store, job: Job, before: Status) -> None:
    settings, seed = side_of(spec)
    loaded = spec.pair.load(spec.task, job.data)
    drawn = draw(loaded, settings, seed, spec.task)
    folder.write_text(folder.path / "train_images.csv", drawn.table())
    task = drawn.task.to(job.device)
    normalization = spec.architecture.normalization(drawn.task.train.shape) or spec.pair.normalization()
    chain = starting_chain(spec, drawn.task.train.shape, len(task.train.classes), store).to(job.device)
    if spec.architecture.memory_format == "channels_last":
        network: Any = chain  # the types of torch 2.13 do not know this overload, those of 2.15 do
        chain = network.to(memory_format=torch.channels_last)
    anchor = anchor_of(spec, chain)
    if isinstance(spec, TargetSpec) and spec.batch_norm == "recalibrate":
        pixels = Pixels(task.train.images, normalization, spec.architecture.memory_format)
        recalibrate_frozen(spec, chain, pixels, settings.training.batch_size)
    inputs = inputs_of(spec, loaded, store)
    found, unusable = _found(folder, chain, differences(recorded_inputs(folder, before), inputs))
    resumed_at = [*before.facts.get("resumed_at", ()), *([found.moment.epoch] if found else [])]
    expected = spec.pair.expected_test_error(flat(spec.model_dump(mode="json")))
    repeated, data = repeats(drawn.task), drawn.facts(settings.label_noise)
    facts = {
        "id": spec.id,
        "role": spec.role,
        "remarks": [
            *_remarks(spec.pair, spec.task, job.data),
            *(f"{spec.task}: {remark}" for remark in remarks_on_range(drawn.task.train)),
        ],
        **({} if repeated is None else {"repeats": repeated.facts()}),
        "source_id": source_id_of(spec),
        **_untrained(spec),
        "data": data,
        "inputs": inputs,
        **machine_facts(job),
        "memory_format": spec.architecture.memory_format,
        **({} if expected is None else {"expected_test_error": expected if math.isfinite(expected) else None}),
        "resumed_at": resumed_at,
        **({"checkpoint_unusable": unusable} if unusable else {}),
    }
    stop_at = settings.stop_at if isinstance(settings, SourceSettings) else None
    evaluate = EveryEpochs() if stop_at else settings.evaluate
    assignment = Assignment(
        task=task,
        training=settings.training,
        evaluate_at=evaluation_epochs(evaluate, settings.training.epochs),
        frozen_at=_frozen_at(spec, chain.names),
        side=spec.role,
        seed=seed,
        label_noise=settings.label_noise,
        normalization=normalization,
        spared=spec.spared if isinstance(spec, TargetSpec) else frozenset(),
        layer_decay=spec.soft_freezing.layer_decay if isinstance(spec, TargetSpec) else 1.0,
        anchor=anchor,
        memory_format=spec.architecture.memory_format,
        cache=CacheBudget(job.cache_memory, job.cache_disk, folder.path),
        stop_at_test_error=stop_at.test_error if stop_at else None,
    )
    journal = _Journal(folder, before.started or time.time(), settings.training.epochs, facts)
    curve = found.curve if found else Curve()
    predictions = found.predictions if found else _no_predictions(task, str(data["test_digest"]))
    journal.show(curve, found.moment if found else None)
    state = State.DONE
    for moment in train(chain, assignment, found.moment if found else None):
        if moment.record is not None:
            curve = Curve((*curve.records, moment.record))
        if moment.answers is not None and predictions is not None:
            given = (moment.answers.test, moment.answers.train)
            predictions = predictions.grown(moment.epoch, *(tensor.cpu().numpy() for tensor in given))
        if moment.ended:
            journal.show(curve, moment)
            if predictions is not None:
                folder.write_bytes(folder.predictions, to_bytes(predictions), lasting=False)
            sizes = layer_facts(chain, drawn.task.train.shape)  # not before: an image would pass through the chain
            folder.write_text(folder.ledger, json_text(ledger(sizes, moment.phases)))
            state = State.DIVERGED if moment.diverged else State.DONE
        else:
            journal.keep_up(chain, curve, predictions, moment)
    if stop_at and state is State.DONE and curve.last.test_error > stop_at.test_error:
        best = min(record.test_error for record in curve.records)
        raise RunRefused(
            f"its test accuracy is {1 - curve.last.test_error:.3f} after {curve.last.epoch} epochs, at best "
            f"{1 - best:.3f}, and source.stop_at asks for {stop_at.accuracy:g}: ask for less, or give "
            "it more epochs or images"
        )
    if isinstance(spec, SourceSpec) and state is State.DONE:
        chosen = torch.tensor(spread(len(task.train)), device=job.device)
        images = Pixels(task.train.images, normalization, spec.architecture.memory_format).batch(chosen)
        check_transferable(spec, chain, images, len(task.train.classes))
        weights = {
            name: tensor.cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in chain.state_dict().items()
        }
        folder.write_with(folder.weights, lambda path: save_file(weights, path))
    journal.end(state)


def _untrained(spec: Spec) -> Mapping[str, object]:
    """What a target's id depends on beside its spec.json: its network without anybody's weights."""
    return {} if isinstance(spec, SourceSpec) else {"untrained": spec.architecture.untrained().model_dump(mode="json")}


def _found(folder: RunFolder, chain: Chain, changed: Sequence[str]) -> tuple[checkpoint.Checkpoint | None, str]:
    """The checkpoint to go on from, its weights in the chain; or none, and why one that is there is of no use.

    changed: in what the inputs differ from those that it was made with.
    """
    if changed and folder.checkpoint.exists():
        folder.set_aside([folder.checkpoint], BEFORE_ENDING)  # before status.json says what is trained with now
        return None, f"the checkpoint was made with other inputs: {'; '.join(changed)}"
    try:
        found = checkpoint.load(folder, chain)
    except checkpoint.CheckpointUnusable as error:
        return None, str(error)
    if found is not None:
        chain.load_state_dict(found.weights)
    return found, ""


def _no_predictions(task: Task, test_digest: str) -> Predictions:
    labels = (task.test.labels, task.train.labels, task.train.clean_labels)
    tested, noisy, clean = (tensor.cpu().numpy() for tensor in labels)
    return no_predictions(task.test.classes, tested, test_digest, noisy, clean)


def _frozen_at(spec: Spec, names: tuple[str, ...]) -> Callable[[int], frozenset[int]]:
    if isinstance(spec, SourceSpec):
        return lambda epoch: frozenset()
    return lambda epoch: spec.frozen(names, epoch)


def machine_facts(job: Job) -> dict[str, object]:
    """What else the last bits of a curve depend on."""
    device = torch.cuda.get_device_name(job.device) if job.device.startswith("cuda") else platform.processor()
    return {
        "host": socket.gethostname(),
        "device": job.device,
        "device_name": device or platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": job.threads,
        "versions": {
            "ftdd": ftdd.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
    }


class _Journal:
    """Writes what a run has to say into its folder, no more often than is worth it."""

    def __init__(self, folder: TakenFolder, started: float, epochs: int, facts: Mapping[str, object]) -> None:
        self._folder = folder
        self._status = Status(State.RUNNING, epochs=epochs, started=started, facts=facts)
        self._shown = self._saved = time.monotonic()
        self._saving = 0.0
        self._rows = -1

    def show(self, curve: Curve, moment: Moment | None) -> None:
        """Write curve and status."""
        if moment is not None:
            facts = {**self._status.facts, "cache": moment.cache}
            self._status = replace(self._status, epoch=moment.epoch, seconds=moment.seconds, facts=facts)
        if len(curve) != self._rows:
            self._folder.write_text(self._folder.path / "curve.csv", to_csv(curve), lasting=False)
            self._rows = len(curve)
        self._write(State.RUNNING, lasting=False)
        self._shown = time.monotonic()

    def keep_up(self, chain: Chain, curve: Curve, predictions: Predictions | None, moment: Moment) -> None:
        """Write what it is time for."""
        now = time.monotonic()
        if now - self._saved >= max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * self._saving):
            checkpoint.save(self._folder, chain, moment, curve, predictions)
            self._saved = time.monotonic()
            self._saving = self._saved - now
        if now - self._shown >= SHOW_SECONDS:
            self.show(curve, moment)

    def end(self, state: State) -> None:
        """The run has ended and all else is on the disk: say so, and tidy up."""
        self._status = replace(self._status, facts={**self._status.facts, "files": self._folder.files()})
        self._write(state, lasting=True)
        self._folder.remove_leftovers()

    def _write(self, state: State, *, lasting: bool) -> None:
        self._status = replace(self._status, state=state, updated=time.time())
        self._folder.write_status(self._status, lasting=lasting)
