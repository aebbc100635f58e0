"""Studies made by hand: the files that runs write, with numbers that a reader can check in his head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftdd.records.curve import Curve, Record, to_csv
from ftdd.records.status import State, Status
from ftdd.records.study import StudyEntry, StudyRecord
from ftdd.study.files import write_json, write_text
from ftdd.study.store import Store

LAYERS = ("stem", "body", "tail", "head")
PARAMETERS = (100, 2_000, 30_000, 400_000)
"""Of each layer, input first."""
FLOPS = (10, 20, 30, 40)

DESCENT = ((0, 0.8, 0.9), (1, 0.4, 0.3), (10, 0.1, 0.5), (50, 0.0, 0.4), (100, 0.02, 0.25))
"""Epoch, train error, test error: falls, rises to 0.5 at epoch 10, falls again to the best at the end."""


@dataclass(frozen=True)
class MadeRun:
    """One target run: what the sweep gave it and how it came out."""

    settings: Mapping[str, Any]
    frozen: int = 0
    rows: Sequence[tuple[int, float, float]] = DESCENT
    """Epoch, train error, test error."""
    state: State = State.DONE
    error: str = ""


def made(
    store: Store,
    runs: Sequence[MadeRun],
    *,
    title: str = "A made study",
    eps: float = 0.0,
    name: str = "made",
    source: bool = True,
) -> tuple[str, ...]:
    """Write a study with these target runs, and a source run that is done; gives the targets' ids."""
    swept = tuple(dict.fromkeys(path for run in runs for path in run.settings))
    ids = tuple(f"target{i:03d}" for i in range(len(runs)))
    source_id = "source000" if source else None
    entries = tuple(StudyEntry(key, source_id, run.settings) for key, run in zip(ids, runs, strict=True))
    depth = tuple(path for path in swept if path == "freezing.count")
    record = StudyRecord(name, title, "What is seen?", eps, swept, entries, depth=depth)
    store.write_study(record, f"title: {title}\n")
    if source:
        _write(store, "source000", MadeRun({}), "source", spec("source", {}))
    for key, run in zip(ids, runs, strict=True):
        _write(store, key, run, "target", spec("target", run.settings))
    return ids


def over_depths(depths: Sequence[int], seeds: Sequence[int] = (0, 1), **settings: Any) -> list[MadeRun]:
    """A run for each depth and seed; test errors 0.01 higher with each seed."""
    return [
        MadeRun({"freezing.count": depth, **settings, "seed": seed}, depth, higher(DESCENT, 0.01 * seed))
        for depth in depths
        for seed in seeds
    ]


def higher(rows: Sequence[tuple[int, float, float]], by: float) -> list[tuple[int, float, float]]:
    """The rows with test errors raised."""
    return [(epoch, train, test + by) for epoch, train, test in rows]


def with_setting(runs: Sequence[MadeRun], path: str, value: Any) -> list[MadeRun]:
    return [replace(run, settings={path: value, **run.settings}) for run in runs]


def spec(role: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as spec.json has it, with the swept values in their places."""
    task = {"images": 500, "label_noise": 0.2, "training": {"epochs": 100, "milestones": [50, 75]}}
    tree: dict[str, Any] = {
        "version": 1,
        "role": role,
        "pair": {"name": "digits"},
        "architecture": {"name": "resnet", "width": 4},
        "source": {**task, "seed": 0},
    }
    if role == "target":
        tree |= {"target": dict(task), "freezing": {"policy": "first_layers", "count": 0}, "seed": 0}
    for path, value in settings.items():
        *parents, leaf = path.split(".")
        place = tree
        for key in parents:
            place = place.setdefault(key, {})
        place[leaf] = value
    return tree


def curve(rows: Sequence[tuple[int, float, float]]) -> Curve:
    return Curve(
        tuple(
            Record(
                epoch=epoch,
                step=8 * epoch,
                learning_rate=1e-3,
                train_error=train,
                train_loss=2 * train,
                train_error_clean=train,
                train_error_mislabelled=None,
                test_error=test,
                test_loss=3 * test,
                test_error_noisy=test + 0.05,
                seconds=0.5 * epoch,
            )
            for epoch, train, test in rows
        )
    )


def ledger(frozen: int) -> dict[str, Any]:
    """What training.freezing.ledger would say with the first so many of LAYERS frozen."""
    whole, flops = sum(PARAMETERS), sum(FLOPS)
    layers = [
        {
            "name": layer,
            "frozen": i < frozen,
            "parameters": {"weight": PARAMETERS[i] - 10, "bias": 10},
            "buffers": {},
            "forward_flops": FLOPS[i],
            "hash_before": f"{i}before".ljust(64, "0"),
            "hash_after": (f"{i}before" if i < frozen else f"{i}after").ljust(64, "0"),
        }
        for i, layer in enumerate(LAYERS)
    ]
    return {
        "frozen_layers": frozen,
        "layers": len(LAYERS),
        "parameters": whole,
        "frozen_parameters": sum(PARAMETERS[:frozen]),
        "trainable_parameters": whole - sum(PARAMETERS[:frozen]),
        "frozen_share_of_parameters": sum(PARAMETERS[:frozen]) / whole,
        "forward_flops": flops,
        "frozen_share_of_forward_flops": sum(FLOPS[:frozen]) / flops,
        "unchanged": True,
        "phases": [{"first_epoch": 0, "last_epoch": 100, "layers": layers}],
    }


def _write(store: Store, run_id: str, run: MadeRun, role: str, spec: dict[str, Any]) -> None:
    folder = store.run(run_id)
    write_json(folder.spec, spec)
    if run.state is State.WAITING:
        return
    last = run.rows[-1][0] if run.rows else 0
    facts = {
        "role": role,
        "data": {"label_noise_realised": 0.2},
        "host": "here",
        "device": "cpu",
        "device_name": "x86_64",
        "cpu_capability": "AVX2",
        "threads": 1,
        "versions": {"ftdd": "0.1.0", "torch": "2.6"},
        "cache": "memory",
    }
    folder.write_status(Status(run.state, last, 100, run.error, 1_000.0, 1_060.0, 60.0, facts))
    write_text(folder.path / "curve.csv", to_csv(curve(run.rows)))
    if run.state.final:
        write_json(folder.ledger, ledger(run.frozen))
