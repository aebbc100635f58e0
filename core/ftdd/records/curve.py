"""Curve: a run's measurements, a row per evaluation."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints


@dataclass(frozen=True)
class Record:
    """What one evaluation measured. Errors are fractions in [0, 1]; losses mean cross-entropy, in nats.

    Train figures are over all training images in evaluation mode, without augmentation, on the labels
    trained on; test figures are on clean labels.
    """

    epoch: int
    """Epochs of training done; 0 is before the first step."""
    step: int
    """Optimizer steps done."""
    learning_rate: float
    """Of the step that comes next; at the end, of the last one."""
    train_error: float
    train_loss: float
    train_error_clean: float | None
    """On the training images whose label is right; None where there is none."""
    train_error_mislabelled: float | None
    """On the training images whose label is wrong, against that wrong label: 0 when all are memorized."""
    test_error: float
    test_loss: float
    test_error_noisy: float
    """What the test error would be on test labels as noisy as the training labels (docs/method.md)."""
    seconds: float
    """Since the training began, evaluations included, pauses between interrupted parts left out."""
    validation_error: float | None = None
    """On the validation images, whose labels are right; None where there are none."""

    @property
    def finite(self) -> bool:
        """Whether both losses are numbers."""
        return math.isfinite(self.train_loss) and math.isfinite(self.test_loss)


COLUMNS = tuple(field.name for field in fields(Record))
_WHOLE = {name for name, kind in get_type_hints(Record).items() if kind is int}
_OPTIONAL = {name for name, kind in get_type_hints(Record).items() if type(None) in get_args(kind)}


Regime = Literal["underparameterized", "at the threshold", "overparameterized"]


@dataclass(frozen=True)
class Curve:
    """Records in the order of their epochs."""

    records: tuple[Record, ...] = ()

    def __post_init__(self) -> None:
        epochs = [record.epoch for record in self.records]
        if epochs != sorted(set(epochs)):
            raise ValueError(f"the epochs of a curve must rise, got {epochs}")

    def __len__(self) -> int:
        return len(self.records)

    @property
    def last(self) -> Record:
        """The last evaluation. Raises IndexError for a curve without one."""
        return self.records[-1]

    @property
    def best(self) -> Record:
        """The first evaluation with the smallest validation error: what early stopping would keep.

        Without validation images, that with the smallest test error: early stopping by an oracle. It looks at the test
        set, so it bounds what early stopping could reach; no rule reaches it.
        """
        return min(
            self.records,
            key=lambda record: record.test_error if record.validation_error is None else record.validation_error,
        )

    @property
    def measurements(self) -> tuple[tuple[float | None, ...], ...]:
        """All numbers but the seconds: what two runs of one spec must agree in, bit for bit."""
        kept = [name for name in COLUMNS if name != "seconds"]
        return tuple(tuple(getattr(record, name) for name in kept) for record in self.records)

    def interpolation(self, eps: float = 0.0) -> Record | None:
        """The first evaluation with a train error at or below eps; None where it is never reached."""
        return next((record for record in self.records if record.train_error <= eps), None)

    def regime(self, eps: float = 0.0) -> Regime | None:
        """On which side of the interpolation threshold the training was; None before the first evaluation.

        Overparameterized: it interpolates in the first half of its epochs (or the first epoch), and at the end. At the
        threshold: it does so later, or not at the end. Underparameterized: it never does.
        """
        if not self.records:
            return None
        reached = self.interpolation(eps)
        if reached is None:
            return "underparameterized"
        early = reached.epoch <= max(self.last.epoch / 2, 1)
        return "overparameterized" if early and self.last.train_error <= eps else "at the threshold"

    @property
    def peak(self) -> Record | None:
        """Where the greatest rise of the test error over any earlier evaluation ends; None where it never rises.

        A descent, a rise to the peak, and a second descent are then read off it (docs/method.md).
        """
        peak: Record | None = None
        lowest, greatest = math.inf, 0.0
        for record in self.records:
            lowest = min(lowest, record.test_error)
            if record.test_error - lowest > greatest:
                peak, greatest = record, record.test_error - lowest
        return peak


def to_csv(curve: Curve) -> str:
    """The curve as CSV: floats in the shortest form that reads back as the same bits, None as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in curve.records:
        writer.writerow(["" if value is None else repr(value) for value in _values(record)])
    return text.getvalue()


def from_csv(text: str) -> Curve:
    """The curve that `to_csv` wrote. Raises ValueError where the text is something else.

    An older ftdd wrote no validation errors.
    """
    rows = list(csv.reader(io.StringIO(text)))
    if rows and (*rows[0], "validation_error") == COLUMNS:
        rows = [[*row, "validation_error" if row is rows[0] else ""] for row in rows]
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError(f"not a curve: its columns must be {', '.join(COLUMNS)}")
    return Curve(tuple(_record(row) for row in rows[1:]))


def _values(record: Record) -> Iterable[float | int | None]:
    return (getattr(record, name) for name in COLUMNS)


def _record(row: list[str]) -> Record:
    if len(row) != len(COLUMNS):
        raise ValueError(f"not a row of a curve: {','.join(row)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    return Record(**{name: _number(name, cell) for name, cell in cells.items()})  # type: ignore[arg-type]


def _number(name: str, cell: str) -> float | int | None:
    if cell == "" and name in _OPTIONAL:
        return None
    return int(cell) if name in _WHOLE else float(cell)
