"""A checkpoint: the moment from which an interrupted training goes on, bit for bit."""

import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ftdd.chain import Chain
from ftdd.curve import Curve, from_csv, to_csv
from ftdd.study.files import write_with
from ftdd.training.freezing import Phase
from ftdd.training.loop import Moment


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds."""

    weights: Mapping[str, torch.Tensor]
    moment: Moment
    curve: Curve
    """Up to the moment."""


class CheckpointUnusable(ValueError):
    """The file is there and cannot be gone on from; the run has to begin again."""


def save(path: Path, chain: Chain, moment: Moment, curve: Curve) -> None:
    """Write the checkpoint in the place of the one before it."""
    content = {
        "weights": chain.state_dict(),
        "optimizer": moment.optimizer,
        "epoch": moment.epoch,
        "step": moment.step,
        "seconds": moment.seconds,
        "phases": [asdict(phase) for phase in moment.phases],
        "cache": moment.cache,
        "curve": to_csv(curve),
    }
    write_with(path, lambda temporary: torch.save(content, temporary))


def load(path: Path, chain: Chain) -> Checkpoint | None:
    """The checkpoint for this chain; None where there is none. Raises CheckpointUnusable."""
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        moment = Moment(
            epoch=content["epoch"],
            step=content["step"],
            seconds=content["seconds"],
            record=None,
            diverged=False,
            ended=False,
            optimizer=content["optimizer"],
            phases=tuple(_phase(phase) for phase in content["phases"]),
            cache=content["cache"],
        )
        found = Checkpoint(content["weights"], moment, from_csv(content["curve"]))
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        raise CheckpointUnusable(f"the checkpoint cannot be read: {error}") from error
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
