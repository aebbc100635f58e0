"""How many layers to freeze, of studies whose best number was planted; and `ftdd advise`."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ftdd.analysis.advice import Advice, advice_in
from ftdd.analysis.advice import command as command_of
from ftdd.analysis.study_data import StudyData
from ftdd.cli.advise_command import command
from ftdd.records.status import State
from ftdd.study.store import Store
from ftdd.testing import MadeRun, made_study
from ftdd_plugins.analyses.advise import Advise
from tests.results import made_study as by_hand
from tests.results.from_store import read

DEPTHS = (0, 2, 4, 6, 8, 9)
VALLEY = (0.40, 0.30, 0.15, 0.22, 0.30, 0.45)
PEAK_FAR = (0.15, 0.20, 0.28, 0.45, 0.30, 0.22)
PEAK_NEAR = (0.30, 0.30, 0.15, 0.45, 0.30, 0.22)


def runs(
    errors: Sequence[float], seeds: int = 4, noise: float = 0.005, best: float = 0.0, fits: int = 5, **settings: Any
) -> list[MadeRun]:
    """best: how much lower the error was at epoch 10 of 100.   fits: the most frozen layers that interpolate."""
    random = np.random.default_rng(0)
    found = []
    for seed in range(seeds):
        for depth, error in zip(DEPTHS, errors, strict=True):
            last = abs(error + noise * random.standard_normal())
            train = (0.9, 0.2, 0.0 if depth <= fits else 0.2)
            given = {path.replace("__", "."): value for path, value in settings.items()}
            given |= {"freezing.count": depth, "seed": seed}
            found.append(MadeRun(given, (0.9, last - best, last), train, epochs=(0, 10, 100)))
    return found


def advice_on(study: StudyData) -> tuple[Advice, ...]:
    return advice_in(Advise().findings(study))


def only(made: Sequence[MadeRun], **about: Any) -> Advice:
    (found,) = advice_on(made_study(made, **about))
    return found


def text(advice: Advice) -> str:
    return " ".join(advice.text)


def test_the_best_number_and_what_it_costs_to_be_wrong_by_one() -> None:
    advice = only(runs(VALLEY))
    assert (advice.best, advice.recommended, advice.settings) == (4, 4, {})
    assert advice.text[0].startswith("Freeze 4 layers: mean test error 0.148 ")
    assert advice.text[0].endswith("over 1 source × 4 seeds; it is the best number (95%).")
    assert [choice.frozen_layers for choice in advice.choices] == list(DEPTHS)
    assert [choice.as_good for choice in advice.choices] == [False, False, True, False, False, False]
    by = {choice.frozen_layers: choice for choice in advice.choices}
    assert by[2].cost == pytest.approx(0.15, abs=0.02)
    assert by[6].interval is not None
    assert by[6].interval[0] < by[6].cost < by[6].interval[1]
    assert by[6].trainable_parameters == 1000 - 90 * 6
    assert by[6].seconds == 50
    assert f"One step from the lowest: fewer (2) costs {by[2].cost:.3f} [" in text(advice)
    assert f"; more (6) costs {by[6].cost:.3f} [" in text(advice)


def line(advice: Advice, key: str) -> str:
    return next((one.text for one in advice.lines if one.key == f"advise.{key}"), "")


def test_what_cannot_be_told_is_said_first_with_the_command_that_settles_it_and_its_price() -> None:
    advice = only(runs((0.40, 0.21, 0.20, 0.21, 0.40, 0.45), noise=0.02))
    assert (advice.recommended, advice.possible) == (None, (2, 4, 6))
    assert advice.text[0].startswith(
        "Cannot tell yet: 2, 4 and 6 are all possible (95%, 1 source × 4 seeds); the lowest mean"
    )
    more = advice.more_seeds
    assert more is not None
    assert more.replicates > 4
    assert more.command == f"ftdd run made --set sweep.seed=0..{more.replicates - 1}"
    assert more.seconds == 50 * len(DEPTHS) * (more.replicates - 4)
    assert f"would settle it, if the means stay: `{more.command}`, about " in advice.text[0]
    assert "Freeze" not in text(advice)
    others = [depth for depth in (2, 4, 6) if depth != advice.best]
    assert line(advice, "others").startswith(f"Not distinguishable from {advice.best}: {others[0]}, {others[1]}, whose")


def test_the_number_that_freezes_the_most_is_recommended_where_its_cost_is_below_the_tolerance() -> None:
    close = runs((0.40, 0.2005, 0.20, 0.2005, 0.40, 0.45), noise=0.002)
    advice = only(close)
    assert advice.recommended == 6
    assert advice.choices[3].interval is not None
    high = advice.choices[3].interval[1]
    assert 0 < high < 0.01
    assert f"It costs at most {high:.3f} over the best number (95%; tolerance 0.01)" in advice.text[0]
    strict = advice_in(Advise(tolerance=0.001).findings(made_study(close)))[0]
    assert strict.recommended is None


def test_costs_are_not_below_nothing() -> None:
    for seeds in (2, 4):
        for choice in only(runs((0.2, 0.2, 0.2, 0.2, 0.2, 0.2), seeds=seeds, noise=0.02)).choices:
            assert choice.interval is not None
            assert 0 <= choice.interval[0] <= choice.cost <= choice.interval[1] <= 1


def test_settings_are_those_of_the_findings() -> None:
    """`smallest` and `level` of the recipe's freezingwise, and intervals that allow for its other curves."""
    study = made_study(runs(VALLEY))
    record = replace(study.record, analyses=({"name": "freezingwise", "smallest": 0.001, "level": 0.99}, "advise"))
    finding = Advise().findings(replace(study, record=record))[0]
    assert finding.level == 0.99
    assert "stands out by 0.001" in line(advice_in([finding])[0], "peak")
    alone, two = only(runs(VALLEY)), advice_on(made_study([*runs(VALLEY, pair__a=1), *runs(VALLEY, pair__a=2)]))[0]
    assert alone.choices[0].interval is not None
    assert two.choices[0].interval is not None
    assert two.choices[0].interval[1] > alone.choices[0].interval[1]


def falling(slope: float, noise: float = 0.003) -> list[MadeRun]:
    """Test errors at epochs 50 to 100 that fall by so much while epochs double."""
    random = np.random.default_rng(3)
    epochs = (1, 50, 60, 70, 80, 90, 100)
    return [
        MadeRun(
            {"freezing.count": depth, "seed": seed},
            [0.9, *(error + noise * random.standard_normal() - slope * math.log2(x / 100) for x in epochs[1:])],
            epochs=epochs,
        )
        for seed in range(3)
        for depth, error in zip(DEPTHS, VALLEY, strict=True)
    ]


def test_training_that_is_not_at_its_end_is_said_before_anything_is_compared() -> None:
    advice = only(falling(0.05))
    assert advice.improving == DEPTHS
    assert advice.lines[0].key == "advise.improving"
    assert advice.text[0].startswith(
        "Cannot tell yet: still improving at the last epoch. With 0, 2, 4, 6, 8 and 9 frozen"
    )
    assert "Train longer first: `ftdd run made --set target.training.epochs=200`." in advice.text[0]
    finding = Advise().findings(made_study(falling(0.05)))[0]
    assert finding.answer == "cannot tell"
    assert only(falling(0.0)).improving == ()
    assert only(falling(0.005)).improving == (), "less than the tolerance"


def test_the_error_of_what_was_chosen_is_said_to_be_too_low_in_figures() -> None:
    flat = only(runs((0.2,) * 6, seeds=3, noise=0.02))
    assert flat.optimism is not None
    assert flat.optimism > 0
    assert f"it is too low by {flat.optimism:.3f}" in line(flat, "optimism")


def test_on_validation_images_is_chosen_and_the_test_error_reported() -> None:
    """By test errors 4 is the lowest; by those of the images held out, 2."""
    study = made_study(runs(VALLEY))
    shift = study.runs["frozen_layers"].map({2: -0.2}).fillna(0).astype(float)
    held_out = study.runs["final_test_error"] + shift
    advice = advice_on(replace(study, runs=study.runs.assign(final_validation_error=held_out)))[0]
    assert (advice.best, advice.recommended, advice.chosen_on) == (2, 2, "validation images")
    assert advice.text[0].startswith("Freeze 2 layers: mean test error 0.30")
    assert advice.optimism is None
    assert "reported once and is not optimistic" in line(advice, "optimism")


def test_every_line_has_a_key_of_its_own() -> None:
    keys = [one.key for one in only(with_scratch([0.30, 0.31, 0.30, 0.31])).lines]
    assert len(set(keys)) == len(keys)
    assert {"advise.best", "advise.step", "advise.peak", "advise.epoch", "advise.optimism", "advise.scratch"} <= {*keys}


def test_the_command_names_the_recipe_as_it_was_named_and_what_was_set() -> None:
    record = replace(made_study([]).record, file="my recipes/a.yaml", overrides=("target.images=500", "seed=3"))
    assert command_of(record, "sweep.seed=0..4") == (
        "ftdd run 'my recipes/a.yaml' --set target.images=500 --set sweep.seed=0..4"
    )


def test_the_best_number_at_an_end_has_one_neighbour() -> None:
    assert "fewer" not in line(only(runs(PEAK_FAR)), "step")
    assert "more" not in line(only(runs(sorted(VALLEY, reverse=True))), "step")


def test_one_seed_names_a_number_and_says_what_is_missing() -> None:
    advice = only(runs(VALLEY, seeds=1))
    assert advice.best == 4
    assert advice.text[0].startswith("Cannot tell yet: one seed gives no estimate of the variance between seeds; the")
    assert "Begin with 3 seeds: `ftdd run made --set sweep.seed=0..2`" in advice.text[0]
    assert all(choice.interval is None for choice in advice.choices)
    assert "[" not in line(advice, "step")


@pytest.mark.parametrize("seeds", [((0, 1), (1, 2)), ((0, 1, 2), (0,)), ((0, 1, 2), (3, 4, 5))])
def test_of_two_depths_with_too_few_seeds_in_common_none_is_called_as_good(seeds: Sequence[Sequence[int]]) -> None:
    """Nor is the one that freezes the most recommended as the cheapest, though it is worse by 0.2."""
    made = [
        MadeRun({"freezing.count": depth, "seed": seed}, (0.9, error + 0.01 * seed), epochs=(0, 100))
        for depth, error, some in zip((0, 5), (0.2, 0.4), seeds, strict=True)
        for seed in some
    ]
    advice = only(made)
    assert (advice.best, advice.recommended) == (0, None)
    assert [(choice.interval, choice.as_good) for choice in advice.choices] == [(None, None)] * 2
    assert "the seeds have too few positions in common" in advice.text[0]
    assert line(advice, "step").endswith("; no confidence interval with these seeds.")


def test_seeds_that_share_no_places_say_so() -> None:
    made = runs(VALLEY, seeds=2)
    advice = only([*made[:5], made[6]])
    assert "the seeds have too few positions in common" in advice.text[0]


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (PEAK_NEAR, "peaks at 6, which the lowest number may be next to"),
        (PEAK_FAR, "peaks at 6, and the lowest number is well away from it"),
        (VALLEY, "A peak over frozen layers that stands out by 0.05 is excluded."),
    ],
)
def test_a_peak_next_to_the_best_number_is_warned_of(errors: Sequence[float], words: str) -> None:
    advice = only(runs(errors))
    assert words in text(advice)
    assert advice.peak_at == (None if errors is VALLEY else 6)


def test_a_peak_that_nobody_can_tell_is_said_to_be_so() -> None:
    advice = only(runs((0.2, 0.15, 0.2, 0.26, 0.22, 0.2), seeds=2, noise=0.05))
    assert "Whether the error peaks over frozen layers is inconclusive" in text(advice)
    assert advice.peak_at is None


@pytest.mark.parametrize(
    ("fits", "threshold", "words"),
    [
        (5, 4, "Training fits its labels (interpolates) with up to 4 layers frozen."),
        (1, 0, "Training fits its labels (interpolates) with no layer frozen."),
        (-1, None, "Training does not interpolate with any number of frozen layers"),
    ],
)
def test_who_interpolates(fits: int, threshold: int | None, words: str) -> None:
    advice = only(runs(VALLEY, fits=fits))
    assert advice.threshold_at == threshold
    assert words in text(advice)


def test_what_early_stopping_could_gain_is_a_bound() -> None:
    assert "Early stopping would gain next to nothing" in text(only(runs(VALLEY)))
    advice = only(runs(VALLEY, best=0.08))
    assert "Early stopping could gain up to 0.080: the best epoch (about 10) against the last." in text(advice)
    assert "so it is a bound" in text(advice)


def with_scratch(errors: Sequence[float]) -> list[MadeRun]:
    settings = [{"control": "scratch", "freezing.count": 0, "seed": seed} for seed in range(len(errors))]
    scratch = [MadeRun(given, (0.9, error), epochs=(0, 100)) for given, error in zip(settings, errors, strict=True)]
    return [*runs(VALLEY, control="transfer"), *runs(PEAK_FAR, control="random"), *scratch]


def test_transfer_is_compared_with_scratch_and_controls_get_no_advice() -> None:
    better = only(with_scratch([0.30, 0.31, 0.30, 0.31]))
    assert better.settings == {"control": "transfer"}
    assert "Against training from scratch: mean error 0.15" in text(better)
    assert ", adjusted for 6 numbers." in text(better)
    assert "higher [" in line(only(with_scratch([0.09, 0.1, 0.09, 0.1])), "scratch")
    assert "Sweep `control: [transfer, random, scratch]`" in text(only(runs(VALLEY)))


def test_scratch_is_compared_also_where_the_best_number_lacks_its_seeds() -> None:
    """Seeds 0 and 1 of four have no run with the best number; scratch has these two alone."""
    made = [
        run
        for run in with_scratch([0.30, 0.31])
        if run.settings["control"] == "scratch"
        or run.settings["freezing.count"] != 4
        or int(str(run.settings["seed"])) > 1
    ]
    assert "mean error 0.15" in text(only(made))


def test_what_more_images_did_and_what_was_not_studied() -> None:
    made = [*runs(VALLEY, target__images=60), *runs([error - 0.05 for error in VALLEY], target__images=1200)]
    less, more = advice_on(made_study(made))
    assert "More data" not in text(less)
    assert "More data: going from 60 to 1,200 images lowered the error by 0.050" in text(more)
    same = [*runs(VALLEY, target__images=60), *runs(VALLEY, target__images=1200)]
    assert "lowered the error by 0.000" in text(advice_on(made_study(same))[1])
    assert "More data: not studied." in text(only(runs(VALLEY)))


def test_soft_freezing_is_compared_where_the_study_has_it() -> None:
    path = "soft_freezing__l2_sp"
    soft = runs([error - 0.04 for error in VALLEY], **{path: 0.01})
    hard = advice_on(made_study([*runs(VALLEY, **{path: 0.0}), *soft]))[0]
    assert "Soft freezing: at its lowest, the mean error with soft_freezing.l2_sp 0.01 is lower by 0.040" in text(hard)


def test_half_a_study_diverged_runs_and_few_test_images_are_told_of() -> None:
    made = runs(VALLEY)
    given = made_study(made[:-1], asked=len(made), test_images=400)
    assert "1 of the study's 24 runs is not done, so this may change; 400 test images are few" in text(
        advice_on(given)[0]
    )
    assert "not done" not in text(advice_on(made_study(made))[0])
    lost = [replace(run, state=State.DIVERGED) for run in made[-2:]]
    assert "2 of its runs diverged and are left out" in text(advice_on(made_study([*made[:-2], *lost]))[0])


def test_numbers_are_compared_by_their_logarithms_and_costs_are_factors() -> None:
    random = np.random.default_rng(1)
    made = [
        MadeRun({"freezing.count": depth, "seed": seed}, (error * math.exp(0.05 * random.standard_normal()),))
        for seed in range(4)
        for depth, error in zip(DEPTHS, (2.0, 1.0, 10.0, 1.0, 0.5, 0.1), strict=True)
    ]
    advice = only(made, task="regression")
    assert (advice.best, advice.peak_at) == (9, 4)
    assert advice.choices[-1].test_error == pytest.approx(0.1, rel=0.1)
    assert advice.choices[-2].cost == pytest.approx(math.log(5), abs=0.1)
    low, by, high = _factors(line(advice, "step"))
    assert low < by < high
    assert by == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(("scale", "said"), [(1e-6, "1.48e-07"), (1e6, "1.48e+05")])
def test_squared_errors_are_told_by_their_digits_on_any_scale(scale: float, said: str) -> None:
    made = [replace(run, test_error=[scale * error for error in run.test_error]) for run in runs(VALLEY)]
    assert f"mean test error {said} over 1 source × 4 seeds" in only(made, task="regression").text[0]


def test_nothing_costs_less_than_nothing_by_rounding() -> None:
    advice = only(runs((0.40, 0.30, 0.2000, 0.2002, 0.30, 0.45), noise=0.0002), test_images=None)
    assert "more (6) costs 0.000 [0.000, 0.001]" in line(advice, "step")


def _factors(sentence: str) -> tuple[float, float, float]:
    by, ends = sentence.removesuffix("].").split("multiplies the error by ")[1].split(" [")
    low, high = map(float, ends.split(", "))
    return low, float(by), high


def test_a_study_without_runs_or_with_one_depth_is_no_matter_for_advice() -> None:
    assert advice_on(made_study([])) == ()
    assert advice_on(made_study(runs(VALLEY)[:1])) == ()


def test_no_sentence_has_holes() -> None:
    for seeds in (1, 2, 4):
        sentences = only(runs(VALLEY, seeds=seeds)).text
        assert all(sentence.endswith(".") for sentence in sentences)
        assert not any(word in sentence for sentence in sentences for word in ("nan", "None", "inf ", "-0.000", "  "))


# The command


def ask(store: Store, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--store", str(store.path)], standalone_mode=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_the_command_prints_the_advice(store: Store) -> None:
    by_hand.made(store, by_hand.over_depths([0, 1, 2], seeds=(0, 1, 2)))
    said = ask(store, "made")
    assert said.return_value == 0
    (advice,) = advice_on(read(store))
    flat = " ".join(said.output.split())
    assert advice.text[0] in flat
    assert advice.text[1] in flat


def test_the_command_gives_json(store: Store) -> None:
    by_hand.made(store, by_hand.over_depths([0, 1, 2]))
    said = ask(store, "made", "--json")
    assert said.return_value == 0
    (advice,) = json.loads(said.output)
    assert set(advice) == {field.name for field in fields(Advice)}
    assert [choice["frozen_layers"] for choice in advice["choices"]] == [0, 1, 2]


def test_a_study_with_nothing_to_compare_ends_with_1(store: Store) -> None:
    by_hand.made(store, [by_hand.MadeRun({"seed": 0}), by_hand.MadeRun({"seed": 1}, state=State.WAITING)])
    said = ask(store, "made")
    assert said.return_value == 1
    assert "made has no finished runs with different numbers of frozen layers" in said.stderr


def test_a_study_that_is_not_there_is_a_wrong_request(store: Store) -> None:
    said = CliRunner().invoke(command, ["nine", "--store", str(store.path)])
    assert said.exit_code == 2
    assert "no study 'nine'" in said.stderr
