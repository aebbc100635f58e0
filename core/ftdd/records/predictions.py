"""Predictions: what a run's network answered at each evaluation, image by image."""

import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # numpy takes longer to import than all else that `ftdd watch` does
    import numpy as np
    import numpy.typing as npt

    Classes = npt.NDArray[np.unsignedinteger[Any]]
    Answers = npt.NDArray[np.unsignedinteger[Any] | np.float32]

FILE = "predictions.npz"
_ALWAYS = ("epochs", "test", "test_labels", "classes", "test_digest")
_NOISY = ("train", "train_labels", "train_clean_labels")


@dataclass(frozen=True, eq=False)
class Predictions:
    """The class given to every image (or the number, in regression) at each evaluation of a run's curve.

    Classes are numbers from 0 on, of the smallest unsigned type that holds them. Arrays cannot be written into.
    """

    epochs: "npt.NDArray[np.int64]"
    """Of the evaluations, rising: shape (evaluations,)."""
    test: "Answers"
    """Shape (evaluations, test images): classes; float32 outputs in regression."""
    test_labels: "Answers"
    """The right answers, shape (test images,); float32 in regression."""
    classes: tuple[str, ...]
    """The classes' names; in regression the one name of what is given."""
    test_digest: str
    """Digest of the test images and their labels: runs with the same one were tested on the same images."""
    train: "Classes | None" = None
    """Shape (evaluations, training images); None where no training label is wrong."""
    train_labels: "Classes | None" = None
    """The labels trained on, wrong ones included: shape (training images,)."""
    train_clean_labels: "Classes | None" = None
    """The right labels of the training images."""

    def __post_init__(self) -> None:
        for name in (*_ALWAYS[:3], *_NOISY):
            array = getattr(self, name)
            if array is not None:
                array.setflags(write=False)
        if self.test.shape != (len(self.epochs), len(self.test_labels)):
            raise ValueError(f"{len(self.epochs)} evaluations of {len(self.test_labels)} images: {self.test.shape}")

    @property
    def regression(self) -> bool:
        """Whether numbers are given, not classes."""
        return bool(self.test.dtype.kind == "f")

    @property
    def test_errors(self) -> "npt.NDArray[np.bool_ | np.float32]":
        """Of each evaluation and test image whether the answer is wrong; in regression the squared error.

        Shape (evaluations, test images).
        """
        return (self.test - self.test_labels) ** 2 if self.regression else self.test != self.test_labels

    def row(self, epoch: int | None = None) -> int:
        """Index of an evaluation by its epoch; of the last one without it. Raises LookupError."""
        if not len(self.epochs):
            raise LookupError("the run has no evaluation: it diverged before the first")
        if epoch is None:
            return len(self.epochs) - 1
        if epoch not in self.epochs:
            raise LookupError(f"no evaluation at epoch {epoch}; there are {', '.join(map(str, self.epochs))}")
        return int((self.epochs == epoch).argmax())

    def wrong(self, epoch: int | None = None) -> "npt.NDArray[np.int64]":
        """Indices of the test images that are given a wrong class, rising; at the last evaluation, or at an epoch's.

        Raises LookupError for an epoch without evaluation, and ValueError in regression.
        """
        import numpy as np

        self._check_classes()
        return np.flatnonzero(self.test_errors[self.row(epoch)])

    def confusion(self, epoch: int | None = None) -> "npt.NDArray[np.int64]":
        """How many test images of class i are given class j: shape (classes, classes). Raises like `wrong`."""
        import numpy as np

        self._check_classes()
        given, count = self.test[self.row(epoch)].astype(np.int64), len(self.classes)
        return np.bincount(count * self.test_labels.astype(np.int64) + given, minlength=count**2).reshape(count, count)

    def error_by_class(self, epoch: int | None = None) -> "npt.NDArray[np.float64]":
        """Test error on the images of each class, in [0, 1], shape (classes,); NaN for a class without test image.

        Raises like `wrong`.
        """
        import numpy as np

        table = self.confusion(epoch)
        with np.errstate(invalid="ignore"):
            return np.asarray(1 - table.diagonal() / table.sum(axis=1))

    def grown(self, epoch: int, test: "npt.NDArray[Any]", train: "npt.NDArray[Any] | None") -> "Predictions":
        """With another evaluation: answers of shape (images,), of any type.   train: used where labels are noisy."""
        import numpy as np

        def with_row(rows: Any, row: Any) -> Any:
            return np.vstack([rows, np.asarray(row).astype(rows.dtype)])

        return replace(
            self,
            epochs=np.append(self.epochs, epoch),
            test=with_row(self.test, test),
            train=None if self.train is None else with_row(self.train, train),
        )

    def _check_classes(self) -> None:
        if self.regression:
            raise ValueError("the run gives numbers, not classes")


@dataclass(frozen=True, eq=False)
class Wrong:
    """Which test images were given a wrong class at each evaluation, a bit each: an eighth of a byte an answer."""

    epochs: "npt.NDArray[np.int64]"
    packed: "npt.NDArray[np.uint8]"
    """Shape (evaluations, images / 8)."""
    images: int

    def at(self, epoch: float | None) -> "npt.NDArray[np.uint8] | None":
        """1 where wrong, shape (images,): at an epoch, or at the last evaluation; None where there is none."""
        import numpy as np

        rows = np.arange(len(self.epochs)) if epoch is None else np.flatnonzero(self.epochs == epoch)
        return np.unpackbits(self.packed[rows[-1]], count=self.images) if len(rows) else None


def wrong_answers(predictions: Predictions) -> Wrong:
    """Of a run that gives classes."""
    import numpy as np

    wrong = predictions.test_errors.astype(bool)
    return Wrong(predictions.epochs, np.packbits(wrong, axis=1), wrong.shape[1])


def no_predictions(
    classes: tuple[str, ...],
    test_labels: "npt.NDArray[Any]",
    test_digest: str,
    train_labels: "npt.NDArray[Any]",
    train_clean_labels: "npt.NDArray[Any]",
) -> Predictions:
    """Of a run before its first evaluation.   Labels of shape (images,): whole numbers, or floats in regression."""
    import numpy as np

    regression = np.issubdtype(test_labels.dtype, np.floating)
    kind = np.dtype(np.float32) if regression else np.min_scalar_type(max(len(classes) - 1, 0))

    def none_of(labels: "npt.NDArray[Any]") -> Any:
        return np.empty((0, len(labels)), kind)

    noisy = not regression and bool((train_labels != train_clean_labels).any())
    return Predictions(
        np.empty(0, np.int64),
        none_of(test_labels),
        test_labels.astype(kind),
        classes,
        test_digest,
        none_of(train_labels) if noisy else None,
        train_labels.astype(kind) if noisy else None,
        train_clean_labels.astype(kind) if noisy else None,
    )


def to_bytes(predictions: Predictions) -> bytes:
    """As a compressed NumPy archive (`numpy.load` reads it): the same bytes for the same values.

    Answers are written in Fortran order, an image's side by side: they mostly repeat from one evaluation to the next
    (bench/results has what that saves).
    """
    import numpy as np

    given = {name: getattr(predictions, name) for name in (*_ALWAYS, *_NOISY)}
    arrays: dict[str, Any] = {name: np.asarray(array, order="F") for name, array in given.items() if array is not None}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def from_bytes(content: bytes) -> Predictions:
    """What `to_bytes` made. Raises ValueError where the content is something else, torn or changed."""
    import numpy as np

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            fields: dict[str, Any] = {name: archive[name] for name in archive.files}
        plain = {"classes": tuple(fields["classes"].tolist()), "test_digest": str(fields["test_digest"])}
        return Predictions(**{**fields, **plain})
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no predictions: {error}") from error


def read(path: Path) -> Predictions | None:
    """A run's predictions; None where there is no such file. Raises ValueError with a sentence.

    The last few are remembered, as long as their files are the same: curves over epochs ask for each one many times.
    """
    try:
        stat = path.stat()
        return _read(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read: {error}; delete the run's folder, and `ftdd run` executes the run again"
        ) from error


@lru_cache(maxsize=4)
def _read(path: Path, *_: int) -> Predictions:
    return from_bytes(path.read_bytes())
