"""A practitioner's way: a folder of images, one recipe to edit, and an answer with its price."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import ftdd

SMALL = [
    "pair.image_size=32", "architecture={name: timm, model: test_resnet}", "target.training.epochs=2",
]  # fmt: skip
"""No weights are at hand where there is no network."""


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the recipe that ships with ftdd was copied, shown a folder of images, and run."""
    folder = tmp_path_factory.mktemp("practice")
    random = np.random.default_rng(0)
    for name, tint in {"oak": (120, 160, 90), "ash": (90, 110, 150)}.items():
        place = folder / "ftdd-data" / "leaves" / name
        place.mkdir(parents=True)
        for i in range(20):
            pixels = np.clip(np.array(tint) + random.integers(-60, 60, (40, 48, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(place / f"{i}.png")
    recipe = ftdd("show", "how_many_layers", cwd=folder)
    (folder / "mine.yaml").write_text(recipe.out.replace("target: my_images", "target: leaves"))
    settings = [
        part
        for one in [*SMALL, "sweep.seed=0..1", "sweep.freezing.fraction=[0.0, 0.5, 1.0]"]
        for part in ("--set", one)
    ]
    said = ftdd("run", "mine.yaml", "--data", "ftdd-data", *settings, cwd=folder)
    assert said.code == 0, said.err
    return folder


def test_the_folder_is_all_that_is_edited(answered: Path) -> None:
    before = ftdd("show", "how_many_layers", cwd=answered).out.splitlines()
    after = (answered / "mine.yaml").read_text().splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        "pair: {name: image_folder, target: leaves, image_size: 224}"
    ]


def test_the_answer_has_its_price_and_says_what_would_help(answered: Path) -> None:
    said = ftdd("advise", "mine", cwd=answered)
    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    for words in ("One step from the lowest", "Early stopping", "More data", "Soft freezing"):
        assert words in text
    assert text.startswith(("Freeze ", "Cannot tell yet: "))
    (advice,) = json.loads(ftdd("advise", "mine", "--json", cwd=answered).out)
    assert advice["best"] in [choice["frozen_layers"] for choice in advice["choices"]]
    assert min(choice["test_error"] for choice in advice["choices"]) == pytest.approx(
        next(choice["test_error"] for choice in advice["choices"] if choice["frozen_layers"] == advice["best"])
    )
    assert any(choice["as_good"] in (True, None) for choice in advice["choices"])  # None: its seeds may not differ
    more = advice["more_seeds"]
    assert more is None or more["command"].startswith("ftdd run mine.yaml --set pair.image_size=32 --set ")


def test_the_page_ends_with_it(answered: Path) -> None:
    page = (answered / "ftdd-runs" / "studies" / "mine" / "report.html").read_text()
    assert "One step from the lowest" in page


def test_a_study_that_is_not_there_is_a_wrong_request(answered: Path) -> None:
    said = ftdd("advise", "nine", cwd=answered)
    assert said.code == 2
    assert "no study 'nine'" in said.err
    assert "mine" in said.err


def test_without_a_folder_the_recipe_says_which_is_missing(tmp_path: Path) -> None:
    said = ftdd("run", "how_many_layers", cwd=tmp_path)
    assert said.code == 2
    assert "pair.target: there is no folder" in said.err
