"""The bases of the six kinds of component that plugins bring.

A component is a frozen value: its fields are what a recipe may say, its docstring is its page in `ftdd show`,
its methods are its work. A component's module loads without torch; its methods import what they need.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias
from unicodedata import category

from typing_extensions import Self

from ftdd.comparison import Comparison
from ftdd.comparison import Side as Side
from ftdd.findings import Finding as Finding
from ftdd.findings import Proposal as Proposal
from ftdd.image_shape import ImageShape, Normalization
from ftdd.values import Json, Value

if TYPE_CHECKING:
    from ftdd.chain import Chain, Spared
    from ftdd.evidence import Evidence
    from ftdd.images import Task
    from ftdd.repeats import Repeats


def _in_one_line(message: str) -> str:
    """The message with line breaks, control characters and what is not UTF-8 written as `\\n`, `\\x1b`, `\\udce9`.

    Names of files may have them: they would break a list of mistakes apart, or tell a terminal what to do.
    """
    escaped = (c.encode("unicode_escape").decode() if category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in message)
    return "".join(escaped)


class Unfit(ValueError):
    """A component's setting does not fit what it is used with; `field` names the setting, "" the whole."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(_in_one_line(message))
        self.field = field


class DataUnavailable(Exception):
    """Images or weights are not to be had: a sentence that says which, where, and what to do.

    field: the setting that names what is missing; "" where none does.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(_in_one_line(message))
        self.field = field


class ComponentFailed(Exception):
    """A component raised what it must not, or gave what it must not: a sentence with plugin, package and component."""


def error_words(error: BaseException) -> str:
    """What a stranger's exception says, in one line of 300 characters at most: `TypeError: no such thing`."""
    try:
        said = " ".join(str(error).split()).split(" For further information visit ")[0]  # as pydantic ends
    except Exception:  # an exception's own words may be what is broken
        said = "its message cannot be shown"
    said = _in_one_line(said if len(said) <= 300 else f"{said[:299]}…")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


@dataclass(frozen=True)
class Owner:
    """The plugin that a component or a command came with."""

    plugin: str
    package: str
    """The name of its distribution."""
    version: str = ""

    @property
    def distribution(self) -> str:
        """Name and version of the package, for example `ftdd 0.1.0`."""
        return f"{self.package} {self.version}".strip()

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' of {self.distribution}"


@dataclass(frozen=True)
class Every:
    """Marks a field for which a sweep may say `all`: the values that stand for all of them.

    count: Annotated[int, Every(lambda layers: range(len(layers)))]
    """

    values: Callable[[tuple[str, ...]], Sequence[Json]]
    """From the names of the network's layers, input first."""


class Component(Value):
    """What all kinds of component share."""

    tag: ClassVar[str] = "name"
    """The field that says which component it is."""
    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({},)
    """Settings of small ones, with which the checks of `ftdd.testing` try the class."""
    brought_by: ClassVar[Owner | None] = None
    """The plugin that it came with; written when plugins are loaded."""


class Architecture(Component):
    """Builds a network as a chain of named layers for an image shape and a number of classes."""

    memory_format: ClassVar[Literal["contiguous", "channels_last"]] = "contiguous"
    """How weights and batches lie in memory: `channels_last` suits convolutions. It changes speed, and last bits."""

    def untrained(self) -> Self:
        """The same network without any weights that somebody else has trained; itself where it never has any."""
        return self

    def normalization(self, image: ImageShape) -> Normalization | None:
        """What its weights were trained with; None where the pair's own will do."""
        return None

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that what it needs is on this machine: weights, mostly. Called once, before anything is trained.

        say: takes a line on what is being done. Raises DataUnavailable.
        """

    def weight_files(self) -> Sequence[Path]:
        """The files whose content decides what `build` starts from; none where it draws all weights.

        A run keeps their digests, so that one that is done is not taken for one with other weights. Files that are not
        there are passed over; what is missing is the business of `prepare`.
        """
        return ()

    @abstractmethod
    def build(self, image: ImageShape, classes: int) -> "Chain":
        """The network with new weights, drawn from torch's generator, which the caller has seeded.

        The head is always new. Raises Unfit where no such network exists for these images or classes.
        """

    def layers(self, image: ImageShape, classes: int) -> tuple[str, ...]:
        """The names of the layers that `build` gives, input first; the last is the head's.

        Recipes are checked with it. This one builds the network; say the names without torch where you can.
        """
        import torch

        with torch.random.fork_rng(devices=[]):
            return self.build(image, classes).names


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


Likeness: TypeAlias = "Mapping[str, Sequence[Json] | Literal['larger', 'smaller']]"
"""For each field whether larger or smaller numbers are more alike, or the values themselves, most alike first."""


class Pair(Component):
    """A source task and a target task."""

    labels: ClassVar[Literal["classes", "numbers"]] = "classes"
    """What is learned: a class, or a number, by least squares; its error is then the mean squared one."""
    data_sets: ClassVar[Sequence[DataSet]] = ()
    """Whose files it reads."""
    likeness: ClassVar[Likeness] = {}
    """Fields by which source and target are more or less alike."""
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


@dataclass(frozen=True)
class Score:
    """How alike two tasks are, by one scheme."""

    value: float
    """Larger = more alike."""
    details: Mapping[str, float] = field(default_factory=dict)
    """What else it found, by name: the score of every layer, for one."""


class Scheme(Component):
    """A score of how alike source and target of a pair are; larger = more alike."""

    best: ClassVar[float | None] = None
    """The score of a task with itself, than which none is greater; None where there is no such number."""
    symmetric: ClassVar[bool] = False
    """Whether source and target can change places."""
    lowest: ClassVar[float | None] = None
    """Than which no score is smaller; None where there is no such number."""

    def fits(self, image: ImageShape) -> None:
        """Raises Unfit, with the field, where it can score no pair of such images. Recipes are checked with it."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """See that what it needs is on this machine: weights, mostly.

        Called before anything is trained, and again before each score that is not kept yet.
        say: takes a line on what is being done. Raises DataUnavailable.
        """

    @property
    def needs(self) -> Literal["classes", "images", "source network", "both networks"]:
        """What it looks at: names of classes; images and labels; the source network; or a network of the target too."""
        return "images"

    @abstractmethod
    def score(self, given: Comparison) -> Score:
        """The score of what is compared.

        Draws of its own are the same each time. Raises Unfit where it cannot be had for these tasks, and ImportError
        with a sentence where a package is missing.
        """


class Policy(Component):
    """Says which layers are frozen at which epoch."""

    tag: ClassVar[str] = "policy"

    spared: ClassVar[frozenset["Spared"]] = frozenset()
    """What may move in frozen layers all the same; see `ftdd.chain.Chain.freeze`."""

    @abstractmethod
    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Indices of the layers frozen in the training epoch that starts after `epoch` epochs.

        layers: names, input first; the last is the head, which must not be among the frozen. A function of its
        arguments alone, never of history: resuming cannot change it. Raises Unfit where the settings
        do not fit the network.
        """


class Analysis(Component):
    """Computes findings from a study's curves."""

    rank: ClassVar[int] = 100
    """Findings of a lower rank are read first, where a recipe does not say in which order."""

    @abstractmethod
    def findings(self, evidence: "Evidence") -> Sequence[Finding]:
        """What the runs show, in the order in which to read it; nothing where the study is not about this.

        Of half a study too: what is missing makes intervals wider and answers `cannot tell`.
        """

    def proposals(self, evidence: "Evidence") -> Sequence[Proposal]:
        """Runs that would let it tell what it cannot tell yet, the most useful first; nothing where it can.

        `ftdd run --more-seeds-where-unsure` carries them out, within its budget, and asks again.
        """
        return ()


@dataclass(frozen=True)
class Job:
    """One run to carry out: all that a worker is told. What it has to say it writes into the run's folder."""

    run_id: str
    store: Path
    data: Path
    device: str
    threads: int
    cache_memory: int
    """Bytes that a frozen prefix's outputs may take in memory; 0 for none."""
    cache_disk: int
    """Bytes that they may take in a file beside the run where memory is not enough; 0 for none."""


class Crew(Protocol):
    """Workers that stand ready."""

    slots: int
    """How many jobs are carried out at once, 1 or more."""

    def submit(self, job: Job) -> "Future[None]":
        """Have the job carried out by `ftdd.study.runs.carry_out`; the future ends when it has ended.

        The future is a `concurrent.futures.Future`. Its exception says that the *worker* died; what goes wrong in a run
        stands in its folder. A future that is cancelled fails the run. A job may be started twice: the second start
        finds it locked, done, or goes on from its checkpoint.
        """
        ...


class Executor(Component):
    """Carries runs out."""

    default: ClassVar[bool] = False
    """Whether it is taken where a recipe names none."""
    patience: ClassVar[float | None] = 120.0
    """Seconds that a job may lie without a worker before it counts as lost; None for ever, as in a cluster's queue."""

    @abstractmethod
    def open(self, workers: int | None, device: str) -> AbstractContextManager[Crew]:
        """Workers for a study; leaving the context ends them at once, also in the middle of a run.

        workers: how many, None for as many as suit the machine.   device: as torch names it.
        """


@dataclass(frozen=True)
class Kind:
    """One of the six kinds: its word, its base, and the hook that brings components of it."""

    word: str
    plural: str
    base: type[Component]

    @property
    def hook(self) -> str:
        """The name of the hook that returns the classes."""
        return f"ftdd_{self.plural}"

    def name_of(self, component: type[Component] | Component) -> str:
        """The name by which recipes call a component."""
        cls = component if isinstance(component, type) else type(component)
        return str(cls.model_fields[self.base.tag].default)


KINDS: Mapping[str, Kind] = {
    word: Kind(word, plural, base)
    for word, plural, base in (
        ("architecture", "architectures", Architecture),
        ("pair", "pairs", Pair),
        ("scheme", "schemes", Scheme),
        ("policy", "policies", Policy),
        ("analysis", "analyses", Analysis),
        ("executor", "executors", Executor),
    )
}


def own_fields(component: type[Component]) -> Iterator[str]:
    """The fields a recipe may set: all but the one that says which component it is."""
    return (name for name in component.model_fields if name != component.tag)
