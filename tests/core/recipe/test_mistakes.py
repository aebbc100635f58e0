"""Wrong recipes, and the exact answer to each: file, line, path, what is wrong, what would be right."""

from pathlib import Path

import pytest
import yaml

from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.read import read_recipe
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins

GOLDEN = yaml.safe_load((Path(__file__).parent / "wrong_recipes.yaml").read_text())


def read_wrong(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, installed_plugins(), tmp_path, overrides)
    return [str(mistake) for mistake in caught.value.mistakes]


def listed(answer: str | list[str]) -> list[str]:
    return [answer] if isinstance(answer, str) else answer


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["reads"][:50])
def test_a_mistake_is_answered_with_file_line_path_and_what_to_do(case: dict[str, str], tmp_path: Path) -> None:
    lines = GOLDEN["recipe"].splitlines()
    first, _, last = str(case.get("line") or case["lines"]).partition("..")
    old = lines[int(first) - 1]
    indentation = old[: len(old) - len(old.lstrip())]
    new = [indentation + line for line in case["reads"].rstrip("\n").split("\n")]
    lines[int(first) - 1 : int(last or first)] = new
    assert read_wrong(tmp_path, "\n".join(lines) + "\n") == listed(case["answer"])


@pytest.mark.parametrize("case", GOLDEN["options"], ids=lambda case: case["set"])
def test_a_mistake_in_an_option_names_the_option(case: dict[str, str], tmp_path: Path) -> None:
    assert read_wrong(tmp_path, GOLDEN["recipe"], case["set"]) == listed(case["answer"])


def test_the_golden_recipe_itself_is_right(tmp_path: Path) -> None:
    """Else every answer above could be to something that is wrong with all of them."""
    path = tmp_path / "right.yaml"
    path.write_text(GOLDEN["recipe"])
    assert len(read_recipe(path, installed_plugins(), tmp_path).points) == 2


def test_an_option_that_the_sweep_would_undo_is_refused(tmp_path: Path) -> None:
    """Each point of the sweep brings an architecture of its own, and the option would be lost without a word."""
    swept = GOLDEN["recipe"].replace("target.images: [50, 60]", "architecture: [resnet, {name: resnet, width: 3}]")
    assert read_wrong(tmp_path, swept, "architecture.width=7") == [
        "--set architecture.width=7: architecture.width: the sweep sets all of architecture; "
        "say --set sweep.architecture=[…], or --set architecture=… first"
    ]
    one = tmp_path / "one.yaml"
    one.write_text(swept)
    study = read_recipe(one, installed_plugins(), tmp_path, ["architecture=resnet", "architecture.width=7"])
    assert [point.spec.architecture.model_dump()["width"] for point in study.points] == [7]


@pytest.mark.parametrize("sweep", ["5", "[5]"])
def test_an_axis_set_into_a_sweep_that_is_none_leaves_the_mistake_to_be_said(sweep: str, tmp_path: Path) -> None:
    text = GOLDEN["recipe"].replace("sweep:\n  target.images: [50, 60]", f"sweep: {sweep}")
    (answer,) = read_wrong(tmp_path, text, "sweep.seed=0..1")
    assert answer.endswith("must be a mapping of dotted paths, or a list of such mappings")


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
    path = tmp_path / "small.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, installed_plugins(), tmp_path)
    (mistake,) = caught.value.mistakes
    assert str(mistake).startswith(answer)


def test_the_control_that_trains_on_the_target_first_needs_to_know_how(tmp_path: Path) -> None:
    assert read_wrong(tmp_path, GOLDEN["recipe"], "source=none", "control=selffer") == [
        "--set control=selffer: control: selffer trains on the target's own task first, as source.training says; "
        "source is none"
    ]
