"""One white for a data set, whatever number of bits its images have."""

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ftdd.components import DataUnavailable
from ftdd_plugins.pairs.files.decoding import decoded, kept_scale, scale_of
from ftdd_plugins.pairs.files.image_file import ImageFile, decode
from ftdd_plugins.pairs.files.scale import Scale
from ftdd_plugins.pairs.image_folder import ImageFolder
from tests.plugins.sentences import quiet

RAMP = np.linspace(0, 1, 64).reshape(8, 8)
PAIR = ImageFolder(target="d", image_size=8, channels=1)


def encoded(values: "npt.NDArray[Any]", form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, form, **options)
    return out.getvalue()


def lay(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def pixels_of(folder: Path, pair: ImageFolder = PAIR) -> dict[str, "npt.NDArray[np.uint8]"]:
    """Each image by its path below the folder."""
    task, found = pair.load("target", folder), pair._found("target", folder)
    images = [*task.train.images.numpy(), *task.test.images.numpy()]
    return {path.relative_to(folder / "d").as_posix(): one[0] for path, one in zip(found.files, images, strict=True)}


@pytest.mark.parametrize("most", [200, 255, 256, 1023, 4000, 4095, 4096, 16383, 65535])
@pytest.mark.parametrize(("kind", "form"), [(np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF")])
def test_an_image_alone_is_a_data_set_of_its_own(most: int, kind: Any, form: str) -> None:
    """Its largest value is white, at however many bits: no step from one to the next."""
    ours = decode(encoded((RAMP * most).astype(kind), form), 8, 1)[0]
    assert np.abs(ours.astype(int) - RAMP * 255).max() <= 2


@pytest.mark.parametrize("most", [0.5, 1.0, 1.2, 120.0, 255.0, 260.0, 511.0, 4095.0, 65535.0])
def test_fractions_go_to_1_or_255_or_to_the_largest(most: float) -> None:
    white = 1 if most < 2 else 255 if 127 < most < 300 else most
    ours = decode(encoded((RAMP * most).astype(np.float32), "TIFF"), 8, 1)[0]
    assert np.abs(ours.astype(int) - np.minimum(RAMP * most / white, 1) * 255).max() <= 1


@pytest.mark.parametrize(
    ("kind", "form", "end"), [(np.uint16, "PNG", "png"), (np.int32, "TIFF", "tif"), (np.float32, "TIFF", "tiff")]
)
def test_all_images_of_a_folder_have_one_scale(kind: Any, form: str, end: str, tmp_path: Path) -> None:
    """In both halves and all classes: what is twice as much is twice as bright; zeros are black."""
    most = {f"{name}/{i}.{end}": 4000 / (1 + i) for name in ("ash", "oak") for i in range(8)}
    lay(tmp_path, {name: encoded((RAMP * value).astype(kind), form) for name, value in most.items()})
    lay(tmp_path, {f"oak/zero.{end}": encoded(np.zeros((8, 8), kind), form)})
    found = pixels_of(tmp_path)
    assert found.pop(f"oak/zero.{end}").max() == 0
    for name, pixels in found.items():
        assert np.abs(pixels - RAMP * most[name] * (255 / 4000)).max() <= 1, name


def test_255_and_256_are_on_one_scale(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            f"{name}/{i}.tif": encoded((RAMP * (255 + i % 2)).astype(np.int32), "TIFF")
            for name in "ab"
            for i in range(6)
        },
    )
    means = [pixels.mean() for pixels in pixels_of(tmp_path).values()]
    assert max(means) - min(means) < 2


def test_images_of_8_bits_beside_them_keep_their_own(tmp_path: Path) -> None:
    """White of a JPEG is 255, whatever the sensor's PNG beside it has; palettes, masks and alpha likewise."""
    grey = (RAMP * 255).astype(np.uint8)
    alpha = np.stack([np.zeros_like(grey), np.full_like(grey, 0)], -1)
    lay(
        tmp_path,
        {
            **{f"a/deep{i}.png": encoded((RAMP * 4095 / (1 + i)).astype(np.uint16), "PNG") for i in range(4)},
            "b/8.png": encoded(grey, "PNG"),
            "b/8.bmp": encoded(grey, "BMP"),
            "b/1.png": _saved(Image.fromarray(grey).convert("1", dither=Image.Dither.NONE), "PNG"),
            "b/p.png": _saved(Image.fromarray(grey).convert("P"), "PNG"),
            "b/la.png": _saved(Image.fromarray(alpha, "LA"), "PNG"),
            "b/cmyk.tif": _saved(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "TIFF"),
        },
    )
    found = pixels_of(tmp_path)
    for i in range(4):
        assert np.abs(found[f"a/deep{i}.png"] - RAMP * 255 / (1 + i)).max() <= 1
    for name in ("b/8.png", "b/8.bmp", "b/p.png"):
        assert np.abs(found[name].astype(int) - grey).max() <= 1
    assert set(np.unique(found["b/1.png"])) == {0, 255}
    assert found["b/la.png"].min() == found["b/cmyk.tif"].min() == 255


def _saved(image: Any, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def test_what_a_file_says_is_white_is_white(tmp_path: Path) -> None:
    """A PGM says the value of white, of which Pillow makes 65535; it does not set the scale of others."""
    values = np.full((8, 8), 1000, ">u2")
    pgm = b"P5 8 8 4000\n" + values.tobytes()
    assert decode(pgm, 8, 1).max() == pytest.approx(1000 / 4000 * 255, abs=1)
    lay(tmp_path, {f"{name}/{i}.pgm": pgm for name in "ab" for i in range(3)})
    lay(tmp_path, {"a/deep.png": encoded((RAMP * 500).astype(np.uint16), "PNG")})
    found = pixels_of(tmp_path)
    assert found["a/deep.png"].max() == 255
    assert found["b/1.pgm"].max() == pytest.approx(64, abs=1)


def test_values_below_0_and_no_numbers_are_black_and_said(tmp_path: Path) -> None:
    """Hounsfield units, for one."""
    units = encoded((RAMP * 4000 - 1000).astype(np.int32), "TIFF")
    odd = RAMP.astype(np.float32).copy()
    odd[0, 0], odd[0, 1], odd[0, 2] = np.nan, np.inf, -np.inf
    lay(tmp_path, {f"{name}/{i}.tif": units for name in "ab" for i in range(3)} | {"a/odd.tif": encoded(odd, "TIFF")})
    found = pixels_of(tmp_path)
    assert found["a/1.tif"][0, 0] == 0
    assert found["a/1.tif"].max() == 255
    assert found["a/odd.tif"][0, :3].tolist() == [0, 255, 0]
    assert found["a/odd.tif"][7, 7] == 255
    assert PAIR.remarks("target", tmp_path) == (
        "6 images of more than 8 bits, with values of at most 3,000: 3,000 is taken for white in all of them",
        "values below 0, down to -1,000, are taken for black",
    )


def test_what_is_taken_for_white_is_said_once_the_images_were_decoded(tmp_path: Path) -> None:
    """Before, nobody has looked, and looking may take minutes."""
    lay(tmp_path, {f"{n}/{i}.png": encoded((RAMP * 4095).astype(np.uint16), "PNG") for n in "ab" for i in range(3)})
    assert PAIR.remarks("target", tmp_path) == ()
    PAIR.prepare(tmp_path, quiet)
    said = "6 images of more than 8 bits, with values of at most 4,095: 4,095 is taken for white in all of them"
    assert PAIR.remarks("target", tmp_path) == (said,)


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (0.01, ("fractions of at most 0.01: 1 is taken for white in all images that have them",)),
        (0.9, ()),
        (250.0, ()),
        (4000.0, ("fractions of at most 4,000: 4,000 is taken for white in all images that have them",)),
    ],
)
def test_fractions_that_use_a_small_part_are_spoken_of(most: float, said: tuple[str, ...], tmp_path: Path) -> None:
    lay(tmp_path, {f"{n}/{i}.tif": encoded((RAMP * most).astype(np.float32), "TIFF") for n in "ab" for i in range(3)})
    PAIR.prepare(tmp_path, quiet)
    assert PAIR.remarks("target", tmp_path) == said


def test_white_may_be_said(tmp_path: Path) -> None:
    """Then the pixels are others, and are not those kept before."""
    lay(tmp_path, {f"{n}/{i}.png": encoded((RAMP * 2000).astype(np.uint16), "PNG") for n in "ab" for i in range(3)})
    assert pixels_of(tmp_path)["a/1.png"].max() == 255
    said = PAIR.model_copy(update={"white": 4000.0})
    assert pixels_of(tmp_path, said)["a/1.png"].max() == pytest.approx(128, abs=1)
    assert "at most 2,000: 4,000 is taken for white" in said.remarks("target", tmp_path)[0]


def test_a_new_image_that_is_brighter_is_on_the_scale_too(tmp_path: Path) -> None:
    """Kept pixels of the old scale are not taken for it."""
    lay(tmp_path, {f"{n}/{i}.png": encoded((RAMP * 1000).astype(np.uint16), "PNG") for n in "ab" for i in range(3)})
    assert pixels_of(tmp_path)["a/1.png"].max() == 255
    lay(tmp_path, {"a/bright.png": encoded((RAMP * 2000).astype(np.uint16), "PNG")})
    assert pixels_of(tmp_path)["a/1.png"].max() == pytest.approx(128, abs=1)


def test_two_lists_of_classes_of_one_folder_have_one_scale(tmp_path: Path) -> None:
    """A frozen layer is one function of an image, on both sides."""
    lay(
        tmp_path,
        {f"{n}/{i}.png": encoded((RAMP * most).astype(np.uint16), "PNG")
         for n, most in zip("abcd", (1000, 1000, 4000, 4000), strict=True) for i in range(3)},
    )  # fmt: skip
    pair = ImageFolder(target="d", target_classes=("a", "b"), source_classes=("c", "d"), image_size=8, channels=1)
    assert int(pair.load("target", tmp_path).train.images.max()) == pytest.approx(64, abs=1)
    assert int(pair.load("source", tmp_path).train.images.max()) == 255


def test_colour_of_16_bits_is_read_by_its_upper_8_and_that_is_said(tmp_path: Path) -> None:
    """Pillow reads no more; of 12-bit values little is left."""
    path = _png_of_16_bit_colour(np.full((8, 8, 3), 0x0FFF, ">u2"))
    lay(tmp_path, {f"{n}/{i}.png": path for n in "ab" for i in range(3)})
    pair = ImageFolder(target="d", image_size=8)
    assert int(pair.load("target", tmp_path).train.images.max()) == 0x0F
    (said,) = pair.remarks("target", tmp_path)
    assert said.startswith("6 images with 16 bits a channel, of which the upper 8 are read")


def _png_of_16_bit_colour(values: "npt.NDArray[Any]") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_files_that_are_decoded_together_are_a_data_set(tmp_path: Path) -> None:
    """Of a pair that says no scale: one for all of these files, also from bytes in an archive."""
    contents = [encoded((RAMP * most).astype(np.uint16), "PNG") for most in (1000, 2000)]
    files = [ImageFile(f"{i}.png", str(i), lambda content=content: content) for i, content in enumerate(contents)]  # type: ignore[misc]
    assert decoded(files, 8, 1, "Test", tmp_path, quiet).max(axis=(1, 2, 3)).tolist() == pytest.approx(
        [128, 255], abs=1
    )
    assert decoded(files, 8, 1, "Test", tmp_path, quiet, Scale(whole=4000.0)).max() == pytest.approx(128, abs=1)


def test_what_was_found_is_kept_and_a_damaged_note_is_found_again(tmp_path: Path) -> None:
    reads = []

    def read() -> bytes:
        reads.append(1)
        return encoded((RAMP * 1000).astype(np.uint16), "PNG")

    files = [ImageFile("1.png", "a", read)]
    assert kept_scale(files, tmp_path) is None
    assert (
        scale_of(files, "Test", tmp_path, quiet)
        == scale_of(files, "Test", tmp_path, quiet)
        == kept_scale(files, tmp_path)
    )
    assert len(reads) == 1
    (note,) = (tmp_path / "ftdd-decoded").glob("scale-*.json")
    for torn in ("", "{", "[1]", '{"other": 1}'):
        note.write_text(torn)
        assert kept_scale(files, tmp_path) is None
        assert scale_of(files, "Test", tmp_path, quiet).whole == 1000
    photograph = [ImageFile("1.JPG", "a", lambda: pytest.fail("a JPEG has 8 bits and is not looked at"))]
    assert scale_of(photograph, "Test", tmp_path, quiet) == kept_scale(photograph, tmp_path) == Scale()


def test_more_than_8_bits_under_the_name_of_a_jpeg_are_refused_and_not_black(tmp_path: Path) -> None:
    """Their values were not looked at for the scale."""
    image = encoded((RAMP * 4095).astype(np.uint16), "PNG")
    lay(tmp_path, {f"{name}/{i}.jpg": image for name in "ab" for i in range(3)})
    with pytest.raises(DataUnavailable, match=r"PNG of more than 8 bits: give it the ending of its format"):
        PAIR.load("target", tmp_path)


def test_a_picture_that_is_none_is_still_named(tmp_path: Path) -> None:
    lay(tmp_path, {f"{n}/{i}.png": encoded((RAMP * 1000).astype(np.uint16), "PNG") for n in "ab" for i in range(3)})
    lay(tmp_path, {"a/wrong.png": b"none"})
    with pytest.raises(DataUnavailable, match=r"wrong\.png is no image that Pillow knows"):
        PAIR.prepare(tmp_path, quiet)


def test_a_tiff_of_12_bits_says_so() -> None:
    """Packed, as cameras for microscopes write it."""
    pixels = np.arange(64, dtype=np.uint16) * 32
    packed = bytearray()
    for one, two in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        packed += bytes([one >> 4, (one & 15) << 4 | two >> 8, two & 255])
    tags = {256: 8, 257: 8, 258: 12, 259: 1, 262: 1, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: 8, 279: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    content = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(packed)
    ours = decode(content, 8, 1)[0].ravel()
    assert np.abs(ours - pixels * (255 / 4095)).max() <= 1
