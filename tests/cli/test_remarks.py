"""What should be known of the images is said wherever a user looks: validate, run, show, and on the page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands import Said, ftdd

LEAK = "warning: target: 12 of 12 test images are also trained on"
LEFT_OUT = "note: target: 2 of 26 files are no images by their names and are left out: 1 .jpg_large, 1 .svg"
RECIPE = """\
question: Is it said?
pair: {name: image_folder, target: d, image_size: 8}
architecture: {name: resnet, width: 2}
source: none
target:
  training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}
freezing: {policy: first_layers, count: 0}
sweep: {seed: 0..1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """test/ is a copy of train/, and two files are left out."""
    folder = tmp_path_factory.mktemp("leak")
    random = np.random.default_rng(0)
    for name in ("ash", "oak"):
        (folder / "d" / "train" / name).mkdir(parents=True)
        for i in range(6):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "d" / "train" / name / f"{i}.png")
    shutil.copytree(folder / "d" / "train", folder / "d" / "test")
    (folder / "d" / "train" / "ash" / "a.svg").write_text("<svg/>")
    (folder / "d" / "test" / "oak" / "b.jpg_large").write_bytes(b"x")
    (folder / "leak.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def ran(place: Path) -> Said:
    said = ftdd("run", "leak.yaml", "--data", ".", "--store", "store", cwd=place)
    assert said.code == 0, said.err
    return said


def test_validate_says_it_and_finds_the_recipe_right(place: Path) -> None:
    said = ftdd("validate", "leak.yaml", "--data", ".", cwd=place)
    assert said.code == 0
    assert said.out == "leak.yaml: valid: 2 target runs, 0 source runs\n"
    assert said.err.splitlines() == [f"leak.yaml: {LEAK}", f"leak.yaml: {LEFT_OUT}"]


def test_run_says_it_once(ran: Said) -> None:
    """For both seeds: what is left out before training, what is repeated as soon as images are loaded."""
    assert (ran.out + ran.err).count(LEAK) == 1
    assert ran.err.count(LEFT_OUT) == 1
    assert ran.err.index(LEFT_OUT) < ran.err.index(LEAK)


def test_show_says_it_of_the_pair_and_of_a_run(place: Path, ran: Said) -> None:
    of_pair = ftdd("show", "image_folder", "--set", "target=d", "--data", ".", cwd=place)
    (status, _) = sorted((place / "store" / "runs").glob("*/status.json"))
    of_run = ftdd("show", status.parent.name, "--store", "store", cwd=place)
    for said in (of_pair, of_run):
        assert said.code == 0
        assert LEAK in said.out
        assert LEFT_OUT in said.out
    assert json.loads(status.read_text())["repeats"] == {
        "train": 12, "test": 12, "shared": 12, "two_labels": 0, "within_train": 0, "within_test": 0,
    }  # fmt: skip


def test_the_page_says_it(place: Path, ran: Said) -> None:
    page = (place / "store" / "studies" / "leak" / "report.html").read_text()
    assert f"<b>Warning:</b> {LEAK.removeprefix('warning: ')}</li>" in page
    assert f"<li>{LEFT_OUT.removeprefix('note: ')}</li>" in page
    assert '<a href="#remarks">repeated images</a>' in page


def test_of_images_without_a_fault_nothing_is_said(place: Path) -> None:
    said = ftdd("validate", "leak.yaml", "--data", ".", "--set", "pair.target=d/train", cwd=place)
    assert "warning" not in said.err
    assert ftdd("validate", "quickstart", cwd=place).err == ""
