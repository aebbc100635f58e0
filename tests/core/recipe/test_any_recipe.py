"""Whatever is written in a recipe or given to `--set`: a study, or sentences that a researcher can read."""

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.read import read_recipe
from tests.core.study.small_study import RECIPE
from tests.installed import installed_plugins

PLUGINS = installed_plugins()
SETTINGS = [
    *("pair", "pair.name", "pair.source_classes", "pair.image_size", "architecture", "architecture.width"),
    *("architecture.name.x", "source", "source.images", "source.training", "source.seed", "target", "target.images"),
    *("target.label_noise", "target.evaluate", "target.evaluate.every", "target.training.optimizer"),
    *("target.training.optimizer.name", "target.training.optimizer.lr", "target.training.optimizer.betas"),
    *("target.training.schedule", "target.training.schedule.every", "target.training.augmentation.padding"),
    *("freezing", "freezing.policy", "freezing.count", "freezing.count.x", "seed", "sweep", "sweep.seed", "title"),
    *("eps", "workers", "device", "executor", "name", "x", "x.y", ".", "", "a..b", "target.images[0]"),
]
VALUES = [
    *("", "none", "null", "all", "[]", "{}", "0", "-1", "1.5", "true", "'x'", "[1, [2]]", "{a: {b: 1}}", "0..3", "1.."),
    *(
        "{name: resnet}",
        "{name: []}",
        "{policy: first_layers, count: 3}",
        "log",
        "every",
        "{every: 2}",
        "1e400",
        "-0.0",
    ),
    *("99999999999999999999999", "é", "digits", "cifar10_halves", "{name: cifar10_halves, image_size: 8}", "[digits]"),
    *("{name: digits, source_classes: [0, 1]}", "{name: sgd, lr: 1, nesterov: true}", "first_layers", "all_but_head"),
]
LINES = RECIPE.splitlines()
JARGON = re.compile(r"input should|validation error|tuple|json|pydantic|value_error|<class|\n", re.IGNORECASE)

values = st.sampled_from(VALUES)
paths = st.sampled_from(SETTINGS)
axes = st.tuples(paths, values | st.tuples(values, values).map(lambda two: f"[{two[0]}, {two[1]}]"))
edits = st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["value", "inner", "drop", "repeat"]), values)


def edited(lines: list[str], edit: tuple[int, str, str]) -> list[str]:
    place, kind, value = edit[0] % len(lines), edit[1], edit[2]
    line = lines[place]
    new = {
        "value": [re.sub(":.*", f": {value}", line, count=1)],
        "inner": [re.sub("(name|lr|width|epochs|policy|count): [^,}]*", rf"\1: {value}", line, count=1)],
        "drop": [],
        "repeat": [line, line],
    }[kind]
    return [*lines[:place], *new, *lines[place + 1 :]] or [line]


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(edits, max_size=2),
    swept=st.lists(axes, max_size=1),
    options=st.lists(st.tuples(st.sampled_from(["", "sweep."]), paths, st.sampled_from(["=", ""]), values), max_size=2),
)
def test_a_recipe_is_a_study_or_a_list_of_sentences(
    changes: list[tuple[int, str, str]], swept: list[tuple[str, str]], options: list[tuple[str, str, str, str]]
) -> None:
    lines = LINES
    for change in changes:
        lines = edited(lines, change)
    lines = [*lines, *(f"  {path}: {value}" for path, value in swept)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_text("\n".join(lines) + "\n")
        try:
            study = read_recipe(path, PLUGINS, Path(folder), ["".join(option) for option in options])
        except RecipeError as error:
            said = [str(mistake) for mistake in error.mistakes]
        else:
            said = []
            assert study.points
    if said:
        assert all(re.match(r"any\.yaml:[1-9]\d*: |--set ", line) for line in said), said
        assert not [line for line in said if JARGON.search(line)]
    else:
        assert len({point.spec.id for point in study.points}) == len(study.points)
