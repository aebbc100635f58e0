"""How alike test images are in being hard at two places of a curve: what cancels in differences of errors.

    python bench/hard_images.py STORE/studies/NAME --data DIR [--seeds 6] [--frozen 0 3 6] [--epochs 20 40 80 160]

Trains runs of a study once more, from the sources in its store, and keeps which test images they get wrong. p_i(x) is
the chance over seeds of getting image i wrong at place x, m(x) its mean. The test images add Var_i(p_i(x) − p_i(y)) / N
to the variance of a difference of errors; independent images at the two places would add (m(x)(1 − m(x)) +
m(y)(1 − m(y))) / N. So what is measured for each pair of places is

    shared       1 − Var_i(p_i(x) − p_i(y)) / (m(x)(1 − m(x)) + m(y)(1 − m(y)))
    correlation  of p_i(x) and p_i(y) over the images

Both without bias for few seeds: variances and covariances over images are of pairs of different seeds, whose luck is
independent. Intervals: 2.5% and 97.5% of 500 resamplings of the images.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from noise_of_runs import surroundings

from ftdd.components.plugins import installed_plugins
from ftdd.recipe.specs import TargetSpec, read_spec
from ftdd.study.drawing import draw
from ftdd.study.reading import read_study_data
from ftdd.study.start import starting_chain
from ftdd.study.store import Store
from ftdd.training.evaluation import measure
from ftdd.training.features import NO_CACHE, Pixels, prefix_inputs
from ftdd.training.loop import Assignment, train

Floats = npt.NDArray[np.float64]
RESAMPLINGS = 500


def misses(spec: TargetSpec, store: Store, data: Path, epochs: tuple[int, ...]) -> Iterator[Floats]:
    """Which test images are wrong after each of these epochs; shape (N,)."""
    drawn = draw(spec.pair.load("target", data), spec.target, spec.seed, "target")
    task = drawn.task
    normalization = spec.architecture.normalization(task.train.shape) or spec.pair.normalization()
    chain = starting_chain(spec, task.train.shape, len(task.train.classes), store)
    assignment = Assignment(
        task=task,
        training=spec.target.training,
        evaluate_at=(),
        frozen_at=lambda epoch: spec.frozen(chain.names, epoch),
        side="target",
        seed=spec.seed,
        label_noise=spec.target.label_noise,
        normalization=normalization,
    )
    pixels = Pixels(task.test.images, normalization, assignment.memory_format)
    inputs = prefix_inputs(chain, 0, pixels, NO_CACHE, "")
    for moment in train(chain, assignment):
        if moment.epoch in epochs:
            yield measure(chain, inputs, task.test).errors.numpy()
        if moment.epoch >= max(epochs):
            return


def over_pairs(first: Floats, second: Floats) -> float:
    """The covariance over images of two chances, from 0 and 1 of shape (seeds, images), by pairs of different seeds."""
    one, two = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    seeds, images = one.shape
    every = float((one.sum(axis=0) * two.sum(axis=0)).sum() - (one * two).sum())
    return every / (seeds * (seeds - 1)) / (images - 1)


def likeness(first: Floats, second: Floats) -> tuple[float, float]:
    """(shared, correlation)."""
    difference = over_pairs(first - second, first - second)
    spread = sum(values.mean() * (1 - values.mean()) for values in (first, second))
    both = over_pairs(first, first) * over_pairs(second, second)
    correlation = over_pairs(first, second) / np.sqrt(both) if both > 0 else np.nan
    return 1 - difference / float(spread), float(correlation)


def compared(first: Floats, second: Floats, random: np.random.Generator) -> dict[str, Any]:
    shared, correlation = likeness(first, second)
    drawn = random.integers(0, first.shape[1], (RESAMPLINGS, first.shape[1]))
    low, high = np.quantile([likeness(first[:, some], second[:, some])[0] for some in drawn], [0.025, 0.975])
    return {
        "errors": [round(float(first.mean()), 4), round(float(second.mean()), 4)],
        "shared": round(shared, 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "correlation": round(correlation, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--data", type=Path, default=Path("ftdd-data"))
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--frozen", type=int, nargs="+", default=[0, 3, 6])
    parser.add_argument("--epochs", type=int, nargs="+", default=[20, 40, 80, 160])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(given.study.resolve().parent.parent)
    runs = read_study_data(store, given.study.name).done
    epochs = tuple(sorted(given.epochs))
    wrong: dict[tuple[int, int], list[Floats]] = {}
    for frozen in given.frozen:
        for run_id in runs[runs["frozen_layers"] == frozen].drop_duplicates("seed")["id"].head(given.seeds):
            spec = read_spec(store.run(run_id).spec.read_text(), installed_plugins())
            assert isinstance(spec, TargetSpec)
            for epoch, found in zip(epochs, misses(spec, store, given.data, epochs), strict=True):
                wrong.setdefault((frozen, epoch), []).append(found)
    at = {place: np.array(found) for place, found in wrong.items()}
    random = np.random.default_rng(0)
    last = epochs[-1]
    pairs = [((a, last), (b, last)) for i, a in enumerate(given.frozen) for b in given.frozen[i + 1 :]]
    pairs += [((a, x), (a, y)) for a in given.frozen for i, x in enumerate(epochs) for y in epochs[i + 1 :]]
    rows = []
    for one, two in pairs:
        row = {"frozen": [one[0], two[0]], "epochs": [one[1], two[1]], **compared(at[one], at[two], random)}
        rows.append(row)
        print(row)
    kinds = {"between_frozen": [row for row in rows if row["frozen"][0] != row["frozen"][1]]}
    kinds["between_epochs"] = [row for row in rows if row["frozen"][0] == row["frozen"][1]]
    summary = {
        kind: {
            name: [min(values), statistics.median(values)]
            for name in ("shared", "correlation")
            if (values := [row[name] for row in some])
        }
        for kind, some in kinds.items()
    }
    print("least and median:", summary)
    if given.out:
        every = json.loads(given.out.read_text())["studies"] if given.out.exists() else []
        every = [one for one in every if one["study"] != given.study.name]
        sizes = {"seeds": given.seeds, "test_images": int(next(iter(at.values())).shape[1])}
        this = {"study": given.study.name, **sizes, "least_and_median": summary, "pairs": rows}
        given.out.write_text(
            json.dumps({**surroundings(), "studies": [*every, this]}, indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
