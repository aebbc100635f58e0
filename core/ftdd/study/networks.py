"""The trained network of a run, from its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from ftdd.recipe.specs import SourceSpec, Spec
from ftdd.records.status import State
from ftdd.study.store import Store

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain


def trained_network(store: Store, spec: Spec, data: Path) -> "Chain":
    """The chain of a run with the weights that it has ended with, in evaluation mode, on the CPU.

    data: the folder where data sets lie; some pairs know their classes by it. Raises LookupError where the run is not
    done, or its weights were not kept.
    """
    import torch
    from safetensors.torch import load_file

    folder = store.run(spec.id)
    state = folder.status().state
    if state is not State.DONE or not folder.weights.exists():
        why = "its weights were not kept" if state is State.DONE else f"it is {state}"
        raise LookupError(f"the network of run {spec.id} is not there: {why}")
    architecture = spec.architecture if isinstance(spec, SourceSpec) else spec.starting_architecture
    with torch.random.fork_rng(devices=[]):
        chain = architecture.build(spec.pair.image_shape(), len(spec.pair.classes(spec.task, data)))
    chain.load_state_dict(load_file(folder.weights))
    return chain.eval()
