"""Decode image files once, in parallel, into an array that processes share."""

import hashlib
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ftdd.components import DataUnavailable
from ftdd.study.files import write_text
from ftdd_plugins.pairs.files.folder_names import BESIDE, ending
from ftdd_plugins.pairs.files.image_file import Channels, ImageFile, UnreadableImage, decode, values_in
from ftdd_plugins.pairs.files.memory import check_memory
from ftdd_plugins.pairs.files.scale import Scale, Values, common_scale

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EIGHT_BITS = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".gif", ".bmp"))
"""Endings of formats that have no more than 8 bits, or of which Pillow reads no more."""
SAY_SECONDS = 5.0
NAMED_FAULTS = 3
READ_AHEAD = 256
"""Files that are decoded before the next ones are begun."""

T = TypeVar("T")


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
    import numpy as np
    from filelock import FileLock

    check_memory(title, len(files), channels, side)
    images = kept_images(files, side, channels, title, data, scale)
    if images is not None:
        return images
    root = cache_folder(data)
    folder = root / _cache_name(files, side, channels, title, scale)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f"{folder.name}.lock"):  # another process may be at it
            images = _kept(folder, (len(files), channels, side, side))
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


def kept_images(
    files: Sequence[ImageFile], side: int, channels: Channels, title: str, data: Path, scale: Scale | None = None
) -> "npt.NDArray[np.uint8] | None":
    """What `decoded` gives, where it has been decoded before; else None, and nothing is decoded."""
    name = _cache_name(files, side, channels, title, scale)
    shape = (len(files), channels, side, side)
    images = _kept(data / BESIDE / name, shape)
    return _kept(cache_folder(data) / name, shape) if images is None else images


def cache_folder(data: Path) -> Path:
    """Where decoded images are kept: `ftdd-decoded` in the data folder, or the user's cache where that is read-only."""
    within = data / BESIDE
    if data.is_dir() and not _read_only(within if within.is_dir() else data):
        return within
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ftdd" / "decoded"


def scale_of(files: Sequence[ImageFile], title: str, data: Path, say: Callable[[str], None]) -> Scale:
    """What is white in the images of a data set that have more than 8 bits, kept beside the decoded images.

    Only images of formats that can have more are read, once. What cannot be read is passed over here, and named
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
    for folder in (data / BESIDE, cache_folder(data)):
        with suppress(OSError, ValueError, TypeError):
            return Scale.from_json((folder / _scale_file(files)).read_text(encoding="utf-8"))
    return None


def _cache_name(files: Sequence[ImageFile], side: int, channels: Channels, title: str, scale: Scale | None) -> str:
    deep = "" if not _deep(files) else " own scale" if scale is None else scale.key
    digest = _digest(f"4 {side} {channels}{deep}\n", files)
    return f"{''.join(c if c.isalnum() else '-' for c in title.lower())[:40]}-{digest}"


def _scale_file(files: Sequence[ImageFile]) -> str:
    digest = _digest("1\n", _deep(files))
    return f"scale-{digest}.json"


def _digest(head: str, files: Sequence[ImageFile]) -> str:
    sha = hashlib.sha256(head.encode())
    for file in files:
        sha.update(os.fsencode(f"{file.name}\t{file.mark}\n"))
    return sha.hexdigest()[:16]


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


def _deep(files: Sequence[ImageFile]) -> list[ImageFile]:
    """Those that may have more than 8 bits, by their names."""
    return [file for file in files if ending(file.name) not in EIGHT_BITS]


def _common_scale(files: Sequence[ImageFile], title: str, say: Callable[[str], None]) -> Scale:
    found = _in_parallel(_deep(files), values_in, title, "looked at", say)
    return common_scale([values for _, values in found if isinstance(values, Values)])


def _decode_into(
    folder: Path,
    files: Sequence[ImageFile],
    side: int,
    channels: Channels,
    title: str,
    say: Callable[[str], None],
    scale: Scale | None,
) -> None:
    """Make the folder with array and manifest, whole or not at all. Raises DataUnavailable for what is no image.

    The array is written, not mapped: where the disk is full, a write raises, and a mapping ends the process.
    """
    import numpy as np
    from PIL import Image

    temporary = folder.with_name(f".making-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # of one that was killed: the lock says that nobody is at it
    temporary.mkdir()
    try:
        scale = _common_scale(files, title, say) if scale is None else scale
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), channels, side, side)}
        faults: list[str] = []
        with (temporary / "images.npy").open("wb") as out, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit of our own is lower
            np.lib.format.write_array_header_1_0(out, header)
            work = partial(decode, side=side, channels=channels, scale=scale)
            for file, image in _in_parallel(files, work, title, "decoded", say):
                if isinstance(image, str):
                    faults.append(f"{file.name} {image}")
                else:
                    out.write(image.tobytes())
        if faults:
            more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
            them = "it" if len(faults) == 1 else "them"
            raise DataUnavailable(f"{title}: {'; '.join(faults[:NAMED_FAULTS])}{more}; replace or remove {them}")
        manifest = {"title": title, "images": len(files), "side": side, "channels": channels}
        manifest["files"] = [[file.name, file.mark] for file in files]
        (temporary / "manifest.json").write_text(json.dumps(manifest))
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)  # half of one, from a copy that was cut off
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _in_parallel(
    files: Sequence[ImageFile], work: Callable[[bytes], T], title: str, done: str, say: Callable[[str], None]
) -> "Iterator[tuple[ImageFile, T | str]]":
    """Every file with what is made of its content, or with what is wrong with it, in order.

    Threads: Pillow's decoders leave the lock. say: takes a line on the progress every few seconds.
    """
    from concurrent.futures import ThreadPoolExecutor

    def one(file: ImageFile) -> T | str:
        try:
            return work(file.read())
        except UnreadableImage as error:
            return str(error)
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"

    began = said = time.monotonic()
    total = len(files)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, total, READ_AHEAD):
            part = files[start : start + READ_AHEAD]
            for count, found in enumerate(zip(part, pool.map(one, part), strict=True), start + 1):
                yield found
                now = time.monotonic()
                if now - said > SAY_SECONDS:
                    said = now
                    left = (now - began) / count * (total - count)
                    say(f"{title}: {count:,} of {total:,} images {done}, about {left:.0f} s left")


def _read_only(folder: Path) -> bool:
    """Whether nobody is meant to write there, or a file cannot be made there, whatever the permissions say."""
    if not folder.stat().st_mode & 0o222:
        return True
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError:
        return True
