"""The pair `transformed`: what a strength does to images and labels, and what the pair makes of it."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdd.components import Component, Unfit
from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.specs import read_spec
from ftdd.testing import checks_of, examples
from ftdd.values import canonical_json
from ftdd_plugins.pairs.digits import Digits
from ftdd_plugins.pairs.gaussian_linear import GaussianLinear
from ftdd_plugins.pairs.transformed import Transformation, Transformed
from ftdd_plugins.pairs.transformed.transformations import (
    YIQ,
    blurred,
    hue_turned,
    labels_permuted,
    noisy,
    pixels_permuted,
    places,
    rotated,
)
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins

ON_IMAGES: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "rotation": rotated,
    "hue": hue_turned,
    "blur": blurred,
    "noise": lambda images, strength: noisy(images, strength, 0, "train"),
    "pixel_permutation": lambda images, strength: pixels_permuted(images, strength, 0),
}
PLUGINS = installed_plugins()
NAMES = get_args(Transformation)
strengths = st.floats(0, 1)
draws = st.integers(0, 5)


def images(count: int = 5, channels: int = 3, height: int = 12, width: int = 12, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, channels, height, width))
    return torch.from_numpy(drawn.astype(np.uint8))


def pair(**fields: Any) -> Transformed:
    return Transformed.model_validate({"of": Digits(), **fields})


# ---- what each does to images


@pytest.mark.parametrize("name", ON_IMAGES)
def test_strength_0_gives_the_same_bytes_and_any_other_a_change(name: str) -> None:
    given_images = images(height=10, width=14)
    before = given_images.clone()
    assert torch.equal(ON_IMAGES[name](given_images, 0.0), before)
    for strength in (0.2, 0.5, 1.0):
        changed = ON_IMAGES[name](given_images, strength)
        assert not torch.equal(changed, before)
        assert changed.dtype == torch.uint8
        assert changed.shape == before.shape
        assert changed.is_contiguous()
    assert torch.equal(given_images, before), "the images that were given have changed"


@pytest.mark.parametrize("name", ON_IMAGES)
def test_an_image_is_changed_alike_whatever_others_come_with_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few or many images, in one go or a few at a time; and none at all."""
    many = images(40)
    at_once = ON_IMAGES[name](many, 0.3)
    assert torch.equal(ON_IMAGES[name](many[:7].contiguous(), 0.3), at_once[:7])
    assert len(ON_IMAGES[name](many[:0], 0.3)) == 0
    monkeypatch.setattr("ftdd_plugins.pairs.transformed.transformations.VALUES_AT_ONCE", 1000)
    assert torch.equal(ON_IMAGES[name](many, 0.3), at_once)


@pytest.mark.parametrize("side", [12, 9])
def test_the_most_is_a_quarter_turn_counterclockwise(side: int) -> None:
    given_images = images(height=side, width=side)
    assert torch.equal(rotated(given_images, 1.0), given_images.rot90(1, (2, 3)))


def test_two_eighths_of_a_turn_are_about_a_quarter() -> None:
    y, x = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    hill = (200 * torch.exp(-((x - 3.0) ** 2 + (y - 1.0) ** 2) / 20)).to(torch.uint8)[None, None]
    twice = rotated(rotated(hill, 0.5), 0.5).int()
    assert (twice - rotated(hill, 1.0).int()).abs().float().mean() < 2


def test_a_disc_stays_round_when_its_image_is_not_square() -> None:
    """A turn in the grid's own coordinates would make an ellipse of it."""
    y, x = torch.meshgrid(torch.arange(41) - 20, torch.arange(61) - 30, indexing="ij")
    disc = ((255 * torch.sigmoid(12.0 - (x**2 + y**2).sqrt())).round().to(torch.uint8))[None, None]
    for strength in (0.1, 0.25, 0.6):
        assert (rotated(disc, strength).int() - disc.int()).abs().float().mean() < 1.5


def test_a_turn_leaves_constant_images_as_they_are_up_to_their_corners() -> None:
    flat = torch.full((1, 3, 9, 9), 137, dtype=torch.uint8)
    assert torch.equal(rotated(flat, 0.23), flat)


@pytest.mark.parametrize("strength", [0.1, 0.4, 0.7, 1.0])
def test_hue_keeps_luma_and_greys(strength: float) -> None:
    """Of colours that are not clipped, which those near grey are not."""
    dull = (images() // 8 + 112).to(torch.uint8)
    weights = torch.tensor(YIQ[0], dtype=torch.float64)
    turned = hue_turned(dull, strength)
    luma, before = (torch.einsum("c,nchw->nhw", weights, some.double()) for some in (turned, dull))
    assert (luma - before).abs().max() <= 0.5 + 1e-6
    assert (turned.int() - dull.int()).abs().float().mean() > 1
    grey = images(channels=1).expand(-1, 3, -1, -1).contiguous()
    assert torch.equal(hue_turned(grey, strength), grey)


def test_half_a_turn_of_hue_makes_red_cyan_and_is_clipped() -> None:
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert hue_turned(red, 1.0).flatten().tolist() == [0, 152, 152]


def test_blur_lowers_the_variance_step_by_step_and_keeps_the_mean_about() -> None:
    given_images = images(height=16, width=20)
    variances, means = [], []
    for strength in np.linspace(0, 1, 9):
        values = blurred(given_images, float(strength)).float()
        variances.append(float(values.var((2, 3)).mean()))
        means.append(float(values.mean()))
    assert all(more < less for less, more in pairwise(variances))
    assert variances[-1] < variances[0] / 50
    assert means == pytest.approx([means[0]] * 9, abs=4)
    flat = torch.full((1, 1, 8, 8), 200, dtype=torch.uint8)
    assert torch.equal(blurred(flat, 0.7), flat)


def test_a_point_is_blurred_to_a_gaussian_of_the_width_that_is_said() -> None:
    point = torch.zeros((1, 1, 65, 65), dtype=torch.uint8)
    point[0, 0, 32, 32] = 255
    row = blurred(255 - point, 0.05)[0, 0].double().mul(-1).add(255)  # σ = 65 / 80
    sigma = 65 * 0.05 / 4
    expected = torch.tensor([[np.exp(-(x**2 + y**2) / 2 / sigma**2) for x in range(-3, 4)] for y in range(-3, 4)])
    assert torch.allclose(row[29:36, 29:36], 255 * expected / expected.sum(), atol=1.1)


def test_a_blur_brings_nothing_in_from_beyond_the_border() -> None:
    """White to the left and black to the right: where borders met, or zeros lay beyond, both would be grey."""
    half_white = torch.zeros((1, 1, 8, 32), dtype=torch.uint8)
    half_white[..., :16] = 255
    blurry = blurred(half_white, 1.0)
    assert blurry[..., :4].eq(255).all()
    assert blurry[..., -4:].eq(0).all()
    assert 0 < int(blurry[0, 0, 0, 16]) < 255


@pytest.mark.parametrize("strength", [5e-324, 1e-9, 1e-3])
def test_a_blur_too_narrow_to_be_seen_changes_nothing(strength: float) -> None:
    assert torch.equal(blurred(images(), strength), images())


def test_noise_is_mixed_in_by_its_strength_and_at_1_there_is_nothing_else() -> None:
    one, other = images(seed=1), images(seed=2)
    noise = noisy(one, 1.0, 0, "train")
    assert torch.equal(noise, noisy(other, 1.0, 0, "train"))
    assert torch.equal(noisy(one, 0.25, 0, "train"), (0.75 * one + 0.25 * noise + 0.5).floor().to(torch.uint8))


def test_noise_is_uniform_and_another_for_each_image_channel_half_and_draw() -> None:
    black = torch.zeros((40, 3, 16, 16), dtype=torch.uint8)
    noise = noisy(black, 1.0, 0, "train").long()
    counts = torch.bincount(noise.flatten(), minlength=256).double()
    expected = noise.numel() / 256
    assert float(((counts - expected) ** 2 / expected).sum()) < 255 + 5 * (2 * 255) ** 0.5
    planes = noise.flatten(0, 1).flatten(1)
    assert len({tuple(plane.tolist()) for plane in planes}) == 120
    assert torch.corrcoef(planes.double()).fill_diagonal_(0).abs().max() < 0.35
    for others in (noisy(black, 1.0, 0, "test"), noisy(black, 1.0, 1, "train")):
        assert (others == noise).double().mean() == pytest.approx(1 / 256, abs=0.002)


# ---- permutations


@given(count=st.integers(1, 300), strength=strengths, draw=draws)
def test_places_are_a_permutation_of_a_fraction_of_them(count: int, strength: float, draw: int) -> None:
    taken_from = places(count, strength, draw)
    assert sorted(taken_from.tolist()) == list(range(count))
    chosen = int(np.floor(strength * count + 0.5))
    assert int((taken_from != np.arange(count)).sum()) == (chosen if chosen > 1 else 0)
    values = np.arange(count) * 7
    assert np.array_equal(values[taken_from][np.argsort(taken_from)], values)


@given(count=st.integers(1, 300), one=strengths, other=strengths, draw=draws)
def test_more_strength_moves_the_places_of_less_and_others(count: int, one: float, other: float, draw: int) -> None:
    less, more = (places(count, strength, draw) != np.arange(count) for strength in sorted((one, other)))
    assert not (less & ~more).any()


@given(draw=draws, strength=strengths)
@settings(deadline=None)
def test_pixels_are_exchanged_alike_in_all_images_and_channels_and_can_be_put_back(draw: int, strength: float) -> None:
    given_images = images(height=6, width=9)
    moved = pixels_permuted(given_images, strength, draw)
    back = torch.from_numpy(np.argsort(places(54, strength, draw)))
    assert torch.equal(moved.flatten(2)[:, :, back].reshape(given_images.shape), given_images)


labels_of = st.lists(st.integers(0, 4), min_size=1, max_size=200).map(torch.tensor)
halves = st.sampled_from(["train", "test"])


@given(labels=labels_of, one=strengths, other=strengths, draw=draws, half=halves)
@settings(deadline=None)
def test_labels_are_permuted_nested_and_counts_stay(
    labels: torch.Tensor, one: float, other: float, draw: int, half: Literal["train", "test"]
) -> None:
    """Seen by giving every image a label of its own: with more strength, all but one keep what they got."""
    ranks = torch.arange(len(labels))
    some, all_ = sorted((one, other))
    less, more = (labels_permuted(ranks, strength, draw, half) for strength in (some, all_))
    assert not ((less != ranks) & (more == ranks)).any()
    assert int(((less != ranks) & (less != more)).sum()) <= 1
    permuted = labels_permuted(labels, all_, draw, half)
    assert torch.equal(permuted, labels[more])
    assert torch.equal(permuted.bincount(minlength=5), labels.bincount(minlength=5))


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_as_many_labels_are_moved_as_chance_says(strength: float) -> None:
    labels = torch.from_numpy(np.random.default_rng(0).choice(4, 20_000, p=[0.1, 0.2, 0.3, 0.4]))
    shares = labels.bincount() / len(labels)
    moved = (labels_permuted(labels, strength, 0, "train") != labels).float().mean()
    assert float(moved) == pytest.approx(strength * (1 - float((shares**2).sum())), abs=0.012)


# ---- the pair


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hue"])
def test_the_target_is_untouched_and_the_source_transformed_in_both_halves(name: str, tmp_path: Path) -> None:
    original = Digits().load("target", tmp_path)
    for strength in (0.0, 0.4, 1.0):
        made = pair(transformation=name, strength=strength)
        target, source = made.load("target", tmp_path), made.load("source", tmp_path)
        for half in ("train", "test"):
            of, there, here = (getattr(task, half) for task in (original, target, source))
            assert there.digest() == of.digest()
            assert (here.digest() == of.digest()) == (strength == 0)
            assert torch.equal(here.images, of.images) == (name == "label_permutation" or strength == 0)
            assert torch.equal(here.labels, of.labels) == (name != "label_permutation" or strength == 0)
            assert not here.mislabelled.any()
            assert here.classes == of.classes == made.classes("source", tmp_path) == made.classes("target", tmp_path)


@pytest.mark.parametrize("name", ["noise", "pixel_permutation", "label_permutation"])
def test_a_draw_gives_the_same_again_and_another_draw_another(name: str, tmp_path: Path) -> None:
    digests = [pair(transformation=name, draw=draw).load("source", tmp_path).test.digest() for draw in (0, 0, 1, 2)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_drawn_numbers_are_those_of_every_machine() -> None:
    """Made once and written down: a study repeated elsewhere has the same source."""
    black = torch.zeros((2, 1, 1, 3), dtype=torch.uint8)
    assert noisy(black, 1.0, 0, "train").flatten().tolist() == [61, 159, 80, 41, 58, 140]
    assert places(8, 0.5, 0).tolist() == [0, 1, 3, 5, 4, 7, 6, 2]
    assert labels_permuted(torch.arange(8), 0.5, 0, "test").tolist() == [6, 3, 2, 0, 4, 5, 1, 7]


def test_shape_counts_and_files_are_the_other_pairs(tmp_path: Path) -> None:
    said: list[str] = []
    made = pair(of=Digits(target_classes=(3, 1, 8)))
    assert made.image_shape() == Digits().image_shape()
    assert made.normalization() == Digits().normalization()
    assert made.class_counts("source", tmp_path) == made.class_counts("target", tmp_path) == (110, 109, 104)
    made.prepare(tmp_path, said.append)
    assert said == []


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_of_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        pair(strength=strength)


@pytest.mark.parametrize(
    ("made", "field", "sentence"),
    [
        (pair(transformation="hue"), "transformation", "hue needs images in colour, of 3 channels, got 1×8×8"),
        (pair(of=GaussianLinear(d=4)), "of", "must be a classification of images; this one is a regression"),
        (pair(of=pair(transformation="hue")), "of.transformation", "hue needs images in colour"),
        (pair(of=pair(of=GaussianLinear(d=4))), "of.of", "must be a classification of images"),
    ],
    ids=["hue", "numbers", "hue within", "numbers within"],
)
def test_what_cannot_be_transformed_is_refused(made: Transformed, field: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(Unfit, match=sentence) as caught:
        made.classes("target", tmp_path)
    assert caught.value.field == field
    with pytest.raises(Unfit, match=sentence):
        made.load("source", tmp_path)


@pytest.mark.parametrize(
    ("component", "check"),
    [(component, one) for component in examples(Transformed, PLUGINS) for one in checks_of(component)],
    ids=lambda value: value.transformation if isinstance(value, Transformed) else value.__name__,
)
def test_the_examples_pass_the_checks_of_pairs(component: Component, check: Callable[[Component], None]) -> None:
    check(component)


def test_the_plugin_loads_without_heavy_libraries() -> None:
    code = "import sys, ftdd_plugins.pairs.transformed; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- in recipes

OF_DIGITS = "pair: {name: digits, source_classes: [0, 1, 2], target_classes: [3, 4, 5]}"
SWEEP = "  freezing.count: [0, 3, 9]\n"


def recipe(line: str, sweep: str = SWEEP) -> str:
    assert OF_DIGITS in RECIPE
    assert SWEEP in RECIPE
    return RECIPE.replace(OF_DIGITS, line).replace(SWEEP, sweep)


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        (
            "pair: {name: transformed, of: digit}",
            "small.yaml:3: pair.of: no pair 'digit'; nearest: digits (ftdd list pairs)",
        ),
        (
            "pair:\n  name: transformed\n  of:\n    name: digits\n    target_classes: [1, 11]",
            "small.yaml:7: pair.of.target_classes[1]: must be from 0 to 9, got 11",
        ),
        (
            "pair: {name: transformed, of: digits, strength: 2}",
            "small.yaml:3: pair.strength: must be from 0 to 1, got 2",
        ),
        (
            "pair: transformed",
            "small.yaml:3: pair.of: is missing: the pair whose target it is, by name or as a mapping; its source is "
            "not used",
        ),
        (
            "pair:\n  name: transformed\n  of: digits\n  transformation: hue",
            "small.yaml:6: pair.transformation: hue needs images in colour, of 3 channels, got 1×8×8; choose another",
        ),
        (
            "pair:\n  name: transformed\n  of: {name: gaussian_linear, d: 8}",
            "small.yaml:5: pair.of: must be a classification of images; this one is a regression",
        ),
        (
            "pair:\n  name: transformed\n  of:\n    name: image_folder\n    target: /nowhere",
            "small.yaml:7: pair.of.target: there is no folder /nowhere; paths that are not absolute are taken from the "
            "data folder (--data)",
        ),
    ],
)
def test_a_recipes_mistake_is_said_at_its_line(line: str, mistake: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, recipe=recipe(line))
    assert mistake in map(str, caught.value.mistakes)


def test_strength_and_settings_of_the_other_pair_are_swept_together(tmp_path: Path) -> None:
    sweep = "  pair.strength: [0, 0.5, 1]\n  pair.of.target_classes: [[1, 2], [3, 4, 5]]\n"
    study = read(tmp_path, recipe=recipe("pair: {name: transformed, of: digits}", sweep))
    pairs = [point.spec.pair for point in study.points]
    expected = [
        pair(of=Digits(target_classes=classes), strength=strength)
        for strength in (0, 0.5, 1)
        for classes in ((1, 2), (3, 4, 5))
    ]
    assert pairs == expected
    assert len(study.targets) == len(study.sources) == 6
    assert study.swept == ("pair.strength", "pair.of.target_classes")


def test_a_pair_within_a_pair_can_be_set_from_outside_and_read_again(tmp_path: Path) -> None:
    changes = ("pair.of.target_classes=[6, 7]", "pair.transformation=noise")
    study = read(tmp_path, *changes, recipe=recipe("pair: {name: transformed, of: digits}"))
    spec = study.points[0].spec
    assert spec.pair == pair(of=Digits(target_classes=(6, 7)), transformation="noise")
    assert read_spec(canonical_json(spec), PLUGINS) == spec
    assert read_spec(canonical_json(spec), PLUGINS).id == spec.id
