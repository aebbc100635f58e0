"""Curves: what is read off them, and that they read back as they were written."""

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdd.records.curve import Curve, Record, from_csv, to_csv

RECORD = Record(0, 0, 0.001, 0.5, 1.0, 0.5, None, 0.5, 1.0, 0.5, 0.0)
numbers = st.floats(allow_nan=False, allow_infinity=False)


def curve(test: list[float], train: list[float] | None = None) -> Curve:
    train = train or [0.5] * len(test)
    return Curve(
        tuple(
            replace(RECORD, epoch=i, test_error=error, train_error=trained)
            for i, (error, trained) in enumerate(zip(test, train, strict=True))
        )
    )


@given(
    records=st.lists(
        st.tuples(numbers, numbers, st.one_of(st.none(), numbers), numbers, st.integers(0, 10**9)), max_size=8
    )
)
def test_a_curve_reads_back_bit_for_bit(records: list[tuple[float, float, float | None, float, int]]) -> None:
    written = Curve(
        tuple(
            replace(RECORD, epoch=i, step=e, train_loss=a, test_loss=b, train_error_mislabelled=c, seconds=d)
            for i, (a, b, c, d, e) in enumerate(records)
        )
    )
    assert from_csv(to_csv(written)) == written
    assert repr(from_csv(to_csv(written))) == repr(written)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", to_csv(curve([0.5])).replace("test_error,", "", 1), to_csv(curve([0.5])) + "1,2\n"]
)
def test_something_else_is_no_curve(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        from_csv(text)


def test_epochs_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Curve((RECORD, RECORD))


@pytest.mark.parametrize(
    ("test", "peak"),
    [
        ([0.8, 0.4, 0.6, 0.5], 2),
        ([0.8, 0.6, 0.4, 0.2], None),
        ([0.8], None),
        ([], None),
        ([0.5, 0.5, 0.5], None),
        ([0.8, 0.79, 0.8, 0.4, 0.7, 0.6], 4),
        ([0.2, 0.3, 0.1, 0.15, 0.4, 0.4], 4),
        ([0.9, 0.5, 0.7, 0.3, 0.55, 0.2], 4),
    ],
)
def test_the_peak_ends_the_greatest_rise_over_any_earlier_error(test: list[float], peak: int | None) -> None:
    """By trying every pair of evaluations: the end of the pair with the greatest rise, the first one of those."""
    rises = [(test[j] - test[i], -j) for j in range(len(test)) for i in range(j)]
    greatest = max(rises, default=(0.0, 0))
    assert (greatest[0] > 0) == (peak is not None)
    found = curve(test).peak
    assert (found.epoch if found else None) == peak == (-greatest[1] if greatest[0] > 0 else None)


def test_the_best_is_the_first_of_the_smallest() -> None:
    assert curve([0.8, 0.3, 0.5, 0.3]).best.epoch == 1


@pytest.mark.parametrize(("eps", "epoch"), [(0.0, 4), (0.01, 2), (0.5, 0), (-1.0, None)])
def test_interpolation_is_the_first_evaluation_at_or_below_eps(eps: float, epoch: int | None) -> None:
    reached = curve([0.5] * 5, [0.5, 0.2, 0.01, 0.02, 0.0]).interpolation(eps)
    assert (reached.epoch if reached else None) == epoch


@pytest.mark.parametrize(
    ("train", "regime"),
    [
        ([0.5, 0.2, 0.0, 0.0, 0.0], "overparameterized"),
        ([0.5, 0.2, 0.2, 0.0, 0.0], "at the threshold"),
        ([0.5, 0.0, 0.0, 0.0, 0.1], "at the threshold"),
        ([0.5, 0.4, 0.3, 0.2, 0.1], "underparameterized"),
        ([0.5, 0.0], "overparameterized"),
    ],
)
def test_the_regime_is_read_off_when_and_whether_training_interpolates(train: list[float], regime: str) -> None:
    assert curve([0.5] * len(train), train).regime() == regime


def test_the_last_is_the_last_and_an_empty_curve_has_none() -> None:
    assert curve([0.8, 0.3, 0.5]).last.epoch == 2
    assert len(curve([0.8, 0.3, 0.5])) == 3
    with pytest.raises(IndexError):
        _ = Curve().last


@pytest.mark.parametrize(
    ("train_loss", "test_loss", "finite"), [(1.0, 1.0, True), (inf, 1.0, False), (1.0, nan, False)]
)
def test_a_record_is_finite_where_both_losses_are(train_loss: float, test_loss: float, finite: bool) -> None:
    """A diverged run's curve is kept, and reads back with its infinities."""
    record = replace(RECORD, train_loss=train_loss, test_loss=test_loss)
    assert record.finite == finite
    assert repr(from_csv(to_csv(Curve((record,))))) == repr(Curve((record,)))


def test_seconds_are_no_measurement() -> None:
    one, other = curve([0.5]), Curve((replace(curve([0.5]).records[0], seconds=9.0),))
    assert one != other
    assert one.measurements == other.measurements
