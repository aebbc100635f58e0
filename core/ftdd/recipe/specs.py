"""Specs: all that determines a run's numbers, and the ids made of it."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from ftdd.components import Analysis, Architecture, Every, Pair, Policy, Scheme, Side
from ftdd.components.choice import component_choice, or_else
from ftdd.networks.spared import Spared
from ftdd.training.settings import Evaluate, SoftFreezing, Training
from ftdd.values import Json, Value, identity, tree_identity

if TYPE_CHECKING:
    from ftdd.components.plugins import Plugins


PairField = Annotated[Pair, component_choice("pair")]
ArchitectureField = Annotated[Architecture, component_choice("architecture")]
PolicyField = Annotated[Policy, component_choice("policy", "policy")]
SchemeField = Annotated[Scheme, component_choice("scheme")]
AnalysisField = Annotated[Analysis, component_choice("analysis")]

ImageCount = Annotated[PositiveInt | Literal["all"], or_else("must be a whole number of images, 1 or more, or all")]
NoiseFraction = Annotated[float, Field(ge=0, le=1)]


def _is_zero(value: object) -> bool:
    return value == 0


class TaskSettings(Value):
    """How a network is trained and tested on one side of a pair."""

    images: ImageCount = "all"
    """Training images, as many of each class as of any other (within one); `all` takes all there are."""
    test_images: ImageCount = "all"
    """Test images, likewise."""
    label_noise: NoiseFraction = 0.0
    """Fraction of the training labels that are wrong, exactly, each a uniformly random other class."""
    training: Training
    """How the network is trained."""
    validation: Annotated[NonNegativeInt, Field(exclude_if=_is_zero)] = 0
    """Validation images, taken out of the training half and never trained on; their labels are right. The best epoch
    is chosen on them. 0 is none."""
    evaluate: Evaluate = "log"
    """When to measure: `every` epoch, `{every: n}`, or `log`, 20 times a decade. Always at epoch 0 and at the end."""


class StopAt(Value):
    """When a source is good enough."""

    accuracy: Annotated[float, Field(gt=0, le=1)]
    """Test accuracy on the source."""

    @property
    def test_error(self) -> float:
        """The test error that is good enough. 1 − 0.9 is below 0.1 in floats, so what is hit exactly has some room."""
        return 1 - self.accuracy + 1e-9


def _is_none(value: object) -> bool:
    return value is None


class SourceSettings(TaskSettings):
    """The training on the source."""

    seed: NonNegativeInt = 0
    """Moves the source's subset, noise, initialization and batch order."""
    stop_at: Annotated[StopAt | None, Field(exclude_if=_is_none)] = None
    """`{accuracy: a}` ends the training after the first epoch with a test accuracy of a or more, to give sources of
    different tasks the same quality. A source that never gets there fails. Measured after every epoch, whatever
    `evaluate` says. The control `selffer` is not stopped by it."""


class TargetSettings(TaskSettings):
    """The training on the target."""


def _long_form(given: Any) -> Any:
    return {"first_layers": given} if isinstance(given, (str, int)) else given


class Transfer(Value):
    """Which layers start from the source's weights; the others start afresh, and the head always does."""

    first_layers: Annotated[
        NonNegativeInt | Literal["all", "frozen"],
        Every(lambda layers: list(range(len(layers)))),
        or_else("must be a number of layers, all, or frozen"),
    ] = "all"
    """How many, counted from the input; `all` below the head, or `frozen`: those that the policy freezes at first, and
    what lies below them. In a sweep, `all` is every depth."""


Control = Literal["transfer", "selffer", "random", "scratch"]
BatchNorm = Literal["frozen", "affine_only", "live", "recalibrate"]

SPARED: Mapping[BatchNorm, frozenset[Spared]] = {
    "frozen": frozenset(),
    "affine_only": frozenset({"batch_norm_scales"}),
    "live": frozenset({"batch_norm_statistics"}),
    "recalibrate": frozenset(),
}
"""What moves in frozen layers."""


class SourceSpec(Value):
    """A training on the source; or, for the control `selffer`, on the target's own task and images."""

    version: Literal[1] = 1
    role: Literal["source"] = "source"
    pair: PairField
    architecture: ArchitectureField
    source: SourceSettings
    task: Side = "source"

    @cached_property
    def id(self) -> str:
        """The hash of all that determines its numbers."""
        return identity(self)


class TargetSpec(Value):
    """A training on the target: what a recipe's base setting and each point of its sweep say."""

    version: Literal[1] = 1
    role: Literal["target"] = "target"
    pair: PairField
    """Source and target images."""
    architecture: ArchitectureField
    """The network, for source and target."""
    source: Annotated[
        SourceSettings | None,
        Field(description="The training on the source; `none` starts from what the architecture builds."),
    ]
    target: TargetSettings
    """The training on the target."""
    freezing: PolicyField
    """Which layers are frozen while the target is trained on."""
    transfer: Annotated[Transfer, BeforeValidator(_long_form)] = Transfer()
    """Which layers start from the source's weights: `all` below the head, `frozen` ones, or `{first_layers: n}`."""
    batch_norm: BatchNorm = "frozen"
    """What batch normalizations of frozen layers do: `frozen` keeps statistics, scales and shifts; `affine_only` trains
    scales and shifts; `live` lets the statistics move, and normalizes by the batch in training; `recalibrate` estimates
    the statistics anew on the target's training images, then freezes them."""
    soft_freezing: SoftFreezing = SoftFreezing()
    """What keeps layers that are not frozen near the source's weights."""
    control: Control = "transfer"
    """What came before: `transfer`, the source; `selffer`, the target's own task, images and wrong labels; `random`,
    nothing was learned, and the same layers are frozen; `scratch`, nothing was learned, and nothing is frozen."""
    seed: NonNegativeInt = 0
    """Moves the target's subset, noise, head, batch order and augmentation."""

    @cached_property
    def id(self) -> str:
        """The hash of all that determines its numbers, those of its source included."""
        return tree_identity(self.determining())

    def determining(self) -> dict[str, Json]:
        """The spec as plain values, without what its control leaves without effect: one run has one id."""
        return _determining(self.model_dump(mode="json"), self.architecture.untrained().model_dump(mode="json"))

    @cached_property
    def source_spec(self) -> SourceSpec | None:
        """The spec of the source run it starts from; None where it starts from no run."""
        if self.source is None or self.control in ("random", "scratch"):
            return None
        if self.control == "transfer":
            return SourceSpec(pair=self.pair, architecture=self.architecture, source=self.source)
        return self.own_source_spec

    @property
    def own_source_spec(self) -> SourceSpec | None:
        """The spec of a source run on the target's own task, images and wrong labels; None where there is no source."""
        if self.source is None:
            return None
        own = self.target
        settings = SourceSettings(
            images=own.images,
            test_images=own.test_images,
            label_noise=own.label_noise,
            validation=own.validation,
            training=self.source.training,
            evaluate=self.source.evaluate,
            seed=self.seed,
        )
        return SourceSpec(pair=self.pair, architecture=self.architecture, source=settings, task="target")

    @property
    def task(self) -> Side:
        """The side of the pair whose images it trains on."""
        return "target"

    @property
    def starting_architecture(self) -> Architecture:
        """The network that is built for it; without anybody's weights where its control says so."""
        return self.architecture.untrained() if self.control in ("random", "scratch") else self.architecture

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Indices of the layers frozen in the epoch that starts after `epoch` epochs. Raises Unfit like the policy."""
        return frozenset() if self.control == "scratch" else self.freezing.frozen(layers, epoch)

    def transferred(self, layers: tuple[str, ...]) -> int:
        """How many layers, counted from the input, start from what was learned before."""
        if self.control in ("random", "scratch"):
            return 0
        count = self.transfer.first_layers
        if count == "all":
            return len(layers) - 1
        if count == "frozen":
            return max(self.frozen(layers, 0), default=-1) + 1
        return count

    @property
    def spared(self) -> frozenset[Spared]:
        """What may move in frozen layers all the same."""
        return self.freezing.spared | SPARED[self.batch_norm]


Spec = SourceSpec | TargetSpec


def plain_id(tree: Mapping[str, Any], untrained: Json) -> str:
    """The id of a spec that is there as plain values, as spec.json has it; needs no plugin.

    untrained: what its architecture is without anybody's weights.   Raises KeyError or TypeError for what is no spec.
    """
    return tree_identity(dict(tree) if tree["role"] == "source" else _determining(dict(tree), untrained))


def _determining(tree: dict[str, Any], untrained: Json) -> dict[str, Json]:
    given = dict(tree)
    learned = given["source"] is not None or untrained != given["architecture"]
    if given["control"] == "transfer" and not learned:
        tree = tree | {"control": "random"}
    if tree["control"] in ("random", "scratch"):
        soft_freezing = given["soft_freezing"] | {"l2_sp": None}
        tree = tree | {"source": None, "transfer": None, "architecture": untrained, "soft_freezing": soft_freezing}
    if tree["control"] == "scratch":
        tree = tree | {"freezing": None, "batch_norm": None}
    if tree["control"] == "selffer" and given["source"] is not None:
        kept = {"training": given["source"]["training"], "evaluate": given["source"]["evaluate"]}
        tree = tree | {"source": kept}
    return tree


def read_spec(text: str, plugins: "Plugins") -> Spec:
    """The spec of a run's spec.json. Raises pydantic.ValidationError."""
    role = json.loads(text).get("role")
    cls = SourceSpec if role == "source" else TargetSpec
    return cls.model_validate_json(text, strict=True, context=plugins)
