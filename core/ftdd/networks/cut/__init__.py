"""cut(): any network as a Chain of its own blocks, proved equal to it.

The network is run once on real images while torch.fx writes down what it does (record). Sizes stay symbols, so that
any batch size will do; where Python itself wants to know a value (a branch, a loop), it is told the one of this run.
What was written down is cut before every block (blocks), and the pieces are the layers (pieces), proved equal to the
whole (proof).
"""

from collections.abc import Collection

import torch
from torch import nn

from ftdd.networks.chain import Chain
from ftdd.networks.cut.blocks import Granularity, last_weight, ways
from ftdd.networks.cut.cannot import CannotCut
from ftdd.networks.cut.modes import kept_as_it_is
from ftdd.networks.cut.pieces import Cutter
from ftdd.networks.cut.proof import prove_equal
from ftdd.networks.cut.record import record

__all__ = ["CannotCut", "Granularity", "cut", "prove_equal"]

ENOUGH_LAYERS = 4
"""A network that falls into fewer pieces is taken apart further."""
FEWEST_LAYERS = 3
"""Fewer are no chain that could be frozen at a depth."""


def cut(
    network: nn.Module, images: torch.Tensor, head: Collection[str] = (), granularity: Granularity = "blocks"
) -> Chain:
    """The network as a chain of its own blocks; it shares their weights with the network.

    images: any 3 that the network takes, float, shape (3, C, H, W).   head: names of the modules that give the
    logits; all from the first of them on is the head. The last module with a weight where none is named.
    granularity: `blocks` cuts before every block, and lets several tensors cross as a tuple where it must;
    `modules` cuts before every convolution or linear map where a single tensor crosses.

    The chain is proved equal to the network, bit for bit: its logits in evaluation and in training mode, and in the
    latter every gradient and buffer too. Raises CannotCut with a sentence.
    """
    if images.shape[0] != 3:
        raise ValueError(f"needs a batch of 3 images, got {images.shape[0]}")
    heads = tuple(head) or (last_weight(network),)
    faults = []
    best: Chain | None = None
    for descends in ways(network, heads, granularity):
        try:
            with kept_as_it_is(network):
                chain = Cutter(record(network, images, descends), heads, single=granularity == "modules").chain()
                prove_equal(chain, network, images)
        except CannotCut as error:
            faults.append(str(error))
            continue
        if best is None or len(chain.names) > len(best.names):
            best = chain
        if len(best.names) >= ENOUGH_LAYERS:
            break
    if best is None or len(best.names) < FEWEST_LAYERS:
        why = faults[0] if faults else f"it falls into {len(best.names) if best else 0} pieces only"
        raise CannotCut(f"{type(network).__name__} cannot be cut into layers: {why}")
    return best
