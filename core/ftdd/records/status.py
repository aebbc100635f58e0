"""How far a run has come, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class State(str, Enum):
    """How far a run has come."""

    WAITING = "waiting"
    """Nothing was done yet."""
    RUNNING = "running"
    """A process executes it."""
    INTERRUPTED = "interrupted"
    """It was begun, and no process executes it: the next `ftdd run` goes on from its checkpoint."""
    DONE = "done"
    DIVERGED = "diverged"
    """A loss was not finite; the curve up to there is kept. It would come out the same again."""
    FAILED = "failed"
    """Something went wrong that another try may mend; log.txt has the traceback."""
    DAMAGED = "damaged"
    """It had ended, and a file with its numbers is not what was written: the next `ftdd run` executes it again."""

    CHANGED = "changed"
    """It has ended, with other inputs than its study's: other images or weights. Only a study can tell; see
    `ftdd.study.inputs.statuses`. It is not executed again unless that is asked for."""

    @property
    def final(self) -> bool:
        """Whether the run need not be executed again."""
        return self in (State.DONE, State.DIVERGED)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Status:
    """What a run says of itself."""

    state: State
    epoch: int = 0
    """Epochs done."""
    epochs: int = 0
    error: str = ""
    """Why it failed: the traceback's last line, or a sentence."""
    started: float = 0.0
    """Seconds since 1970, of the first start."""
    updated: float = 0.0
    seconds: float = 0.0
    """Spent on training and evaluation, pauses left out."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Host, versions, device, threads, data, cache: what else the numbers were made with."""

    def to_json(self) -> dict[str, object]:
        """As it stands in status.json."""
        plain = {name: value for name, value in vars(self).items() if name != "facts"}
        return plain | {"state": str(self.state), **self.facts}

    @staticmethod
    def from_json(tree: Mapping[str, Any]) -> "Status":
        """From what stands in status.json. Raises KeyError, TypeError or ValueError for anything else."""
        seconds = {name: float(tree[name]) for name in ("started", "updated", "seconds")}
        own = {"state", "epoch", "epochs", "error", *seconds}
        facts = {name: value for name, value in tree.items() if name not in own}
        return Status(
            State(tree["state"]), int(tree["epoch"]), int(tree["epochs"]), str(tree["error"]), **seconds, facts=facts
        )
