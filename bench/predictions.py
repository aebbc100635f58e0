"""What keeping predictions costs: bytes of a run's file, and its share of the processor's time of a run.

    python bench/predictions.py [--rounds 3] [--frozen 0 5 9] [--set target.training.epochs=60 …]

Carries out the runs of recipes/quickstart.yaml, with changes, in this process, in a folder that is deleted, each run
twice: as it is, and with nothing kept. Timed with the processor's clock are the parts that keep predictions (labels
before the first evaluation, one row an evaluation, packing and writing at the end), and each of the two whole runs. The
share is that of the parts, median over rounds; the paired difference of the wholes is a check of it, with its standard
error over all pairs. Checkpoints are packed too, and timed with the rest.

Sizes: the arrays as they are, the file as it is written, and for comparison the same with an evaluation's answers side
by side (C order), and all arrays in one piece by LZMA.
"""

import argparse
import io
import lzma
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from ftdd.components import Job
from ftdd.components.plugins import installed_plugins
from ftdd.recipe.read import read_recipe
from ftdd.records.predictions import Predictions, read
from ftdd.records.status import State
from ftdd.study import checkpoint, runs
from ftdd.study.conduct import write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store, TakenFolder

spent = 0.0


def timed(part: Callable[..., Any], where: Callable[..., bool] = lambda *given: True) -> Callable[..., Any]:
    def call(*given: Any, **more: Any) -> Any:
        global spent
        if not where(*given):
            return part(*given, **more)
        began = time.process_time()
        try:
            return part(*given, **more)
        finally:
            spent += time.process_time() - began

    return call


def seconds_of(run_id: str, store: Store, data: Path) -> float:
    began = time.process_time()
    execute(Job(run_id, store.path, data, device="cpu", threads=1, cache_memory=4 << 30, cache_disk=0))
    seconds = time.process_time() - began
    status = store.run(run_id).status()
    if status.state is not State.DONE:
        raise SystemExit(status.error)
    return seconds


def written(recipe: Path, settings: list[str], data: Path, folder: Path) -> tuple[list[str], list[str], Store]:
    study, store = read_recipe(recipe, installed_plugins(), data, settings), Store(folder)
    write_down(study, make_plan(study, store, data), store)
    return list(study.sources), list(study.targets), store


def sizes(kept: Predictions, file: int) -> dict[str, int]:
    arrays = {name: array for name, array in vars(kept).items() if isinstance(array, np.ndarray)}
    rows = io.BytesIO()
    np.savez_compressed(rows, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})
    plain = b"".join(array.tobytes(order="F") for array in arrays.values())
    in_rows, in_one = len(rows.getvalue()), len(lzma.compress(plain))
    return {"bytes as they are": len(plain), "of the file": file, "in C order": in_rows, "by LZMA": in_one}


def main() -> None:
    global spent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frozen", type=int, nargs="+", default=[0, 5, 9])
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--data", type=Path, default=Path("ftdd-data"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
    settings = [*given.settings, "sweep.seed=[0]", f"sweep.freezing.count={given.frozen}"]
    pack = timed(runs.to_bytes)
    parts = [
        patch.object(runs, "_no_predictions", timed(runs._no_predictions)),
        patch.object(Predictions, "grown", timed(Predictions.grown)),
        patch.object(runs, "to_bytes", pack),
        patch.object(checkpoint, "to_bytes", pack),
        patch.object(TakenFolder, "write_bytes", timed(TakenFolder.write_bytes, _of_predictions)),
    ]
    measured = defaultdict(list)
    rounds, differences = [], []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            sources, targets, keeping = written(recipe, settings, given.data, Path(one) / "store")
            *_, plain = written(recipe, settings, given.data, Path(other) / "store")
            for run_id in sources:
                for store in (keeping, plain):
                    seconds_of(run_id, store, given.data)
            found = []
            for run_id in targets:
                with patch.object(runs, "_no_predictions", lambda *given: None):
                    without = seconds_of(run_id, plain, given.data)
                spent = 0.0
                for part in parts:
                    part.start()
                seconds = seconds_of(run_id, keeping, given.data)
                for part in parts:
                    part.stop()
                folder = keeping.run(run_id)
                kept = read(folder.predictions)
                assert kept is not None
                found.append((seconds, spent))
                differences.append((seconds - without) / without)
                row = (seconds, spent, sizes(kept, folder.predictions.stat().st_size), kept)
                measured[folder.read_ledger()["frozen_layers"]].append(row)
            rounds.append(sum(part for _, part in found) / sum(seconds for seconds, _ in found))
    names = ("bytes as they are", "of the file", "in C order", "by LZMA")
    print(
        "| frozen layers | evaluations | images | seconds of a run | of keeping | share | " + " | ".join(names) + " |"
    )
    print("| --- " * (6 + len(names)) + "|")
    for frozen, rows in sorted(measured.items()):
        seconds, part = (statistics.median(row[i] for row in rows) for i in (0, 1))
        share = statistics.median(row[1] / row[0] for row in rows)
        _, _, bytes_of, kept = rows[0]
        images = len(kept.test_labels) + (0 if kept.train_labels is None else len(kept.train_labels))
        print(
            f"| {frozen} | {len(kept.epochs)} | {images:,} | {seconds:.2f} | {part:.4f} | {share:.2%} | "
            + " | ".join(f"{bytes_of[name]:,}" for name in names)
            + " |"
        )
    print(f"\nall target runs of the study: {statistics.median(rounds):.2%}")
    mean, error = statistics.mean(differences), 0.0
    if len(differences) > 1:
        error = statistics.stdev(differences) / len(differences) ** 0.5
    print(f"whole runs, with and without, {len(differences)} pairs: {mean:+.2%} ± {error:.2%} (standard error)")


def _of_predictions(folder: TakenFolder, path: Path, *_: object) -> bool:
    return path == folder.predictions


if __name__ == "__main__":
    main()
