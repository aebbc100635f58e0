"""The pair `image_folder`: whatever images people have, however their folders lie, and what is wrong with them."""

import io
import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ftdd.components import DataUnavailable, Unfit
from ftdd.recipe.mistakes import RecipeError
from ftdd.recipe.read import read_recipe
from ftdd_plugins.pairs import image_folder
from ftdd_plugins.pairs.files import folder_names, folders, image_file, memory
from ftdd_plugins.pairs.files.folders import class_folders
from ftdd_plugins.pairs.files.image_file import Channels, decode
from ftdd_plugins.pairs.image_folder import ImageFolder
from tests.cli.commands import ftdd
from tests.installed import installed_plugins
from tests.plugins.pictures import png_that_says
from tests.plugins.sentences import quiet, sentence

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def picture(path: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (12, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def photos(folder: Path, classes: Sequence[str] = ("ants", "bees", "cats"), count: int = 4) -> Path:
    """A folder of class folders, each with as many pictures of a colour of its own."""
    for i, name in enumerate(classes):
        for k in range(count):
            picture(folder / name / f"{k}.png", (80 * i, 10 * k, 0))
    return folder


def encoded(image: Any, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shades() -> "npt.NDArray[np.uint8]":
    """Smooth, so that what loses a little still looks like it: shape (16, 16, 3)."""
    ramp = np.linspace(20, 230, 16).astype(np.uint8)
    return np.stack([np.tile(ramp, (16, 1)), np.tile(ramp[:, None], (1, 16)), np.full((16, 16), 90, np.uint8)], -1)


# ---- kinds of files


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "JPEG", "GIF", "PPM", "TGA", "JPEG2000"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    """To a few levels where the format loses something; to the bit where it does not."""
    tolerance = {"JPEG": 12, "WEBP": 1, "GIF": 40}.get(kind, 0)
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    ours = decode(encoded(Image.fromarray(shades()), kind, **options), 16, 3)
    assert np.abs(ours.transpose(1, 2, 0).astype(int) - shades()).max() <= tolerance


def _grey() -> bytes:
    return encoded(Image.fromarray(shades()[..., 0]), "PNG")


def _palette() -> bytes:
    return encoded(Image.fromarray(np.eye(16, dtype=np.uint8) * 255).convert("P"), "PNG")


def _cmyk() -> bytes:
    return encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)


def _bits() -> bytes:
    return encoded(Image.fromarray(np.eye(16, dtype=np.uint8) * 255).convert("1"), "PNG")


def _16_bits(values: "npt.NDArray[np.uint16]") -> bytes:
    return encoded(Image.fromarray(values), "PNG")


@pytest.mark.parametrize(
    ("content", "pixels"),
    [
        (_grey(), np.repeat(shades()[None, ..., 0], 3, axis=0)),
        (_palette(), np.repeat(np.eye(16)[None] * 255, 3, axis=0)),
        (_bits(), np.repeat(np.eye(16)[None] * 255, 3, axis=0)),
        (_cmyk(), np.array([255, 0, 0])[:, None, None] * np.ones((3, 16, 16))),
        (_16_bits(np.full((16, 16), 25700, np.uint16)), np.full((3, 16, 16), 100)),
        (_16_bits(np.full((16, 16), 200, np.uint16)), np.full((3, 16, 16), 1)),
        (encoded(Image.fromarray(np.full((16, 16), 0.4, np.float32)), "TIFF"), np.full((3, 16, 16), 102)),
    ],
    ids=["grey", "palette", "two colours", "CMYK", "16 bits", "16 bits, dark", "fractions"],
)
def test_every_mode_becomes_three_channels_of_bytes(content: bytes, pixels: "npt.NDArray[np.float64]") -> None:
    assert np.abs(decode(content, 16, 3).astype(int) - pixels).max() <= 2


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        ((0.5, 1.06), (128, 255)),
        ((128.0, 260.0), (128, 255)),
        ((25700.0, 65535.0), (100, 255)),
        ((0.5, np.inf), (128, 255)),
        ((0.5, np.nan), (128, 0)),
        ((0.5, -0.2), (128, 0)),
    ],
)
def test_fractions_that_go_past_white_are_white(values: tuple[float, float], pixels: tuple[int, int]) -> None:
    """As after a resize: the image must not be taken for one of a larger scale, and be black."""
    image = np.repeat(np.array(values, np.float32)[None], 2, axis=0)
    assert decode(encoded(Image.fromarray(image), "TIFF"), 2, 1)[0, 0].tolist() == list(pixels)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_is_white(mode: str, channels: Channels) -> None:
    """Black under full transparency on the left, opaque black on the right."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:, 3] = 255
    image = Image.fromarray(pixels)
    if mode == "P":
        image = Image.fromarray(np.repeat([[0] * 4 + [1] * 4], 8, axis=0).astype(np.uint8), "L").convert("P")
        image.putpalette([0, 0, 0, 0, 0, 0])
        content = encoded(image, "PNG", transparency=0)
    else:
        content = encoded(image.convert(mode), "PNG")
    ours = decode(content, 8, channels)
    assert ours.shape == (channels, 8, 8)
    assert (ours[:, :, :4] == 255).all()
    assert (ours[:, :, 4:] == 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int) -> None:
    """The camera's eight ways, each undone by hand: upright, the left upper quarter is white."""
    upright = np.zeros((16, 16), np.uint8)
    upright[:8, :8] = 255
    lies = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    ours = decode(encoded(Image.fromarray(np.ascontiguousarray(lies)), "JPEG", exif=exif), 16, 1)[0]
    assert (ours[:8, :8] > 200).all()
    assert (ours[8:] < 50).all()
    assert (ours[:8, 8:] < 50).all()


def test_an_exif_that_is_not_by_the_book_turns_the_picture_all_the_same() -> None:
    """A text where a number must be, as some cameras write: every viewer shows the picture."""
    upside_down = np.zeros((16, 16), np.uint8)
    upside_down[8:] = 255
    exif = Image.Exif()
    exif[0x0100], exif[0x0112] = 16, 3
    content = encoded(Image.fromarray(upside_down), "JPEG", exif=exif)
    width = b"\x01\x00\x00\x04"  # the tag, and its type: a whole number
    assert content.count(width) == 1
    ours = decode(content.replace(width, width[:3] + b"\x02"), 16, 1)[0]
    assert (ours[:8] > 200).all()
    assert (ours[8:] < 50).all()


@given(width=st.integers(1, 90), height=st.integers(1, 90), side=st.integers(4, 40), jpeg=st.booleans())
@settings(max_examples=60, deadline=None)
@example(width=1, height=3, side=7, jpeg=False)
def test_the_middle_square_is_kept_whatever_the_size(width: int, height: int, side: int, jpeg: bool) -> None:
    """White in the middle square, black outside: all that is kept is white, but for what a filter takes from beside."""
    pixels = np.zeros((height, width), np.uint8)
    edge = min(width, height)
    top, left = (height - edge) // 2, (width - edge) // 2
    pixels[top : top + edge + 1, left : left + edge + 1] = 255
    ours = decode(encoded(Image.fromarray(pixels), "JPEG" if jpeg else "PNG"), side, 1)
    assert ours.shape == (1, side, side)
    inner = ours[0, side // 4 : side - side // 4, side // 4 : side - side // 4]
    assert (inner >= (150 if jpeg else 188)).all()  # 188 of 1 × 3 pixels brought to 7, which is the worst


# ---- how folders lie


def test_classes_are_the_folders_and_labels_follow_them(tmp_path: Path) -> None:
    """By a colour for each class: every image has its own folder's label."""
    photos(tmp_path / "photos")
    (tmp_path / "photos" / "notes.txt").write_text("no class")
    (tmp_path / "photos" / ".hidden").mkdir()
    (tmp_path / "photos" / "ants" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "ants" / "notes.pdf").write_bytes(b"%PDF-1.4, which Pillow writes and does not read")
    pair = ImageFolder(target="photos", image_size=8)
    assert pair.classes("target", tmp_path) == ("ants", "bees", "cats")
    task = pair.load("target", tmp_path)
    assert len(task.train) + len(task.test) == 12
    for images in (task.train, task.test):
        assert (images.images[:, 0, 0, 0] // 80).tolist() == images.labels.tolist()
    assert sum(pair.class_counts("target", tmp_path)) == len(task.train)


@pytest.mark.parametrize("names", [("été", "日本", "two words"), (" led by a blank", "a.b", "100%", "$x_{")])
def test_folders_and_files_have_any_names(names: tuple[str, ...], tmp_path: Path) -> None:
    folder = photos(tmp_path / "bilder öäü", names)
    picture(folder / names[0] / "größe 日本 $1 [b].png")
    picture(folder / names[0] / "UPPER.JPG")
    picture(folder / names[0] / "deeper" / "one more.png")
    (folder / names[0] / "0.png").rename(os.fsdecode(os.fsencode(folder / names[0]) + b"/latin \xe9.png"))
    pair = ImageFolder(target="bilder öäü", image_size=8)
    pair.prepare(tmp_path, quiet)
    task = pair.load("target", tmp_path)
    assert task.train.classes == tuple(sorted(names))
    assert len(task.train) + len(task.test) == 4 * len(names) + 3


def test_the_data_folder_itself_may_be_that_of_the_images(tmp_path: Path) -> None:
    """Decoded images are kept in it, and are no class when it is looked at again."""
    photos(tmp_path / "photos")
    pair = ImageFolder(target=".", image_size=8)
    for _ in range(2):
        pair.prepare(tmp_path / "photos", quiet)
        assert pair.load("target", tmp_path / "photos").train.classes == ("ants", "bees", "cats")
    assert (tmp_path / "photos" / folder_names.BESIDE).is_dir()


def test_hidden_folders_within_a_class_are_left_out(tmp_path: Path) -> None:
    """A notebook's or a file manager's copies would be trained and tested on."""
    photos(tmp_path / "photos")
    for name in (".ipynb_checkpoints/0.png", ".thumbs/deep/1.png", "._2.png"):
        picture(tmp_path / "photos" / "ants" / name)
    pair = ImageFolder(target="photos", image_size=8)
    task = pair.load("target", tmp_path)
    assert len(task.train) + len(task.test) == 12


@pytest.mark.parametrize("test", ["test", "Testing", "val", "Validation"])
def test_a_folder_of_tests_is_what_is_tested_on(test: str, tmp_path: Path) -> None:
    photos(tmp_path / "photos" / "train", count=3)
    photos(tmp_path / "photos" / test, count=1)
    task = ImageFolder(target="photos", image_size=8).load("target", tmp_path)
    assert task.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert task.test.labels.tolist() == [0, 1, 2]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """Beside other vehicles: it has images in it, and no folders."""
    photos(tmp_path / "photos", ("bus", "ship", "train"))
    task = PHOTOS.load("target", tmp_path)
    assert task.train.classes == ("bus", "ship", "train")
    assert len(task.train) + len(task.test) == 12


def test_a_class_that_cannot_be_tested_is_named(tmp_path: Path) -> None:
    photos(tmp_path / "photos" / "train")
    photos(tmp_path / "photos" / "val", ("ants", "bees"))
    with pytest.raises(DataUnavailable, match="val has no folder for the class 'cats'") as caught:
        ImageFolder(target="photos").load("target", tmp_path)
    assert caught.value.field == "target"
    sentence(caught.value)


@given(
    names=st.sets(st.integers(0, 10_000), min_size=2, max_size=60),
    share=st.floats(0.01, 0.99),
    new=st.integers(0, 10_000),
)
@settings(max_examples=150, deadline=None)
def test_a_new_file_moves_no_other_unless_it_stood_in_for_its_half(names: set[int], share: float, new: int) -> None:
    """Each half has one at least; the one that is there for that alone may give way."""
    files = tuple(Path(f"{name}.png") for name in sorted(names))
    more = tuple(Path(f"{name}.png") for name in sorted({*names, new}))
    before, after = (folders._shared_out({"c": paths}, share, Path()) for paths in (files, more))
    assert sorted((*before.train["c"], *before.test["c"])) == sorted(files)
    moved = set(before.train["c"]) & set(after.test["c"]) | set(before.test["c"]) & set(after.train["c"])
    assert min(len(before.train["c"]), len(before.test["c"])) >= 1
    assert len(moved) <= (1 if 1 in (len(before.train["c"]), len(before.test["c"])) else 0)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_about_the_share_is_held_out(share: float) -> None:
    files = tuple(Path(f"IMG_{i:05}.jpg") for i in range(4000))
    held_out = folders._shared_out({"c": files}, share, Path()).test["c"]
    assert len(held_out) / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)


def test_what_is_held_out_depends_on_names_alone(tmp_path: Path) -> None:
    """Not on the order in which they were made, their folder or the day."""
    one, two = tmp_path / "one", tmp_path / "two"
    for i in range(12):
        picture(one / "c" / f"{i}.png")
        picture(two / "c" / f"{11 - i}.png", BLUE)
    first, second = (class_folders(folder, 0.3) for folder in (one, two))
    assert [path.name for path in first.test["c"]] == [path.name for path in second.test["c"]]


def test_links_within_a_class_are_followed_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    """To files, to folders, to folders by two ways, and in a circle."""
    photos(tmp_path / "photos")
    for k in range(3):
        picture(tmp_path / "elsewhere" / f"linked {k}.png")
    ants = tmp_path / "photos" / "ants"
    (ants / "more").symlink_to(tmp_path / "elsewhere")
    (ants / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "elsewhere")
    (ants / "myself").symlink_to(ants)
    picture(tmp_path / "one.png")
    (ants / "file.png").symlink_to(tmp_path / "one.png")
    assert sum(len(half["ants"]) for half in _halves(tmp_path / "photos")) == 4 + 3 + 1


def test_a_class_may_be_a_link(tmp_path: Path) -> None:
    photos(tmp_path / "all")
    (tmp_path / "photos").mkdir()
    for name in ("ants", "bees"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "all" / name)
    assert [len(train["ants"] + test["ants"]) for train, test in [_halves(tmp_path / "photos")]] == [4]


def _halves(folder: Path) -> tuple[dict[str, tuple[Path, ...]], dict[str, tuple[Path, ...]]]:
    found = class_folders(folder, 0.3)
    return found.train, found.test


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_class_is_found_however_its_accents_are_written(form: Literal["NFC", "NFD"], tmp_path: Path) -> None:
    """macOS takes é apart in names of folders; a recipe has it in one piece, mostly."""
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    photos(tmp_path / "photos", (unicodedata.normalize(other, "été"), "hiver"))
    pair = ImageFolder(target="photos", target_classes=(unicodedata.normalize(form, "été"), "hiver"), image_size=8)
    assert pair.classes("target", tmp_path) == (unicodedata.normalize("NFC", "été"), "hiver")
    assert len(pair.load("target", tmp_path).train) > 0


def test_the_folder_itself_may_be_written_in_the_other_form_too(tmp_path: Path) -> None:
    photos(tmp_path / unicodedata.normalize("NFD", "fotos á"))
    pair = ImageFolder(target=unicodedata.normalize("NFC", "fotos á"), image_size=8)
    assert len(pair.classes("target", tmp_path)) == 3


# ---- two sides


def test_two_lists_of_classes_split_one_folder(tmp_path: Path) -> None:
    photos(tmp_path / "photos", ("a", "b", "c", "d"))
    pair = ImageFolder(target="photos", target_classes=("d", "a"), source_classes=("b", "c"), image_size=8)
    assert pair.classes("target", tmp_path) == ("d", "a")
    assert pair.classes("source", tmp_path) == ("b", "c")
    train = pair.load("target", tmp_path).train
    assert sorted(
        {(int(label), int(red)) for label, red in zip(train.labels, train.images[:, 0, 0, 0], strict=True)}
    ) == [(0, 240), (1, 0)]


def test_the_source_may_be_a_folder_of_its_own(tmp_path: Path) -> None:
    photos(tmp_path / "photos", ("a", "b"))
    photos(tmp_path / "other" / "drawings", ("x", "y", "z"))
    pair = ImageFolder(target="photos", source=str(tmp_path / "other" / "drawings"), image_size=8, channels=1)
    pair.prepare(tmp_path, quiet)
    task = pair.load("source", tmp_path)
    assert task.train.classes == ("x", "y", "z")
    assert task.train.shape == pair.image_shape()
    assert pair.image_shape().channels == 1


def test_without_a_source_only_the_target_is_there(tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    pair = ImageFolder(target="photos", image_size=8)
    pair.prepare(tmp_path, quiet)
    with pytest.raises(Unfit, match="names no folder for the source; name one, or set `source: none`") as caught:
        pair.load("source", tmp_path)
    assert caught.value.field == "source"


# ---- what is wrong


def said_of(folder: Path, pair: ImageFolder, field: str | None = None) -> str:
    """What is said when the pair's data are made ready."""
    with pytest.raises(DataUnavailable) as caught:
        pair.prepare(folder, quiet)
    if field is not None:
        assert caught.value.field == field
    return sentence(caught.value)


PHOTOS = ImageFolder(target="photos", image_size=8)


def test_a_folder_that_is_missing_is_named_in_full(tmp_path: Path) -> None:
    assert f"there is no folder {tmp_path / 'photos'}; " in said_of(tmp_path, PHOTOS, "target")
    photos(tmp_path / "photos")
    pair = ImageFolder(target="photos", source="drawings")
    assert f"there is no folder {tmp_path / 'drawings'}; " in said_of(tmp_path, pair, "source")


@pytest.mark.parametrize("given", ["~nobody_of_that_name/photos", "x" * 300, "photos/loop"])
def test_a_path_that_can_be_none_is_refused(given: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "loop").symlink_to("loop")
    assert given in said_of(tmp_path, ImageFolder(target=given), "target")


def test_a_path_with_a_zero_byte_is_refused(tmp_path: Path) -> None:
    assert r"'pho\x00tos' has a zero byte in it" in said_of(tmp_path, ImageFolder(target="pho\0tos"), "target")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    picture(tmp_path / "photos.png")
    assert "photos.png is a file; name the folder" in said_of(tmp_path, ImageFolder(target="photos.png"), "target")


def test_an_empty_folder_and_one_without_class_folders(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    expected = f"{tmp_path / 'photos'} has no folders in it; there must be one for each class"
    assert expected in said_of(tmp_path, PHOTOS, "target")
    picture(tmp_path / "photos" / "1.png")
    assert expected in said_of(tmp_path, PHOTOS, "target")


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    empty = photos(tmp_path / "photos") / "dogs"
    empty.mkdir()
    assert f"{empty} has no images in it; fill it, or take the folder away" in said_of(tmp_path, PHOTOS, "target")


def test_a_class_folder_whose_name_is_no_text_is_named(tmp_path: Path) -> None:
    """As bytes of Latin-1 are: no figure could be labelled with it."""
    picture(photos(tmp_path / "photos") / os.fsdecode(b"caf\xe9") / "1.png")
    expected = rf"{tmp_path / 'photos'} has a folder whose name 'caf\udce9' is not UTF-8, "
    assert expected in said_of(tmp_path, PHOTOS, "target")


@pytest.mark.parametrize("name", ["ants\nbees", "ants\x1b[2J", "ants\u2028"])
def test_a_class_folder_whose_name_breaks_lines_is_named_in_one(name: str, tmp_path: Path) -> None:
    picture(photos(tmp_path / "photos") / name / "1.png")
    said = said_of(tmp_path, PHOTOS, "target")
    assert f"has a folder whose name {name!a} has a line break or a control character in it, so" in said


def test_two_folders_of_one_name_in_other_bytes_are_refused(tmp_path: Path) -> None:
    photos(tmp_path / "photos", tuple(unicodedata.normalize(form, "été") for form in ("NFC", "NFD")))
    assert "two folders whose names are both written 'été', in other bytes" in said_of(tmp_path, PHOTOS, "target")


def test_a_link_up_to_where_the_classes_are_is_refused(tmp_path: Path) -> None:
    """All other classes' images would be of this one."""
    up = photos(tmp_path / "photos") / "ants" / "up"
    up.symlink_to("..")
    assert f"{up} is a link to a folder in which its class lies; take it away" in said_of(tmp_path, PHOTOS, "target")


@pytest.mark.parametrize("name", ["gone", "gone.png", "loop"])
def test_a_link_that_leads_nowhere_is_named(name: str, tmp_path: Path) -> None:
    link = photos(tmp_path / "photos") / "ants" / name
    link.symlink_to("loop")
    assert f"{link} is a link that leads nowhere; mend it" in said_of(tmp_path, PHOTOS, "target")


def test_a_files_name_with_line_breaks_is_said_in_one_line(tmp_path: Path) -> None:
    """And with an escape, which would clear the terminal."""
    (photos(tmp_path / "photos") / "bees" / "a\nb\x1b[2J.png").write_bytes(b"none")
    assert "bees/a\\nb\\x1b[2J.png is no image that Pillow knows" in said_of(tmp_path, PHOTOS)


@pytest.mark.parametrize(
    "names", [("training_set", "test_set"), ("train", "seg_test"), ("test", "val"), ("x", "Val 2")]
)
def test_halves_by_other_names_are_not_taken_for_classes(names: tuple[str, str], tmp_path: Path) -> None:
    """The network would learn to tell what is trained on from what is tested on."""
    for name in names:
        photos(tmp_path / "photos" / name)
    said = said_of(tmp_path, PHOTOS, "target")
    assert "seems to be what is trained or tested on and no class; call the two train and test" in said


def test_classes_may_have_such_words_in_their_names(tmp_path: Path) -> None:
    """With images of their own, or in folders without any such word."""
    photos(tmp_path / "photos", ("test tube", "val d'isere", "trainers"))
    photos(tmp_path / "photos" / "pliers", ("left", "right"))
    assert len(PHOTOS.classes("target", tmp_path)) == 4


def test_a_photograph_that_pillow_does_not_read_is_not_left_out_without_a_word(tmp_path: Path) -> None:
    wrong = photos(tmp_path / "photos") / "bees" / "IMG_0001.HEIC"
    wrong.write_bytes(b"anything")
    expected = f"{wrong} is of a format that Pillow does not read; make it a JPEG or a PNG"
    assert expected in said_of(tmp_path, PHOTOS, "target")


def test_a_class_of_one_image_cannot_be_shared_out(tmp_path: Path) -> None:
    picture(photos(tmp_path / "photos") / "dogs" / "1.png")
    assert f"{tmp_path / 'photos' / 'dogs'} has one image; a class needs two or more" in said_of(tmp_path, PHOTOS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"this is a text", "is no image that Pillow knows"),
        (b"", "is no image that Pillow knows"),
        (encoded(Image.fromarray(shades()).resize((200, 200)), "JPEG")[:900], "is cut off"),
        (png_that_says(20_000), "has too many pixels"),
        (png_that_says(9_000), "has 9,000 × 9,000 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", "is no image that Pillow knows"),
    ],
    ids=["text", "empty", "half", "bomb", "smaller bomb", "a program"],
)
def test_a_picture_that_is_none_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    """PostScript too: Pillow would run Ghostscript on it."""
    wrong = photos(tmp_path / "photos") / "bees" / "9.jpg"
    wrong.write_bytes(content)
    assert f"{wrong} {said}" in said_of(tmp_path, PHOTOS)
    wrong.unlink()
    PHOTOS.prepare(tmp_path, quiet)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    wrong = photos(tmp_path / "photos") / "bees" / "9.png"
    with wrong.open("wb") as file:
        file.truncate(3 << 30)
    assert f"{wrong} cannot be read (3072 MB; at most" in said_of(tmp_path, PHOTOS)


def test_a_picture_without_leave_to_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = photos(tmp_path / "photos") / "bees" / "3.png"
    plain = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path == wrong:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert f"{wrong} cannot be read (Permission denied)" in said_of(tmp_path, PHOTOS)


@pytest.mark.parametrize("name", ["photos", "photos/bees", "photos/ants/deeper"])
def test_a_folder_without_leave_to_read_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """root may read everything: then the refusal is made up where the folder is listed."""
    photos(tmp_path / "photos", ("ants", "cats"))
    closed = tmp_path / name
    closed.mkdir(exist_ok=True)
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            plain = os.scandir

            def scandir(path: Path) -> Any:
                if path == closed:
                    raise PermissionError(13, "Permission denied", str(path))
                return plain(path)

            monkeypatch.setattr(os, "scandir", scandir)
        assert f"{closed} cannot be read: permission denied; make it readable" in said_of(tmp_path, PHOTOS, "target")
    finally:
        closed.chmod(0o755)


def test_images_that_are_more_than_memory_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two training images of 3 × 4096 × 4096 are 100 MB: the machine is made small, or large enough."""
    photos(tmp_path / "photos", ("ants", "bees"), count=2)
    monkeypatch.setattr(memory, "LIMIT", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text("50000000\n")
    said = said_of(tmp_path, ImageFolder(target="photos", image_size=4096))
    assert said.startswith(
        "target images: 2 images of 3×4096×4096 take 0.10 GB, and this machine has 0.05 GB of memory; "
    )
    for limit in ("max\n", "10000\n"):
        (tmp_path / "memory.max").write_text(limit)
        PHOTOS.prepare(tmp_path, quiet)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (("ants", "bee"), r"photos has no class folder 'bee'; nearest: bees"),
        (("ants", "ants"), "must name each class once"),
    ],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_classes_that_are_not_there_or_twice_are_refused(
    side: str, classes: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    photos(tmp_path / "photos")
    pair = ImageFolder.model_validate({"target": "photos", f"{side}_classes": classes})
    with pytest.raises(Unfit, match=said) as caught:
        pair.classes(side, tmp_path)  # type: ignore[arg-type]
    assert caught.value.field == f"{side}_classes"


# ---- in a recipe

RECIPE = """\
title: My photos
question: Does it work?
pair:
  name: image_folder
  target: photos
  image_size: 8
architecture: {name: resnet, width: 2}
source: none
target:
  images: all
  training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}
freezing: {policy: first_layers, count: 0}
"""
SOURCE = "source:\n  images: all\n  training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 0.01}}"


def mistakes(tmp_path: Path, recipe: str) -> list[str]:
    path = tmp_path / "mine.yaml"
    path.write_text(recipe)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, installed_plugins(), tmp_path, ())
    return [
        str(mistake).rpartition("/")[2] if "/" in str(mistake).partition(":")[0] else str(mistake)
        for mistake in caught.value.mistakes
    ]


def test_a_recipe_without_a_source_needs_none(tmp_path: Path) -> None:
    """End to end, with the command: one run, which ends well."""
    photos(tmp_path / "photos", count=8)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    said = ftdd("run", "mine.yaml", "--data", str(tmp_path), "--store", "runs", cwd=tmp_path)
    assert said.code == 0, said.err
    (status,) = (tmp_path / "runs" / "runs").glob("*/status.json")
    assert json.loads(status.read_text())["state"] == "done"
    assert (tmp_path / "ftdd-decoded").is_dir()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("source: none", SOURCE, "mine.yaml:3: pair.source: names no folder for the source; name one, or set `source:"),
        ("target: photos", "target: photo", "mine.yaml:5: pair.target: there is no folder "),
        (
            "image_size: 8",
            "target_classes: [ants, bee]",
            "mine.yaml:6: pair.target_classes: {folder}/photos has no class folder 'bee'; nearest: bees",
        ),
        (
            "image_size: 8",
            "target_classes: [ants, ants]",
            "mine.yaml:6: pair.target_classes: must name each class once",
        ),
        ("image_size: 8", "image_size: 0", "mine.yaml:6: pair.image_size: must be from 1 to 4096, got 0"),
        ("image_size: 8", "image_size: 22400", "mine.yaml:6: pair.image_size: must be from 1 to 4096, got 22400"),
        ("image_size: 8", "test_share: 1", "mine.yaml:6: pair.test_share: must be"),
        ("images: all", "images: 2", "mine.yaml:10: target.images: must be 3 or more, one for each class; got 2"),
    ],
    ids=["no source", "no folder", "no class", "twice", "size", "size too large", "share", "images"],
)
def test_mistakes_have_their_line_and_field(old: str, new: str, expected: str, tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    assert RECIPE.count(old) == 1
    (said,) = mistakes(tmp_path, RECIPE.replace(old, new))
    assert expected.format(folder=tmp_path) in said
    assert "\n" not in said


def test_the_folders_are_looked_through_once_and_not_for_every_point_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 20,000 images and 60 runs that took minutes."""
    photos(tmp_path / "photos")
    path = tmp_path / "mine.yaml"
    path.write_text(f"{RECIPE}sweep: {{freezing.count: [0, 1, 2], seed: 0..9}}\n")
    calls: list[Path] = []

    def counted(folder: Path, test_share: float) -> folders.Folders:
        calls.append(folder)
        return class_folders(folder, test_share)

    monkeypatch.setattr(image_folder, "class_folders", counted)
    assert len(read_recipe(path, installed_plugins(), tmp_path, ()).points) == 30
    assert len(calls) <= 4


def test_a_recipe_for_one_class_is_refused(tmp_path: Path) -> None:
    photos(tmp_path / "photos", ("ants",))
    (said,) = mistakes(tmp_path, RECIPE)
    assert "mine.yaml:3: pair: the target has 1 class; a task needs two or more" in said


def test_a_picture_that_is_none_ends_the_run_before_it_trains(tmp_path: Path) -> None:
    (photos(tmp_path / "photos") / "bees" / "9.jpg").write_bytes(b"no picture")
    (tmp_path / "mine.yaml").write_text(RECIPE)
    said = ftdd("run", "mine.yaml", "--data", str(tmp_path), "--store", "runs", cwd=tmp_path)
    assert said.code == 1
    assert f"{tmp_path / 'photos' / 'bees' / '9.jpg'} is no image that Pillow knows" in said.err
    assert "Traceback" not in said.err


def test_the_modules_limits_are_below_pillows() -> None:
    """Ours are said with the picture's size, and Pillow does not warn before."""
    assert Image.MAX_IMAGE_PIXELS is not None
    assert image_file.MOST_PIXELS < Image.MAX_IMAGE_PIXELS
