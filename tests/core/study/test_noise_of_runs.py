"""The noise that a plan reckons with: of runs like the study's in the store, else what was measured once."""

import json
from pathlib import Path

import numpy as np
import pytest

from ftdd.records.curve import Curve, Record, to_csv
from ftdd.records.status import State, Status
from ftdd.study.noise import KEPT, AlikeRun, noise_of
from ftdd.study.store import RunFolder

ROOT = Path(__file__).parents[3]


def run(folder: Path, depth: int, seed: int, errors: "list[float]", state: State = State.DONE) -> AlikeRun:
    place = folder / f"{depth}-{seed}"
    place.mkdir()
    records = [
        Record(2 + i, i, 0.1, 0.0, 0.0, None, None, error, error, error, float(i)) for i, error in enumerate(errors)
    ]
    (place / "curve.csv").write_text(to_csv(Curve(tuple(records))))
    settings = {"role": "target", "freezing.count": depth, "seed": seed, "source.seed": 0, "target.images": 500}
    status = Status(state, len(errors), len(errors), facts={"data": {"test_images": 400}})
    return AlikeRun(RunFolder(place), status, settings)


def test_noise_of_runs_in_the_store_is_that_which_they_have(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    runs = [
        run(tmp_path, depth, seed, (0.3 + 0.01 * depth + 0.02 * random.standard_normal(6)).tolist())
        for depth in range(10)
        for seed in range(4)
    ]
    found = noise_of("digits", runs, logs=False)
    assert found is not None
    assert found.over["epoch"].sd == pytest.approx(0.02, rel=0.2)
    assert found.over["frozen_layers"].sd == pytest.approx(0.02, rel=0.3)
    assert found.noise_from == "40 runs like these in the store (4 seeds)"
    assert "quickstart on digits" in found.discordance_from
    assert found.test_images == 400
    assert found.spread("epoch", 400).images == pytest.approx(found.discordance["epoch"] / 400)
    assert found.spread("epoch", None).images == 0


def test_one_seed_of_each_and_runs_that_failed_show_no_noise(tmp_path: Path) -> None:
    runs = [run(tmp_path, 0, 0, [0.3, 0.2]), run(tmp_path, 1, 0, [0.4, 0.2])]
    runs += [run(tmp_path, 0, 1, [0.5, 0.6], State.FAILED)]
    found = noise_of("digits", runs, logs=False)
    assert found is not None
    assert found.noise_from.startswith("quickstart on digits")


def test_a_curve_that_cannot_be_read_costs_itself(tmp_path: Path) -> None:
    runs = [run(tmp_path, 0, seed, [0.3 + 0.01 * seed, 0.2 - 0.02 * seed, 0.25 + 0.01 * seed**2]) for seed in range(3)]
    (runs[0].folder.path / "curve.csv").write_text("torn")
    found = noise_of("digits", runs, logs=False)
    assert found is not None
    assert found.noise_from.startswith("2 runs")


def test_an_unknown_pair_takes_the_larger_kept_noise_and_says_so() -> None:
    found = noise_of("of_my_own", [], logs=False)
    assert found is not None
    assert found.noise_from.endswith(", as none was measured on of_my_own")
    sds = [one["over"]["frozen_layers"]["sd"] for one in json.loads(KEPT.read_text())["studies"]]
    assert found.over["frozen_layers"].sd == max(sds)


def test_of_errors_of_numbers_nothing_is_kept() -> None:
    assert noise_of("gaussian_linear", [], logs=True) is None


def test_the_kept_noise_is_that_of_the_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import power  # type: ignore[import-not-found]

    assert json.loads(KEPT.read_text()) == power.kept()
