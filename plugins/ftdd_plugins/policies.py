"""The freezing policies that ship with ftdd."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from typing_extensions import Self

import ftdd
from ftdd.components import Every, Policy, Unfit
from ftdd.components.plugins import nearest
from ftdd.data.seeds import permutation, stream_seed
from ftdd.networks.spared import Spared
from ftdd.values import Json

EVERY_DEPTH = Every(lambda layers: list(range(len(layers))))


@ftdd.hookimpl
def ftdd_policies() -> Sequence[type[Policy]]:
    """The policies of this file."""
    return [
        NoFreezing,
        FirstLayers,
        LastLayers,
        AllButHead,
        Selected,
        AllButNorm,
        RandomLayers,
        GradualUnfreezing,
        FreezeAsYouGo,
    ]


class NoFreezing(Policy):
    """Freezes nothing: all of the network is trained on the target."""

    policy: Literal["none"] = "none"

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Nothing."""
        return frozenset()


class FirstLayers(Policy):
    """Freezes the first layers, counted from the input: `count` of them, or a `fraction`."""

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"count": 1}, {"fraction": 0.5})
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["count"]}, {"required": ["fraction"]}]})

    depth: ClassVar[tuple[str, ...]] = ("count", "fraction")
    policy: Literal["first_layers"] = "first_layers"
    count: Annotated[NonNegativeInt | None, EVERY_DEPTH] = None
    """Frozen layers, from 0 to the network's layers less the head. In a sweep, `all` is each of these depths."""
    fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """The same as a fraction of the layers below the head, rounded: for networks of different depths."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.count is None) == (self.fraction is None):
            raise ValueError("needs count or fraction, one of the two")
        return self

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Layers 0 … count − 1."""
        below = len(layers) - 1
        if self.fraction is not None:
            return frozenset(range(round(self.fraction * below)))
        return frozenset(range(_within(self.count or 0, layers)))


class LastLayers(Policy):
    """Freezes the last `count` layers below the head; those before them, and the head, are trained."""

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"count": 1},)

    depth: ClassVar[tuple[str, ...]] = ("count",)
    policy: Literal["last_layers"] = "last_layers"
    count: Annotated[NonNegativeInt, EVERY_DEPTH]
    """Frozen layers, from 0 to the network's layers less the head."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """The layers just below the head."""
        below = len(layers) - 1
        return frozenset(range(below - _within(self.count, layers), below))


class AllButHead(Policy):
    """Freezes all layers but the head: a new classifier on the source's features."""

    policy: Literal["all_but_head"] = "all_but_head"

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """All but the last."""
        return frozenset(range(len(layers) - 1))


class Selected(Policy):
    """Freezes the layers of these names, or all but them: surgical fine-tuning (Lee et al. 2023, arXiv 2210.11466)."""

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"layers": ["s*"]}, {"layers": ["s*"], "train": True})

    policy: Literal["selected"] = "selected"
    layers: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of layers, or patterns: `stage2_*`, `blocks.[0-3]`; `ftdd show` lists a network's. Never the head."""
    train: bool = False
    """Whether these are the ones that are trained, and all others frozen."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """The layers that a pattern fits, or those that none fits."""
        for pattern in self.layers:
            if not any(fnmatchcase(name, pattern) for name in layers):
                raise Unfit(f"no layer is named '{pattern}'; {nearest(pattern, layers)}", "layers")
        named = {i for i, name in enumerate(layers) if any(fnmatchcase(name, pattern) for pattern in self.layers)}
        below = set(range(len(layers) - 1))
        return frozenset(below - named if self.train else below & named)


class AllButNorm(Policy):
    """Freezes all layers below the head but the scales and shifts of their normalizations.

    After Frankle et al. 2021 (arXiv 2003.00152). Running statistics stay as `batch_norm` says: the source's, unless it
    says otherwise.
    """

    policy: Literal["all_but_norm"] = "all_but_norm"

    spared: ClassVar[frozenset[Spared]] = frozenset({"scales"})

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """All but the last; what is spared in them is trained."""
        return frozenset(range(len(layers) - 1))


class RandomLayers(Policy):
    """Freezes `count` layers below the head, drawn at random: does it matter which ones?

    The same draw freezes more layers as the count grows: those of a smaller count are among those of a larger one.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"count": 1},)

    depth: ClassVar[tuple[str, ...]] = ("count",)
    policy: Literal["random_layers"] = "random_layers"
    count: Annotated[NonNegativeInt, EVERY_DEPTH]
    """Frozen layers, from 0 to the network's layers less the head."""
    draw: NonNegativeInt = 0
    """Moves which layers are drawn."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """The first `count` of an order drawn from `draw`."""
        below = len(layers) - 1
        order = permutation(stream_seed(self.draw, "target", "frozen layers"), below)
        return frozenset(order[: _within(self.count, layers)].tolist())


class GradualUnfreezing(Policy):
    """Begins with all layers below the head frozen, and frees one more, from the head down, after every so many epochs.

    Howard and Ruder 2018 (arXiv 1801.06146, section 3.3).
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"every": 2}, {"every": 1, "keep": 1})

    policy: Literal["gradual_unfreezing"] = "gradual_unfreezing"
    every: PositiveInt
    """Epochs from one layer to the next."""
    keep: NonNegativeInt = 0
    """First layers that stay frozen to the end."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """The first layers less ⌊epoch / every⌋ of them."""
        below = len(layers) - 1
        if self.keep > below:
            raise Unfit(f"must be from 0 to {below}, the layers below the head, got {self.keep}", "keep")
        return frozenset(range(max(below - epoch // self.every, self.keep)))


class FreezeAsYouGo(Policy):
    """Begins with nothing frozen, and freezes one layer more, from the input up, after every so many epochs.

    As FreezeOut does (Brock et al. 2017, arXiv 1706.04983), on a plain schedule.
    """

    examples: ClassVar[Sequence[Mapping[str, Json]]] = ({"every": 2}, {"every": 1, "count": 1})

    policy: Literal["freeze_as_you_go"] = "freeze_as_you_go"
    every: PositiveInt
    """Epochs from one layer to the next."""
    count: Annotated[NonNegativeInt | None, EVERY_DEPTH] = None
    """Layers that are frozen in the end; all below the head where it is left out."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """The first ⌊epoch / every⌋ layers."""
        most = len(layers) - 1 if self.count is None else _within(self.count, layers)
        return frozenset(range(min(epoch // self.every, most)))


def _within(count: int, layers: tuple[str, ...]) -> int:
    """The count, if there are as many layers below the head. Raises Unfit."""
    if count >= len(layers):
        raise Unfit(
            f"must be from 0 to {len(layers) - 1}, the layers below the head '{layers[-1]}', got {count}", "count"
        )
    return count
