"""Values: frozen, canonical in their JSON, and with an id that says the same thing of the same value everywhere."""

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from ftdd.values import Json, Value, canonical_json, flat, identity


class Part(Value):
    rate: float
    word: str = ""


class Whole(Value):
    first: Part
    names: tuple[str, ...] = ()
    table: dict[str, int] = Field(default_factory=dict)


def whole(**changes: object) -> Whole:
    return Whole.model_validate({"first": {"rate": 0.5}, **changes})


def test_canonical_json_is_the_text_that_one_would_write_by_hand() -> None:
    """Ids are the hash of this text, in any language: keys sorted, no blanks, every field with its default."""
    value = whole(names=("b", "a"), table={"z": 1, "a": 2})
    text = '{"first":{"rate":0.5,"word":""},"names":["b","a"],"table":{"a":2,"z":1}}'
    assert canonical_json(value) == text
    assert identity(value) == hashlib.sha256(text.encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"first": {"rate": 1}}, {"first": {"rate": 1.0}}),
        ({"first": {"rate": 0.0}}, {"first": {"rate": -0.0}}),
        ({"first": {"rate": 1e-3}}, {"first": {"rate": 0.001}}),
        ({"first": {"rate": 1, "word": "é"}}, {"first": {"rate": 1, "word": "e\u0301"}}),
        ({"table": {"é": 1}}, {"table": {"e\u0301": 1}}),
        ({"table": {"a": 1, "b": 2}}, {"table": {"b": 2, "a": 1}}),
        ({}, {"names": ()}),
    ],
)
def test_the_same_value_written_otherwise_has_the_same_id(one: dict[str, object], other: dict[str, object]) -> None:
    assert identity(whole(**one)) == identity(whole(**other))


def test_the_order_of_a_list_is_part_of_a_value() -> None:
    assert identity(whole(names=("a", "b"))) != identity(whole(names=("b", "a")))


@given(rate=st.floats(allow_nan=False, allow_infinity=False), word=st.text(st.characters(max_codepoint=0xD7FF)))
def test_a_value_reads_back_from_its_canonical_json_with_its_id(rate: float, word: str) -> None:
    value = Part(rate=rate, word=word)
    assert Part.model_validate_json(canonical_json(value)).rate == rate
    assert identity(Part.model_validate_json(canonical_json(value))) == identity(value)


@given(rate=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_that_differ_in_their_last_bit_differ_in_their_id(rate: float) -> None:
    below, above = math.nextafter(rate, -math.inf), math.nextafter(rate, math.inf)
    ids = [identity(Part(rate=one)) for one in (below, rate, above) if math.isfinite(one)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(rate: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Part(rate=rate)


def test_a_value_does_not_change_and_has_no_fields_of_its_own_making() -> None:
    value = whole()
    with pytest.raises(ValidationError, match="frozen"):
        value.names = ("x",)  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Part.model_validate({"rate": 1, "rat": 2})


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
keys = st.text("abc", min_size=1, max_size=2)
trees = st.recursive(st.dictionaries(keys, leaves, min_size=1), lambda inner: st.dictionaries(keys, inner | leaves))


@given(tree=trees)
def test_flat_leads_to_every_leaf_by_its_dotted_path(tree: dict[str, Json]) -> None:
    for path, leaf in flat(tree).items():
        here: Json = tree
        for part in path.split("."):
            assert isinstance(here, dict)
            here = here[part]
        assert here is leaf
        assert not isinstance(leaf, dict)

    def count(branch: Json) -> int:
        return sum(map(count, branch.values())) if isinstance(branch, dict) else 1

    assert len(flat(tree)) == count(tree)


def test_flat_leaves_lists_whole() -> None:
    assert flat({"a": {"b": [1, {"c": 2}]}, "d": None}) == {"a.b": [1, {"c": 2}], "d": None}
    assert json.dumps(flat({})) == "{}"
