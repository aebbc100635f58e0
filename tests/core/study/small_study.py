"""A small real study: digits, a network of width 1, a few epochs; and ways to execute it."""

import json
from pathlib import Path

from ftdd.components import Job
from ftdd.recipe.read import read_recipe
from ftdd.recipe.recipe import Recipe
from ftdd.study.conduct import write_down
from ftdd.study.plan import make_plan
from ftdd.study.runs import execute
from ftdd.study.store import Store
from tests.installed import installed_plugins

RECIPE = """\
title: A small study
question: Does it work?
pair: {name: digits, source_classes: [0, 1, 2], target_classes: [3, 4, 5]}
architecture: {name: resnet, width: 1}
source:
  images: 60
  test_images: 30
  training: {epochs: 2, batch_size: 30, optimizer: {name: adam, lr: 0.01}}
target:
  images: 60
  test_images: 30
  label_noise: 0.2
  training: {epochs: 4, batch_size: 16, optimizer: {name: adam, lr: 0.01}}
  evaluate: every
freezing: {policy: first_layers, count: 0}
sweep:
  freezing.count: [0, 3, 9]
"""


def read(tmp_path: Path, *overrides: str, recipe: str = RECIPE, name: str = "small") -> Recipe:
    tmp_path.mkdir(exist_ok=True)
    path = tmp_path / f"{name}.yaml"
    path.write_text(recipe)
    return read_recipe(path, installed_plugins(), tmp_path, overrides)


def written(tmp_path: Path, *overrides: str) -> tuple[Recipe, Store]:
    """The study with its folder and specs written down, nothing executed."""
    study = read(tmp_path, *overrides)
    store = Store(tmp_path / "runs of mine")
    write_down(study, make_plan(study, store, tmp_path), store)
    return study, store


def finish(folder: Path) -> None:
    """Carry the study out, in this process; its store is `runs` in the folder."""
    study, store = read(folder), Store(folder / "runs")
    write_down(study, make_plan(study, store, folder), store)
    for run_id in (*study.sources, *study.targets):
        execute(job(store, run_id))


def job(store: Store, run_id: str, **changes: object) -> Job:
    given = {"device": "cpu", "threads": 1, "cache_memory": 1 << 28, "cache_disk": 0} | changes
    return Job(run_id, store.path, store.path, **given)  # type: ignore[arg-type]


def facts(store: Store, run_id: str) -> dict[str, object]:
    return dict(json.loads((store.run(run_id).path / "status.json").read_text()))
