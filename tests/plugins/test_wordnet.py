"""WordNet's nouns over image classes: the table, names, and the measures of likeness."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftdd_plugins.wordnet import nouns
from ftdd_plugins.wordnet.nouns import (
    ROOT,
    Measure,
    ancestors,
    imagenet_1k,
    information_content,
    label,
    lemmas,
    lin,
    nearness,
    path_similarity,
    synset,
    tiny_imagenet,
    wu_palmer,
)

SCRIPT = Path(__file__).parents[2] / "docs" / "make_wordnet.py"
DATA_NOUN = Path("/usr/share/wordnet/data.noun")
CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MEASURES = (lin, wu_palmer, path_similarity)
ENDS_OF_PAIRS = st.deferred(lambda: st.sampled_from([*map(synset, CIFAR_10), *imagenet_1k(), ROOT]))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_wordnet", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def likeness(measure: Measure, a: str, b: str) -> float:
    return measure(synset(a), synset(b))


@pytest.mark.parametrize(
    ("name", "wnid"),
    [
        ("dog", "n02084071"),
        ("tench", "n01440764"),
        ("n01440764", "n01440764"),
        ("Egyptian cat", "n02124075"),
        ("egyptian_CAT", "n02124075"),
        ("mouse", "n02330245"),
        ("computer mouse", "n03793489"),
        ("maple tree", "n12752205"),
        ("orange", "n07747607"),
        ("tank", "n04389033"),
    ],
)
def test_a_class_has_its_noun(name: str, wnid: str) -> None:
    assert synset(name) == wnid


def test_words_are_the_nouns_own() -> None:
    assert lemmas("n02084071") == ("dog", "domestic_dog", "Canis_familiaris")
    assert label("n02124075") == "Egyptian cat"


def test_every_class_resolves_and_is_under_entity(script: ModuleType) -> None:
    cifar_10, cifar_100 = script.pairs(script.CIFAR_10), script.pairs(script.CIFAR_100)
    assert tuple(cifar_10) == CIFAR_10
    assert len(cifar_100) == 100
    for name, wnid in (cifar_10 | cifar_100).items():
        assert synset(name) == wnid
    for wnids, count in ((imagenet_1k(), 1000), (tiny_imagenet(), 200)):
        assert len(set(wnids)) == count
        assert list(wnids) == sorted(wnids)
    for wnid in (*imagenet_1k(), *tiny_imagenet(), *cifar_10.values(), *cifar_100.values()):
        assert synset(wnid) == wnid
        assert ROOT in ancestors(wnid)


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(LookupError, match=r"^WordNet: no class of .* is called 'automobil'; nearest: automobile, "):
        synset("automobil")


def test_a_name_of_two_classes_is_refused_with_both() -> None:
    with pytest.raises(LookupError, match=r"^WordNet: 'Crane' .*: n02012849 \(crane: .*\), n03126707 \(crane: .*\)$"):
        synset("Crane")


@pytest.mark.parametrize("ask", [lemmas, label, ancestors, information_content, synset, lambda wnid: lin(wnid, ROOT)])
def test_an_unknown_wnid_is_named(ask: Callable[[str], object]) -> None:
    with pytest.raises(LookupError, match=r"no noun 'n00000000': it holds .* `synset` finds"):
        ask("n00000000")


def test_ancestors_come_with_the_least_distance() -> None:
    above = ancestors(synset("dog"))
    assert next(iter(above.items())) == ("n02084071", 0)
    assert list(above.values()) == sorted(above.values())
    # Two ways up: seven edges by canine and carnivore to animal, two by domestic animal.
    assert {label(wnid) for wnid, edges in above.items() if edges == 1} == {"canine", "domestic animal"}
    assert above["n00015388"] == 2


def test_measures_have_their_known_values() -> None:
    dog, cat = synset("dog"), synset("cat")
    # dog – canine – carnivore – feline – cat
    assert path_similarity(dog, cat) == 1 / 5
    carnivore = synset("n02075296")
    depth = 1 + ancestors(carnivore)[ROOT]
    assert wu_palmer(dog, cat) == pytest.approx(2 * depth / (2 * depth + 4))
    shared, total = information_content(carnivore), information_content(dog) + information_content(cat)
    assert lin(dog, cat) == pytest.approx(2 * shared / total)


@pytest.mark.parametrize("measure", MEASURES)
@given(a=ENDS_OF_PAIRS, b=ENDS_OF_PAIRS)
def test_a_measure_is_symmetric_and_one_for_the_same_noun(measure: Measure, a: str, b: str) -> None:
    assert measure(a, b) == measure(b, a)
    assert 0 <= measure(a, b) <= 1
    assert (measure(a, b) == 1) == (a == b)
    assert measure(a, a) == 1
    assert measure is lin or measure(a, b) > 0


@pytest.mark.parametrize("measure", MEASURES)
def test_relatives_are_nearer_than_strangers(measure: Measure) -> None:
    assert likeness(measure, "cat", "dog") > likeness(measure, "cat", "truck")
    assert likeness(measure, "automobile", "truck") > likeness(measure, "automobile", "frog")
    assert likeness(measure, "tench", "goldfish") > likeness(measure, "tench", "rocket")


def test_information_content_falls_towards_the_root() -> None:
    assert information_content(ROOT) == pytest.approx(0, abs=1e-12)
    assert information_content("n01440764") == 1  # nothing is under tench
    for wnid in imagenet_1k():
        for over in ancestors(wnid).keys() - {wnid}:
            assert information_content(over) < information_content(wnid)


def test_nearness_sorts_by_the_nearest_and_ties_by_wnid() -> None:
    cat, frog, ship, truck, dog = map(synset, ("cat", "frog", "ship", "truck", "dog"))
    found = nearness([ship, truck, frog, cat], [dog, synset("automobile")], lin)
    assert found[0] == (truck, lin(truck, synset("automobile")))
    assert dict(found)[cat] == lin(cat, dog)
    assert nearness([truck, cat, truck], [truck], path_similarity)[:2] == [(truck, 1.0), (truck, 1.0)]
    assert nearness([ship, cat, frog], [dog], lambda a, b: 0.5) == [(wnid, 0.5) for wnid in sorted([ship, cat, frog])]


def test_nearness_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="`to` is empty"):
        nearness([ROOT], [], lin)


@pytest.mark.slow
@pytest.mark.skipif(not DATA_NOUN.exists(), reason="WordNet 3.0 is not installed (Debian: wordnet-base)")
def test_the_table_is_what_the_script_makes(script: ModuleType) -> None:
    table = Path(nouns.__file__).with_name("table.json").read_text(encoding="utf-8")
    made = script.written(script.make(script.read_nouns(DATA_NOUN), script.imagenet_1k()))
    assert made == table, "run `python docs/make_wordnet.py /usr/share/wordnet/data.noun`"
