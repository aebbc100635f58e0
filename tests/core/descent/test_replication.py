"""Replication: sources crossed with target seeds, and the rows that are independent of each other."""

import numpy as np
import pytest

from ftdd.statistics.detect import find_descent
from ftdd.statistics.replication import Cells, paired
from ftdd.statistics.scope import scope
from ftdd.statistics.test_images import image_variance


def crossed(sources: int, targets: int, spread: tuple[float, float, float], draw: int, points: int = 10) -> Cells:
    """Each source, each target seed and each run has an effect of its own at each place."""
    random = np.random.default_rng(draw)
    mean = np.where(np.arange(points) == points - 1, -5.0, 0.0)
    effects = (
        random.normal(size=shape) for shape in ((sources, 1, points), (1, targets, points), (sources, targets, points))
    )
    values = mean + sum(size * effect for size, effect in zip(spread, effects, strict=True))
    source, target = np.indices((sources, targets))
    return Cells(values.reshape(-1, points), tuple(source.ravel().tolist()), tuple(target.ravel().tolist()))


@pytest.mark.parametrize("spread", [(0.1, 1.0, 0.3), (1.0, 0.1, 0.3), (1.0, 1.0, 0.3)])
def test_curves_that_only_fall_are_rarely_seen_whichever_margin_differs_more(
    spread: tuple[float, float, float],
) -> None:
    """With the sources' margin alone, 98 of 100 were seen where target seeds differ and sources do not."""
    false = 0
    for draw in range(100):
        cells = crossed(3, 3, spread, draw)
        false += find_descent(cells.margin, None, cells.second).answer == "seen"
    assert false <= 10  # 5% and twice its error


def test_a_missing_run_does_not_shift_its_row() -> None:
    """Sources differ by 1, target seeds by 10: means over what is there would differ by 10/3."""
    values = np.array([[source + 10.0 * target] for source in range(3) for target in range(3)])
    labels = [(source, target) for source in range(3) for target in range(3)]
    values[1] = np.nan
    cells = Cells(values, tuple(one for one, _ in labels), tuple(one for _, one in labels))
    assert np.diff(cells.margin[:, 0]) == pytest.approx([1, 1], abs=1e-6)
    assert cells.second is not None
    assert np.diff(cells.second[:, 0]) == pytest.approx([10, 10], abs=1e-6)


def test_what_has_no_source_is_paired_by_target_seed_with_every_source() -> None:
    transfer = crossed(3, 2, (0.1, 1.0, 0.1), 0)
    scratch = Cells(np.zeros((2, 10)), (None, None), (0, 1))
    found = paired(transfer, scratch)
    assert found is not None
    assert found.values == pytest.approx(-transfer.values)
    assert (found.source, found.target) == (transfer.source, transfer.target)
    turned = paired(scratch, transfer)
    assert turned is not None
    assert turned.values == pytest.approx(transfer.values)
    assert turned.source == transfer.source


def test_three_sources_are_the_fewest_for_a_claim_about_sources() -> None:
    words = ["", "this source network", "these 2 source networks", "sources like these"]
    assert [scope(sources) for sources in range(4)] == words


def images(random: np.random.Generator, seeds: int, count: int = 400) -> "tuple[np.ndarray, float]":  # type: ignore[type-arg]
    """(errors of 4 places, the variance of the difference of two places over images)."""
    hard = 2 * (0.9 * random.normal(size=count) + 0.45 * random.normal(size=(4, count))) - 1
    chance = 1 / (1 + np.exp(-hard))
    wrong = (random.random((seeds, 4, count)) < chance).astype(float)
    return wrong, float(np.var(chance[0] - chance[1], ddof=1) / count)


@pytest.mark.parametrize("seeds", [2, 5])
def test_the_variance_over_test_images_is_free_of_that_over_seeds_and_never_far_too_small(seeds: int) -> None:
    random = np.random.default_rng(seeds)
    found, true = [], []
    for _ in range(40):
        wrong, variance = images(random, seeds)
        given = image_variance(wrong)
        assert given is not None
        assert 0.5 < given.shared < 1
        found.append(given.covariance[0, 0] + given.covariance[1, 1] - 2 * given.covariance[0, 1])
        true.append(variance)
    assert np.mean(true) < np.mean(found) < 2 * np.mean(true)


def test_places_that_answer_the_same_have_all_variance_in_common() -> None:
    wrong = np.repeat((np.arange(100) < 30).astype(float)[None, None, :], 3, axis=1).repeat(2, axis=0)
    found = image_variance(wrong)
    assert found is not None
    assert found.shared == pytest.approx(1)
    difference = found.covariance[0, 0] + found.covariance[1, 1] - 2 * found.covariance[0, 1]
    assert difference == pytest.approx(2 / 100**2)


def test_too_few_images_or_a_place_without_a_run_say_nothing() -> None:
    assert image_variance(np.zeros((3, 2, 5))) is None
    missing = np.zeros((2, 2, 50))
    missing[:, 1] = np.nan
    assert image_variance(missing) is None
