"""What a run starts from: the network, the weights that are transferred, and what pulls them back."""

import torch
from safetensors.torch import load_file

from ftdd.data.image_shape import ImageShape
from ftdd.data.seeds import stream_seed
from ftdd.networks.chain import Chain
from ftdd.recipe.specs import SourceSpec, Spec, TargetSpec, TaskSettings
from ftdd.records.status import State
from ftdd.study.store import Store
from ftdd.training.features import Pixels
from ftdd.training.freezing import hashes, layer_hash
from ftdd.training.optimizers import Anchor
from ftdd.training.probe import FrozenLayerChanged, first_other
from ftdd.training.recalibration import recalibrate, statistics
from ftdd.training.transfer import TransferRefused, transfer


class RunRefused(RuntimeError):
    """A run cannot begin: a sentence that says why."""


def side_of(spec: Spec) -> tuple[TaskSettings, int]:
    """The settings and the seed of the side that a run trains on."""
    if isinstance(spec, SourceSpec):
        return spec.source, spec.source.seed
    return spec.target, spec.seed


def source_id_of(spec: Spec) -> str | None:
    """The run that a run starts from; None for a source, and for a target trained from scratch."""
    source = spec.source_spec if isinstance(spec, TargetSpec) else None
    return source.id if source else None


def starting_chain(spec: Spec, image: ImageShape, classes: int, store: Store) -> Chain:
    """The network as its training begins: new weights, and what was learned before in the layers that are transferred.

    Raises RunRefused where the source has no weights to give, or others than its ledger says.
    """
    _, seed = side_of(spec)
    torch.manual_seed(stream_seed(seed, spec.role, "initialization"))
    architecture = spec.architecture if isinstance(spec, SourceSpec) else spec.starting_architecture
    chain = architecture.build(image, classes)
    if isinstance(spec, SourceSpec):
        return chain
    count = spec.transferred(chain.names)
    if architecture.untrained() != architecture and count < len(chain.names) - 1:
        fresh = architecture.untrained().build(image, classes)
        transfer(fresh, chain.state_dict(), count)
        chain = fresh
    source_id = source_id_of(spec)
    if source_id is not None:
        source = store.run(source_id)
        state = source.status().state
        if state is not State.DONE or not source.weights.exists():
            raise RunRefused(f"its source {source_id} is {state}, so there is nothing to transfer")
        transfer(chain, load_file(source.weights), count)
        learned = [layer["hash_after"] for layer in source.read_ledger()["phases"][-1]["layers"]]
        if list(hashes(chain))[:count] != learned[:count]:
            raise RunRefused(
                f"the weights of its source {source_id} are not those that its ledger proves; "
                f"delete the folder {source.path} and run again"
            )
    return chain


def check_transferable(spec: SourceSpec, chain: Chain, images: torch.Tensor, classes: int) -> None:
    """Raise RunRefused if a new network gives other features than a trained one although it has its weights.

    images: some, as the chain takes them, shape (n, C, H, W).
    """
    torch.manual_seed(stream_seed(spec.source.seed + 1, spec.role, "initialization"))
    fresh = spec.architecture.build(ImageShape(*images.shape[1:]), classes).to(images.device)
    try:
        transfer(fresh, chain.state_dict())
    except TransferRefused as error:
        raise RunRefused(f"{error} once it was trained: a buffer must be whole when `build` returns") from error
    if (index := first_other(chain, fresh, images)) is not None:
        raise RunRefused(
            f"layer '{chain.names[index]}' gives other features when its weights are loaded into a new network: "
            "something in it is neither a parameter nor a buffer of its state dict, and would not be transferred "
            "(docs/howto/architecture.md says what a layer must be)"
        )


def anchor_of(spec: Spec, chain: Chain) -> Anchor | None:
    """What pulls the transferred layers back to what they are now."""
    if isinstance(spec, SourceSpec) or not spec.soft_freezing.l2_sp:
        return None
    below = len(chain.names) - 1
    given = spec.soft_freezing.l2_sp
    strengths = given if isinstance(given, tuple) else (given,) * below
    pulled = {
        parameter: strengths[i]
        for i in range(spec.transferred(chain.names))
        for parameter in chain.layers[i].parameters()
    }
    return Anchor(pulled, {parameter: parameter.detach().clone() for parameter in pulled})


def recalibrate_frozen(spec: TargetSpec, chain: Chain, pixels: Pixels, batch_size: int) -> None:
    """Batch normalizations of frozen layers take their statistics from the target's training images, in their order.

    Raises FrozenLayerChanged where anything else moves in any layer as the images pass.
    """
    frozen = spec.frozen(chain.names, 0)
    estimated = [statistics(layer) if i in frozen else () for i, layer in enumerate(chain.layers)]
    before = [layer_hash(layer, names) for layer, names in zip(chain.layers, estimated, strict=True)]
    count = len(pixels.images)
    whole = torch.arange(count, device=pixels.images.device)[: max(count // batch_size, 1) * batch_size]
    batches = (pixels.batch(indices) for indices in whole.split(batch_size))  # type: ignore[no-untyped-call]
    recalibrate(chain, frozen, batches)
    for name, layer, names, was in zip(chain.names, chain.layers, estimated, before, strict=True):
        if layer_hash(layer, names) != was:
            raise FrozenLayerChanged(
                f"layer '{name}' moves a parameter or a buffer while images pass through it in evaluation mode: "
                "batch_norm: recalibrate would take it for another than was transferred"
            )
