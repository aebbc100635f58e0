"""YAML with positions: the 1.2 core schema, the line of every path, and what a recipe has no use for."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftdd.recipe.document import LONGEST_KEY, LONGEST_TEXT, MOST_NODES, NotYaml, parse, parse_value
from ftdd.values import Json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e4", 1e4),
        (".5", 0.5),
        ("1.", 1.0),
        ("017", 17),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01"),
        ("0..3", "0..3"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}),
        ("+.5e-3", 0.5e-3),
        ("1E+5", 1e5),
        ("-.Inf", -math.inf),
        ("nULL", "nULL"),
        ("0b11", "0b11"),
        ("1e", "1e"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("\ufeff5", 5),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    """YAML 1.1 would read 1e-4 as text, `no` as false, 12:30 as 750 and 017 as 15."""
    read = parse_value(text)
    assert read == value
    assert type(read) is type(value)


def test_every_path_has_its_line() -> None:
    document = parse("a: 1\nb:\n  c: [x,\n    y]\n  d: {e: 2}\n")
    assert document.tree == {"a": 1, "b": {"c": ["x", "y"], "d": {"e": 2}}}
    lines = {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "c", 1): 4, ("b", "d", "e"): 5}
    assert {path: document.line(path) for path in lines} == lines
    assert document.line(("b", "d", "nothing", "there")) == 5


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' stands here again; it stands in line 1 already"),
        ("a: &x 1\nb: *x", 1, "anchors and aliases (&, *) are not used in recipes: write the value out"),
        ("a: !!python/name:os.system x", 1, "the tag tag:yaml.org,2002:python/name:os.system is not used in recipes"),
        ("a: !mine {b: 1}", 1, "the tag !mine is not used in recipes"),
        ("b: 1\n<<: {a: 1}", 2, "a key must be a plain word"),
        ("[a]: 1", 1, "a key must be a plain word"),
        ("a: !!int abc", 1, "'abc' is not what its tag !!int says"),
        ("a: 1\nb: !!bool maybe", 2, "'maybe' is not what its tag !!bool says"),
        ("a: !!null no", 1, "'no' is not what its tag !!null says"),
        ('a: 1\nb: "\\ud800"', 2, "half a character (\\ud800 to \\udfff) is not text"),
        ('a: 1\n"\\udfff": 2', 2, "half a character (\\ud800 to \\udfff) is not text"),
        ("a: 1\nb: [1, 2", 2, "not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: [1, 2\nb: 3\n", 2, "not YAML: expected ',' or ']', but got ':'"),
        ("a: {b: 1,\n  c: 2, b: 3}", 2, "'b' stands here again; it stands in line 1 already"),
        ("5: 1\n'5': 2", 2, "'5' stands here again; it stands in line 1 already"),
        ("a: 1\n---\nb: 2", 2, "not YAML: but found another document"),
        ("a:\n\t- b", 2, "not YAML: found character '\\t' that cannot start any token"),
        ("a: 1\nb: \x01", 2, "not YAML: the character '\\x01' is not allowed"),
        ("a: " + "[" * 200_000, 1, "nested too deeply"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested too deeply"),
        ("a: " + "9" * 5000, 1, "a whole number of more than 40 digits"),
        ("#" * 1_000_001, 1, "a recipe has at most 1,000,000 bytes"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(NotYaml) as caught:
        parse(text)
    assert message in str(caught.value)
    assert caught.value.line == line


def test_an_empty_file_is_an_empty_recipe() -> None:
    assert parse("").tree == {}
    assert parse("# nothing\n").tree == {}


def test_line_ends_of_other_systems_count_like_ours() -> None:
    for text in ("a: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2"):
        assert parse(text).tree == {"a": 1, "b": 2}
        assert parse(text).line(("b",)) == 2


composed = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | composed
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(composed.filter(lambda key: key != "<<"), inner),
    max_leaves=12,
)


@given(tree=trees)
def test_json_is_read_as_json(tree: Json) -> None:
    """JSON is YAML 1.2: numbers keep their type and their bits, words their characters."""
    assert repr(parse(json.dumps({"tree": tree})).tree) == repr({"tree": tree})


@given(text=st.text() | st.text("ab:,-[]{}&*!#|>'\"%@ \n\t0123e.\\"))
@settings(max_examples=100)
def test_any_text_is_read_or_refused_with_a_line_that_it_has(text: str) -> None:
    try:
        document = parse(text)
    except NotYaml as error:
        line = error.line
    else:
        line = max(document.lines.values())
    assert 1 <= line <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text)) + 1


def test_the_shipped_recipes_are_read_from_the_checkout() -> None:
    folder = Path(__file__).parents[3] / "recipes"
    assert all(isinstance(parse(path.read_text()).tree, dict) for path in folder.glob("*.yaml"))


MANY = 200_000


@pytest.mark.parametrize(
    "read", [pytest.param(parse, id="recipe"), pytest.param(parse_value, id="--set", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a:\n  [" + "1," * MANY + "1]", 2, f"at most {MOST_NODES:,} keys and values"),
        ("a:\n" + "- 1\n" * MANY, MOST_NODES - 1, f"at most {MOST_NODES:,} keys and values"),
        ("a:\n  {" + ",".join(f"k{i}: 1" for i in range(MANY // 4)) + "}", 2, "keys and values"),
        ("a:\n  [" + "!!str 1," * (MANY // 2) + "1]", 2, "keys and values"),
        ("a:\n  " + "[" * MANY, 2, "nested too deeply"),
        ("\n".join(" " * i + "a:" for i in range(600)), 101, "nested too deeply"),
        ("a: &x [1]\nb: [" + "*x," * MANY + "1]", 1, "aliases"),
        ("b: 1\na: " + "x" * MANY, 2, f"a value of {MANY:,} characters; {LONGEST_TEXT:,} are allowed"),
        ("b: 1\n" + "k" * (LONGEST_KEY + 1) + ": 1", 2, f"a key of {LONGEST_KEY + 1} characters"),
        ("b: 1\na: !" + "x" * MANY + " 1", 2, "the tag !xxx"),
    ],
    ids=["flow", "block", "mapping", "tags", "deep", "deep blocks", "aliases", "long value", "long key", "long tag"],
)
def test_too_much_is_refused_where_it_begins_to_be(
    read: Callable[[str], object], text: str, line: int, said: str
) -> None:
    """Without reading all of it: a list of 800 KB used to take half a minute."""
    with pytest.raises(NotYaml) as caught:
        read(text)
    assert said in str(caught.value)
    assert caught.value.line == line
    assert len(str(caught.value)) < 400
