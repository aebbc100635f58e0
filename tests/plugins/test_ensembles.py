"""Votes of seeds on answers made by hand: a peak of seeds that err apart goes, one of seeds that err alike stays."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ftdd.analysis.finding import Finding
from ftdd.analysis.study_data import StudyData
from ftdd.records.predictions import Predictions, no_predictions
from ftdd.testing import MadeRun, made_study
from ftdd_plugins.analyses.ensembles import Ensembles, _height, _highest, _jackknife

IMAGES, CLASSES = 1000, 10
ERRORS = (0.2, 0.1, 0.4, 0.1, 0.2)
"""Over 0, 2, 4, 6 and 8 frozen layers."""


def answers(wrong: np.ndarray, shift: np.ndarray) -> Predictions:
    labels = np.arange(IMAGES) % CLASSES
    given = np.where(wrong, (labels + shift) % CLASSES, labels)
    return no_predictions(tuple("abcdefghij"), labels, "same", labels[:1], labels[:1]).grown(0, given, labels[:1])


def study(
    seeds: int = 6, *, alike: bool, errors: Sequence[float] = ERRORS, kept: int = 100, digest: str = "same"
) -> StudyData:
    """alike: all seeds err on the same images and in the same way.   kept: how many seeds have kept predictions."""
    runs = []
    for i, error in enumerate(errors):
        for seed in range(seeds):
            random = np.random.default_rng([i, 0 if alike else 1 + seed])
            wrong = random.permutation(IMAGES) < error * IMAGES
            found = answers(wrong, random.integers(1, CLASSES, IMAGES))
            if seed == 0:
                found = replace(found, test_digest=digest)
            noise = 0.002 * np.random.default_rng([i, seed, 5]).standard_normal()
            settings = {"freezing.count": 2 * i, "seed": seed}
            runs.append(MadeRun(settings, (error + noise,), predictions=found if seed < kept else None))
    return made_study(runs)


def only(given: StudyData) -> Finding:
    (finding,) = Ensembles().findings(given)
    return finding


def test_a_peak_of_seeds_that_err_apart_goes() -> None:
    finding = only(study(12, alike=False))
    assert finding.answer == "seen", finding.text
    assert finding.numbers["peak_at"] == 4
    assert finding.numbers["mean_effect"] == pytest.approx(0.3)
    assert finding.numbers["mean_error"] == pytest.approx(ERRORS)
    assert finding.effect is not None
    assert finding.effect < 0.05
    assert finding.interval is not None
    assert finding.interval[0] < finding.effect < finding.interval[1]
    assert finding.n == finding.targets == 12
    assert "The vote of 12 runs has no peak of 0.050 or more, at any depth." in finding.text


def test_a_peak_of_seeds_that_err_alike_stays() -> None:
    """The vote is every seed."""
    finding = only(study(alike=True))
    assert finding.answer == "not seen", finding.text
    assert finding.effect == pytest.approx(0.3)
    assert finding.numbers["vote_error"] == finding.numbers["mean_error"]
    assert finding.numbers["lowered_by"] == pytest.approx(0)
    assert "The vote of 6 runs still has it" in finding.text


def test_three_seeds_that_err_apart_cannot_tell() -> None:
    """Leaving one out leaves two, whose vote is as good as one of them: it does not say how much a vote varies."""
    finding = only(study(3, alike=False))
    assert finding.answer == "cannot tell", finding.text
    assert finding.interval is None
    assert finding.effect == pytest.approx(0.25, abs=0.03)
    assert "How much the vote of 3 runs varies is known from 4 seeds on" in finding.text


def test_a_peak_that_may_be_left_cannot_be_told() -> None:
    (finding,) = Ensembles(smallest=0.0001).findings(study(12, alike=False, errors=(0.2, 0.1, 0.3, 0.1, 0.2)))
    assert finding.answer == "cannot tell", finding.text
    assert "may have a peak of up to" in finding.text


def test_where_single_seeds_have_no_peak_nothing_can_be_removed() -> None:
    finding = only(study(alike=False, errors=(0.3, 0.2, 0.1, 0.2, 0.3)))
    assert finding.answer == "not applicable"
    assert finding.effect is None


def test_two_seeds_and_runs_without_predictions_are_not_spoken_of() -> None:
    assert not Ensembles().findings(study(2, alike=False))
    assert not Ensembles().findings(study(6, alike=False, kept=2))
    assert not Ensembles().findings(study(6, alike=False, kept=0))
    assert not Ensembles().findings(study(6, alike=False, digest="other images"))
    assert only(study(6, alike=True, kept=4)).n == 4


def test_heights_of_peaks_by_hand() -> None:
    table = np.array([[3.0, 1.0, 4.0, 2.0, 5.0], [5.0, 4.0, 3.0, 2.0, 1.0]])
    assert _height(table, 1, 2, 3).tolist() == [2.0, -1.0]
    assert _highest(table).tolist() == [2.0, 0.0]


def test_the_jackknife_of_a_mean_is_the_interval_of_student() -> None:
    from scipy.stats import t, ttest_1samp

    values = np.random.default_rng(0).standard_normal(7)
    without = [np.delete(values, i).mean() for i in range(7)]
    low, high = _jackknife(np.array([values.mean(), *without]), 0.95, 1)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))
    wider = _jackknife(np.array([values.mean(), *without]), 0.95, 4)
    assert (wider[1] - wider[0]) / (high - low) == pytest.approx(t.ppf(1 - 0.05 / 8, 6) / t.ppf(0.975, 6))
