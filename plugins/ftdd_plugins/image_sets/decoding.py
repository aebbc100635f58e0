"""Decode image files once, in parallel, into an array that processes share."""

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from filelock import FileLock
from pydantic import Field

from ftdd.components import DataUnavailable
from ftdd_plugins.image_sets.memory import check_memory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_PIXELS = 50_000_000
"""Of one image: more is a mistake or an attack, since a small file can hold gigabytes."""
MOST_BYTES = 200_000_000
"""Of one file."""
BESIDE = "ftdd-decoded"
"""The folder for decoded images in the data folder."""
SAY_SECONDS = 5.0
NAMED_FAULTS = 3

Channels = Literal[1, 3]
SquareSide = Annotated[int, Field(ge=1, le=4096)]
"""Pixels a side of what images are brought to. More is a slip of the finger: one image would take 48 MiB and more."""


class Unreadable(ValueError):
    """An image cannot be decoded; the message says why."""


@dataclass(frozen=True)
class ImageFile:
    """One image as it lies somewhere."""

    name: str
    """As messages and the manifest call it."""
    mark: str
    """Changes when the content does: a checksum, or size and time."""
    read: Callable[[], bytes]


def decoded(
    files: Sequence[ImageFile], side: int, channels: Channels, title: str, data: Path, say: Callable[[str], None]
) -> "npt.NDArray[np.uint8]":
    """The images of these files, memory-mapped, uint8, shape (N, channels, side, side).

    Each is turned upright (EXIF), its shorter side is brought to `side` pixels and its middle is kept. The array
    is kept under `cache_folder(data)` with a manifest that lists the files; it is made again when a name or a mark
    changes, or where it is damaged. say: takes a line on the progress. Raises DataUnavailable with the names of files
    that cannot be read, or where the images are more than memory.
    """
    check_memory(title, len(files), channels, side)
    sha = hashlib.sha256(f"4 {side} {channels}\n".encode())
    for file in files:
        sha.update(os.fsencode(f"{file.name}\t{file.mark}\n"))
    name = f"{''.join(c if c.isalnum() else '-' for c in title.lower())[:40]}-{sha.hexdigest()[:16]}"
    shape = (len(files), channels, side, side)
    images = _kept(data / BESIDE / name, shape)
    if images is not None:
        return images
    folder = cache_folder(data) / name
    images = _kept(folder, shape)
    return _made(folder, files, shape, title, say) if images is None else images


def _made(
    folder: Path,
    files: Sequence[ImageFile],
    shape: tuple[int, Channels, int, int],
    title: str,
    say: Callable[[str], None],
) -> "npt.NDArray[np.uint8]":
    """The images decoded into a folder, by this process or by another one that was at it."""
    import numpy as np

    root = folder.parent
    _, channels, side, _ = shape
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{folder.name}.lock"):
            images = _kept(folder, shape)
            if images is None:
                _decode_into(folder, files, side, channels, title, say)
                images = np.load(folder / "images.npy", mmap_mode="r")
            return images
    except BrokenPipeError:  # that was `say`: nobody listens any more
        raise
    except OSError as error:
        raise DataUnavailable(
            f"{title}: its decoded images cannot be written into {root} ({error.strerror or error}); make room "
            "there, or name another folder with --data or XDG_CACHE_HOME"
        ) from error


def _kept(folder: Path, shape: tuple[int, ...]) -> "npt.NDArray[np.uint8] | None":
    """What was decoded before; None where nothing was, or it is damaged, or somebody else's who keeps it closed."""
    import numpy as np

    try:
        if not (folder / "manifest.json").exists():
            return None
        images: npt.NDArray[np.uint8] = np.load(folder / "images.npy", mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def cache_folder(data: Path) -> Path:
    """Where decoded images are kept: `ftdd-decoded` in the data folder, or the user's cache where that is read-only."""
    within = data / BESIDE
    if data.is_dir() and not _read_only(within if within.is_dir() else data):
        return within
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ftdd" / "decoded"


def decode(content: bytes, side: int, channels: Channels) -> "npt.NDArray[np.uint8]":
    """One image, shape (channels, side, side). Raises Unreadable."""
    import numpy as np
    from PIL import Image

    if len(content) > MOST_BYTES:
        raise Unreadable(f"has {len(content) >> 20} MB")
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"has {width:,} × {height:,} pixels; at most {MOST_PIXELS:,} in all")
            if opened.format == "JPEG":
                opened.draft(None, (2 * side, 2 * side))
            square = _square(_flat(_upright(opened), channels), side)
    except Unreadable:
        raise
    except Exception as error:  # Pillow raises whatever its decoders do: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable(_why(error)) from error
    pixels = np.asarray(square, dtype=np.uint8)
    return np.ascontiguousarray(pixels.reshape(side, side, channels).transpose(2, 0, 1))


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


def _flat(image: Any, channels: Channels) -> Any:
    """The image in one or three channels of bytes; what is transparent is white; 16 bits are brought to 8."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        import numpy as np

        values = np.asarray(image, dtype=np.float64)
        full = _white(image.mode, float(values.max(initial=0, where=np.isfinite(values))))
        scaled = np.nan_to_num(values * (255.0 / full), posinf=255.0, neginf=0.0)
        image = Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, clear)
    return image.convert("L" if channels == 1 else "RGB")


def _white(mode: str, largest: float) -> float:
    """The value that stands for white in an image of more than 8 bits, which no file says: 1, 255 or 65535.

    Fractions go past white by up to as much again: a resized image overshoots at its edges.
    """
    if mode.startswith("I;16"):
        return 65535.0
    past = 2.0 if mode == "F" else 1.0
    scales = (1.0, 255.0) if mode == "F" else (255.0,)
    return next((white for white in scales if largest <= past * white), 65535.0)


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


def _decode_into(
    folder: Path, files: Sequence[ImageFile], side: int, channels: Channels, title: str, say: Callable[[str], None]
) -> None:
    temporary = folder.with_name(f".making-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of one that was killed: the lock says that nobody is at it
    temporary.mkdir()
    try:
        faults = _decode_to(temporary / "images.npy", files, side, channels, title, say)
        if faults:
            named = "; ".join(faults[:NAMED_FAULTS]) + (
                f"; and {len(faults) - NAMED_FAULTS} more" * (len(faults) > NAMED_FAULTS)
            )
            raise DataUnavailable(f"{title}: {named}; replace or remove {'it' if len(faults) == 1 else 'them'}")
        manifest = {
            "title": title,
            "images": len(files),
            "side": side,
            "channels": channels,
            "files": [[file.name, file.mark] for file in files],
        }
        (temporary / "manifest.json").write_text(json.dumps(manifest))
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)  # half of one, from a copy that was cut off
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _decode_to(
    path: Path, files: Sequence[ImageFile], side: int, channels: Channels, title: str, say: Callable[[str], None]
) -> list[str]:
    """Write the images as a .npy file, one after another; what is wrong with files, a phrase each.

    Written, not mapped: where the disk is full, a write raises, and a mapping ends the process.
    """
    import numpy as np
    from PIL import Image

    faults: list[str] = []
    began = said = time.monotonic()
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), channels, side, side)}
    with path.open("wb") as out, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit of our own is lower
        np.lib.format.write_array_header_1_0(out, header)
        for i, (file, result) in enumerate(_in_parallel(files, side, channels)):
            if isinstance(result, str):
                faults.append(f"{file.name} {result}")
            else:
                out.write(result.tobytes())
            now = time.monotonic()
            if now - said > SAY_SECONDS:
                said = now
                left = (now - began) / (i + 1) * (len(files) - i - 1)
                say(f"{title}: {i + 1:,} of {len(files):,} images decoded, about {left:.0f} s left")
    return faults


def _in_parallel(
    files: Sequence[ImageFile], side: int, channels: Channels
) -> "Iterator[tuple[ImageFile, npt.NDArray[np.uint8] | str]]":
    """Every file with its image, or with what is wrong with it, in order. Threads: Pillow's decoders leave the lock."""

    def one(file: ImageFile) -> "npt.NDArray[np.uint8] | str":
        try:
            return decode(file.read(), side, channels)
        except Unreadable as error:
            return str(error)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"

    ahead = 256
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), ahead):
            part = files[start : start + ahead]
            yield from zip(part, pool.map(one, part), strict=True)


def _read_only(folder: Path) -> bool:
    """Whether nobody is meant to write there, or a file cannot be made there, whatever the permissions say."""
    if not folder.stat().st_mode & 0o222:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError:
        return True
