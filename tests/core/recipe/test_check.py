"""Parts of a recipe that are right by themselves and do not go together: said before anything is trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from ftdd.components import Architecture, Component, DataUnavailable, Pair, Policy, Side, Unfit
from ftdd.components.plugins import Plugins
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.read import read_recipe
from tests.installed import with_components

RECIPE = """\
pair: {name: made, counts: [30, 30]}
architecture: {name: named, depth: 4}
source: {training: {epochs: 1, batch_size: 2, optimizer: {name: sgd, lr: 1}}}
target: {images: 20, training: {epochs: 9, batch_size: 2, optimizer: {name: sgd, lr: 1}}}
freezing: {policy: given}
"""


class Made(Pair):
    """Has as many images as it is told to have."""

    name: Literal["made"] = "made"
    counts: tuple[int, ...]
    there: bool = True
    size: int = 8
    asked: ClassVar[list[Side]] = []

    def image_shape(self) -> ImageShape:
        return ImageShape(1, self.size, self.size)

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        return tuple(map(str, range(len(self.counts))))

    def normalization(self) -> Normalization:
        return Normalization((0.5,), (0.5,))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        self.asked.append(side)
        if not self.there:
            raise DataUnavailable("no files")
        return self.counts

    def load(self, side: Side, data: Path):  # type: ignore[no-untyped-def]
        raise AssertionError("a check must not load images")


class Named(Architecture):
    """Knows its layers, and cannot be built."""

    name: Literal["named"] = "named"
    depth: int

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        if image.height > 8:
            raise Unfit(f"takes 8 pixels a side, got {image}")
        if classes > 3:
            raise Unfit(f"must be 9 for {classes} classes, got {self.depth}", "depth")
        return (*(f"layer{i}" for i in range(1, self.depth)), "head")

    def build(self, image: ImageShape, classes: int):  # type: ignore[no-untyped-def]
        raise AssertionError("a check must not build a network")


class Given(Policy):
    """Freezes what it is told to freeze, from an epoch on."""

    policy: Literal["given"] = "given"
    indices: tuple[int, ...] = ()
    since: int = 0

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        if not self.indices:
            return frozenset()
        if max(self.indices) > 90:
            raise Unfit("must be small", "indices")
        return frozenset(self.indices) if epoch >= self.since else frozenset()


def plugins() -> Plugins:
    brought: dict[str, dict[str, type[Component]]] = {
        "pair": {"made": Made},
        "architecture": {"named": Named},
        "policy": {"given": Given},
    }
    return with_components(**brought)


def answers(tmp_path: Path, old: str = "", new: str = "") -> Sequence[str]:
    assert old in RECIPE
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace(old, new) if old else RECIPE)
    try:
        read_recipe(path, plugins(), tmp_path)
    except RecipeError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def test_parts_that_go_together_are_right_without_loading_or_building_anything(tmp_path: Path) -> None:
    assert answers(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("[30, 30]", "[30, 30], size: 9", "r.yaml:2: architecture: takes 8 pixels a side, got 1×9×9"),
        ("[30, 30]", "[30, 30, 30, 30]", "r.yaml:2: architecture.depth: must be 9 for 4 classes, got 4"),
        ("[30, 30]", "[30]", "r.yaml:1: pair: the target has 1 class; a task needs two or more"),
        ("given", "given, indices: [0, 91]", "r.yaml:5: freezing.indices: must be small"),
        (
            "given",
            "given, indices: [3]",
            "r.yaml:5: freezing: freezes the head 'head', which is new for the target and must be trained",
        ),
        (
            "given",
            "given, indices: [3], since: 8",
            "r.yaml:5: freezing: freezes the head 'head', which is new for the target and must be trained",
        ),
        (
            "given",
            "given, indices: [5]",
            "r.yaml:5: freezing: freezes layers that are not there; the network has 0 to 3",
        ),
        (
            "images: 20",
            "images: 61",
            "r.yaml:4: target.images: must be at most 60, as many as can be taken evenly from 2 classes; "
            "got 61 (or say all)",
        ),
        ("images: 20", "images: 1", "r.yaml:4: target.images: must be 2 or more, one for each class; got 1"),
    ],
)
def test_what_does_not_go_together_is_said_at_its_field(old: str, new: str, answer: str, tmp_path: Path) -> None:
    assert answer in answers(tmp_path, old, new)


@pytest.mark.parametrize(("counts", "most"), [("[30, 30]", 60), ("[10, 30]", 21), ("[30, 10, 12]", 32)])
def test_as_many_images_as_can_be_taken_evenly_and_not_one_more(counts: str, most: int, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    for images, right in ((most, True), (most + 1, False)):
        path.write_text(RECIPE.replace("[30, 30]", counts).replace("images: 20", f"images: {images}"))
        if right:
            assert read_recipe(path, plugins(), tmp_path).points
        else:
            with pytest.raises(RecipeError, match=f"must be at most {most}"):
                read_recipe(path, plugins(), tmp_path)


def test_what_is_known_of_files_only_is_not_held_against_a_recipe_without_them(tmp_path: Path) -> None:
    """The same recipe on a machine that has not fetched the images yet; and asked again once they are there."""
    assert answers(tmp_path, "images: 20", "images: 900") != []
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("[30, 30]", "[30, 30], there: false").replace("images: 20", "images: 900"))
    for _ in range(2):
        Made.asked.clear()
        assert read_recipe(path, plugins(), tmp_path).points
        assert "target" in Made.asked
