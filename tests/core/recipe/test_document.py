"""YAML with positions: the 1.2 core schema, the line of every path, and what a recipe has no use for."""

from pathlib import Path

import pytest

from ftdd.recipe.document import NotYaml, parse, parse_value


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
        ("a: [1, 2", 1, "not YAML: expected ',' or ']', but got '<stream end>'"),
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
    if "stream end" not in message:
        assert caught.value.line == line


def test_an_empty_file_is_an_empty_recipe() -> None:
    assert parse("").tree == {}
    assert parse("# nothing\n").tree == {}


def test_the_shipped_recipes_are_read_from_the_checkout() -> None:
    folder = Path(__file__).parents[3] / "recipes"
    assert all(isinstance(parse(path.read_text()).tree, dict) for path in folder.glob("*.yaml"))
