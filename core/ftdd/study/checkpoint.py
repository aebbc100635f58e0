"""A checkpoint: the moment from which an interrupted training goes on, bit for bit."""

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
    """What was read from a checkpoint: the moment, and the curve up to it. The chain has its weights already."""

    moment: Moment
    curve: Curve


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
    """Read the checkpoint into the chain; None where there is none."""
    try:
        device = next(chain.parameters()).device
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        chain.load_state_dict(content["weights"])
        moment = Moment(
            epoch=content["epoch"],
            step=content["step"],
            seconds=content["seconds"],
            record=None,
            diverged=False,
            optimizer=content["optimizer"],
            phases=tuple(_phase(phase) for phase in content["phases"]),
            cache=content["cache"],
        )
        return Checkpoint(moment, from_csv(content["curve"]))
    except FileNotFoundError:
        return None


def _phase(tree: dict[str, Any]) -> Phase:
    return Phase(
        tree["first_epoch"], tree["last_epoch"], tuple(tree["frozen"]), tuple(tree["before"]), tuple(tree["after"])
    )
