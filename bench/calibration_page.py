"""What the calibrations have in common: shares that were counted, and their tables in docs/calibration.md."""

import argparse
import datetime
import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "calibration.md"
RESULTS = ROOT / "bench" / "results"

SIGMA = 0.0125
"""Between the measured curves' 0.006 and 0.024; `smallest`, 0.05, is four of it."""


Row = dict[str, Any]
Answers = dict[str, bool]

_kept: dict[str, Any] = {}
"""Figures of a calibration that has not ended, by what they are of."""
_kept_in: list[Path] = []
"""The file that they are in: `--resume` takes them, so that one that was stopped goes on."""


def each(function: Callable[..., Any], cells: Sequence[tuple[Any, ...]]) -> list[Any]:
    """What the function gives for each cell, in their order; side by side in as many processes as there are cores."""
    keys = [json.dumps([function.__name__, *cell]) for cell in cells]
    todo = [(key, cell) for key, cell in zip(keys, cells, strict=True) if key not in _kept]
    with ProcessPoolExecutor() as processes:
        rows = [processes.submit(function, *cell) for _, cell in todo]
        for (key, _), row in zip(todo, rows, strict=True):
            _keep(key, row.result())
    return [_kept[key] for key in keys]


def _keep(key: str, row: Any) -> None:
    _kept[key] = data(row)
    for path in _kept_in:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, _kept[key]]) + "\n")


@dataclass(frozen=True)
class Count:
    """How often something happened."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else math.nan

    def data(self) -> dict[str, Any]:
        return {"hits": int(self.hits), "of": int(self.of), "share": round(self.share, 4) if self.of else None}


def table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def percent(count: dict[str, Any], interval: bool = True) -> str:
    """With Wilson's interval, 95%."""
    if not count["of"]:
        return "–"
    ends = binomtest(count["hits"], count["of"]).proportion_ci(0.95, method="wilson")
    share = 100 * count["share"]
    return f"{share:.1f} ({100 * ends.low:.1f}–{100 * ends.high:.1f})" if interval else f"{share:.0f}"


def counted(of: int, once: Callable[[np.random.Generator], Answers], key: tuple[int, ...]) -> dict[str, Count]:
    """How often each thing happened in so many simulations."""
    random = np.random.default_rng(key)
    found = [once(random) for _ in range(of)]
    return {name: Count(sum(one[name] for one in found), of) for name in found[0]}


def by_seeds(
    rows: list[Row], kind: Callable[[Row], tuple[str, ...]], heads: tuple[str, ...], names: tuple[tuple[str, str], ...]
) -> str:
    """A line for each kind and figure, a column for each number of seeds."""
    every = sorted({row["seeds"] for row in rows})
    cells = {(kind(row), name, row["seeds"]): percent(row[name]) for row in rows for name, _ in names}
    lines = [
        [*one, words, *(cells[one, name, seeds] for seeds in every)]
        for one in dict.fromkeys(kind(row) for row in rows)
        for name, words in names
    ]
    return table([*heads, "how often", *(f"{seeds} seeds" for seeds in every)], lines)


def filled(page: str, parts: dict[str, str]) -> str:
    """The page with each part between its two marks."""
    for name, text in parts.items():
        first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(first)
        page = f"{before}{first}{text.rstrip()}\n{last}{rest.split(last)[1]}"
    return page


def data(value: Any) -> Any:
    if isinstance(value, Count):
        return value.data()
    if isinstance(value, dict):
        return {key: data(one) for key, one in value.items()}
    return [data(one) for one in value] if isinstance(value, list) else value


def as_json(found: dict[str, Any]) -> str:
    """A line for each figure, so that a difference between two of them can be read."""
    parts = []
    for name, value in found.items():
        rows = ",\n".join(f"  {json.dumps(row)}" for row in value) if isinstance(value, list) else ""
        parts.append(f' "{name}": ' + (f"[\n{rows}\n ]" if rows else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def calibrate(
    script: str,
    about: str | None,
    parts: Mapping[str, Callable[[bool], Any]],
    tables: Callable[[dict[str, Any]], dict[str, str]],
    result: Path,
    **also: Any,
) -> None:
    """Execute what the command line of a script asks for.

    parts: each figure's name, and what measures it, given whether to be quick.   tables: the page's parts by their
    marks, from the figures as JSON.   also: what else the figures hang on, kept beside them.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a part of it, in half a minute")
    parser.add_argument("--write", action="store_true", help="write the figures and the page's tables")
    parser.add_argument("--tables", action="store_true", help="the page's tables once more from the figures there are")
    parser.add_argument("--resume", action="store_true", help="keep the figures of one that was stopped, by this code")
    given = parser.parse_args()
    if given.tables:
        _write_tables(tables(json.loads(result.read_text(encoding="utf-8"))))
        return
    _kept_in.append(result.with_suffix(".unfinished.jsonl"))
    if given.resume and _kept_in[0].exists():
        _kept.update(json.loads(line) for line in _kept_in[0].read_text(encoding="utf-8").splitlines())
    else:
        _kept_in[0].unlink(missing_ok=True)
    began = time.perf_counter()
    found: dict[str, Any] = {
        "command": f"python bench/{script}" + (" --quick" if given.quick else "") + " --write",
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": f"python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}",
        "sigma": SIGMA,
        **also,
    }
    for name, part in parts.items():
        if name not in _kept:
            _keep(name, part(given.quick))
        found[name] = _kept[name]
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    found["seconds"] = round(time.perf_counter() - began)
    if given.write:
        result.write_text(as_json(found), encoding="utf-8")
        _write_tables(tables(found))
        _kept_in[0].unlink(missing_ok=True)
    else:
        print("\n\n".join(tables(found).values()))


def _write_tables(parts: dict[str, str]) -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")
