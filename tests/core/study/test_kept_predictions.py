"""What a run keeps of its answers: they are those behind its curve, and an interruption changes no byte of them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from ftdd.components import Job
from ftdd.recipe.recipe import Recipe
from ftdd.records.predictions import read
from ftdd.records.status import State
from ftdd.study import checkpoint, runs
from ftdd.study.reading import read_run
from ftdd.study.runs import execute
from ftdd.study.store import Store
from tests.core.study.small_study import facts, job, written
from tests.core.study.small_study import read as read_small
from tests.core.study.test_stop_at import then_ctrl_c

ALONE = ("source=none", 'sweep={"freezing.count": [3]}')
NUMBERS = """\
question: Are numbers kept?
pair: {name: gaussian_linear, d: 20, noise: 0.2, source_noise: 0.1, a: 0.9}
architecture: {name: linear}
source: none
target:
  images: 10
  training: {epochs: 3, batch_size: 5, optimizer: {name: adam, lr: 0.01}}
freezing: {policy: first_layers, count: 5}
"""


def test_every_error_of_a_curve_is_that_of_the_predictions(finished: tuple[Recipe, Store]) -> None:
    """Test and training images, right and wrong labels, at each evaluation, to the last digit."""
    study, store = finished
    for run_id in (*study.sources, *study.targets):
        kept, curve = read_run(store.run(run_id)).predictions(), store.run(run_id).curve().records
        assert kept is not None
        assert kept.epochs.tolist() == [record.epoch for record in curve]
        assert kept.test_errors.mean(axis=1).tolist() == [record.test_error for record in curve]
        if run_id in study.sources:
            assert kept.train is kept.train_labels is kept.train_clean_labels is None
            continue
        assert kept.train is not None
        assert kept.train_labels is not None
        rows = list(csv.DictReader((store.run(run_id).path / "train_images.csv").open()))
        assert kept.train_labels.tolist() == [int(row["label"]) for row in rows]
        assert kept.train_clean_labels is not None
        assert kept.train_clean_labels.tolist() == [int(row["clean_label"]) for row in rows]
        missed, wrong = kept.train != kept.train_labels, kept.train_labels != kept.train_clean_labels
        assert missed.mean(axis=1) == pytest.approx([record.train_error for record in curve], abs=1e-15)
        of_wrong = [record.train_error_mislabelled for record in curve]
        assert missed[:, wrong].mean(axis=1) == pytest.approx(of_wrong, abs=1e-15)


def test_all_freezings_are_tested_on_images_that_are_known_to_be_the_same(finished: tuple[Recipe, Store]) -> None:
    study, store = finished
    kept = [read(store.run(run_id).predictions) for run_id in (*study.sources, *study.targets)]
    source, *targets = [one.test_digest for one in kept if one is not None]
    assert len(targets) == 3
    assert len({source, *targets}) == 2


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_run_that_was_interrupted_keeps_the_same_bytes(
    epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, whole = written(tmp_path / "whole", *ALONE)
    (run_id,) = study.targets
    execute(job(whole, run_id))
    _, broken = written(tmp_path / "broken", *ALONE)
    _interrupt(job(broken, run_id), epoch, monkeypatch)
    assert not broken.run(run_id).predictions.exists()
    execute(job(broken, run_id))
    assert facts(broken, run_id)["resumed_at"] == [epoch]
    assert broken.run(run_id).predictions.read_bytes() == whole.run(run_id).predictions.read_bytes()


def test_a_run_that_an_older_ftdd_has_begun_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first evaluations are lost; the curve is whole."""
    study, store = written(tmp_path, *ALONE)
    (run_id,) = study.targets
    _interrupt(job(store, run_id), 2, monkeypatch)
    path = store.run(run_id).checkpoint
    content = torch.load(path, weights_only=True)
    torch.save({name: value for name, value in content.items() if name != "predictions"}, path)
    execute(job(store, run_id))
    assert store.run(run_id).status().state is State.DONE
    assert facts(store, run_id)["resumed_at"] == [2]
    assert len(store.run(run_id).curve()) == 5
    assert read_run(store.run(run_id)).predictions() is None


def test_a_checkpoint_with_torn_predictions_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, store = written(tmp_path, *ALONE)
    (run_id,) = study.targets
    _interrupt(job(store, run_id), 2, monkeypatch)
    path = store.run(run_id).checkpoint
    content = torch.load(path, weights_only=True)
    torch.save({**content, "predictions": content["predictions"][:-30]}, path)
    execute(job(store, run_id))
    assert facts(store, run_id)["resumed_at"] == []
    assert "no predictions" in str(facts(store, run_id)["checkpoint_unusable"])
    kept = read_run(store.run(run_id)).predictions()
    assert kept is not None
    assert kept.epochs.tolist() == [0, 1, 2, 3, 4]


def test_predictions_may_be_deleted(finished: tuple[Recipe, Store]) -> None:
    study, store = finished
    folder = store.run(next(iter(study.targets)))
    folder.predictions.unlink()
    assert folder.status().state is State.DONE
    assert read_run(folder).predictions() is None


def test_torn_predictions_are_damage_and_are_written_again(finished: tuple[Recipe, Store]) -> None:
    """The torn file stays beside the new one."""
    study, store = finished
    (run_id, *_) = study.targets
    folder, whole = store.run(run_id), store.run(run_id).predictions.read_bytes()
    folder.predictions.write_bytes(whole[:-9])
    assert folder.status().state is State.DAMAGED
    assert "predictions.npz cannot be read: it has" in folder.status().error
    execute(job(store, run_id))
    assert folder.predictions.read_bytes() == whole
    assert folder.predictions.with_name("predictions.npz.damaged").read_bytes() == whole[:-9]


def test_a_run_that_begins_anew_sets_them_aside(finished: tuple[Recipe, Store]) -> None:
    study, store = finished
    folder = store.run(next(iter(study.targets)))
    folder.begin_anew()
    assert not folder.predictions.exists()
    assert folder.predictions.with_name("predictions.npz.before").exists()


def test_numbers_are_kept_as_they_were_given(tmp_path: Path) -> None:
    from ftdd.study.conduct import write_down
    from ftdd.study.plan import make_plan

    study, store = read_small(tmp_path, recipe=NUMBERS), Store(tmp_path / "runs")
    write_down(study, make_plan(study, store, tmp_path), store)
    (run_id,) = study.targets
    execute(job(store, run_id))
    kept, curve = read_run(store.run(run_id)).predictions(), store.run(run_id).curve().records
    assert kept is not None
    assert kept.regression
    assert kept.test.dtype == np.float32
    assert kept.train is None
    errors = kept.test_errors.mean(axis=1)
    assert errors == pytest.approx([record.test_error for record in curve], rel=1e-5)


def _interrupt(given: Job, epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(runs, "CHECKPOINT_SECONDS", 0.0)
        patched.setattr(runs, "CHECKPOINT_SHARE", 0)
        patched.setattr(checkpoint, "save", then_ctrl_c(checkpoint.save, epoch))
        execute(given)
