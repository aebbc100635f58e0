"""One image file: its bytes as an array of a given size."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ftdd_plugins.pairs.files.scale import Scale, Values, common_scale, in_bytes, values_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_PIXELS = 50_000_000
"""Of one image: more is a mistake or an attack, since a small file can hold gigabytes."""
MOST_BYTES = 200_000_000
"""Of one file."""

Channels = Literal[1, 3]
SquareSide = Annotated[int, Field(ge=1, le=4096)]
"""Pixels a side of what images are brought to. More is a slip of the finger: one image would take 48 MiB and more."""


class UnreadableImage(ValueError):
    """An image cannot be decoded; the message says why."""


@dataclass(frozen=True)
class ImageFile:
    """One image as it lies somewhere."""

    name: str
    """As messages and the manifest call it."""
    mark: str
    """Changes when the content does: a checksum, or size and time."""
    read: Callable[[], bytes]


def decode(content: bytes, side: int, channels: Channels, scale: Scale | None = None) -> "npt.NDArray[np.uint8]":
    """One image, shape (channels, side, side): upright (EXIF), the middle of its shorter side brought to `side` pixels.

    scale: what is white in images of more than 8 bits, for all of a data set; where it is left out, this image is one
    of its own. Raises Unreadable.
    """
    import numpy as np

    with _opened(content) as opened:
        if opened.format == "JPEG":
            opened.draft(None, (2 * side, 2 * side))
        if scale is None:
            values = values_of(opened)
            scale = common_scale([values] if values else [])
        square = _square(_flat(_upright(opened), channels, scale), side)
        pixels = np.asarray(square, dtype=np.uint8)
    return np.ascontiguousarray(pixels.reshape(side, side, channels).transpose(2, 0, 1))


def values_in(content: bytes) -> Values | None:
    """What the values of an image of more than 8 bits are; None of one of 8 bits. Raises Unreadable."""
    with _opened(content) as opened:
        return values_of(opened)


@contextmanager
def _opened(content: bytes) -> "Iterator[Any]":
    """The image, not decoded yet. Raises Unreadable, also for what its decoder raises within."""
    from PIL import Image

    if len(content) > MOST_BYTES:
        raise UnreadableImage(f"has {len(content) >> 20} MB")
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise UnreadableImage(f"has {width:,} × {height:,} pixels; at most {MOST_PIXELS:,} in all")
            yield opened
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow raises whatever its decoders do: OSError, SyntaxError, ValueError, struct.error
        raise UnreadableImage(_why(error)) from error


def _upright(image: Any) -> Any:
    """The image turned as its EXIF says.

    Not by Pillow's exif_transpose: that also writes the EXIF anew, and fails where a camera's is not by the book.
    """
    from PIL import ExifTags, Image

    image.load()  # what comes after the pixels, as a PNG's may, is not read before
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turned is None else image.transpose(turned)


def _flat(image: Any, channels: Channels, scale: Scale) -> Any:
    """The image in one or three channels of bytes; what is transparent is white; more bits are brought to 8."""
    from PIL import Image

    image = in_bytes(image, scale)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image.convert("L" if channels == 1 else "RGB")


def _square(image: Any, side: int) -> Any:
    """The middle square, brought to a size."""
    from PIL import Image

    width, height = image.size
    if (width, height) == (side, side):
        return image
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    return image.resize((side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge))


def _why(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "is no image that Pillow knows"
    if isinstance(error, Image.DecompressionBombError):
        return "has too many pixels"
    if "truncated" in str(error).lower():
        return "is cut off"
    return f"cannot be decoded ({' '.join(str(error).split()) or type(error).__name__})"


@lru_cache(maxsize=1)
def _formats() -> list[str]:
    """All that Pillow opens, less EPS: for that it runs another program, Ghostscript, on the file."""
    from PIL import Image

    Image.init()
    return [name for name in Image.ID if name != "EPS"]
