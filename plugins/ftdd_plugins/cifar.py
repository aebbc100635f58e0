"""The pair `cifar10_halves`: five of CIFAR-10's classes as source, the other five as target."""

import hashlib
import io
import pickle
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import ftdd
from ftdd.components import DataUnavailable, Pair, Side
from ftdd.image_shape import ImageShape, Normalization

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.images import Task

FOLDER = "cifar-10-batches-py"
TRAIN_FILES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
TEST_FILES = {"test_batch": "40351d587109b95175f43aff81a1287e"}
"""MD5 of the official files, as torchvision has them."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGES_OF_CLASS = 5000
SOURCE_CLASSES = {
    "related": ("bird", "cat", "deer", "ship", "truck"),
    "less_related": ("cat", "deer", "dog", "frog", "horse"),
}
HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
PATIENCE_SECONDS = 10.0


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [Cifar10Halves]


class Cifar10Halves(Pair):
    """CIFAR-10's ten classes split in two: five are the source task, the other five the target task.

    `related`: the source (bird, cat, deer, ship, truck) has a near relative of most target classes (airplane,
    automobile, dog, frog, horse).   `less_related`: the source is animals (cat, deer, dog, frog, horse), the target
    vehicles and birds (airplane, automobile, bird, ship, truck).   The two have different targets, so compare their
    curves, not the heights of their errors.

    The official files (Krizhevsky 2009), 60,000 images of 32 × 32 pixels, are checked by their md5.
    """

    name: Literal["cifar10_halves"] = "cifar10_halves"
    similarity: Literal["related", "less_related"] = "related"
    """Which five classes are the source."""
    image_size: Literal[32, 16, 8] = 32
    """Pixels a side; smaller images are the means of squares of pixels."""
    allow_modified: bool = False
    """Take what files there are, also where they are not the official ones or not all of them."""

    def image_shape(self) -> ImageShape:
        """Three channels, square."""
        return ImageShape(3, self.image_size, self.image_size)

    def classes(self, side: Side) -> tuple[str, ...]:
        """In CIFAR-10's own order."""
        source = SOURCE_CLASSES[self.similarity]
        return tuple(name for name in CLASSES if (name in source) == (side == "source"))

    def normalization(self) -> Normalization:
        """Means and deviations of the official training images."""
        return Normalization((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """5,000 each; counted in the files where they may be modified ones."""
        names = self.classes(side)
        if not self.allow_modified:
            return (IMAGES_OF_CLASS,) * len(names)
        import numpy as np

        labels = np.concatenate([_read(path)[1] for path in self._files(data, TRAIN_FILES)])
        return tuple(int((labels == CLASSES.index(name)).sum()) for name in names)

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """Check the files; where none is there, fetch the official archive through torchvision."""
        folder = data / FOLDER
        if not any((folder / name).exists() for name in (*TRAIN_FILES, *TEST_FILES)):
            say(f"CIFAR-10 is not in {folder}: fetching it (170 MB)")
            _download(data)
        self._files(data, TRAIN_FILES)
        self._files(data, TEST_FILES)

    def load(self, side: Side, data: Path) -> "Task":
        """The classes of a side, averaged down to the image size."""
        from ftdd.images import Task

        train = _labelled(self._files(data, TRAIN_FILES), self.classes(side), self.image_size)
        test = _labelled(self._files(data, TEST_FILES), self.classes(side), self.image_size)
        return Task(train, test)

    def _files(self, data: Path, official: dict[str, str]) -> list[Path]:
        """The files to read, checked. Raises DataUnavailable with the list of those that are wrong."""
        folder = data / FOLDER
        missing = [name for name in official if not (folder / name).is_file()]
        there = [folder / name for name in official if name not in missing]
        if self.allow_modified and there:
            return there
        modified = [path.name for path in there if _md5(path, path.stat().st_mtime_ns) != official[path.name]]
        if not missing and not modified:
            return there
        faults = [f"missing: {', '.join(missing)}"] if missing else []
        faults += [f"not the official file by its md5: {', '.join(modified)}"] if modified else []
        ways = f"put the official files there ({HOME}) or name another folder with --data or FTDD_DATA"
        if there:
            ways += ", or say pair.allow_modified: true to take what is there"
        raise DataUnavailable(f"CIFAR-10 in {folder}: {'; '.join(faults)}; {ways}")


def _download(data: Path) -> None:
    """Fetch and unpack the official archive. Raises DataUnavailable where that cannot be done."""
    import socket

    from ftdd_plugins.torchvision_operators import declare_operators

    declare_operators()
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_SECONDS)
    try:
        from torchvision.datasets import CIFAR10

        CIFAR10(str(data), download=True)
    except Exception as error:  # whatever urllib, ssl, tarfile or torchvision raise, the user needs the same sentence
        raise DataUnavailable(
            f"CIFAR-10 is not in {data / FOLDER} and could not be fetched ({type(error).__name__}: {error}); put the "
            f"official files there ({HOME}) or name the folder that has them with --data or FTDD_DATA"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)


@lru_cache(maxsize=32)
def _md5(path: Path, modified_ns: int) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


class _Array:
    """Takes the state of an array in a pickle: its shape and its bytes, if they are bytes."""

    def __init__(self, *_: object) -> None:
        self._shape: Any = (0,)
        self._order: Literal["C", "F"] = "C"
        self._content = b""

    def __setstate__(self, state: Any) -> None:
        _, self._shape, kind, columns_first, self._content = state
        self._order = "F" if columns_first else "C"
        if not (isinstance(kind, _Kind) and kind.name in ("u1", b"u1") and type(self._content) is bytes):
            raise pickle.UnpicklingError("its pixels are not bytes")

    def values(self) -> "npt.NDArray[np.uint8]":
        import numpy as np

        return np.frombuffer(self._content, dtype=np.uint8).reshape(self._shape, order=self._order)


class _Kind:
    """Takes the state of a dtype in a pickle: its name."""

    def __init__(self, name: object, *_: object) -> None:
        self.name = name

    def __setstate__(self, _: object) -> None:
        """Byte order and the like, which bytes have no need of."""


def _encoded(text: str, encoding: str) -> bytes:
    """How protocol 2 writes bytes from Python 3."""
    if encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it encodes bytes as {encoding}")
    return text.encode("latin1")


class _ArraysOnly(pickle.Unpickler):
    """Reads CIFAR's pickles and nothing else: a pickle may name any function to call.

    Not even NumPy's own are called: fed with a damaged file they end the process with a segmentation fault.
    """

    _STAND_INS: ClassVar[dict[tuple[str, str], object]] = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Kind,
        ("_codecs", "encode"): _encoded,
    }

    def find_class(self, module: str, name: str) -> Any:
        stand_in = self._STAND_INS.get((module.replace("numpy._core", "numpy.core"), name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which a file of images has no use for")
        return stand_in


def _read(path: Path) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
    """A batch's pixels, shape (N, 3072), and labels, shape (N,)."""
    import numpy as np

    try:
        batch = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        pixels: npt.NDArray[np.uint8] = batch[b"data"].values().reshape(-1, 3072)
        labels = np.asarray(batch[b"labels"], dtype=np.int64)
    except Exception as error:  # a damaged pickle may raise anything; MemoryError and IndexError have been seen
        reason = f"{type(error).__name__}: {error}"
        raise DataUnavailable(
            f"{path} is not a batch of CIFAR-10 ({reason}); replace it by the official file"
        ) from error
    if labels.shape != (len(pixels),) or (len(labels) and not (labels.min() >= 0 and labels.max() < len(CLASSES))):
        raise DataUnavailable(f"{path} has {len(pixels)} images and {len(labels)} labels, or wrong labels")
    return pixels, labels


def _labelled(files: Sequence[Path], names: tuple[str, ...], size: int) -> Any:
    import numpy as np
    import torch

    from ftdd.images import LabelledImages

    parts = [_read(path) for path in files]
    pixels = np.concatenate([pixels for pixels, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    label_of = np.full(len(CLASSES), -1)
    label_of[[CLASSES.index(name) for name in names]] = np.arange(len(names))
    wanted = label_of[labels] >= 0
    images = average_down(pixels[wanted].reshape(-1, 3, 32, 32), size)
    return LabelledImages(torch.from_numpy(images), torch.from_numpy(label_of[labels[wanted]]), names)


def average_down(images: "npt.NDArray[np.uint8]", size: int) -> "npt.NDArray[np.uint8]":
    """Images of shape (N, C, H, H) as means of squares, rounded half up, shape (N, C, size, size)."""
    import numpy as np

    count, channels, height, _ = images.shape
    side = height // size
    squares = images.reshape(count, channels, size, side, size, side).astype(np.uint32).sum(axis=(3, 5))
    means: npt.NDArray[np.uint32] = (squares + side * side // 2) // (side * side)
    return means.astype(np.uint8)
