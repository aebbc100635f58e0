"""What all analyses say of two studies that were really run: a digits study of 3 seeds, and the linear oracle.

A change that moves these is seen here, in words and in numbers. Look at the difference, then renew them with
`python -m tests.plugins.golden`.
"""

from typing import Any

import pytest

from ftdd.values import Json
from tests.plugins.golden.tables import STUDIES, found, read_findings, read_tables


@pytest.fixture(scope="module")
def now() -> dict[str, list[dict[str, Any]]]:
    return {name: found(read_tables(name)) for name in STUDIES}


@pytest.mark.parametrize("name", STUDIES)
def test_findings_of_real_studies_are_what_they_were(name: str, now: dict[str, list[dict[str, Any]]]) -> None:
    kept = read_findings(name)
    assert [_said(one) for one in now[name]] == [_said(one) for one in kept]
    for one, other in zip(now[name], kept, strict=True):
        _same(one | {"runs": len(one["runs"])}, other, f"{one['analysis']}: {one['statement']} {one['settings']}")


def test_the_oracle_peaks_where_theory_says(now: dict[str, list[dict[str, Any]]]) -> None:
    """40 coordinates and 20 images: the error is infinite where as many coordinates are trained as there are images."""
    (descent,) = [one for one in now["theory"] if one["analysis"] == "freezingwise" and "peak" in one["statement"]]
    assert descent["answer"] == "seen"
    assert descent["numbers"]["peak_at"] == descent["numbers"]["peak_from"] == descent["numbers"]["peak_to"] == 40 - 20
    assert descent["numbers"]["peak_trainable_parameters"] == 20
    (deciding,) = [one for one in now["theory"] if "interpolate" in one["statement"] and one["analysis"] != "paper"]
    assert (deciding["answer"], deciding["effect"]) == ("seen", 20)


def _said(finding: dict[str, Any]) -> tuple[str, ...]:
    return tuple(finding[key] for key in ("analysis", "statement", "answer", "text"))


def _same(one: Json, other: Json, where: str) -> None:
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            _same(one[key], other[key], f"{where}: {key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        for a, b in zip(one, other, strict=True):
            _same(a, b, where)
    elif isinstance(one, float) or isinstance(other, float):
        assert one == pytest.approx(other, abs=1e-6, rel=1e-6), where
    else:
        assert one == other, where
