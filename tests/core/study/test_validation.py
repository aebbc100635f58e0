"""A validation split: in ids, in the curve, through an interruption, and in what is chosen on it."""

from dataclasses import replace
from pathlib import Path

import pytest

from ftdd.analysis.tables import measured, runs_table
from ftdd.recipe.error import RecipeError
from ftdd.recipe.recipe import Recipe
from ftdd.records.curve import COLUMNS, Curve, from_csv, to_csv
from ftdd.records.run import Run
from ftdd.records.status import State, Status
from ftdd.study import checkpoint, runs
from ftdd.study.runs import execute
from ftdd.study.store import Store
from tests.core.study.small_study import facts, job, read, written
from tests.core.study.test_stop_at import then_ctrl_c
from tests.core.test_curve import RECORD

ALONE = ("source=none", 'sweep={"freezing.count": [3]}')


def test_without_one_no_id_and_no_spec_is_another_one(tmp_path: Path) -> None:
    plain, none = read(tmp_path), read(tmp_path, "target.validation=0")
    assert list(none.targets) == list(plain.targets)
    assert list(none.sources) == list(plain.sources)
    (one, *_), (other, *_) = none.targets.values(), plain.targets.values()
    assert one.model_dump(mode="json") == other.model_dump(mode="json")
    assert "validation" not in one.model_dump(mode="json")["target"]
    validated = read(tmp_path, "target.validation=20")
    assert set(validated.targets).isdisjoint(plain.targets)
    assert list(validated.sources) == list(plain.sources)


def test_the_target_s_own_network_leaves_the_same_images_out(tmp_path: Path) -> None:
    study = read(tmp_path, "target.validation=20", "control=selffer")
    (own,) = study.sources.values()
    assert (own.task, own.source.validation) == ("target", 20)


def test_a_run_measures_it_at_each_evaluation_and_trains_as_without(
    finished: tuple[Recipe, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All else in its curve is what it is without, bit for bit; and after an interruption all of it is the same."""
    _, plain = written(tmp_path / "plain", *ALONE)
    study, whole = written(tmp_path / "whole", *ALONE, "target.validation=30")
    (run_id,) = study.targets
    (plain_id,) = read(tmp_path, *ALONE).targets
    execute(job(plain, plain_id))
    execute(job(whole, run_id))
    curve, without = whole.run(run_id).curve(), plain.run(plain_id).curve()
    errors = [record.validation_error for record in curve.records]
    assert len(errors) == 5
    assert all(error is not None and round(30 * error, 9) == round(30 * error) for error in errors)
    bare = Curve(tuple(replace(record, validation_error=None) for record in curve.records))
    assert bare.measurements == without.measurements
    data = facts(whole, run_id)["data"]
    assert isinstance(data, dict)
    assert data["validation_images"] == 30

    _, broken = written(tmp_path / "broken", *ALONE, "target.validation=30")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(runs, "CHECKPOINT_SECONDS", 0.0)
        patched.setattr(runs, "CHECKPOINT_SHARE", 0)
        patched.setattr(checkpoint, "save", then_ctrl_c(checkpoint.save, epoch=2))
        execute(job(broken, run_id))
    execute(job(broken, run_id))
    assert facts(broken, run_id)["resumed_at"] == [2]
    assert broken.run(run_id).curve().measurements == curve.measurements


def test_the_best_epoch_is_chosen_on_it_and_test_is_reported_there() -> None:
    pairs = ((0.5, 0.4), (0.3, 0.2), (0.4, 0.1), (0.2, 0.1))
    records = (
        replace(RECORD, epoch=epoch, test_error=test, validation_error=validation)
        for epoch, (test, validation) in enumerate(pairs)
    )
    curve = Curve(tuple(records))
    assert curve.best.epoch == 2
    row = measured(Run("a", "target", curve=curve, status=Status(State.DONE)), 0.0)
    assert (row["best_test_error"], row["best_epoch"]) == (0.4, 2)
    assert (row["test_error_at_best_validation"], row["best_validation_epoch"]) == (0.4, 2)
    assert row["final_validation_error"] == 0.1


def test_without_one_its_columns_are_empty_and_the_best_epoch_looks_at_the_test_set() -> None:
    curve = Curve((RECORD, replace(RECORD, epoch=1, test_error=0.1), replace(RECORD, epoch=2)))
    run = Run("a", "target", curve=curve, status=Status(State.DONE))
    row = runs_table([run], (), 0.0).iloc[0]
    assert (row["best_test_error"], row["best_epoch"]) == (0.1, 1)
    columns = ("final_validation_error", "best_validation_epoch", "test_error_at_best_validation", "validation_images")
    assert row[list(columns)].isna().all()


def test_the_curve_of_an_older_ftdd_reads_as_one_without() -> None:
    curve = Curve((RECORD, replace(RECORD, epoch=1)))
    lines = to_csv(curve).splitlines()
    assert lines[0].split(",")[-1] == COLUMNS[-1] == "validation_error"
    older = "\n".join(line.rpartition(",")[0] for line in lines) + "\n"
    assert from_csv(older) == curve
    with pytest.raises(ValueError, match="not a curve"):
        from_csv(older.replace("seconds", "minutes"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("target.validation=400",), r"target\.validation: must be at most 2\d\d, so that 60 of 3\d\d images can be"),
        (("target.images=all", "target.validation=400"), r"must be at most 3\d\d, so that 3 of 3\d\d images can be"),
        (("target.validation=-1",), r"target\.validation: must be"),
        (("target.validation=some",), r"target\.validation: must be"),
    ],
)
def test_what_it_cannot_be_is_a_mistake(settings: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        read(tmp_path, *settings)
