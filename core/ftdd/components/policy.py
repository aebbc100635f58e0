"""Freezing policies."""

from abc import abstractmethod
from typing import ClassVar

from ftdd.components.base import Component
from ftdd.networks.spared import Spared


class Policy(Component):
    """Says which layers are frozen at which epoch."""

    tag: ClassVar[str] = "policy"

    spared: ClassVar[frozenset[Spared]] = frozenset()
    """What may move in frozen layers all the same; see `ftdd.networks.chain.Chain.freeze`."""

    depth: ClassVar[tuple[str, ...]] = ()
    """Fields that set the number of frozen layers: a sweep over one of them makes a curve over frozen layers. Any other
    field that is swept makes a curve for each of its values."""

    @abstractmethod
    def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
        """Indices of the layers frozen in the training epoch that starts after `epoch` epochs.

        layers: names, input first; the last is the head, which must not be among the frozen. A function of its
        arguments alone, never of history: resuming cannot change it. Raises Unfit where the settings
        do not fit the network.
        """
