"""What listeners are told about: references to a study and its runs. The numbers stand in the folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftdd.values import Json

Role = Literal["source", "target"]


@dataclass(frozen=True)
class RunRef:
    """One run: a training on the source or on the target."""

    id: str
    role: Role
    source_id: str | None
    """Of a target's source run; None for a source, and for a target trained from scratch."""
    folder: Path
    settings: Mapping[str, Json]
    """Its spec, flat: dotted paths as in a recipe."""


@dataclass(frozen=True)
class StudyRef:
    """One study: a named list of runs in a store."""

    name: str
    store: Path
    folder: Path
    """Where recipe, list of runs and figures stand."""
    question: str
    eps: float
    """The train error at or below which a run counts as interpolating."""
    runs: tuple[RunRef, ...]
    """Sources first, then targets in the recipe's order."""
