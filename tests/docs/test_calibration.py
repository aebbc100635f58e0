"""docs/calibration.md says what the stored figures say."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
FIGURES = {
    name: value
    for file in ("calibration_analyses.json", "calibration_advice.json", "calibration_sources.json")
    for name, value in json.loads((ROOT / "bench" / "results" / file).read_text(encoding="utf-8")).items()
}


@pytest.mark.parametrize(
    "name", ["better", "sources", "best", "advice", "scratch", "ending", "slower", "deciding", "complexity"]
)
def test_tables_of_the_other_analyses_are_those_of_the_figures(name: str) -> None:
    """Every share that was counted stands in its table, and nothing else does."""
    between = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    shown = sorted(re.findall(r"\| ([\d.]+) \(", between), key=float)
    counts = [cell for row in FIGURES[name] for cell in row.values() if isinstance(cell, dict)]
    assert shown == sorted((f"{100 * one['share']:.1f}" for one in counts), key=float)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("better", ("seen", "either")),
        ("best", ("seen", "lost")),
        ("advice", ("too_costly",)),
        ("scratch", ("seen",)),
        ("ending", ("seen",)),
    ],
)
def test_no_error_rate_is_above_what_is_allowed_by_more_than_its_error(name: str, figures: tuple[str, ...]) -> None:
    for row in FIGURES[name]:
        for figure in figures:
            assert row[figure]["share"] <= 0.05 + 2 * (0.05 * 0.95 / row[figure]["of"]) ** 0.5, row
