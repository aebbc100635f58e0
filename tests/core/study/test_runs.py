"""One run: what its folder holds, that it proves its freezing, and that a kill costs nothing but time."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ftdd.records.status import State
from ftdd.study import runs
from ftdd.study.runs import execute
from ftdd.study.runs import train as runs_train
from ftdd.study.start import starting_chain
from ftdd.study.store import FolderGone, Store
from ftdd.training.loop import Moment
from tests.core.study.small_study import facts, job, read, written


@pytest.fixture(scope="module")
def done(finished_store: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, str], str, Store]:
    """A study that is done: target ids by frozen count, the source's id, the store."""
    folder = tmp_path_factory.mktemp("done")
    shutil.copytree(finished_store, folder / "runs")
    study = read(folder)
    (source_id,) = study.sources
    ids = {int(str(point.settings["freezing.count"])): point.spec.id for point in study.points}
    return ids, source_id, Store(folder / "runs")


def test_a_run_ends_done_with_a_curve_from_epoch_0_to_the_last(done: tuple[dict[int, str], str, Store]) -> None:
    ids, source_id, store = done
    for run_id in (*ids.values(), source_id):
        folder = store.run(run_id)
        assert folder.status().state is State.DONE, folder.status().error
        epochs = [record.epoch for record in folder.curve().records]
        assert epochs == ([0, 1, 2] if run_id == source_id else [0, 1, 2, 3, 4])


def test_the_ledger_of_every_run_proves_its_freezing(done: tuple[dict[int, str], str, Store]) -> None:
    """Frozen layers are bit for bit the source's before and after; all others have moved."""
    ids, source_id, store = done
    source = store.run(source_id).read_ledger()["phases"][-1]["layers"]
    for count, run_id in ids.items():
        book = store.run(run_id).read_ledger()
        assert book["frozen_layers"] == count
        layers = book["phases"][0]["layers"]
        for i, layer in enumerate(layers):
            assert (layer["hash_before"] == layer["hash_after"]) == (i < count), layer["name"]
            if i < len(layers) - 1:
                assert layer["hash_before"] == source[i]["hash_after"]
        assert layers[-1]["hash_before"] != source[-1]["hash_after"]


def test_the_weights_of_a_source_are_the_last_ones_and_targets_keep_none(
    done: tuple[dict[int, str], str, Store],
) -> None:
    ids, source_id, store = done
    assert "stem.weight" in load_file(store.run(source_id).weights)
    assert not any(store.run(run_id).weights.exists() for run_id in ids.values())


def test_the_images_trained_on_stand_in_the_folder_with_their_labels(
    done: tuple[dict[int, str], str, Store],
) -> None:
    """As many of each class as of any other, an exact fraction of wrong labels, and its hash in status.json."""
    ids, _, store = done
    folder = store.run(ids[0]).path
    rows = list(csv.DictReader((folder / "train_images.csv").open()))
    assert len({row["index"] for row in rows}) == len(rows) == 60
    assert [sum(row["clean_label"] == label for row in rows) for label in "012"] == [20, 20, 20]
    wrong = [row for row in rows if row["label"] != row["clean_label"]]
    assert len(wrong) == 12 == sum(row["mislabelled"] == "1" for row in rows)
    data = facts(store, ids[0])["data"]
    assert isinstance(data, dict)
    assert data["label_noise_realised"] == 0.2
    assert len(data["mislabelled_digest"]) == 64


def test_every_freezing_trains_on_the_same_images_and_the_same_wrong_labels(
    done: tuple[dict[int, str], str, Store],
) -> None:
    ids, _, store = done
    tables = {(store.run(run_id).path / "train_images.csv").read_text() for run_id in ids.values()}
    assert len(tables) == 1


def test_nothing_is_left_lying_about(done: tuple[dict[int, str], str, Store]) -> None:
    """No checkpoint, no features, no temporary file; all files can be read by others as the umask says."""
    ids, source_id, store = done
    for run_id in (*ids.values(), source_id):
        names = {path.name for path in store.run(run_id).path.iterdir()}
        kept = {"spec.json", "status.json", "curve.csv", "ledger.json", "predictions.npz", "train_images.csv", "lock"}
        assert names - {"weights.safetensors"} == kept
        mode = (store.run(run_id).path / "curve.csv").stat().st_mode & 0o777
        mask = os.umask(0)
        os.umask(mask)
        assert mode == 0o666 & ~mask


def test_a_run_that_is_done_is_not_executed_again(done: tuple[dict[int, str], str, Store]) -> None:
    ids, _, store = done
    before = (store.run(ids[3]).path / "status.json").read_bytes()
    execute(job(store, ids[3]))
    assert (store.run(ids[3]).path / "status.json").read_bytes() == before


def test_the_same_spec_gives_the_same_curve_in_another_store(
    done: tuple[dict[int, str], str, Store], tmp_path: Path
) -> None:
    """Bit for bit, with the cache in memory and with none at all: same seed, machine and number of threads."""
    ids, source_id, store = done
    _, other = written(tmp_path)
    execute(job(other, source_id))
    execute(job(other, ids[3]))
    assert other.run(ids[3]).curve().measurements == store.run(ids[3]).curve().measurements
    (tmp_path / "plain").mkdir()
    _, plain = written(tmp_path / "plain")
    execute(job(plain, source_id))
    execute(job(plain, ids[3], cache_memory=0))
    assert facts(plain, ids[3])["cache"] == "recomputed"
    for one, two in zip(plain.run(ids[3]).curve().measurements, store.run(ids[3]).curve().measurements, strict=True):
        assert one == pytest.approx(two, abs=1e-4)


def test_a_target_without_its_source_fails_with_a_sentence(tmp_path: Path) -> None:
    study, store = written(tmp_path)
    run_id = next(iter(study.targets))
    execute(job(store, run_id))
    status = store.run(run_id).status()
    assert status.state is State.FAILED
    assert status.error == f"its source {next(iter(study.sources))} is waiting, so there is nothing to transfer"


def test_weights_that_are_not_those_of_the_ledger_are_refused(tmp_path: Path) -> None:
    """A source's file that was changed after its training would make every target a lie."""
    study, store = written(tmp_path)
    (source_id,) = study.sources
    execute(job(store, source_id))
    weights = load_file(store.run(source_id).weights)
    weights["stem.weight"][0] += 1e-7
    save_file(weights, store.run(source_id).weights)
    run_id = next(iter(study.targets))
    execute(job(store, run_id))
    assert store.run(run_id).status().state is State.FAILED
    assert "are not those that its ledger proves; delete the folder" in store.run(run_id).status().error


def test_the_head_is_drawn_by_the_targets_seed_and_the_rest_is_the_sources(tmp_path: Path) -> None:
    study, store = written(tmp_path, "sweep.freezing.count=[0]", "sweep.seed=[0, 1]")
    (source_id,) = study.sources
    execute(job(store, source_id))
    one, other = (starting_chain(point.spec, point.spec.pair.image_shape(), 3, store) for point in study.points)
    for name in one.names:
        same = all(
            torch.equal(a, b)
            for a, b in zip(getattr(one, name).parameters(), getattr(other, name).parameters(), strict=True)
        )
        assert same == (name != "head")


def test_training_from_scratch_needs_no_source(tmp_path: Path) -> None:
    study, store = written(tmp_path, "source=none")
    assert not study.sources
    run_id = next(iter(study.targets))
    execute(job(store, run_id))
    assert store.run(run_id).status().state is State.DONE
    assert store.run(run_id).read_ledger()["layers"] == 10


def test_a_run_that_diverges_keeps_its_curve_and_says_so(tmp_path: Path) -> None:
    study, store = written(
        tmp_path, "source=none", "target.training.optimizer={name: sgd, lr: 1.0e30}", "freezing.count=0"
    )
    (run_id,) = study.targets
    execute(job(store, run_id))
    folder = store.run(run_id)
    assert folder.status().state is State.DIVERGED
    assert folder.curve().records[0].epoch == 0
    assert folder.read_ledger()["unchanged"] is True
    assert folder.status().state.final


def test_a_failure_stands_in_the_folder_with_its_traceback(tmp_path: Path) -> None:
    study, store = written(tmp_path)
    (source_id,) = study.sources
    store.run(source_id).spec.write_text("{}")
    execute(job(store, source_id))
    assert store.run(source_id).status().state is State.FAILED
    assert "Traceback" in store.run(source_id).log.read_text()
    written(tmp_path)


def test_a_run_whose_folder_is_deleted_while_it_is_at_work_fails_and_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it write into a folder that was made in its place."""
    study, store = written(tmp_path, "source=none", "target.training.epochs=9")
    folder = store.run(next(iter(study.targets)))
    monkeypatch.setattr(runs, "SHOW_SECONDS", 0.0)
    monkeypatch.setattr(runs, "train", _disturbed(lambda: shutil.rmtree(folder.path)))
    with pytest.raises(FolderGone, match="the folder was deleted while the run was executed"):
        execute(job(store, folder.path.name))
    assert not folder.path.exists()
    with pytest.raises(FolderGone):
        execute(job(store, folder.path.name))

    def replaced() -> None:
        shutil.rmtree(folder.path)
        with folder.lock():
            pass

    written(tmp_path, "source=none", "target.training.epochs=9")
    monkeypatch.setattr(runs, "train", _disturbed(replaced))
    with pytest.raises(FolderGone):
        execute(job(store, folder.path.name))
    assert {path.name for path in folder.path.iterdir()} <= {"lock"}


def _disturbed(disturb: Callable[[], None]) -> Callable[..., Iterator[Moment]]:
    def train(*given: Any) -> Iterator[Moment]:
        for number, moment in enumerate(runs_train(*given)):
            if number == 3:
                disturb()
            yield moment

    return train


def test_a_spec_of_another_run_is_refused_and_so_is_its_checkpoint(tmp_path: Path) -> None:
    study, store = written(tmp_path, "source=none")
    one, other = list(study.targets)[:2]
    right = store.run(one).spec.read_bytes()
    store.run(one).spec.write_bytes(store.run(other).spec.read_bytes())
    execute(job(store, one))
    assert store.run(one).status().state is State.FAILED
    assert f"spec.json is of run {other}" in store.run(one).status().error
    store.run(one).spec.write_bytes(right)
    torch.save({"run": other, "weights": {}}, store.run(one).checkpoint)
    execute(job(store, one))
    assert store.run(one).status().state is State.DONE
    assert "checkpoint" in str(facts(store, one)["checkpoint_unusable"])


@pytest.mark.parametrize("name", ["spec.json", "train_images.csv", "curve.csv", "ledger.json", "status.json"])
@pytest.mark.parametrize("how", ["gone", "torn", "empty", "zeros", "another run's"])
def test_every_file_of_a_finished_run_is_looked_at(
    name: str, how: str, done: tuple[dict[int, str], str, Store], tmp_path: Path
) -> None:
    """Without its spec, its images, its numbers or its proof a run is damaged; or, without its status, open again."""
    ids, source_id, store = done
    copy = Store(tmp_path / "copy")
    shutil.copytree(store.path, copy.path)
    folder, whole = copy.run(ids[3]), (copy.run(ids[3]).path / name).read_bytes()
    other = copy.run(source_id if name == "train_images.csv" else ids[0]).path / name
    contents = {"torn": whole[:-9], "empty": b"", "zeros": bytes(len(whole)), "another run's": other.read_bytes()}
    if how == "gone":
        (folder.path / name).unlink()
    else:
        (folder.path / name).write_bytes(contents[how])
    status = folder.status()
    assert not status.state.final
    if status.state is not State.WAITING:
        assert name in status.error


def test_a_folder_under_another_runs_name_is_damaged(done: tuple[dict[int, str], str, Store], tmp_path: Path) -> None:
    ids, _, store = done
    shutil.copytree(store.run(ids[0]).path, tmp_path / "copy" / "runs" / ids[3])
    status = Store(tmp_path / "copy").run(ids[3]).status()
    assert status.state is State.DAMAGED
    assert f"it is of run {ids[0]}" in status.error


CHILD = """
import sys
from pathlib import Path
from ftdd.components import Job
from ftdd.study import runs

runs.CHECKPOINT_SECONDS = 0.0
runs.CHECKPOINT_SHARE = 0
runs.SHOW_SECONDS = 0.0
if __name__ == "__main__":
    store = Path(sys.argv[1])
    runs.execute(Job(sys.argv[2], store, store, "cpu", 1, 1 << 28, 0))
"""


def _killed_at(store: Store, run_id: str, epoch: int, script: Path) -> bool:
    """Start the run in a process of its own and kill it at once when it shows this epoch; whether it was at work."""
    process = subprocess.Popen([sys.executable, str(script), str(store.path), run_id])
    try:
        for _ in range(6000):
            status = store.run(run_id).path / "status.json"
            if status.exists() and json.loads(status.read_text())["epoch"] >= epoch:
                break
            if process.poll() is not None:
                return False
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_in_the_same_curve(tmp_path: Path) -> None:
    """SIGKILL at two epochs of one run; in the end its curve is that of a run that was never disturbed."""
    settings = ("target.training.epochs=30", "freezing.count=2", "target.evaluate=every")
    (tmp_path / "whole").mkdir()
    study, whole = written(tmp_path / "whole", *settings)
    (source_id,), (run_id,) = study.sources, study.targets
    execute(job(whole, source_id))
    execute(job(whole, run_id))
    _, killed = written(tmp_path, *settings)
    execute(job(killed, source_id))
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    for epoch in (1, 15):
        assert _killed_at(killed, run_id, epoch, script)
        assert killed.run(run_id).status().state is State.INTERRUPTED
    execute(job(killed, run_id))
    assert killed.run(run_id).status().state is State.DONE
    resumed = facts(killed, run_id)["resumed_at"]
    assert isinstance(resumed, list)
    assert resumed
    assert max(resumed) >= 15
    assert killed.run(run_id).curve().measurements == whole.run(run_id).curve().measurements
    ours, theirs = killed.run(run_id).read_ledger(), whole.run(run_id).read_ledger()
    assert ours == theirs
    assert killed.run(run_id).predictions.read_bytes() == whole.run(run_id).predictions.read_bytes()


@pytest.mark.slow
def test_a_run_is_executed_by_one_process_at_a_time(tmp_path: Path) -> None:
    """Started twice at once, it is done once: the second waits, and then finds it done."""
    study, store = written(tmp_path)
    (source_id,) = study.sources
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    both = [subprocess.Popen([sys.executable, str(script), str(store.path), source_id]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert store.run(source_id).status().state is State.DONE
    assert facts(store, source_id)["resumed_at"] == []


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None], ids=["empty", "garbage", "of another network"])
def test_a_checkpoint_that_cannot_be_used_means_to_begin_again(content: bytes | None, tmp_path: Path) -> None:
    """A torn file costs the time it would have saved, and nothing else."""
    study, store = written(tmp_path)
    (source_id,) = study.sources
    path = store.run(source_id).checkpoint
    if content is None:
        torch.save({"weights": {}, "optimizer": {}, "epoch": 1}, path)
    else:
        path.write_bytes(content)
    execute(job(store, source_id))
    assert store.run(source_id).status().state is State.DONE
    assert "checkpoint" in str(facts(store, source_id)["checkpoint_unusable"])
    assert facts(store, source_id)["resumed_at"] == []
