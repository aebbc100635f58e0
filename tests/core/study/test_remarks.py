"""What pairs say of their images is said on; a pair that fails to say it costs nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from ftdd.components import DataUnavailable, Side, Unfit
from ftdd.data.images import LabelledImages, Task
from ftdd.data.repeats import Repeats
from ftdd.records.status import State, Status
from ftdd.study.remarks import remarks_of_runs, remarks_on, repeats_of_runs, repeats_on
from ftdd_plugins.pairs.digits import Digits


class Talks(Digits):
    """Says what it is told to, or raises it."""

    name: Literal["talks"] = "talks"  # type: ignore[assignment]

    def remarks(self, side: Side, data: Path) -> Sequence[str]:
        if isinstance(SAID[0], Exception):
            raise SAID[0]
        return SAID[0]  # type: ignore[no-any-return]


class LearnsItsTest(Digits):
    """Of a plugin that knows nothing of repeats."""

    def load(self, side: Side, data: Path) -> Task:
        train: LabelledImages = super().load(side, data).train
        return Task(train, train)

    def repeats(self, side: Side, data: Path) -> Repeats | None:
        return None


SAID: list[Any] = [()]


@pytest.mark.parametrize(
    ("said", "remarks"),
    [
        (("one", "two\nlines"), ("target: one", "target: two lines")),
        ("one text", ("target: one text",)),
        (DataUnavailable("nothing there"), ()),
        (Unfit("no such side"), ()),
        (
            None,
            ("target: what should be known of its images is not known: Talks.remarks failed ('NoneType' object is",),
        ),
        (KeyError("x"), ("target: what should be known of its images is not known: Talks.remarks failed ('x')",)),
    ],
)
def test_whatever_a_pair_says_is_said_in_lines(said: Any, remarks: Sequence[str]) -> None:
    SAID[0] = said
    found = remarks_on([(Talks(), "target")], Path())
    assert len(found) == len(remarks)
    assert all(one.startswith(expected) for one, expected in zip(found, remarks, strict=True))


def test_a_small_pair_that_does_not_know_is_loaded_and_compared() -> None:
    """Of any plugin: no method of its own is needed."""
    (said,) = repeats_on([(LearnsItsTest(), "target")], Path())
    assert said == "target: 537 of 537 test images are also trained on"


def test_a_large_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """`validate` would take minutes; the run says it."""
    monkeypatch.setattr("ftdd.study.remarks.MOST_BYTES", 1000)
    assert repeats_on([(LearnsItsTest(), "target")], Path()) == ()


def _status(role: str, shared: int, test: int = 10, **facts: object) -> Status:
    repeats = Repeats(20, test, shared, 0, 0, 0).facts()
    return Status(State.DONE, facts={"role": role, "repeats": repeats, **facts})


def test_of_many_runs_the_worst_of_each_role_is_said() -> None:
    statuses = [
        _status("target", 1, remarks=["target: one"]),
        _status("target", 4),
        _status("source", 0, remarks=["source: two", "target: one"]),
        Status(State.WAITING),
        Status(State.DONE, facts={"role": "target", "repeats": {"other": 1}, "remarks": None}),
    ]
    assert repeats_of_runs(statuses) == ("target: 4 of 10 test images are also trained on",)
    assert remarks_of_runs(statuses) == ("target: one", "source: two")
