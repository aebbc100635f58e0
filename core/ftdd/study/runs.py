"""Carry out one run: from its spec to its folder."""

import math
import platform
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy
import torch
from safetensors.torch import save_file

import ftdd
from ftdd.chain import Chain
from ftdd.components import DataUnavailable, Job, Unfit
from ftdd.curve import Curve, to_csv
from ftdd.images import Task
from ftdd.plugins import installed_plugins
from ftdd.recipe.specs import SourceSettings, SourceSpec, Spec, TargetSpec, read_spec
from ftdd.study import checkpoint
from ftdd.study.drawing import draw
from ftdd.study.files import write_json, write_text, write_with
from ftdd.study.start import RunRefused, anchor_of, recalibrate_frozen, side_of, source_id_of, starting_chain
from ftdd.study.store import RunFolder, State, Status, Store
from ftdd.training.features import CacheBudget, Pixels
from ftdd.training.freezing import layer_facts, ledger
from ftdd.training.loop import Assignment, Moment, train
from ftdd.training.probe import FrozenLayerChanged
from ftdd.training.settings import EveryEpochs, evaluation_epochs
from ftdd.values import flat

SHOW_SECONDS = 0.5
"""Curve and status are written at most this often, for whoever looks on."""
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 50
"""Between two checkpoints lies at least this many times what the last one took: 2% of the time."""


_plugins = lru_cache(maxsize=1)(installed_plugins)  # a worker carries out one run after another


def carry_out(job: Job) -> None:
    """Carry the job's run out, or go on with it; find it done where it is done.

    What goes wrong is written into the run's folder, as state `failed` with a traceback; nothing is raised for it.
    Raises OSError where the folder cannot be written to, as on a full disk.
    """
    store = Store(job.store)
    folder = store.run(job.run_id)
    with folder.lock():
        before = folder.status()
        if before.state.final and not _lost_weights(folder, before):
            return
        if before.state.final or before.state is State.DAMAGED:
            folder.set_aside(folder.damage(folder.said()))
            before = Status(State.WAITING)
        try:
            spec = read_spec(folder.spec.read_text(encoding="utf-8"), _plugins())
            _prepare_torch(job)
            _carry_out(spec, folder, store, job, before)
        except Exception as error:  # whatever it is, it is this run's failure and nobody else's
            write_text(folder.log, traceback.format_exc())
            now = folder.status()
            reason = str(error) or type(error).__name__
            known = isinstance(error, (FrozenLayerChanged, RunRefused, Unfit, DataUnavailable))
            message = reason if known else f"{type(error).__name__}: {reason}"
            folder.write_status(replace(now, state=State.FAILED, error=message, updated=time.time()))
        finally:
            for file in folder.path.glob("features-*.npy"):
                file.unlink(missing_ok=True)


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


def _carry_out(spec: Spec, folder: RunFolder, store: Store, job: Job, before: Status) -> None:
    settings, seed = side_of(spec)
    drawn = draw(spec.pair.load(spec.task, job.data), settings, seed, spec.task)
    write_text(folder.path / "train_images.csv", drawn.table())
    task = Task(drawn.task.train.to(job.device), drawn.task.test.to(job.device))
    normalization = spec.architecture.normalization(drawn.task.train.shape) or spec.pair.normalization()
    chain = starting_chain(spec, drawn.task.train.shape, len(task.train.classes), store).to(job.device)
    if spec.architecture.memory_format == "channels_last":
        network: Any = chain  # the types of torch 2.13 do not know this overload, those of 2.15 do
        chain = network.to(memory_format=torch.channels_last)
    anchor = anchor_of(spec, chain)
    if isinstance(spec, TargetSpec) and spec.batch_norm == "recalibrate":
        pixels = Pixels(task.train.images, normalization, spec.architecture.memory_format)
        recalibrate_frozen(spec, chain, pixels, settings.training.batch_size)
    found, unusable = _found(folder, chain)
    resumed_at = [*before.facts.get("resumed_at", ()), *([found.moment.epoch] if found else [])]
    expected = spec.pair.expected_test_error(flat(spec.model_dump(mode="json")))
    facts = {
        "role": spec.role,
        "source_id": source_id_of(spec),
        "data": drawn.facts(settings.label_noise),
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
    journal.show(curve, found.moment if found else None)
    state = State.DONE
    for moment in train(chain, assignment, found.moment if found else None):
        if moment.record is not None:
            curve = Curve((*curve.records, moment.record))
        if moment.ended:
            sizes = layer_facts(chain, drawn.task.train.shape)  # not before: an image would pass through the chain
            write_json(folder.ledger, ledger(sizes, moment.phases))
            journal.show(curve, moment)
            state = State.DIVERGED if moment.diverged else State.DONE
        else:
            journal.keep_up(chain, curve, moment)
    if stop_at and state is State.DONE and curve.last.test_error > stop_at.test_error:
        raise RunRefused(
            f"its test accuracy is {1 - curve.last.test_error:.3f} after {curve.last.epoch} epochs, at best "
            f"{1 - curve.best.test_error:.3f}, and source.stop_at asks for {stop_at.accuracy:g}: ask for less, or give "
            "it more epochs or images"
        )
    if isinstance(spec, SourceSpec) and state is State.DONE:
        weights = {
            name: tensor.cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in chain.state_dict().items()
        }
        write_with(folder.weights, lambda path: save_file(weights, path))
    journal.end(state)


def _found(folder: RunFolder, chain: Chain) -> tuple[checkpoint.Checkpoint | None, str]:
    """The checkpoint to go on from, its weights in the chain; or none, and why one that is there is of no use."""
    try:
        found = checkpoint.load(folder.checkpoint, chain)
    except checkpoint.CheckpointUnusable as error:
        return None, str(error)
    if found is not None:
        chain.load_state_dict(found.weights)
    return found, ""


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

    def __init__(self, folder: RunFolder, started: float, epochs: int, facts: Mapping[str, object]) -> None:
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
            write_text(self._folder.path / "curve.csv", to_csv(curve))
            self._rows = len(curve)
        self._write(State.RUNNING)
        self._shown = time.monotonic()

    def keep_up(self, chain: Chain, curve: Curve, moment: Moment) -> None:
        """Write what it is time for."""
        now = time.monotonic()
        if now - self._saved >= max(CHECKPOINT_SECONDS, CHECKPOINT_SHARE * self._saving):
            checkpoint.save(self._folder.checkpoint, chain, moment, curve)
            self._saved = time.monotonic()
            self._saving = self._saved - now
        if now - self._shown >= SHOW_SECONDS:
            self.show(curve, moment)

    def end(self, state: State) -> None:
        """The run has ended and all else is written: say so, and tidy up."""
        self._folder.log.unlink(missing_ok=True)
        self._write(state)
        self._folder.checkpoint.unlink(missing_ok=True)

    def _write(self, state: State) -> None:
        self._status = replace(self._status, state=state, updated=time.time())
        self._folder.write_status(self._status)
