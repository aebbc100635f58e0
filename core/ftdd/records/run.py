"""One run of a study as its folder has it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ftdd.records.curve import Curve
from ftdd.records.events import Role
from ftdd.records.predictions import Predictions, Wrong, read, wrong_answers
from ftdd.records.status import State, Status
from ftdd.values import Json

Stamp = tuple[tuple[int, int], ...]
"""When files were written, and how long they are: what has not changed need not be read again."""


@dataclass(frozen=True)
class Run:
    """One run: what it was to do, how far it has come, and what was measured."""

    id: str
    role: Role
    source_id: str | None = None
    """Of a target's source run; None for a source, and for a target trained from scratch."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """What the sweep gave it: dotted paths and values; nothing for a source."""
    added: bool = False
    """Whether an analysis has asked for it, and not the recipe."""
    spec: Mapping[str, Json] = field(default_factory=dict)
    """All of its settings: dotted paths and values."""
    status: Status = field(default_factory=lambda: Status(State.WAITING))
    """As its study sees it: `changed` where it has ended with other inputs than the study's."""
    curve: Curve = field(default_factory=Curve)
    ledger_text: bytes = b""
    """ledger.json as it was read: ten thousand of them, taken apart, would take half a gigabyte."""
    faults: tuple[str, ...] = ()
    """A sentence for each of its files that cannot be read."""
    stamp: Stamp = ()
    kept_predictions: Path | Predictions | None = field(default=None, compare=False)
    """Where they lie, or in a study made by hand they themselves; None where the run has kept none."""

    @property
    def state(self) -> State:
        """How far it has come."""
        return self.status.state

    @property
    def ledger(self) -> Mapping[str, Any]:
        """What was frozen, and the proof of it; empty before the run has ended. Parsed each time it is asked for."""
        found: Mapping[str, Any] = json.loads(self.ledger_text) if self.ledger_text else {}
        return found

    def predictions(self) -> Predictions | None:
        """What its network answered at each evaluation, read when it is asked for.

        None where there is nothing: the run has not ended, an older ftdd executed it, or the file was deleted. Raises
        ValueError with a sentence where the file cannot be read.
        """
        kept = self.kept_predictions
        return read(kept) if isinstance(kept, Path) else kept

    @property
    def ended(self) -> bool:
        """Whether its numbers count: it is done or has diverged, with the inputs of its study."""
        return self.status.state.final

    @cached_property
    def wrong(self) -> "Wrong | None":
        """Which test images it got wrong at each evaluation, kept for the next who asks; None as in `predictions`.

        None, too, in regression and where the file cannot be read.
        """
        try:
            found = self.predictions()
        except ValueError:
            return None
        return None if found is None or found.regression else wrong_answers(found)
