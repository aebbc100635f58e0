"""`source.stop_at`: sources of different tasks, equally good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.specs import StopAt
from ftdd.records.status import State
from ftdd.study import checkpoint, runs
from ftdd.study.runs import execute
from tests.core.study.small_study import facts, job, read, written


def then_ctrl_c(save: Callable[..., None], epoch: int) -> Callable[..., None]:
    """A `save` of checkpoints after which, at this epoch, the run is interrupted."""

    def interrupted(folder: Any, chain: Any, moment: Any, *measured: Any) -> None:
        save(folder, chain, moment, *measured)
        if moment.epoch == epoch:
            raise KeyboardInterrupt

    return interrupted


def test_a_source_ends_at_the_first_epoch_that_is_good_enough(tmp_path: Path) -> None:
    whole, store = written(tmp_path / "whole", "source.training.epochs=6", "source.evaluate=every", "source.images=all")
    (whole_id,) = whole.sources
    execute(job(store, whole_id))
    errors = [record.test_error for record in store.run(whole_id).curve().records]
    first = next(epoch for epoch, error in enumerate(errors) if error <= 0.3)
    assert 0 < first < 6

    settings = (
        "source.training.epochs=6",
        "source.evaluate=log",
        "source.images=all",
        "source.stop_at={accuracy: 0.7}",
    )
    study, store = written(tmp_path / "stopped", *settings)
    (stopped_id,) = study.sources
    assert stopped_id != whole_id
    execute(job(store, stopped_id))
    curve = store.run(stopped_id).curve()
    assert [record.test_error for record in curve.records] == errors[: first + 1], "other numbers than without the end"
    assert store.run(stopped_id).status().state is State.DONE
    assert store.run(stopped_id).weights.exists()
    target = next(iter(study.targets))
    execute(job(store, target))
    assert store.run(target).status().state is State.DONE


def test_a_source_that_is_never_good_enough_fails_with_its_curve(tmp_path: Path) -> None:
    study, store = written(tmp_path, "source.stop_at={accuracy: 1.0}")
    (source,) = study.sources
    execute(job(store, source))
    status = store.run(source).status()
    assert status.state is State.FAILED
    assert "source.stop_at asks for 1: ask for less, or give it more epochs or images" in status.error
    assert len(store.run(source).curve()) == 3
    assert not store.run(source).weights.exists()
    assert facts(store, source)["epoch"] == 2


def test_an_accuracy_that_is_hit_exactly_is_good_enough() -> None:
    """1 − 0.9 is below 0.1 in floats."""
    for hundredths in range(1, 100):
        stop = StopAt(accuracy=hundredths / 100)
        assert (100 - hundredths) / 100 <= stop.test_error
        assert (101 - hundredths) / 100 > stop.test_error


def test_the_target_s_own_network_is_not_stopped_by_it(tmp_path: Path) -> None:
    study = read(tmp_path, "source.stop_at={accuracy: 0.9}", "control=selffer")
    (own,) = study.sources.values()
    assert (own.task, own.source.stop_at) == ("target", None)
    assert set(study.targets) == set(read(tmp_path, "control=selffer").targets)


def test_it_goes_on_where_it_was_interrupted_and_ends_at_the_same_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("source.training.epochs=40", "source.images=all", "source.stop_at={accuracy: 0.7}")
    study, whole = written(tmp_path / "whole", *settings)
    (source,) = study.sources
    execute(job(whole, source))
    epochs = len(whole.run(source).curve()) - 1
    assert 1 < epochs < 40

    _, broken = written(tmp_path / "broken", *settings)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "CHECKPOINT_SECONDS", 0.0)
        patched.setattr(runs, "CHECKPOINT_SHARE", 0)
        patched.setattr(checkpoint, "save", then_ctrl_c(checkpoint.save, epoch=1))
        with pytest.raises(KeyboardInterrupt):
            execute(job(broken, source))
    assert broken.run(source).status().state is State.INTERRUPTED
    execute(job(broken, source))
    assert facts(broken, source)["resumed_at"] == [1]
    assert broken.run(source).curve().measurements == whole.run(source).curve().measurements
    assert broken.run(source).weights.read_bytes() == whole.run(source).weights.read_bytes()


def test_without_it_no_id_is_another_one(tmp_path: Path) -> None:
    plain = read(tmp_path)
    assert list(read(tmp_path, "source.stop_at=null").targets) == list(plain.targets)
    assert set(read(tmp_path, "source.stop_at={accuracy: 0.5}").targets).isdisjoint(plain.targets)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{accuracy: 1.5}", "source.stop_at.accuracy: must be"),
        ("{accuracy: 0}", "source.stop_at.accuracy: must be"),
        ("0.5", "source.stop_at: must be a mapping"),
    ],
)
def test_what_it_cannot_be_is_a_mistake(value: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, f"source.stop_at={value}")
    assert any(message in str(mistake) for mistake in caught.value.mistakes), [str(m) for m in caught.value.mistakes]
