"""What reading a large study costs: a study of many finished runs, made without training, and a stopwatch.

    python bench/large_study.py make STORE --runs 10000
    python bench/large_study.py measure STORE [--only findings,sync] [--out FILE.json]
    python bench/large_study.py run STORE --runs 422

`make` trains the runs of one seed of the recipe `theory`, 44 in all, and writes the runs of all other seeds as copies
of them: their own id, spec and status, a test error a little different, hashes that fit. Nothing that reads the store
can tell the difference, and `ftdd run` finds all done. The study is STORE/studies/large, its recipe STORE/large.yaml.

`measure` runs each command in a process of its own and gives its processor time per run of the study and its peak
memory. `sync` fills an empty MLflow store, `sync again` finds all in place; STORE/mlflow.db is deleted before.

`run` trains `theory` with so many runs in STORE, and gives the processor time of the parent process alone, per run:
the workers' is their own.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ftdd.api.environment import data_path, plugins, recipe_path
from ftdd.recipe.read import read_recipe
from ftdd.recipe.specs import Spec, TargetSpec
from ftdd.records.curve import Curve, from_csv, to_csv
from ftdd.study.conduct import write_down
from ftdd.study.files import json_text
from ftdd.study.plan import make_plan
from ftdd.study.store import RunFolder, Store
from ftdd.values import flat

NAME = "large"
DEPTHS, SOURCES = 21, 2
"""Of `theory`: runs for each pair of seeds, and seeds of sources."""

STOPWATCH = """
import json, resource, sys
from ftdd.cli import main
file, sys.argv[1:] = sys.argv[1], sys.argv[2:]
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]), file=open(file, "w"))
"""


def make(path: Path, runs: int) -> int:
    """Write a study of at least so many runs; gives how many."""
    seeds = -(-(runs - SOURCES) // (DEPTHS * SOURCES))
    path.mkdir(parents=True, exist_ok=True)
    recipe = _write_recipe(path, 1)
    subprocess.run([sys.executable, "-m", "ftdd", "run", str(recipe), "--store", str(path)], check=True)
    _delete_mirror(path)
    shutil.rmtree(path / "studies")
    recipe = _write_recipe(path, seeds)
    store, study = Store(path), read_recipe(recipe, plugins(), data_path(None), ())
    trained = {_without_seed(point.spec): point.spec.id for point in study.points if point.spec.seed == 0}
    for number, point in enumerate(study.points):
        if point.spec.seed != 0:
            _write_copy(store.run(trained[_without_seed(point.spec)]), store.run(point.spec.id), point.spec)
        if number % 1000 == 0:
            print(f"{number} of {len(study.points)} runs", file=sys.stderr)
    plan = make_plan(study, store, data_path(None))
    if plan.open:
        raise RuntimeError(f"{len(plan.open)} runs are not accepted as done, {plan.open[0].damage}")
    write_down(study, plan, store)
    return len(plan.runs)


def _write_recipe(path: Path, seeds: int, name: str = NAME) -> Path:
    tree = yaml.safe_load(recipe_path("theory").read_text(encoding="utf-8"))
    tree["sweep"]["seed"] = f"0..{seeds - 1}"
    recipe = path / f"{name}.yaml"
    recipe.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return recipe


def _without_seed(spec: Spec) -> str:
    """What a run shares with those that differ in the target's seed alone."""
    return json.dumps({key: value for key, value in flat(spec.model_dump(mode="json")).items() if key != "seed"})


def _write_copy(trained: RunFolder, copy: RunFolder, spec: TargetSpec) -> None:
    """A finished run made of another one."""
    luck = random.Random(spec.seed).gauss(0, 0.1) + random.Random(copy.path.name).gauss(0, 0.05)
    copy.path.mkdir(exist_ok=True)
    curve = from_csv((trained.path / "curve.csv").read_text(encoding="utf-8"))
    texts = {
        "spec.json": json_text(spec.model_dump(mode="json")),
        "curve.csv": to_csv(
            Curve(tuple(replace(row, test_error=row.test_error * (1 + luck)) for row in curve.records))
        ),
        "train_images.csv": (trained.path / "train_images.csv").read_text(encoding="utf-8"),
        "ledger.json": trained.ledger.read_text(encoding="utf-8"),
        "lock": "",
    }
    for name, text in texts.items():
        (copy.path / name).write_bytes(text.encode())
    status = trained.said()
    files = {name: _file(texts[name].encode()) for name in ("train_images.csv", "curve.csv", "ledger.json")}
    facts = {**status.facts, "id": spec.id, "files": files}
    (copy.path / "status.json").write_bytes(json_text(replace(status, facts=facts).to_json()).encode())


def _file(content: bytes) -> Mapping[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _delete_mirror(path: Path) -> None:
    for left in path.glob("mlflow.db*"):
        left.unlink()
    shutil.rmtree(path / "mlflow-artifacts", ignore_errors=True)


def measure(path: Path, chosen: Sequence[str]) -> dict[str, dict[str, float]]:
    """Processor time in milliseconds per run, and peak memory in MB, of each command."""
    runs = len(Store(path).read_study(NAME).run_ids)
    place = ["--store", str(path)]
    commands = {
        "results": ["results", NAME, "--csv", *place],
        "findings": ["findings", NAME, *place],
        "report": ["report", NAME, *place],
        "sync": ["sync", NAME, *place],
        "sync again": ["sync", NAME, *place],
        "run": ["run", str(path / f"{NAME}.yaml"), *place],
    }
    found = {}
    print(f"{'':<12} {'ms a run':>9} {'seconds':>9} {'MB':>7}   of {runs} runs")
    for name, command in commands.items():
        if chosen and name.split()[0] not in chosen:
            continue
        if name == "sync":
            _delete_mirror(path)
        found[name] = _timed(path, name, command, runs)
    return found


def run(path: Path, runs: int) -> dict[str, dict[str, float]]:
    """The same of the parent process of `ftdd run`, where all runs are to be trained."""
    path.mkdir(parents=True, exist_ok=True)
    recipe = _write_recipe(path, -(-(runs - SOURCES) // (DEPTHS * SOURCES)), "trained")
    store, study = Store(path), read_recipe(recipe, plugins(), data_path(None), ())
    new = sum(not store.run(run_id).said().state.final for run_id in (*study.sources, *study.targets))
    print(f"{'':<12} {'ms a run':>9} {'seconds':>9} {'MB':>7}   of {new} runs")
    return {"parent": _timed(path, "parent", ["run", str(recipe), "--store", str(path)], new)}


def _timed(path: Path, name: str, command: Sequence[str], runs: int) -> dict[str, float]:
    file = path / "stopwatch.json"
    file.unlink(missing_ok=True)
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (path / f"output_{name.replace(' ', '_')}.txt").open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", STOPWATCH, str(file), *command], stdout=output, stderr=output, env=environment
        )
    seconds, kilobytes = json.loads(file.read_text(encoding="utf-8"))
    found = {"ms_per_run": 1000 * seconds / max(runs, 1), "seconds": seconds, "megabytes": kilobytes / 1024}
    failed = f"   exit code {done.returncode}: {output.name}" if done.returncode else ""
    print("{:<12} {:>9.2f} {:>9.1f} {:>7.0f}".format(name, *found.values()) + failed, flush=True)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "measure", "run"))
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--only", default="", help="of measure: some of results, findings, report, sync, run")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    given = parser.parse_args()
    if given.what == "make":
        print(f"{make(given.store, given.runs)} runs in {given.store}")
        return
    found = (
        run(given.store, given.runs)
        if given.what == "run"
        else measure(given.store, given.only.split(",") if given.only else ())
    )
    if given.out:
        given.out.write_text(json_text(found), encoding="utf-8")


if __name__ == "__main__":
    main()
