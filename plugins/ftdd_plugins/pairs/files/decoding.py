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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field

from ftdd.components import DataUnavailable
from ftdd.study.files import write_text
from ftdd_plugins.pairs.files.memory import check_memory
from ftdd_plugins.pairs.files.names import BESIDE, ending
from ftdd_plugins.pairs.files.scale import Scale, Values, common_scale, in_bytes, values_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_PIXELS = 50_000_000
"""Of one image: more is a mistake or an attack, since a small file can hold gigabytes."""
MOST_BYTES = 200_000_000
"""Of one file."""
EIGHT_BITS = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".gif", ".bmp"))
"""Endings of formats that have no more than 8 bits, or of which Pillow reads no more."""
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
    files: Sequence[ImageFile],
    side: int,
    channels: Channels,
    title: str,
    data: Path,
    say: Callable[[str], None],
    scale: Scale | None = None,
) -> "npt.NDArray[np.uint8]":
    """The images of these files, memory-mapped, uint8, shape (N, channels, side, side).

    Each is turned upright (EXIF), its shorter side is brought to `side` pixels and its middle is kept. The array
    is kept under `cache_folder(data)` with a manifest that lists the files; it is made again when a name or a mark
    changes, or where it is damaged. say: takes a line on the progress. scale: what is white in images of more than 8
    bits, for a data set of which these files are a part; where it is left out, these files are one (`scale_of`). Raises
    DataUnavailable with the names of files that cannot be read, or where the images are more than memory.
    """
    check_memory(title, len(files), channels, side)
    images = kept_images(files, side, channels, title, data, scale)
    if images is not None:
        return images
    folder = cache_folder(data) / _cache_name(files, side, channels, title, scale)
    return _made(folder, files, (len(files), channels, side, side), title, say, scale)


def kept_images(
    files: Sequence[ImageFile], side: int, channels: Channels, title: str, data: Path, scale: Scale | None = None
) -> "npt.NDArray[np.uint8] | None":
    """What `decoded` gives, where it has been decoded before; else None, and nothing is decoded."""
    name = _cache_name(files, side, channels, title, scale)
    shape = (len(files), channels, side, side)
    images = _kept(data / BESIDE / name, shape)
    return _kept(cache_folder(data) / name, shape) if images is None else images


def _cache_name(files: Sequence[ImageFile], side: int, channels: Channels, title: str, scale: Scale | None) -> str:
    deep = "" if not _deep(files) else " own scale" if scale is None else scale.key
    sha = hashlib.sha256(f"4 {side} {channels}{deep}\n".encode())
    for file in files:
        sha.update(os.fsencode(f"{file.name}\t{file.mark}\n"))
    return f"{''.join(c if c.isalnum() else '-' for c in title.lower())[:40]}-{sha.hexdigest()[:16]}"


def _made(
    folder: Path,
    files: Sequence[ImageFile],
    shape: tuple[int, Channels, int, int],
    title: str,
    say: Callable[[str], None],
    scale: Scale | None,
) -> "npt.NDArray[np.uint8]":
    """The images decoded into a folder, by this process or by another one that was at it."""
    import numpy as np
    from filelock import FileLock

    root = folder.parent
    _, channels, side, _ = shape
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{folder.name}.lock"):
            images = _kept(folder, shape)
            if images is None:
                _decode_into(folder, files, side, channels, title, say, scale)
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


def decode(content: bytes, side: int, channels: Channels, scale: Scale | None = None) -> "npt.NDArray[np.uint8]":
    """One image, shape (channels, side, side).

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


def scale_of(files: Sequence[ImageFile], title: str, data: Path, say: Callable[[str], None]) -> Scale:
    """What is white in the images of a data set that have more than 8 bits, kept beside the decoded images.

    Only images of formats that can have more are looked at, once. What cannot be read is passed over here, and named
    where it is decoded.
    """
    kept = kept_scale(files, data)
    if kept is not None:
        return kept
    scale = _common_scale(files, title, say)
    with suppress(OSError):  # it only saves time, and decoding says what is wrong with the folder
        path = cache_folder(data) / _scale_file(files)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, scale.to_json())
    return scale


def kept_scale(files: Sequence[ImageFile], data: Path) -> Scale | None:
    """What `scale_of` has found before; None where it was not asked yet."""
    if not _deep(files):
        return Scale()
    name = _scale_file(files)
    return _read_scale(data / BESIDE / name) or _read_scale(cache_folder(data) / name)


def _common_scale(files: Sequence[ImageFile], title: str, say: Callable[[str], None]) -> Scale:
    deep = _deep(files)
    progress = _Progress(title, len(deep), "looked at", say)
    found = []
    for _, values in _in_parallel(deep, _values):
        if isinstance(values, Values):
            found.append(values)
        progress.step()
    return common_scale(found)


def _deep(files: Sequence[ImageFile]) -> list[ImageFile]:
    """Those that may have more than 8 bits, by their names."""
    return [file for file in files if ending(file.name) not in EIGHT_BITS]


def _scale_file(files: Sequence[ImageFile]) -> str:
    sha = hashlib.sha256(b"1\n")
    for file in _deep(files):
        sha.update(os.fsencode(f"{file.name}\t{file.mark}\n"))
    return f"scale-{sha.hexdigest()[:16]}.json"


def _read_scale(path: Path) -> Scale | None:
    try:
        return Scale.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def _values(content: bytes) -> Values | None:
    with _opened(content) as opened:
        return values_of(opened)


@contextmanager
def _opened(content: bytes) -> "Iterator[Any]":
    """The image, not decoded yet. Raises Unreadable, also for what its decoder raises within."""
    from PIL import Image

    if len(content) > MOST_BYTES:
        raise Unreadable(f"has {len(content) >> 20} MB")
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"has {width:,} × {height:,} pixels; at most {MOST_PIXELS:,} in all")
            yield opened
    except Unreadable:
        raise
    except Exception as error:  # Pillow raises whatever its decoders do: OSError, SyntaxError, ValueError, struct.error
        raise Unreadable(_why(error)) from error


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
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, clear)
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


def _decode_into(
    folder: Path,
    files: Sequence[ImageFile],
    side: int,
    channels: Channels,
    title: str,
    say: Callable[[str], None],
    scale: Scale | None,
) -> None:
    temporary = folder.with_name(f".making-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of one that was killed: the lock says that nobody is at it
    temporary.mkdir()
    try:
        scale = _common_scale(files, title, say) if scale is None else scale
        faults = _decode_to(temporary / "images.npy", files, side, channels, title, say, scale)
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
    path: Path,
    files: Sequence[ImageFile],
    side: int,
    channels: Channels,
    title: str,
    say: Callable[[str], None],
    scale: Scale,
) -> list[str]:
    """Write the images as a .npy file, one after another; what is wrong with files, a phrase each.

    Written, not mapped: where the disk is full, a write raises, and a mapping ends the process.
    """
    import numpy as np
    from PIL import Image

    faults: list[str] = []
    progress = _Progress(title, len(files), "decoded", say)
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), channels, side, side)}
    with path.open("wb") as out, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit of our own is lower
        np.lib.format.write_array_header_1_0(out, header)
        for file, result in _in_parallel(files, lambda content: decode(content, side, channels, scale)):
            if isinstance(result, str):
                faults.append(f"{file.name} {result}")
            else:
                out.write(result.tobytes())
            progress.step()
    return faults


class _Progress:
    """Says every few seconds how far it has come."""

    def __init__(self, title: str, total: int, done: str, say: Callable[[str], None]) -> None:
        self._title, self._total, self._done, self._say = title, total, done, say
        self._count = 0
        self._began = self._said = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self._count += 1
        now = time.monotonic()
        if now - self._said > SAY_SECONDS:
            self._said = now
            left = (now - self._began) / self._count * (self._total - self._count)
            self._say(f"{self._title}: {self._count:,} of {self._total:,} images {self._done}, about {left:.0f} s left")


T = TypeVar("T")


def _in_parallel(files: Sequence[ImageFile], work: Callable[[bytes], T]) -> "Iterator[tuple[ImageFile, T | str]]":
    """Every file with what is made of its content, or with what is wrong with it, in order.

    Threads: Pillow's decoders leave the lock.
    """
    from concurrent.futures import ThreadPoolExecutor

    def one(file: ImageFile) -> T | str:
        try:
            return work(file.read())
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
