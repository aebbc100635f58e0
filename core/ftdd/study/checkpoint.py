"""A checkpoint: the moment from which an interrupted training goes on, bit for bit."""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ftdd.networks.chain import Chain
from ftdd.records.curve import Curve, from_csv, to_csv
from ftdd.records.predictions import Predictions, from_bytes, to_bytes
from ftdd.study.store import RunFolder, TakenFolder
from ftdd.training.freezing import Phase
from ftdd.training.loop import Moment


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    weights: Mapping[str, torch.Tensor]
    moment: Moment
    curve: Curve
    """Up to the moment."""
    predictions: Predictions | None
    """Likewise; None where an older ftdd began the run, which then keeps none."""


class CheckpointUnusable(ValueError):
    """The file is there and cannot be gone on from; the run has to begin again."""


def save(folder: TakenFolder, chain: Chain, moment: Moment, curve: Curve, predictions: Predictions | None) -> None:
    """Write the checkpoint in the place of the one before it. Raises FolderGone."""
    content = {
        "run": folder.path.name,
        "weights": chain.state_dict(),
        "optimizer": moment.optimizer,
        "epoch": moment.epoch,
        "step": moment.step,
        "seconds": moment.seconds,
        "phases": [asdict(phase) for phase in moment.phases],
        "cache": moment.cache,
        "curve": to_csv(curve),
        "predictions": None
        if predictions is None
        else torch.frombuffer(bytearray(to_bytes(predictions)), dtype=torch.uint8),
    }
    folder.write_with(folder.checkpoint, lambda temporary: torch.save(content, temporary))


def load(folder: RunFolder, chain: Chain) -> Checkpoint | None:
    """The run's checkpoint for this chain; None where there is none. Raises CheckpointUnusable."""
    if not folder.checkpoint.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(folder.checkpoint, map_location="cpu", weights_only=True)
        moment = Moment(
            epoch=content["epoch"],
            step=content["step"],
            seconds=content["seconds"],
            record=None,
            answers=None,
            diverged=False,
            ended=False,
            optimizer=content["optimizer"],
            phases=tuple(_phase(phase) for phase in content["phases"]),
            cache=content["cache"],
        )
        packed = content.get("predictions")
        predictions = None if packed is None else from_bytes(packed.numpy().tobytes())
        found = Checkpoint(content["weights"], moment, from_csv(content["curve"]), predictions)
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        raise CheckpointUnusable(f"the checkpoint cannot be read: {error}") from error
    if content.get("run", folder.path.name) != folder.path.name:
        raise CheckpointUnusable(f"the checkpoint is of run {content['run']}")
    own = {name: tensor.shape for name, tensor in chain.state_dict().items()}
    if {name: tensor.shape for name, tensor in found.weights.items()} != own:
        raise CheckpointUnusable("the checkpoint is of another network")
    return found


def _phase(tree: dict[str, Any]) -> Phase:
    return Phase(
        tree["first_epoch"],
        tree["last_epoch"],
        tuple(tree["frozen"]),
        tuple(tree["before"]),
        tuple(tree["after"]),
        tuple(tuple(names) for names in tree["moving"]),
        tree["probed_images"],
        tuple((size, product) for size, product in tree["marks"]),
        tuple(tree["drifted"]),
    )
