"""What each analysis says of studies whose answer was planted."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftdd.analysis.finding import Finding, Proposal
from ftdd.analysis.study_data import StudyData
from ftdd.components import Analysis
from ftdd.records.status import State
from ftdd.testing import MadeRun, made_study
from ftdd_plugins.analyses import ftdd_analyses
from ftdd_plugins.analyses.controls import Controls
from ftdd_plugins.analyses.emc import EffectiveModelComplexity
from ftdd_plugins.analyses.epochwise import Epochwise
from ftdd_plugins.analyses.freezingwise import Freezingwise
from ftdd_plugins.analyses.memorization import Memorization
from ftdd_plugins.analyses.paper import Paper
from ftdd_plugins.analyses.similarity import Similarity
from ftdd_plugins.analyses.sizes import Sizes
from ftdd_plugins.analyses.widthwise import Widthwise

ALL = [cls() for cls in ftdd_analyses()]

DEPTHS = (0, 2, 4, 6, 8, 9)
PEAK = (0.20, 0.15, 0.30, 0.45, 0.25, 0.22)
"""Over DEPTHS: down to 0.15 at 2, up to 0.45 at 6, down to 0.22."""
VALLEY = (0.40, 0.30, 0.20, 0.22, 0.30, 0.45)

EPOCHS = (0, 1, 2, 3, 5, 8, 13, 20, 32, 50, 80, 120)
WALK = (0.9, 0.6, 0.4, 0.3, 0.35, 0.45, 0.5, 0.45, 0.35, 0.25, 0.2, 0.2)
"""Over EPOCHS: down to 0.3 at epoch 3, up to 0.5 at epoch 13, down to 0.2."""
FALL = tuple(0.2 + 0.7 * 0.6**i for i in range(12))


def over_depths(
    errors: Sequence[float], seeds: int = 4, noise: float = 0.005, draw: int = 0, fits: int = 5, **more: Any
) -> list[MadeRun]:
    """A run for each depth and seed; those with at most `fits` frozen layers interpolate."""
    random = np.random.default_rng(draw)
    settings = {path.replace("__", "."): value for path, value in more.items()}
    return [
        MadeRun(
            {**settings, "freezing.count": depth, "seed": seed},
            (0.9, abs(error + noise * random.standard_normal())),
            (0.9, 0.0 if depth <= fits else 0.3),
            epochs=(0, 100),
        )
        for seed in range(seeds)
        for depth, error in zip(DEPTHS, errors, strict=True)
    ]


def over_epochs(
    errors: Sequence[float], seeds: int = 4, noise: float = 0.005, draw: int = 0, reached: int = 50, **more: Any
) -> list[MadeRun]:
    """A run for each seed, whose train error is zero from epoch `reached` on."""
    random = np.random.default_rng(draw)
    settings = {path.replace("__", "."): value for path, value in more.items()}
    return [
        MadeRun(
            {**settings, "seed": seed},
            tuple(np.abs(np.array(errors) + noise * random.standard_normal(len(errors))).tolist()),
            [0.0 if epoch >= reached else 0.5 for epoch in EPOCHS],
            epochs=EPOCHS,
        )
        for seed in range(seeds)
    ]


def only(findings: Iterable[Finding], words: str = "") -> Finding:
    (found,) = [one for one in findings if words in one.statement]
    return found


def summary(found: Finding) -> tuple[str, int]:
    return found.answer, found.n


# Epochs


def test_a_second_descent_over_epochs_is_seen_where_it_is() -> None:
    found = only(Epochwise().findings(made_study(over_epochs(WALK))))
    assert summary(found) == ("seen", 4)
    assert found.effect == pytest.approx(0.2, abs=0.02)
    assert found.interval is not None
    assert 0 < found.interval[0] <= found.effect <= found.interval[1]
    numbers = found.numbers
    assert (numbers["first_minimum_at"], numbers["peak_at"]) == (3, 13)
    assert numbers["second_minimum_at"] in (80, 120)
    assert numbers["second_descent"] == "strong"
    assert (numbers["interpolation_epoch"], numbers["interpolated"], numbers["of"]) == (50, 4, 4)
    assert numbers["best_over_seeds"] <= numbers["final_over_seeds"] == pytest.approx(0.2, abs=0.02)  # type: ignore[operator]
    assert len(found.runs) == 4
    assert "From epoch 3 the mean rises by" in found.text
    assert "to a peak at epoch 13" in found.text


def test_of_a_curve_that_only_falls_a_peak_is_ruled_out() -> None:
    found = only(Epochwise().findings(made_study(over_epochs(FALL))))
    assert summary(found) == ("not seen", 4)
    assert (
        "A peak of 0.05 in test error lasting at least 1 evaluation is excluded (one-sided 95%; 1 source × 4 seeds)."
        in found.text
    )


def test_one_seed_cannot_tell_and_two_more_are_asked_for() -> None:
    study = made_study(over_epochs(WALK, seeds=1))
    found = only(Epochwise().findings(study))
    assert summary(found) == ("cannot tell", 1)
    assert (found.interval, found.p) == (None, None)
    assert found.effect == pytest.approx(0.2, abs=0.05)
    assert "One seed gives no estimate of the variance between seeds" in found.text
    (asked,) = Epochwise().proposals(study)
    assert asked.settings == {"seed": 1}


def test_each_setting_and_depth_has_a_curve_of_its_own_and_seen_comes_first() -> None:
    runs = [
        *over_epochs(FALL, target__images=60, **{"freezing.count": 0}),
        *over_epochs(WALK, draw=1, target__images=60, **{"freezing.count": 3}),
        *over_epochs(FALL, draw=2, target__images=240, **{"freezing.count": 0}),
    ]
    findings = Epochwise().findings(made_study(runs))
    assert [one.answer for one in findings] == ["seen", "not seen", "not seen"]
    assert findings[0].settings == {"target.images": 60, "frozen_layers": 3}
    assert findings[0].text.startswith("60 target images, 3 frozen layers: From epoch 3")


def test_with_many_curves_a_chance_counts_as_often() -> None:
    alone = only(Epochwise().findings(made_study(over_epochs(WALK, noise=0.08))))
    runs = [
        run for n in range(5) for run in over_epochs(WALK if n == 0 else FALL, noise=0.08, draw=n, target__images=n)
    ]
    among = next(one for one in Epochwise().findings(made_study(runs)) if one.settings == {"target.images": 0})
    assert alone.p is not None
    assert among.p == pytest.approx(min(1.0, 5 * alone.p))
    assert alone.interval is not None
    assert among.interval is not None
    assert among.interval[0] < alone.interval[0]


def test_a_run_whose_curve_is_lost_costs_itself_and_not_its_curve() -> None:
    study = made_study(over_epochs(WALK))
    broken = replace(study, curves=study.curves[study.curves["id"] != "target001"])
    found = only(Epochwise().findings(broken))
    assert summary(found) == ("seen", 3)
    assert "target001" not in found.runs


def test_places_are_the_epochs_that_all_runs_share() -> None:
    study = made_study(over_epochs(WALK))
    holes = study.curves[~(study.curves["id"].eq("target001") & study.curves["epoch"].eq(13))]
    assert only(Epochwise().findings(replace(study, curves=holes))).numbers["peak_at"] in (8, 20)


# Frozen layers


def test_a_second_descent_over_frozen_layers_the_best_number_and_who_interpolates() -> None:
    study = made_study(over_depths(PEAK))
    descent, best, deciding = Freezingwise().findings(study)
    assert summary(descent) == ("seen", 4)
    assert descent.effect == pytest.approx(0.23, abs=0.02)
    assert (descent.numbers["first_minimum_at"], descent.numbers["peak_at"]) == (2, 6)
    assert descent.numbers["peak_trainable_parameters"] == 1000 - 90 * 6
    assert descent.numbers["peak_trainable_share_of_forward_flops"] == pytest.approx(0.4)
    assert descent.numbers["second_descent"] == "weak"
    assert "to a peak at 6 frozen layers" in descent.text
    assert summary(best) == ("seen", 4)
    assert best.effect == pytest.approx(0.07, abs=0.02)
    assert (best.numbers["best_at"], best.numbers["as_good"]) == (2, [2])
    assert "The mean is lowest with 2 frozen layers; freezing 9 costs 0.0" in best.text
    assert "no other depth may be the best (95%, 1 source × 4 seeds)" in best.text
    assert summary(deciding) == ("seen", 4)
    assert (deciding.effect, deciding.numbers["threshold_at"]) == (4, 4)
    assert deciding.p == pytest.approx(1 / math.comb(6, 3) ** 4)  # of all ways to choose 3 of the 6 runs of each seed
    assert deciding.numbers["share_interpolating"] == {"0": 1, "2": 1, "4": 1, "6": 0, "8": 0, "9": 0}
    assert "12 of 24 runs reach a train error of 0; at least half do with up to 4" in deciding.text
    assert all(set(one.runs) == set(study.done["id"]) for one in (descent, best, deciding))
    assert not Freezingwise().proposals(study)


def test_a_valley_is_no_second_descent() -> None:
    descent, best, _ = Freezingwise().findings(made_study(over_depths(VALLEY)))
    assert descent.answer == "not seen"
    assert best.answer == "seen"
    assert best.numbers["best_at"] == 4
    assert best.effect == pytest.approx(0.25, abs=0.02)


def test_seeds_with_too_few_places_in_common_do_not_say_what_is_as_good() -> None:
    runs = over_depths(PEAK, seeds=2)
    best = only(Freezingwise().findings(made_study([*runs[:5], runs[6]])), "best number")
    assert (best.answer, best.interval, best.numbers["as_good"]) == ("cannot tell", None, None)
    assert best.text.endswith("; the variance between seeds cannot be estimated (1 source × 2 seeds).")


def test_a_best_number_that_is_the_most_is_no_overfreezing() -> None:
    best = only(Freezingwise().findings(made_study(over_depths(sorted(VALLEY, reverse=True)))), "best number")
    assert (best.answer, best.effect) == ("not seen", 0.0)
    assert best.interval is not None
    assert 0 == best.interval[0] <= best.interval[1] < 0.05
    assert "with 9 frozen layers, the most there are" in best.text


def test_that_the_most_is_lowest_by_chance_does_not_rule_out_overfreezing() -> None:
    """Two seeds that differ by more than what is to be ruled out."""
    runs = over_depths((0.4, 0.4, 0.4, 0.4, 0.4, 0.3), seeds=2, noise=0.05)
    best = only(Freezingwise().findings(made_study(runs)), "best number")
    assert (best.answer, best.numbers["best_at"]) == ("cannot tell", 9)
    assert best.interval is not None
    assert best.interval[1] > 0.05


@pytest.mark.parametrize(("fits", "words"), [(9, "All runs reach"), (-1, "No runs reach")])
def test_where_all_interpolate_or_none_the_number_decides_nothing(fits: int, words: str) -> None:
    deciding = only(Freezingwise().findings(made_study(over_depths(PEAK, fits=fits))), "interpolate")
    assert (deciding.answer, deciding.effect) == ("not applicable", None)
    assert words in deciding.text


def test_one_seed_cannot_tell_who_interpolates_though_it_has_many_depths() -> None:
    for fits in (-1, 5, 9):
        found = Freezingwise().findings(made_study(over_depths(PEAK, seeds=1, fits=fits)))
        for one in [one for one in found if one.answer != "not applicable"]:
            assert one.answer == "cannot tell", one.statement
            assert "ne seed gives no estimate of the variance" in one.text


def test_squared_errors_are_compared_by_their_logarithms() -> None:
    """A peak a hundred times as high as its valleys, among seeds that differ by a tenth of what they measure."""
    random = np.random.default_rng(0)
    runs = [
        MadeRun({"freezing.count": depth, "seed": seed}, (error * math.exp(0.1 * random.standard_normal()),))
        for seed in range(4)
        for depth, error in zip(DEPTHS, (0.5, 0.1, 1.0, 10.0, 1.0, 0.05), strict=True)
    ]
    findings = Freezingwise().findings(made_study(runs, task="regression"))
    descent = only(findings, "rises to a peak")
    assert (descent.answer, descent.unit, descent.numbers["peak_at"]) == ("seen", "log test error", 6)
    assert descent.effect == pytest.approx(math.log(100), abs=0.3)
    assert descent.numbers["peak"] == pytest.approx(10, rel=0.2)
    assert "the mean logarithm rises by" in descent.text


def test_a_squared_error_that_overflowed_costs_its_run_and_not_the_study() -> None:
    runs = over_depths(PEAK)
    runs[0] = replace(runs[0], test_error=(0.9, math.inf))
    study = made_study(runs, task="regression")
    descent = only(Freezingwise().findings(study), "rises to a peak")
    assert summary(descent) == ("seen", 4)
    assert len(descent.runs) == len(runs) - 1
    for analysis in ALL:
        for one in analysis.findings(study):
            json.dumps(one.to_json(), allow_nan=False)


def test_of_numbers_that_never_reach_eps_nobody_can_tell_who_interpolates() -> None:
    study = made_study(over_depths(PEAK, fits=-1), task="regression")
    assert only(Freezingwise().findings(study), "interpolate").answer == "not applicable"
    told = replace(made_study(over_depths(PEAK), task="regression"))
    assert only(Freezingwise().findings(told), "interpolate").answer == "seen"


def test_half_a_study_is_told_of_as_far_as_it_goes() -> None:
    runs = over_depths(PEAK, seeds=4, noise=0.05)
    half = made_study(runs[: len(DEPTHS) + 3], asked=len(runs))
    descent = only(Freezingwise().findings(half), "rises to a peak")
    assert summary(descent) == ("cannot tell", 2)
    assert len(descent.runs) == len(DEPTHS) + 3
    none_in_common = made_study([*runs[:5], runs[6]])
    descent = only(Freezingwise().findings(none_in_common), "rises to a peak")
    assert summary(descent) == ("cannot tell", 2)
    assert "cannot be estimated (1 source × 2 seeds); complete the study" in descent.text


def test_diverged_runs_are_left_out_and_their_seeds_not_asked_for_again() -> None:
    runs = over_depths((0.2, 0.15, 0.2, 0.3, 0.25, 0.22), seeds=3, noise=0.06)
    left = made_study([replace(run, state=State.DIVERGED if run.settings["seed"] == 2 else run.state) for run in runs])
    descent = only(Freezingwise().findings(left), "rises to a peak")
    assert summary(descent) == ("cannot tell", 2)
    asked = Freezingwise().proposals(left)
    assert asked
    assert {one.settings["seed"] for one in asked} == {3}


def test_a_seed_more_is_asked_for_where_the_peak_may_be_and_at_the_minima() -> None:
    study = made_study(over_depths((0.20, 0.15, 0.17, 0.24, 0.20, 0.17), seeds=3, noise=0.03, target__images=60))
    descent = only(Freezingwise().findings(study), "rises to a peak")
    assert descent.answer == "cannot tell"
    asked = Freezingwise().proposals(study)
    numbers = descent.numbers
    between = [d for d in DEPTHS if numbers["peak_from"] <= d <= numbers["peak_to"]]  # type: ignore[operator]
    places = {numbers["first_minimum_at"], *between, numbers["second_minimum_at"]}
    assert [one.settings for one in asked] == [
        {"target.images": 60, "freezing.count": depth, "seed": 3}
        for depth in sorted(places)  # type: ignore[type-var]
    ]
    assert all("frozen layers (60 target images)" in one.reason for one in asked)


# Seeds of sources


def by_sources(sources: int, targets: int, spread: float = 0.0, errors: Sequence[float] = PEAK) -> list[MadeRun]:
    """Each source has luck of its own at each depth, which its targets share."""
    random = np.random.default_rng(3)
    luck = spread * random.standard_normal((sources, len(DEPTHS)))
    return [
        MadeRun(
            {"freezing.count": depth, "source.seed": source, "seed": target},
            (0.9, abs(error + luck[source, i] + 0.003 * random.standard_normal())),
            epochs=(0, 100),
        )
        for source in range(sources)
        for target in range(targets)
        for i, (depth, error) in enumerate(zip(DEPTHS, errors, strict=True))
    ]


def test_with_three_sources_or_more_a_replicate_is_a_source() -> None:
    assert only(Freezingwise().findings(made_study(by_sources(4, 5))), "rises").n == 4
    assert only(Freezingwise().findings(made_study(by_sources(2, 5))), "rises").n == 5


def test_the_luck_of_few_sources_is_no_finding_however_many_targets_they_have() -> None:
    flat = by_sources(3, 20, spread=0.06, errors=[0.3] * len(DEPTHS))
    assert only(Freezingwise().findings(made_study(flat)), "rises").answer != "seen"
    assert only(Freezingwise().findings(made_study(flat)), "best number").answer != "seen"


@pytest.mark.slow
def test_whether_a_source_lets_its_targets_interpolate_is_one_answer_however_many_targets_it_has() -> None:
    """Each source has luck of its own at each depth: with runs as replicates, 27 of 100 such studies were seen."""
    random, false = np.random.default_rng(0), 0
    for _ in range(40):
        fits = random.random((3, len(DEPTHS))) < 0.5
        runs = [
            replace(run, train_error=(0.9, 0.0 if fits[i // (5 * len(DEPTHS)), i % len(DEPTHS)] else 0.3))
            for i, run in enumerate(by_sources(3, 5))
        ]
        false += only(Freezingwise().findings(made_study(runs)), "interpolate").answer == "seen"
    assert false <= 5


def test_a_new_replicate_is_a_new_source_with_as_many_targets() -> None:
    study = made_study(by_sources(3, 2, spread=0.1))
    asked = Freezingwise().proposals(study)
    assert asked
    depths = {one.settings["freezing.count"] for one in asked}
    assert sorted(
        (one.settings["freezing.count"], one.settings["source.seed"], one.settings["seed"]) for one in asked
    ) == [(depth, 3, seed) for depth in sorted(depths) for seed in (0, 1)]


def test_where_each_seed_has_its_own_source_both_move_on() -> None:
    runs = [
        replace(run, settings={**run.settings, "source.seed": 10 + int(str(run.settings["seed"]))})
        for run in over_depths(PEAK, seeds=2, noise=0.1)
    ]
    asked = Freezingwise().proposals(made_study(runs))
    assert asked
    assert {(one.settings["seed"], one.settings["source.seed"]) for one in asked} == {(2, 12)}


def test_where_only_sources_differ_only_sources_move_on() -> None:
    runs = [
        MadeRun({"freezing.count": run.settings["freezing.count"], "source.seed": run.settings["seed"]}, run.test_error)
        for run in over_depths(PEAK, seeds=2, noise=0.1)
    ]
    asked = Freezingwise().proposals(made_study(runs))
    assert asked
    assert {(one.settings.get("seed"), one.settings["source.seed"]) for one in asked} == {(None, 2)}


# Widths, and sizes of the target set


@pytest.mark.parametrize(
    ("analysis", "path", "words"),
    [(Widthwise(), "architecture.width", "width 6"), (Sizes(), "target.images", "6 target images")],
)
def test_a_second_descent_over_a_setting(analysis: Analysis, path: str, words: str) -> None:
    runs = [replace(run, settings=_renamed(run.settings, path)) for run in over_depths(PEAK)]
    found = only(analysis.findings(made_study(runs)))
    assert summary(found) == ("seen", 4)
    assert (found.numbers["peak_at"], found.numbers["over"]) == (6, path)
    assert words in found.text
    unsure = [replace(run, settings=_renamed(run.settings, path)) for run in over_depths(PEAK, seeds=2, noise=0.1)]
    asked = analysis.proposals(made_study(unsure))
    assert asked
    assert {one.settings["seed"] for one in asked} == {2}
    assert {one.settings[path] for one in asked} <= set(DEPTHS)


def test_sizes_that_are_no_numbers_are_no_places() -> None:
    runs = [replace(run, settings=_renamed(run.settings, "target.images")) for run in over_depths(PEAK)]
    whole = [MadeRun({"target.images": "all", "seed": seed}, (0.9, 0.1)) for seed in range(4)]
    found = only(Sizes().findings(made_study([*runs, *whole])))
    assert (found.answer, found.numbers["peak_at"]) == ("seen", 6)


def _renamed(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {path if key == "freezing.count" else key: value for key, value in given.items()}


# Sizes of the source set


def from_sources(reached: Mapping[tuple[int, int, int], Sequence[int | None]], targets: int = 1) -> list[MadeRun]:
    """(images, epochs, steps) of the source → the epoch of interpolation from each source seed; None for never."""
    return [
        MadeRun(
            {"source.images": images, "source.training.epochs": epochs, "source.seed": seed, "seed": target},
            WALK,
            [0.0 if epoch is not None and at >= epoch else 0.5 for at in EPOCHS],
            epochs=EPOCHS,
            source_steps=steps,
        )
        for (images, epochs, steps), times in reached.items()
        for seed, epoch in enumerate(times)
        for target in range(targets)
    ]


EARLY, LATE, NEVER = [8, 13, 8, 13, 8], [50, 80, 50, 80, None], [None] * 5


def test_a_larger_source_set_slows_the_target_training() -> None:
    found = only(Sizes().findings(made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE}))))
    assert found.answer == "seen"
    assert (found.effect, found.unit, found.n) == (80 - 8, "epochs", 5)
    assert found.numbers["fixed"] == "epochs"
    assert found.numbers["large_times"] == {
        "interpolation_epoch": 80,
        "interpolation_epoch_low": 32,
        "interpolation_epoch_high": None,
        "interpolated": 4,
        "of": 5,
    }
    assert "From 50 source images, 5 of 5 runs interpolate, half of all by epoch 8" in found.text
    assert "from 500, 4 of 5 runs interpolate, half of all by epoch 80 (exact one-sided log-rank, p " in found.text


def test_runs_that_never_interpolate_are_late_and_not_missing() -> None:
    found = only(Sizes().findings(made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): NEVER}))))
    assert (found.answer, found.effect) == ("seen", None)
    assert "from 500, 0 of 5 runs interpolate (exact one-sided log-rank" in found.text


def test_a_larger_source_set_that_hastens_is_not_seen_to_slow() -> None:
    found = only(Sizes().findings(made_study(from_sources({(50, 10, 100): LATE, (500, 10, 1000): EARLY}))))
    assert found.answer == "not seen"


def test_equal_epochs_and_equal_steps_are_told_apart_and_both_counted() -> None:
    runs = from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE, (500, 1, 101): EARLY})
    findings = Sizes().findings(made_study(runs))
    assert [(one.numbers["fixed"], one.answer) for one in findings] == [("epochs", "seen"), ("steps", "cannot tell")]
    alone = only(Sizes().findings(made_study(runs[:10])))
    assert findings[0].p == pytest.approx(2 * alone.p)  # type: ignore[operator]


def test_targets_of_one_source_are_one_replicate() -> None:
    """Two seeds a source: five sources are five, not ten."""
    found = only(Sizes().findings(made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE}, targets=2))))
    assert summary(found) == ("seen", 5)
    assert "5 of 5 sources' targets interpolate" in found.text


def test_a_source_whose_targets_lost_their_curves_costs_itself() -> None:
    study = made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE}, targets=2))
    lost = study.done[study.done["source.images"].eq(500) & study.done["source.seed"].eq(0)]["id"]
    found = only(Sizes().findings(replace(study, curves=study.curves[~study.curves["id"].isin(lost)])))
    assert summary(found) == ("seen", 4)


def test_one_seed_of_each_size_cannot_tell() -> None:
    found = only(Sizes().findings(made_study(from_sources({(50, 10, 100): [8], (500, 10, 1000): [80]}))))
    assert summary(found) == ("cannot tell", 1)
    assert "One seed gives no estimate of the variance between seeds" in found.text


# Likeness


def two_sources(
    near: Sequence[float], far: Sequence[float], seeds: int = 4, noise: float = 0.005, **more: Any
) -> list[MadeRun]:
    return [
        replace(run, settings={"pair.similarity": word, **run.settings, "source.seed": run.settings["seed"]})
        for draw, (word, errors) in enumerate({"near": near, "far": far}.items())
        for run in over_depths(errors, seeds=seeds, noise=noise, draw=draw, **more)
    ]


LIKENESS = {"pair.similarity": ["near", "far"]}
CROSSING = tuple(error + (0.1 if depth < 5 else -0.1) for error, depth in zip(PEAK, DEPTHS, strict=True))


def test_a_less_related_source_that_is_better_where_much_is_frozen_is_seen() -> None:
    better, crossing = Similarity().findings(made_study(two_sources(PEAK, CROSSING), similarity_order=LIKENESS))
    assert summary(better) == ("seen", 4)
    assert better.statement == (
        "The less related source (similarity far) is better than the more related one (similarity near)"
    )
    assert better.effect == pytest.approx(0.1, abs=0.02)
    assert better.interval is not None
    assert 0 < better.interval[0] <= better.effect <= better.interval[1]
    assert (better.numbers["wins_at"], better.numbers["loses_at"]) == ([6, 8, 9], [0, 2, 4])
    assert better.numbers["paired"] is True
    assert crossing.answer == "seen"
    assert (
        "Similarity far is significantly better with 6, 8, 9 frozen layers, similarity near with 0, 2, 4"
        in crossing.text
    )
    assert len(better.runs) == 2 * 4 * len(DEPTHS)


def test_a_less_related_source_that_is_worse_everywhere_is_not_seen() -> None:
    worse = tuple(error + 0.1 for error in PEAK)
    better, crossing = Similarity().findings(made_study(two_sources(PEAK, worse), similarity_order=LIKENESS))
    assert better.answer == "not seen"
    assert "excluded at every depth" in better.text
    assert "the mean error of similarity near is 0." in better.text
    assert "lower than that of similarity far" in better.text
    assert (crossing.answer, crossing.numbers["wins_at"]) == ("not seen", [])
    assert "Similarity near is significantly better at every depth" in crossing.text


def test_the_interval_in_the_text_is_that_of_the_difference_it_names() -> None:
    """near is better by 0.1: the difference that is spoken of is above zero, so its ends are too."""
    worse = tuple(error + 0.1 for error in PEAK)
    better = Similarity().findings(made_study(two_sources(PEAK, worse), similarity_order=LIKENESS))[0]
    (low, high) = re.findall(r" \[([\d.]+), ([\d.]+)\] lower", better.text)[0]
    assert 0 < float(low) < 0.1 < float(high)


def test_a_scheme_says_which_is_less_related_where_the_pair_does_not() -> None:
    runs = [
        replace(run, scores={"made": 0.9 if run.settings["pair.similarity"] == "near" else 0.3})
        for run in two_sources(PEAK, CROSSING)
    ]
    assert Similarity().findings(made_study(runs))[0].answer == "seen"
    turned = [replace(run, scores={"made": -run.scores["made"]}) for run in runs]
    assert "(similarity near) is better" in Similarity().findings(made_study(turned))[0].statement
    assert not Similarity().findings(made_study(two_sources(PEAK, CROSSING)))


def with_digest(run: MadeRun, digest: str) -> MadeRun:
    return replace(run, facts={"data": {"test_digest": digest, "test_images": 1000}})


def test_sources_with_other_targets_are_not_compared() -> None:
    runs = [with_digest(run, str(run.settings["pair.similarity"])) for run in two_sources(PEAK, CROSSING)]
    study = made_study(runs, similarity_order=LIKENESS)
    found = only(Similarity().findings(study))
    assert (found.answer, found.effect, found.interval) == ("not applicable", None, None)
    assert "The two have different targets" in found.text
    assert not Similarity().proposals(study)


def test_test_sets_that_seeds_draw_are_the_same_for_both_sources() -> None:
    runs = [with_digest(run, f"of {run.settings['seed']}") for run in two_sources(PEAK, CROSSING)]
    assert Similarity().findings(made_study(runs, similarity_order=LIKENESS))[0].answer == "seen"


def test_seeds_of_both_are_asked_for_where_the_difference_is_nearest_to_telling() -> None:
    almost = tuple(error - (0.06 if depth == 6 else 0.0) for error, depth in zip(PEAK, DEPTHS, strict=True))
    study = made_study(two_sources(PEAK, almost, seeds=3, noise=0.04), similarity_order=LIKENESS)
    assert Similarity().findings(study)[0].answer == "cannot tell"
    asked = Similarity().proposals(study)
    assert {one.settings["pair.similarity"] for one in asked} == {"near", "far"}
    assert len({one.settings["freezing.count"] for one in asked}) == 1
    assert {one.settings["seed"] for one in asked} == {3}
    assert not Similarity().proposals(made_study(two_sources(PEAK, CROSSING), similarity_order=LIKENESS))


def test_places_with_one_seed_in_common_are_not_spoken_of() -> None:
    runs = [
        run
        for run in two_sources(PEAK, CROSSING)
        if run.settings["freezing.count"] != 9 or int(str(run.settings["seed"])) == 0
    ]
    better = Similarity().findings(made_study(runs, similarity_order=LIKENESS))[0]
    assert set(better.numbers["differences"]) == {"0", "2", "4", "6", "8"}  # type: ignore[arg-type]


def test_squared_errors_are_told_by_their_digits_and_sentences_begin_with_a_capital() -> None:
    runs = [
        replace(run, test_error=[1e-7 * error for error in run.test_error])
        for run in with_control(PEAK, "random", [error + 0.1 for error in PEAK], noise=0.001)
    ]
    text = only(Controls().findings(made_study(runs, task="regression"))).text
    assert re.search(
        r"error of transfer is [\d.]+e-0[89] \[[\d.]+e-0[89], [\d.]+e-0[89]\] lower than that of random", text
    )
    assert ". Transfer is significantly better at 6 of 6 depths (0, 2, 4, 6, 8, 9)." in text
    alone = [run for run in runs if run.settings["freezing.count"] == 9]
    text = only(Controls().findings(made_study(alone, task="regression"))).text
    assert text.endswith(". Transfer is significantly better there.")


def test_one_run_of_several_has_a_verb_of_its_own() -> None:
    one_fits = [
        replace(run, train_error=(0.9, 0.0 if i == 0 else 0.3)) for i, run in enumerate(over_depths(PEAK, seeds=2))
    ]
    assert "1 of 12 runs reaches a" in only(Freezingwise().findings(made_study(one_fits)), "interpolate").text
    slow = made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): [120, None, None]}))
    assert "from 500, 1 of 3 runs interpolates (" in only(Sizes().findings(slow)).text


def test_places_without_a_seed_in_common_are_not_spoken_of() -> None:
    runs = [
        run
        for run in two_sources(PEAK, CROSSING)
        if run.settings["freezing.count"] != 9
        or (run.settings["pair.similarity"] == "near") == (int(str(run.settings["seed"])) < 2)
    ]
    better = Similarity().findings(made_study(runs, similarity_order=LIKENESS))[0]
    assert set(better.numbers["differences"]) == {"0", "2", "4", "6", "8"}  # type: ignore[arg-type]


# Controls


def with_own_sources(runs: Sequence[MadeRun]) -> list[MadeRun]:
    """Each seed has a source network of its own."""
    return [replace(run, settings={**run.settings, "source.seed": run.settings["seed"]}) for run in runs]


def test_what_one_source_network_shows_it_does_not_show_of_others() -> None:
    runs = [*over_depths(PEAK, control="transfer"), *over_depths([error + 0.2 for error in PEAK], control="random")]
    found = only(Controls().findings(made_study(runs)))
    assert (found.answer, found.numbers["for_these_sources"]) == ("cannot tell", "seen")
    assert (found.sources, found.targets, found.scope) == (1, 4, "this source network")
    asked = Controls().proposals(made_study(runs))
    assert {(one.settings["control"], one.settings.get("source.seed")) for one in asked} == {
        ("transfer", 1),
        ("random", 1),
    }


def with_control(transfer: Sequence[float], control: str, errors: Sequence[float], **more: Any) -> list[MadeRun]:
    return with_own_sources(
        [*over_depths(transfer, control="transfer", **more), *over_depths(errors, draw=1, control=control, **more)]
    )


def test_transfer_that_beats_a_random_prefix_is_seen() -> None:
    worse = tuple(error + 0.02 * depth for error, depth in zip(PEAK, DEPTHS, strict=True))
    found = only(Controls().findings(made_study(with_control(PEAK, "random", worse))))
    assert summary(found) == ("seen", 4)
    assert found.statement == "Transfer is better than a frozen prefix that learned nothing"
    assert found.effect == pytest.approx(0.18, abs=0.02)
    assert (found.numbers["at"], found.numbers["loses_at"]) == (9, [])


def test_transfer_that_is_no_better_than_its_control_is_not_seen() -> None:
    found = only(Controls().findings(made_study(with_control(PEAK, "selffer", [error - 0.02 for error in PEAK]))))
    assert found.answer == "not seen"
    assert "That transfer is better by 0.05 or more is excluded at every depth." in found.text


def test_training_from_scratch_freezes_nothing_and_is_compared_with_every_depth() -> None:
    scratch = [
        MadeRun({"control": "scratch", "freezing.count": 0, "seed": seed}, (0.9, 0.26 + 0.002 * seed), epochs=(0, 100))
        for seed in range(4)
    ]
    runs = with_own_sources([*over_depths(PEAK, control="transfer"), *scratch])
    found = only(Controls().findings(made_study(runs)))
    assert found.statement == "Transfer is better than training from scratch"
    assert found.answer == "seen"
    assert set(found.numbers["differences"]) == {str(depth) for depth in DEPTHS}  # type: ignore[arg-type]
    assert found.numbers["wins_at"] == [0, 2, 8, 9]
    assert found.numbers["loses_at"] == [4, 6]


def test_training_from_scratch_gets_its_seeds_too() -> None:
    scratch = [
        MadeRun({"control": "scratch", "freezing.count": 0, "seed": seed}, (0.9, 0.2 + 0.1 * seed), epochs=(0, 100))
        for seed in range(3)
    ]
    transfer = over_depths(PEAK, control="transfer", noise=0.1, seeds=3)
    asked = Controls().proposals(made_study(with_own_sources([*transfer, *scratch])))
    assert sorted(str(one.settings["control"]) for one in asked) == ["scratch", "transfer"]
    assert {one.settings["seed"] for one in asked} == {3}


def test_half_a_control_says_nothing_of_the_depths_it_has_not_run_at() -> None:
    runs = with_control(PEAK, "random", [error + 0.2 for error in PEAK])
    half = [run for run in runs if run.settings["control"] == "transfer" or run.settings["freezing.count"] == 9]
    found = only(Controls().findings(made_study(half)))
    assert found.numbers["differences"].keys() == {"9"}  # type: ignore[union-attr]


def test_one_seed_of_a_control_cannot_tell() -> None:
    found = only(Controls().findings(made_study(with_control(PEAK, "random", VALLEY, seeds=1))))
    assert (found.answer, found.interval, found.p) == ("cannot tell", None, None)
    assert "One seed gives no estimate of the variance between seeds" in found.text


# Right and wrong labels


def labels(right: int, wrong: int | None, seeds: int = 4, depths: Sequence[int] = (0, 5), **more: Any) -> list[MadeRun]:
    """Right labels are fitted at the epoch `right`, wrong ones at `wrong`, one epoch later with each seed."""
    after = [EPOCHS.index(right), None if wrong is None else EPOCHS.index(wrong)]
    return [
        MadeRun(
            {**more, "freezing.count": depth, "seed": seed},
            WALK,
            [0.0 if i >= after[0] + seed % 2 else 0.9 for i in range(len(EPOCHS))],  # type: ignore[operator]
            [0.0 if after[1] is not None and i >= after[1] + seed % 2 else 0.9 for i in range(len(EPOCHS))],
            epochs=EPOCHS,
        )
        for seed in range(seeds)
        for depth in depths
    ]


def test_wrong_labels_are_fitted_later_than_right_ones() -> None:
    found = only(Memorization().findings(made_study(labels(2, 32))))
    assert summary(found) == ("seen", 4)
    assert (found.effect, found.unit) == (30, "epochs")
    assert (found.numbers["right_epoch"], found.numbers["wrong_epoch"]) == (2, 32)
    assert found.numbers["memorized"] == {"0": 1, "5": 1}
    assert "50% of the right labels are fitted by epoch 2, of the wrong ones by epoch 32" in found.text
    assert "with 0 frozen layers, 100% of the wrong labels end up memorized; with 5 frozen layers, 100%" in found.text


def test_wrong_labels_that_are_never_fitted_are_late() -> None:
    found = only(Memorization().findings(made_study(labels(2, None))))
    assert (found.answer, found.effect) == ("seen", None)
    assert "of the wrong ones in fewer than half of the runs" in found.text


def test_wrong_labels_that_are_fitted_with_the_right_ones_are_not_later() -> None:
    assert only(Memorization().findings(made_study(labels(8, 8)))).answer == "not seen"


def test_two_seeds_are_too_few_to_tell_which_labels_come_first() -> None:
    """Four times of labels alike come in this order in one case of six."""
    found = only(Memorization().findings(made_study(labels(2, 32, seeds=2))))
    assert summary(found) == ("cannot tell", 2)
    assert found.p == pytest.approx(1 / 6)
    assert found.text.endswith("More seeds would tell whether that is chance.")


@pytest.mark.parametrize("wrong", [8, 32])
def test_one_seed_cannot_tell_which_labels_come_first(wrong: int) -> None:
    found = only(Memorization().findings(made_study(labels(8, wrong, seeds=1))))
    assert summary(found) == ("cannot tell", 1)


def test_each_setting_is_one_of_the_comparisons() -> None:
    alone = only(Memorization().findings(made_study(labels(2, 32))))
    runs = [*labels(2, 32, **{"target.images": 60}), *labels(2, 32, **{"target.images": 240})]
    both = Memorization().findings(made_study(runs))
    assert [one.settings for one in both] == [{"target.images": 60}, {"target.images": 240}]
    assert both[0].p == pytest.approx(2 * alone.p)  # type: ignore[operator]


# Effective model complexity


def fitting(most: Mapping[int, int], sizes: Sequence[int] = (30, 60, 120), seeds: int = 3) -> list[MadeRun]:
    """With each depth, so many images are fitted; the test error peaks at the depth where a size just is not."""
    random = np.random.default_rng(1)
    return [
        MadeRun(
            {"target.images": size, "freezing.count": depth, "seed": seed},
            (0.9, 0.2 + 0.3 * math.exp(-(math.log2(size / limit) ** 2)) + 0.004 * random.standard_normal()),
            (0.9, 0.02 if size <= limit else 0.4),
            epochs=(0, 100),
        )
        for size in sizes
        for depth, limit in most.items()
        for seed in range(seeds)
    ]


FITTED = {0: 400, 2: 200, 4: 100, 6: 50, 8: 25, 9: 10}


def test_brackets_of_the_effective_model_complexity_are_the_sizes_around_it() -> None:
    lowers, *crossings = EffectiveModelComplexity().findings(made_study(fitting(FITTED)))
    assert summary(lowers) == ("seen", 3)
    assert lowers.numbers["emc"] == {
        "0": [120, None],
        "2": [120, None],
        "4": [60, 120],
        "6": [30, 60],
        "8": [0, 30],
        "9": [0, 30],
    }
    assert lowers.effect == 120 / 30
    assert "with 0 frozen layers 120 or more" in lowers.text
    assert "with 9 frozen layers fewer than 30" in lowers.text
    assert {one.settings["target.images"] for one in crossings} == {30, 60, 120}
    for one in crossings:
        assert one.answer == "seen", one.text
        assert one.interval is not None
        assert one.interval[0] <= one.effect <= one.interval[1]  # type: ignore[operator]


def test_a_peak_away_from_the_crossing_is_not_seen_there() -> None:
    random = np.random.default_rng(1)
    runs = [
        replace(
            run,
            test_error=(0.9, (0.5 if run.settings["freezing.count"] == 2 else 0.2) + 0.003 * random.standard_normal()),
        )
        for run in fitting(FITTED)
    ]
    crossings = EffectiveModelComplexity().findings(made_study(runs))[1:]
    at_30 = next(one for one in crossings if one.settings["target.images"] == 30)
    assert (at_30.answer, at_30.effect) == ("not seen", 2 - 6)


def test_a_peak_that_may_stand_elsewhere_is_not_seen_to_stand_at_the_crossing() -> None:
    """The mean is highest with 6 frozen layers, where EMC crosses 30 images, but with 4 it may be as high."""
    random = np.random.default_rng(0)
    errors = {0: 0.6, 2: 0.2, 4: 0.49, 6: 0.5, 8: 0.2, 9: 0.2}
    runs = [
        replace(run, test_error=(0.9, errors[int(run.settings["freezing.count"])] + 0.02 * random.standard_normal()))
        for run in fitting({0: 400, 2: 200, 4: 100, 6: 40, 8: 25, 9: 10}, seeds=5)
    ]
    crossings = EffectiveModelComplexity().findings(made_study(runs))[1:]
    at_30 = next(one for one in crossings if one.settings["target.images"] == 30)
    assert (at_30.answer, at_30.effect) == ("cannot tell", 0)
    assert "may stand anywhere from 4 to 6" in at_30.text


def test_a_crossing_of_which_seeds_are_not_sure_is_not_seen_to_be_at_the_peak() -> None:
    """With 6 frozen layers the mean train error on 60 images is just above eps, and seeds differ by more."""
    random = np.random.default_rng(2)
    runs = [
        replace(run, train_error=(0.9, 0.12 + 0.05 * random.standard_normal()))
        if (run.settings["freezing.count"], run.settings["target.images"]) == (6, 60)
        else run
        for run in fitting(FITTED)
    ]
    crossings = EffectiveModelComplexity().findings(made_study(runs))[1:]
    at_60 = next(one for one in crossings if one.settings["target.images"] == 60)
    assert at_60.answer == "cannot tell"
    assert at_60.text.endswith("Where EMC crosses is uncertain with these seeds.")


def test_freezing_that_raises_the_complexity_is_not_seen_to_lower_it() -> None:
    raises = dict(zip(FITTED, sorted(FITTED.values()), strict=True))
    assert EffectiveModelComplexity().findings(made_study(fitting(raises)))[0].answer == "not seen"
    assert EffectiveModelComplexity().findings(made_study(fitting(FITTED, seeds=1)))[0].answer == "cannot tell"


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_sizes_that_are_fitted_by_chance_alone_lower_no_complexity(seeds: int) -> None:
    """With both depths the mean train error on 120 images is eps itself, so by chance one is on this side of it."""
    random = np.random.default_rng(seeds)
    answers = []
    for _ in range(60):
        runs = [
            MadeRun({"target.images": size, "freezing.count": depth, "seed": seed}, (0.5,), (max(error, 0.0),))
            for size, mean in ((60, 0.0), (120, 0.1), (240, 0.3))
            for depth in (0, 5)
            for seed in range(seeds)
            for error in [mean + 0.03 * random.standard_normal()]
        ]
        found = EffectiveModelComplexity().findings(made_study(runs))[0]
        answers.append(found.answer)
        assert found.answer != "cannot tell" or "more seeds, or sizes between these, would decide" in found.text
    assert answers.count("cannot tell") >= 54


def test_sizes_between_are_asked_for_until_they_are_near() -> None:
    """30 and 120 around 50: 60, then 42, then 50, and then the two differ by less than a quarter."""
    sizes, tried = [30, 120], []
    for _ in range(6):
        study = made_study(fitting({0: 50, 5: 10}, sizes))
        asked = EffectiveModelComplexity().proposals(study)
        if not asked:
            break
        assert {one.settings["seed"] for one in asked} == {0, 1, 2}
        assert {one.settings["freezing.count"] for one in asked} == {0}
        (size,) = {int(str(one.settings["target.images"])) for one in asked}
        tried.append(size)
        sizes = sorted([*sizes, size])
    assert tried == [60, 42, 50]


def test_sizes_next_to_each_other_have_none_between() -> None:
    assert not EffectiveModelComplexity().proposals(made_study(fitting({0: 2, 5: 1}, [2, 3])))


# The paper


def test_f1_a_more_pronounced_double_descent_with_more_target_images() -> None:
    runs = [*over_epochs(FALL, target__images=60), *over_epochs(WALK, draw=1, target__images=1200)]
    one_source = only(Paper().findings(made_study(runs)), "F1")
    assert (one_source.answer, one_source.numbers["for_these_sources"]) == ("cannot tell", "seen")
    assert one_source.text.endswith(
        "With 1 source network this says nothing about others; sweep source.seed over at least 3."
    )
    found = only(Paper().findings(made_study(with_own_sources(runs))), "F1")
    assert summary(found) == ("seen", 4)
    assert found.effect == pytest.approx(0.2, abs=0.03)
    assert "With 1,200 target images the peak over epochs stands out by 0." in found.text
    turned = [*over_epochs(WALK, target__images=60), *over_epochs(FALL, draw=1, target__images=1200)]
    assert only(Paper().findings(made_study(with_own_sources(turned))), "F1").answer == "not seen"


def test_f2_one_arm_that_is_slowed_is_enough() -> None:
    runs = from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE, (500, 1, 101): EARLY})
    found = only(Paper().findings(made_study(runs)), "F2")
    assert (found.answer, found.numbers["seen"], found.numbers["cannot_tell"]) == ("seen", 1, 1)
    assert found.text.startswith("1 of 2 comparisons shows it. From 50 source images")
    assert list(found.numbers)[-2:] == ["seen", "cannot_tell"]  # as they came, in every process
    assert len(found.runs) == 15


@pytest.mark.parametrize(
    ("errors", "fits", "answer"),
    [(PEAK, 5, "seen"), (VALLEY, 5, "not seen"), (PEAK, 9, "not applicable")],
    ids=["both halves", "no second descent", "all interpolate"],
)
def test_f3_needs_both_halves_on_one_curve(errors: Sequence[float], fits: int, answer: str) -> None:
    found = only(Paper().findings(made_study(with_own_sources(over_depths(errors, fits=fits)))), "F3")
    assert found.answer == answer
    assert "runs reach a train error of 0" in found.text


def test_f3_of_numbers_that_never_interpolate_lacks_a_half() -> None:
    study = made_study(over_depths(PEAK, fits=-1), task="regression")
    assert only(Paper().findings(study), "F3").answer == "not applicable"


def test_f4_is_that_of_similarity() -> None:
    study = made_study(two_sources(PEAK, CROSSING), similarity_order=LIKENESS)
    found = only(Paper().findings(study), "F4")
    assert (found.answer, found.analysis) == ("seen", "paper")


# All of them

ABOUT: dict[str, Callable[[], StudyData]] = {
    "epochwise": lambda: made_study(over_epochs(WALK)),
    "freezingwise": lambda: made_study(over_depths(PEAK)),
    "widthwise": lambda: made_study(
        [replace(run, settings=_renamed(run.settings, "architecture.width")) for run in over_depths(PEAK)]
    ),
    "sizes": lambda: made_study(from_sources({(50, 10, 100): EARLY, (500, 10, 1000): LATE})),
    "similarity": lambda: made_study(two_sources(PEAK, CROSSING), similarity_order=LIKENESS),
    "controls": lambda: made_study(with_control(PEAK, "random", VALLEY)),
    "memorization": lambda: made_study(labels(2, 32)),
    "emc": lambda: made_study(fitting({0: 100, 4: 50, 9: 10})),
}


def name(analysis: Analysis) -> str:
    return str(type(analysis).model_fields["name"].default)


@cache
def about(word: str) -> StudyData:
    return ABOUT[word]()


@cache
def found_in(word: str, analysis: Analysis) -> Sequence[Finding]:
    """Once for all tests: some take a second."""
    return tuple(analysis.findings(about(word)))


@pytest.mark.parametrize("analysis", ALL, ids=name)
def test_a_study_about_something_else_gives_no_findings(analysis: Analysis) -> None:
    """Depths, images and epochs are in many studies; what a study does not sweep is not spoken of."""
    spoken = {word: bool(found_in(word, analysis)) for word in ABOUT}
    expected = {
        "epochwise": {"epochwise", "sizes", "memorization"},
        "freezingwise": {"freezingwise", "similarity", "controls", "memorization", "emc"},
        "widthwise": {"widthwise"},
        "sizes": {"sizes", "emc"},
        "similarity": {"similarity"},
        "controls": {"controls"},
        "memorization": {"memorization"},
        "emc": {"emc"},
        "ensembles": set(),
        "advise": {"freezingwise", "similarity", "controls", "memorization", "emc"},
        "paper": {"freezingwise", "sizes", "similarity", "controls", "emc"},
    }[name(analysis)]
    assert {word for word, said in spoken.items() if said} == expected


@pytest.mark.parametrize("word", ABOUT)
def test_findings_are_worded_for_readers(word: str) -> None:
    whole, first = about(word), _first_seed(about(word))
    for analysis in ALL:
        for study, findings in ((whole, found_in(word, analysis)), (first, analysis.findings(first))):
            for one in findings:
                _readable(one.text)
                _readable(one.statement)
                assert one.text.endswith(".")
                _in_its_interval(one)
                again = Finding.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False)))
                assert again == replace(one, settings=dict(one.settings), numbers=dict(one.numbers))
            for asked in analysis.proposals(study):
                _readable(asked.reason)


def _first_seed(study: StudyData) -> StudyData:
    moving = "source.seed" if "source.seed" in study.swept else "seed"
    runs = study.done[study.done[moving] == 0]
    return replace(
        study,
        runs=runs,
        curves=study.curves[~study.curves["id"].isin(set(study.done["id"]) - set(runs["id"]))],
    )


WRONG = re.compile(
    r"\bnan\b|\bNone\b|\binf\b|<NA>|\b\d+\.0\b(?!\d)|: ;|\(\)|\[\]|  |\b1 (frozen layers|seeds|runs)\b|--|−0\.000\b"
)


def _readable(text: str) -> None:
    text = re.sub(r"`ftdd run .*?`", "`a command`", text)
    assert not WRONG.search(text), (WRONG.search(text), text)


def _in_its_interval(one: Finding) -> None:
    if one.interval is not None and one.effect is not None:
        assert one.interval[0] - 1e-9 <= one.effect <= one.interval[1] + 1e-9, one


def test_settings_are_worded_for_readers() -> None:
    runs = [
        *over_epochs(WALK, target__images=1200, optimizer="adam", **{"freezing.count": 1}),
        *over_epochs(WALK, draw=1, target__images=1200, optimizer=None, **{"freezing.count": 22}),
    ]
    texts = [one.text for one in Epochwise().findings(made_study(runs))]
    assert sorted(text.partition(":")[0] for text in texts) == [
        "1,200 target images, optimizer adam, 1 frozen layer",
        "1,200 target images, optimizer none, 22 frozen layers",
    ]


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    word=st.sampled_from(sorted(ABOUT)),
    draw=st.integers(0, 2**32 - 1),
    change=st.sampled_from(["shuffled", "twice", "a column more", "a constant setting", "empty cells"]),
)
def test_what_does_not_matter_changes_nothing(word: str, draw: int, change: str) -> None:
    plain = about(word)
    other = _changed(plain, draw, change)
    for analysis in ALL:
        one, two = (_told(said) for said in (found_in(word, analysis), analysis.findings(other)))
        assert [key for key, _ in one] == [key for key, _ in two], (name(analysis), change)
        for (_, a), (_, b) in zip(one, two, strict=True):
            assert a == pytest.approx(b, rel=1e-6, abs=1e-9, nan_ok=True)
        if change == "twice":
            asked = [dict(proposal.settings) for proposal in analysis.proposals(other)]
            assert asked == [dict(proposal.settings) for proposal in analysis.proposals(plain)]


def _changed(study: StudyData, draw: int, change: str) -> StudyData:
    runs, curves = study.runs, study.curves
    if change == "shuffled":
        return replace(
            study, runs=runs.sample(frac=1, random_state=draw), curves=curves.sample(frac=1, random_state=draw)
        )
    if change == "twice":
        return replace(study, runs=pd.concat([runs, runs]), curves=pd.concat([curves, curves]))
    if change == "a column more":
        return replace(study, runs=runs.assign(weather=np.random.default_rng(draw).random(len(runs))))
    if change == "empty cells":
        return replace(study, runs=runs.assign(**{"similarity.none": np.nan}, seconds=np.nan, source_test_error=None))
    path = "target.label_noise"
    entries = tuple(replace(one, settings={**one.settings, path: 0.2}) for one in study.record.entries)
    record = replace(study.record, swept=(*study.swept, path), entries=entries)
    return replace(study, runs=runs.assign(**{path: 0.2}), record=record, groups=(*study.groups, path))


def _told(findings: Sequence[Finding]) -> list[tuple[Any, list[float]]]:
    """What must be equal, and what may differ in its last digits."""
    told = []
    for one in findings:
        where = {path: value for path, value in one.settings.items() if path != "target.label_noise"}
        key = (one.statement, sorted(map(str, where.items())), one.answer, one.n, sorted(one.runs))
        told.append((key, [math.nan if x is None else x for x in (one.effect, one.p, *(one.interval or ()))]))
    return sorted(told, key=lambda one: str(one[0]))


@pytest.mark.parametrize("analysis", ALL, ids=name)
def test_nothing_is_asked_for_where_all_is_decided(analysis: Analysis) -> None:
    for word in ("freezingwise", "similarity"):
        if all(one.answer != "cannot tell" for one in found_in(word, analysis)):
            asked: Sequence[Proposal] = analysis.proposals(about(word))
            assert not asked
