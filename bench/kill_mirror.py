"""Kill `ftdd run` in a new store's first seconds, finish it, call `ftdd sync`, and compare MLflow with the folders.

    python bench/kill_mirror.py 50

Each time a process executes a study of two runs, and SIGKILL ends it and all that it has started, at moments spread
evenly from the store's first file to the end of an undisturbed run. Processes are forked from one that has imported
ftdd and MLflow, so that the moments fall into their work and not into their imports. Then `ftdd run` goes on to the
end, `ftdd sync` is called, and the database is read without MLflow. Prints a line for each kill and a table; exits with
1 where the mirror of any store is not what the folders say.
"""

import csv
import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

RECIPE = """\
title: two
question: Is the mirror right after a kill?
pair: {name: gaussian_linear, d: 20, noise: 0.2, source_noise: 0.1, a: 0.9}
architecture: {name: linear}
source: {images: 40, training: {epochs: 2, batch_size: 10, optimizer: {name: sgd, lr: 0.01}}}
target: {images: 10, training: {epochs: 2, batch_size: 5, optimizer: {name: adam, lr: 0.01}}, evaluate: every}
freezing: {policy: first_layers, count: 5}
eps: 1.0e-6
"""
STUDY = "two"


def command(log: Path, *arguments: str) -> int:
    """Start an ftdd command in a session of its own; gives its process id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 70
    try:
        sys.argv = ["ftdd", *arguments]
        from ftdd.cli import main

        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def finish(log: Path, *arguments: str) -> int:
    """Let a command come to its end; gives its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(command(log, *arguments), 0)[1])


def kill(process: int) -> None:
    """End a session: the command, its fork server, its workers."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and session(path) == process]
    for one in {process, *found}:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    os.waitpid(process, 0)


def session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rsplit(")", 1)[1].split()[3])
    except OSError:
        return -1


def state_of(path: Path) -> str:
    """What a kill has left of the database."""
    if not path.exists():
        return "no database"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        try:
            (studies,) = database.execute("select count(*) from experiments where name = ?", (STUDY,)).fetchone()
            runs = database.execute("select status from runs join experiments using (experiment_id)").fetchall()
        except sqlite3.Error as error:
            return f"broken database: {error}"
    if not studies:
        return "no experiment"
    words = [status.lower() for (status,) in runs]
    return f"experiment, {len(words)} runs" + (f", {words.count('running')} running" if "running" in words else "")


def wrong(store: Path) -> list[str]:
    """In what the mirror differs from the folders."""
    found = []
    with closing(sqlite3.connect(f"{(store / 'mlflow.db').as_uri()}?mode=ro", uri=True)) as database:

        def ask(query: str, *values: str) -> list[tuple]:
            return database.execute(query, values).fetchall()

        if ask("pragma integrity_check") != [("ok",)]:
            found.append("the database is damaged")
        tagged = """select tags.value, run_uuid, status, artifact_uri from runs join tags using (run_uuid)
            join experiments using (experiment_id) where experiments.name = ? and tags.key = ?
            and runs.lifecycle_stage = 'active' and experiments.lifecycle_stage = 'active'"""
        rows = ask(tagged, STUDY, "ftdd.id")
        times = Counter(run_id for run_id, *_ in rows)
        entries = json.loads((store / "studies" / STUDY / "runs.json").read_text())["runs"]
        ids = {entry["id"] for entry in entries} | {entry["source_id"] for entry in entries} - {None}
        found += [f"{run_id} is there {times[run_id]} times" for run_id in ids if times[run_id] != 1]
        found += [f"{run_id} is of no run" for run_id in times.keys() - ids]
        parents = ask(tagged.replace("tags.key = ?", "tags.key = ? and tags.value = 'study'"), STUDY, "ftdd.role")
        if len(parents) != 1:
            found.append(f"{len(parents)} runs stand for the study")
        for run_id, key, status, artifacts in rows:
            if run_id not in ids:
                continue
            folder = store / "runs" / run_id
            if (json.loads((folder / "status.json").read_text())["state"], status) != ("done", "FINISHED"):
                found.append(f"{run_id} is {status}")
            with (folder / "curve.csv").open() as file:
                curve = list(csv.DictReader(file))
            for metric in ("test_error", "train_error", "train_loss"):
                has = ask("select step, value from metrics where run_uuid = ? and key = ?", key, metric)
                if sorted(has) != [(int(row["epoch"]), float(row[metric])) for row in curve]:
                    found.append(f"{run_id}: {metric} has {len(has)} points, the curve {len(curve)}")
            if not ask("select 1 from latest_metrics where run_uuid = ? and key = 'final_test_error'", key):
                found.append(f"{run_id} has no final_test_error")
            tags = dict(ask("select key, value from tags where run_uuid = ?", key))
            if parents and tags.get("mlflow.parentRunId") != parents[0][1]:
                found.append(f"{run_id} is not nested in the study")
            pixels = json.loads((folder / "spec.json").read_text())["pair"]["d"]
            if ask("select value from params where run_uuid = ? and key = 'pair.d'", key) != [(str(pixels),)]:
                found.append(f"{run_id}: no parameter pair.d")
            kept = Path(artifacts.removeprefix("file://"))
            for name in ("spec.json", "status.json", "curve.csv", "ledger.json"):
                if not (kept / name).exists() or (kept / name).read_bytes() != (folder / name).read_bytes():
                    found.append(f"{run_id}: artifact {name} is missing or differs")
    return found


def leftovers(store: Path) -> list[str]:
    return [path.name for path in store.iterdir() if "unfinished" in path.name or "set-aside" in path.name]


def main() -> int:
    kills = int(sys.argv[1])
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    import ftdd.cli.commands  # noqa: F401
    from ftdd_plugins.mlflow_mirror.tracking import quiet

    quiet()
    worse, states = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        recipe = Path(place) / "two.yaml"
        recipe.write_text(RECIPE)
        log = Path(place) / "log.txt"

        def run(store: Path) -> tuple[str, ...]:
            return "run", str(recipe), "--store", str(store), "--workers", "1"

        began = time.monotonic()
        if finish(log, *run(Path(place) / "undisturbed")) or (amiss := wrong(Path(place) / "undisturbed")):
            print(log.read_text(), amiss)
            return 1
        length = time.monotonic() - began
        print(f"undisturbed: {length:.1f} s", flush=True)
        for i in range(kills):
            store = Path(place) / str(i)
            process = command(log, *run(store))
            while not store.exists():
                time.sleep(0.005)
            time.sleep(length * (i + 0.5) / kills)
            kill(process)
            left = state_of(store / "mlflow.db")
            codes = finish(log, *run(store)), finish(log, "sync", "--store", str(store))
            amiss = [*wrong(store), *leftovers(store)]
            worse += bool(amiss) or codes != (0, 0)
            states[left] += 1
            moment = length * (i + 0.5) / kills
            print(f"{i:3} after {moment:5.2f} s: {left}; afterwards {codes} {amiss or 'right'}", flush=True)
        print("\n| left by the kill | times |\n| --- | --- |")
        for state, times in states.most_common():
            print(f"| {state} | {times} |")
        print(f"\n{kills} kills, {worse} mirrors that are not what the folders say")
        if worse:
            print(log.read_text())
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main())
