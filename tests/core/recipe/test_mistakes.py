"""Wrong recipes, and the exact answer to each: file, line, path, what is wrong, what would be right."""

from pathlib import Path

import pytest

from ftdd.recipe.mistakes import RecipeError
from tests.core.study.small_study import RECIPE, read

CASES = [
    # old text, new text, the answer
    ("label_noise: 0.2", "label_noise: 1.5", "12: target.label_noise: must be from 0 to 1, got 1.5"),
    ("label_noise: 0.2", "label_noise: -0.1", "12: target.label_noise: must be from 0 to 1, got -0.1"),
    ("label_noise: 0.2", "label_noise: much", '12: target.label_noise: must be a number, got "much"'),
    ("label_noise: 0.2", "label_noise: .inf", "12: target.label_noise: must be a finite number, got Infinity"),
    ("label_noise: 0.2", "label_noise: true", "12: target.label_noise: must be a number, got true"),
    ("label_noise: 0.2", "label_noise: [0.2]", "12: target.label_noise: must be a number, got [0.2]"),
    ("label_noise: 0.2", "lable_noise: 0.2", "12: target.lable_noise: no such field; nearest: label_noise"),
    ("epochs: 4", "epochs: 0", "13: target.training.epochs: must be 1 or more, got 0"),
    ("epochs: 4", "epochs: 4.5", "13: target.training.epochs: must be a whole number, got 4.5"),
    ("epochs: 4", "epochs: true", "13: target.training.epochs: must be a whole number, got true"),
    ("epochs: 4", 'epochs: "4"', '13: target.training.epochs: must be a whole number, got "4"'),
    ("epochs: 4, ", "", "13: target.training.epochs: is missing: passes over the training images"),
    (
        "name: adam, lr: 0.01}}\n  evaluate",
        "name: adma, lr: 0.01}}\n  evaluate",
        "13: target.training.optimizer: no optimizer 'adma'; there are: adam, adamw, sgd",
    ),
    (
        "name: adam, lr: 0.01}}\n  evaluate",
        "lr: 0.01}}\n  evaluate",
        "13: target.training.optimizer: needs 'name': which optimizer it is",
    ),
    (
        "{name: adam, lr: 0.01}}\n  evaluate",
        "3}\n  evaluate",
        "13: target.training.optimizer: must be the name of an optimizer, or a mapping with 'name'",
    ),
    (
        "{name: adam, lr: 0.01}}\n  evaluate",
        "adam}\n  evaluate",
        "13: target.training.optimizer.lr: is missing: learning rate of the first step; the schedule multiplies it",
    ),
    (
        "{name: adam, lr: 0.01}}\n  evaluate",
        "{name: adam, lr: 0.01, momentum: 0.9}}\n  evaluate",
        "13: target.training.optimizer.momentum: no such field; there are: betas, lr, weight_decay",
    ),
    (
        "{name: adam, lr: 0.01}}\n  evaluate",
        "{name: adam, lr: 0.01, betas: [0.9, 1.0]}}\n  evaluate",
        "13: target.training.optimizer.betas[1]: must be from 0 to below 1, got 1.0",
    ),
    (
        "{name: adam, lr: 0.01}}\n  evaluate",
        "{name: sgd, lr: 0.01, nesterov: true}}\n  evaluate",
        "13: target.training.optimizer: nesterov needs a momentum above 0",
    ),
    ("evaluate: every", "evaluate: often", "14: target.evaluate: must be every, log, or {every: n} with a whole number of epochs, got \"often\""),
    ("evaluate: every", "evaluate: {every: 0}", "14: target.evaluate: must be every, log, or {every: n} with a whole number of epochs, got {\"every\": 0}"),
    ("resnet, width: 1", "resent, width: 1", "4: architecture: no architecture 'resent'; nearest: resnet (ftdd list architectures)"),
    ("resnet, width: 1", "resnet, width: 0", "4: architecture.width: must be 1 or more, got 0"),
    ("{name: resnet, width: 1}", "7", "4: architecture: must be the name of an architecture, or a mapping with 'name'"),
    ("name: digits", "name: digit", "3: pair: no pair 'digit'; nearest: digits (ftdd list pairs)"),
    ("target_classes: [3, 4, 5]", "target_classes: [3, 4, 12]", "3: pair.target_classes[2]: must be from 0 to 9, got 12"),
    ("target_classes: [3, 4, 5]", "target_classes: [3, 3]", "3: pair.target_classes: must name each digit once, got [3, 3]"),
    ("target_classes: [3, 4, 5]", "target_classes: [3]", "3: pair.target_classes: must have 2 or more items, got [3]"),
    ("target_classes: [3, 4, 5]", "target_classes: 3", "3: pair.target_classes: must be a list, got 3"),
    ("policy: first_layers, count: 0", "policy: first_layer, count: 0", "15: freezing: no policy 'first_layer'; nearest: first_layers (ftdd list policies)"),
    ("policy: first_layers, count: 0", "count: 0", "15: freezing: needs 'policy': which policy it is"),
    ("count: [0, 3, 9]", "count: [0, 3, 10]", "17: freezing.count: must be from 0 to 9, the layers below the head 'head', got 10"),
    ("count: [0, 3, 9]", "count: []", "17: sweep.freezing.count: must be a list of values, a range a..b or a..b..step, or all; got []"),
    ("count: [0, 3, 9]", "count: 3..1..1", "17: sweep.freezing.count: the range '3..1..1' never arrives: its step must lead from 3 to 1"),
    ("count: [0, 3, 9]", "count: 0..three", "17: sweep.freezing.count: '0..three' is not a range a..b or a..b..step, a list, or all"),
    ("freezing.count: [0, 3, 9]", "seed: all", "17: sweep.seed: this field does not say what all of its values are: list them, or give a range"),
    ("freezing.count: [0, 3, 9]", "freezing.cuont: all", "17: sweep.freezing.cuont: leads to no field, so there is nothing that all could stand for"),
    ("freezing.count: [0, 3, 9]", "target.label_noise: [0.1,\n    2]", "18: target.label_noise: must be from 0 to 1, got 2"),
    ("freezing.count: [0, 3, 9]", "target.lable_noise: [0.1]", "17: target.lable_noise: no such field; nearest: label_noise"),
    ("freezing.count: [0, 3, 9]", "seed: 0..99999", "17: sweep.seed: the range '0..99999' has 100,000 values; at most 10,000"),
    ("sweep:\n  freezing.count: [0, 3, 9]", "sweep: [1]", "16: sweep[0]: must be a mapping of dotted paths, or a list of such mappings"),
    ("  images: 60\n  test_images: 30\n  label", "  images: 600\n  test_images: 30\n  label", "10: target.images: must be at most 328, as many as can be taken evenly from 3 classes; got 600 (or say all)"),
    ("  images: 60\n  test_images: 30\n  label", "  images: 2\n  test_images: 30\n  label", "10: target.images: must be 3 or more, one for each class; got 2"),
    ("  images: 60\n  test_images: 30\n  label", "  images: some\n  test_images: 30\n  label", '10: target.images: must be a whole number of images, 1 or more, or all, got "some"'),
    ("title: A small study", "titel: A small study", "1: titel: no such field; nearest: title"),
    ("title: A small study", "title: 3", "1: title: must be text, got 3"),
    ("title: A small study", "eps: 1", "1: eps: must be from 0 to below 1, got 1"),
    ("title: A small study", "name: ../x", "1: name: must be letters, digits, dots, dashes and underscores, a letter or digit first, got \"../x\""),
    ("title: A small study", "version: 2", "1: version: no such field; nearest: question"),
    ("title: A small study", "seed: -1", "1: seed: must be 0 or more, got -1"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "answer"), CASES, ids=[case[2][:60] for case in CASES])
def test_a_mistake_is_answered_with_file_line_path_and_what_to_do(
    old: str, new: str, answer: str, tmp_path: Path
) -> None:
    assert old in RECIPE
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, recipe=RECIPE.replace(old, new, 1))
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"small.yaml:{answer}"]


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("target.label_noise=2", "--set target.label_noise=2: target.label_noise: must be from 0 to 1, got 2"),
        ("freezing.count=12", "--set freezing.count=12: freezing.count: must be from 0 to 9, the layers below the head 'head', got 12"),
        ("target.trainin.epochs=3", "--set target.trainin.epochs=3: target.trainin: no such field; nearest: training"),
        ("colour=red", "--set colour=red: colour: no such field; there are: architecture, device, eps, executor, freezing, name, notes, pair, question, seed, source, store, …"),
        ("target.images", "--set target.images: target.images: must be path=value, such as target.images=500"),
        ("=3", "--set =3: must be path=value, such as target.images=500"),
        ("target.images=[1", "--set target.images=[1: target.images: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("target.images.more=1", "--set target.images.more=1: target.images.more: target.images is 60: it has no 'more'"),
        ("sweep.seed=0..x", "--set sweep.seed=0..x: sweep.seed: '0..x' is not a range a..b or a..b..step, a list, or all"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_option_names_the_option(override: str, answer: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, override)
    assert [str(mistake) for mistake in caught.value.mistakes] == [answer]


def test_all_mistakes_come_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    wrong = RECIPE.replace("label_noise: 0.2", "label_noise: 2").replace("resnet", "rasnet").replace("title", "tilte")
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, recipe=wrong)
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 4, 12]


def test_a_mistake_of_every_point_of_a_sweep_is_said_once(tmp_path: Path) -> None:
    wrong = RECIPE.replace("epochs: 4", "epochs: -4").replace("[0, 3, 9]", "0..9")
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, recipe=wrong)
    assert len(caught.value.mistakes) == 1


@pytest.mark.parametrize("missing", ["pair", "architecture", "target", "source", "freezing"])
def test_a_part_that_is_missing_is_named(missing: str, tmp_path: Path) -> None:
    lines = RECIPE.splitlines(keepends=True)
    kept, skipping = [], False
    for line in lines:
        if not line.startswith(" "):
            skipping = line.startswith(f"{missing}:")
        if not skipping:
            kept.append(line)
    recipe = (
        "".join(kept) if missing != "freezing" else "".join(kept).replace("  freezing.count: [0, 3, 9]", "  seed: [0]")
    )
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, recipe=recipe)
    assert any(f"{missing}: is missing" in str(mistake) for mistake in caught.value.mistakes)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"a: \xff", "small.yaml:1: not UTF-8 text: invalid start byte"),
        (b"- a\n- b\n", "small.yaml:1: a recipe is a mapping: pair, architecture, source, target, freezing, …"),
        (b"pair: [\n", "small.yaml:2: not YAML"),
    ],
    ids=["not text", "a list", "not YAML"],
)  # fmt: skip
def test_a_file_that_is_no_recipe_is_one_sentence(content: bytes, answer: str, tmp_path: Path) -> None:
    from ftdd.plugins import installed_plugins
    from ftdd.recipe.read import read_study

    path = tmp_path / "small.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_study(path, installed_plugins(), tmp_path)
    (mistake,) = caught.value.mistakes
    assert str(mistake).startswith(answer)
