"""What the proof of freezing costs: its share of the processor's time in every target run of the quickstart.

    python bench/proof_of_freezing.py [--rounds 3] [--epochs 160]

Carries out one seed of recipes/quickstart.yaml in this process, in a folder that is deleted, and times with the
processor's clock what the proof consists of: hashes, probe, comparison of the first kept features, and the probe's end.
Medians over rounds for each number of frozen layers. Then a ViT-Tiny on 224 × 224 pixels, all but the head frozen: the
proof of one phase beside one epoch of 1,000 images without a cache, from the median of a few steps.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from ftdd.components import Job
from ftdd.components.plugins import installed_plugins
from ftdd.data.image_shape import ImageShape
from ftdd.recipe.read import read_recipe
from ftdd.records.status import State
from ftdd.study.conduct import write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store
from ftdd.training import loop
from ftdd.training.freezing import close_phase, open_phase
from ftdd.training.probe import probe
from ftdd_plugins.architectures.vit import ViT

PARTS = ("open_phase", "_probe", "check_kept", "close_phase", "check_unchanged")
spent = 0.0


def timed(part: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **more: Any) -> Any:
        global spent
        began = time.process_time()
        try:
            return part(*given, **more)
        finally:
            spent += time.process_time() - began

    return call


def quickstart(epochs: int, folder: Path) -> list[tuple[int, float, float]]:
    """Of every target run: frozen layers, seconds, and those of the proof."""
    global spent
    recipe = Path(__file__).parents[1] / "recipes" / "quickstart.yaml"
    study = read_recipe(recipe, installed_plugins(), folder, [f"target.training.epochs={epochs}", "sweep.seed=[0]"])
    store = Store(folder / "store")
    write_down(study, make_plan(study, store, folder), store)
    found = []
    for run_id in [*study.sources, *study.targets]:
        spent, began = 0.0, time.process_time()
        execute(Job(run_id, store.path, folder, device="cpu", threads=1, cache_memory=4 << 30, cache_disk=0))
        seconds = time.process_time() - began
        status = store.run(run_id).status()
        if status.state is not State.DONE:
            raise SystemExit(status.error)
        if run_id not in study.sources:
            found.append((int(str(store.run(run_id).read_ledger()["frozen_layers"])), seconds, spent))
    return found


def large() -> tuple[float, float, float]:
    """Seconds of the proof of one phase, of one epoch without a cache, and the batch size."""
    chain = ViT(width=64, depth=12, patch=16).build(ImageShape(3, 224, 224), 10)
    chain.freeze(range(len(chain.names) - 1))
    chain.train()
    batch = 32
    images = torch.randn(batch, 3, 224, 224)
    began = time.process_time()
    phase, made = open_phase(chain, 0), probe(chain, images[:8], batch)
    close_phase(chain, phase, 1, made)
    proof = time.process_time() - began
    steps = []
    for _ in range(3):
        began = time.process_time()
        cross_entropy(chain(images), torch.zeros(batch, dtype=torch.long)).backward()  # type: ignore[no-untyped-call]
        steps.append(time.process_time() - began)
    return proof, statistics.median(steps) * 1000 / batch, batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=160)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for part in PARTS:
        setattr(loop, part, timed(getattr(loop, part)))
    measured = defaultdict(list)
    rounds = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            runs = quickstart(given.epochs, Path(folder))
        for frozen, seconds, proof in runs:
            measured[frozen].append((seconds, proof))
        rounds.append(sum(proof for *_, proof in runs) / sum(seconds for _, seconds, _ in runs))
    print("| frozen layers | seconds of a run | of the proof | share |\n| --- | --- | --- | --- |")
    for frozen, pairs in sorted(measured.items()):
        seconds, proof = (statistics.median(column) for column in zip(*pairs, strict=True))
        share = statistics.median(b / a for a, b in pairs)
        print(f"| {frozen} | {seconds:.2f} | {proof:.4f} | {share:.2%} |")
    print(f"\nall target runs of the study: {statistics.median(rounds):.2%}")
    proof, epoch, batch = large()
    print(f"ViT-Tiny at 224 pixels, batches of {batch:.0f}: the proof {proof:.1f} s, an epoch {epoch:.1f} s")


if __name__ == "__main__":
    main()
