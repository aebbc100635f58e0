"""Pairs: a source task and a target task, and the data sets whose files they read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from ftdd.components.base import Component
from ftdd.components.comparison import Side
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.values import Json

if TYPE_CHECKING:
    from ftdd.data.images import Task
    from ftdd.data.repeats import Repeats


@dataclass(frozen=True)
class Presence:
    """What of a data set lies in a data folder."""

    state: Literal["there", "modified", "incomplete", "missing"]
    """`modified`: all files, but some not the official ones; `incomplete`: only some files."""
    files: tuple[str, ...] = ()
    """What is missing or not the official file, a phrase each."""


class DataSet(ABC):
    """Files that pairs read: what `ftdd data` lists and gets."""

    name: str
    """As `ftdd data get` takes it."""
    about: str
    """A line: how many images of what, how large, by whom."""
    home: str
    """Where it comes from, as an address; "" where it comes with a package."""

    @abstractmethod
    def presence(self, data: Path) -> Presence:
        """What of it lies in the data folder."""

    @abstractmethod
    def get(self, data: Path, say: Callable[[str], None]) -> None:
        """Bring what is missing into the data folder.

        say: takes a line on what is being done. Raises DataUnavailable with a sentence that says what to do instead.
        """


SimilarityOrder: TypeAlias = Mapping[str, Sequence[Any] | Literal["larger", "smaller"]]
"""For each field whether larger or smaller numbers are more similar, or the values themselves, most similar first."""


class Pair(Component):
    """A source task and a target task."""

    task: ClassVar[Literal["classification", "regression"]] = "classification"
    """What is learned: a class, or a number, by least squares; its error is then the mean squared one."""
    data_sets: ClassVar[Sequence[DataSet]] = ()
    """Whose files it reads."""
    similarity_order: ClassVar[SimilarityOrder] = {}
    """Fields by which source and target are more or less similar."""
    split_version: ClassVar[int] = 1
    """Raise it when the code shares the same files out to training and test half differently than before. Runs keep it
    beside the digests of their images, so that a message can say that the code has changed and not the files."""

    @abstractmethod
    def image_shape(self) -> ImageShape:
        """The shape of every image, of both sides."""

    @abstractmethod
    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The names of a side's classes, in the order of their labels; of numbers, the one name of what they are.

        data: the folder where data sets lie, for pairs whose classes are what is found there. Raises Unfit, or
        DataUnavailable like `load`.
        """

    @abstractmethod
    def normalization(self) -> Normalization:
        """Fixed for both sides, so that a frozen layer is one and the same function of an image."""

    @abstractmethod
    def load(self, side: Side, data: Path) -> "Task":
        """A side's images, all of them, clean labels. `data` is the folder where data sets lie.

        Raises DataUnavailable where files are missing or not what they should be.
        """

    @abstractmethod
    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """How many training images each class has, without loading them where that can be known.

        Raises DataUnavailable like `load`.
        """

    def test_count(self, side: Side, data: Path) -> int | None:
        """How many test images there are, where that can be known without loading them; None where it cannot.

        `ftdd plan` foresees with it how small a difference a study can see. Raises DataUnavailable like `load`.
        """
        return None

    def prepare(self, data: Path, say: Callable[[str], None]) -> None:
        """See that the files are there: check or fetch them. Called once, before anything is trained.

        say: takes a line on what is being done. Raises DataUnavailable.
        """

    def remarks(self, side: Side, data: Path) -> Sequence[str]:
        """What a user should know of a side's images, a sentence each: files left out, a small part of the range used.

        Shown by `validate`, `run`, `show` and on the page, and no mistakes. Without torch and in seconds at most; say
        nothing where it would take longer. Raises Unfit or DataUnavailable like `classes`.
        """
        return ()

    def repeats(self, side: Side, data: Path) -> "Repeats | None":
        """How many images of a side equal others of it, where that can be known in seconds without loading them.

        None where it cannot: small sets are then loaded and compared, and every run says it of the images it loads.
        Raises like `remarks`.
        """
        return None

    def expected_test_error(self, settings: Mapping[str, Json]) -> float | None:
        """What theory says that a run's final test error is in the mean; None where there is no theory.

        settings: the run's spec, source or target, as dotted paths to plain values.
        """
        return None
