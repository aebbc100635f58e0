"""The page's table of similarity scores."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ftdd.records.score import ScoreRow
from ftdd.values import flat
from ftdd.wording import column_name, format_value


@dataclass(frozen=True)
class ScoreTable:
    """Every scheme's score of every pair and source."""

    headings: tuple[str, ...]
    """Pairs and sources: by what the pairs differ in, or by the source's id."""
    source_test_errors: tuple[float | None, ...]
    values: dict[str, list[float | None]]
    """By scheme, in the order of the headings."""


def score_table(rows: Sequence[ScoreRow]) -> ScoreTable | None:
    """The scores that the study has; None where there is none."""
    columns = {(json.dumps(row.pair, sort_keys=True), row.source_id): row for row in rows}
    if not columns:
        return None
    leaves = [flat(row.pair) for row in columns.values()]
    paths = dict.fromkeys(path for one in leaves for path in one)
    differing = [path for path in paths if len({str(one.get(path)) for one in leaves}) > 1]
    words = [", ".join(f"{column_name(path)} {format_value(one.get(path))}" for path in differing) for one in leaves]
    twice = {word for word in words if words.count(word) > 1}
    headings = [
        f"{word} {row.source_id or ''}".strip() if word in twice else word
        for word, row in zip(words, columns.values(), strict=True)
    ]
    found = {(row.scheme, json.dumps(row.pair, sort_keys=True), row.source_id): row.value for row in rows}
    values = {
        scheme: [found.get((scheme, *column)) for column in columns] for scheme in dict.fromkeys(r.scheme for r in rows)
    }
    return ScoreTable(tuple(headings), tuple(row.source_test_error for row in columns.values()), values)
