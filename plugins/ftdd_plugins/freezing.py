"""The freezing policies that ship with ftdd."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import NonNegativeInt

import ftdd
from ftdd.components import Every, Policy, Unfit


@ftdd.hookimpl
def ftdd_policies() -> Sequence[type[Policy]]:
    """The policies of this file."""
    return [NoFreezing, FirstLayers, AllButHead]


class NoFreezing(Policy):
    """Freezes nothing: all of the network is trained on the target."""

    policy: Literal["none"] = "none"

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Nothing."""
        return frozenset()


class FirstLayers(Policy):
    """Freezes the first `count` layers, counted from the input; 0 freezes nothing."""

    policy: Literal["first_layers"] = "first_layers"
    count: Annotated[NonNegativeInt, Every(lambda layers: list(range(len(layers))))]
    """Frozen layers, from 0 to the network's layers less the head. In a sweep, `all` is each of these depths."""

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Layers 0 … count − 1."""
        if self.count >= len(layers):
            raise Unfit(
                f"must be from 0 to {len(layers) - 1}, the layers below the head '{layers[-1]}', got {self.count}",
                "count",
            )
        return frozenset(range(self.count))


class AllButHead(Policy):
    """Freezes all layers but the head: a new classifier on the source's features."""

    policy: Literal["all_but_head"] = "all_but_head"

    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """All but the last."""
        return frozenset(range(len(layers) - 1))
