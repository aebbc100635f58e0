"""Specs: all that determines a run's numbers, and the ids made of it."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ftdd.choice import Choice, or_else
from ftdd.components import Architecture, Pair, Policy
from ftdd.training.settings import Evaluate, Training
from ftdd.values import Value, identity

if TYPE_CHECKING:
    from ftdd.plugins import Plugins


def _component(kind: str, tag: str = "name") -> Choice:
    def find(name: str, context: Any) -> type[Value]:
        plugins: Plugins = context
        return plugins.named(kind, name)

    return Choice(kind, find, tag)


PairField = Annotated[Pair, _component("pair")]
ArchitectureField = Annotated[Architecture, _component("architecture")]
PolicyField = Annotated[Policy, _component("policy", "policy")]

ImageCount = Annotated[PositiveInt | Literal["all"], or_else("must be a whole number of images, 1 or more, or all")]
NoiseFraction = Annotated[float, Field(ge=0, le=1)]


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
    evaluate: Evaluate = "log"
    """When to measure: `every` epoch, `{every: n}`, or `log`, 20 times a decade. Always at epoch 0 and at the end."""


class SourceSettings(TaskSettings):
    """The training on the source."""

    seed: NonNegativeInt = 0
    """Moves the source's subset, noise, initialization and batch order."""


class TargetSettings(TaskSettings):
    """The training on the target."""


class SourceSpec(Value):
    """A training on the source."""

    version: Literal[1] = 1
    role: Literal["source"] = "source"
    pair: PairField
    architecture: ArchitectureField
    source: SourceSettings

    @property
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
        SourceSettings | None, Field(description="The training on the source; `none` trains from scratch.")
    ]
    target: TargetSettings
    """The training on the target."""
    freezing: PolicyField
    """Which layers are frozen while the target is trained on."""
    seed: NonNegativeInt = 0
    """Moves the target's subset, noise, head, batch order and augmentation."""

    @property
    def id(self) -> str:
        """The hash of all that determines its numbers, those of its source included."""
        return identity(self)

    @property
    def source_spec(self) -> SourceSpec | None:
        """The spec of the source run it starts from; None where it is trained from scratch."""
        if self.source is None:
            return None
        return SourceSpec(pair=self.pair, architecture=self.architecture, source=self.source)


Spec = SourceSpec | TargetSpec


def read_spec(text: str, plugins: "Plugins") -> Spec:
    """The spec of a run's spec.json. Raises pydantic.ValidationError."""
    role = json.loads(text).get("role")
    cls = SourceSpec if role == "source" else TargetSpec
    return cls.model_validate_json(text, strict=True, context=plugins)
