"""Image classes as nouns of WordNet 3.0: which noun a class is, what stands over it, how similar two are.

A noun is named by its wnid, as ImageNet does: `n02084071` is dog. The table holds the classes of ImageNet-1k, Tiny
ImageNet, CIFAR-10 and CIFAR-100 and all nouns over them, to `entity`. Functions that take a wnid raise LookupError
where the table does not have it.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

ROOT = "n00001740"
"""`entity`, over every noun."""

Measure = Callable[[str, str], float]
"""How similar two wnids are: from 0 to 1, and 1 for a noun with itself."""

CACHED_PAIRS = 1 << 18


class _Noun(NamedTuple):
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    hyponyms: int


class _Table(NamedTuple):
    nouns: int
    """In the whole of WordNet."""
    cifar: Mapping[str, str]
    imagenet_1k: tuple[str, ...]
    tiny_imagenet: tuple[str, ...]
    synsets: Mapping[str, _Noun]


@cache
def _table() -> _Table:
    text = resources.files(__package__).joinpath("table.json").read_text(encoding="utf-8")
    read = json.loads(text)
    return _Table(
        nouns=read["nouns"],
        cifar=read["cifar_10"] | read["cifar_100"],
        imagenet_1k=tuple(read["imagenet_1k"]),
        tiny_imagenet=tuple(read["tiny_imagenet"]),
        synsets={
            wnid: _Noun(tuple(lemmas), tuple(above), below) for wnid, (lemmas, above, below) in read["synsets"].items()
        },
    )


@cache
def _wnids_of_name() -> Mapping[str, tuple[str, ...]]:
    """Wnids of classes by lower-case name: one for each of CIFAR's names, for a lemma as many as have it."""
    table = _table()
    found: dict[str, tuple[str, ...]] = {}
    for wnid in sorted({*table.imagenet_1k, *table.tiny_imagenet, *table.cifar.values()}):
        for lemma in {lemma.lower() for lemma in table.synsets[wnid].lemmas}:
            found[lemma] = (*found.get(lemma, ()), wnid)
    return found | {name: (wnid,) for name, wnid in table.cifar.items()}


def _noun(wnid: str) -> _Noun:
    try:
        return _table().synsets[wnid]
    except KeyError:
        raise LookupError(
            f"WordNet's table has no noun {wnid!r}: it holds the classes of ImageNet-1k, Tiny ImageNet and CIFAR and "
            "what is over them, by wnid, as n02084071 for dog; `synset` finds the wnid of a name"
        ) from None


def imagenet_1k() -> tuple[str, ...]:
    """The 1,000 wnids of ImageNet-1k, sorted: place i is label i in torchvision and timm."""
    return _table().imagenet_1k


def tiny_imagenet() -> tuple[str, ...]:
    """The 200 wnids of Tiny ImageNet, sorted as its folders are (its wnids.txt has another order)."""
    return _table().tiny_imagenet


def synset(name: str) -> str:
    """Wnid of a class.

    name: a wnid of the table; or a name, in any case, with blanks or underscores: first those of CIFAR-10 and
    CIFAR-100 (`mouse` is the animal), then any word that WordNet has for just one class.
    Raises LookupError where the name is none of these, with the nearest ones, or where it is that of several classes.
    """
    if re.fullmatch(r"n\d{8}", name):
        _noun(name)
        return name
    known = _wnids_of_name()
    found = known.get("_".join(name.lower().split()), ())
    if len(found) == 1:
        return found[0]
    if found:
        meant = ", ".join(f"{wnid} ({label(wnid)}: {label(_noun(wnid).hypernyms[0])})" for wnid in found)
        raise LookupError(f"WordNet: {name!r} is the name of several classes: name it by its wnid: {meant}")
    nearest = ", ".join(difflib.get_close_matches(name.lower(), known, n=3, cutoff=0))
    raise LookupError(
        f"WordNet: no class of ImageNet-1k, Tiny ImageNet or CIFAR is called {name!r}; nearest: {nearest}"
    )


def lemmas(wnid: str) -> tuple[str, ...]:
    """The words for a noun, the commonest first, with underscores for blanks."""
    return _noun(wnid).lemmas


def label(wnid: str) -> str:
    """A noun's first word, to be read: `Egyptian cat`."""
    return lemmas(wnid)[0].replace("_", " ")


def class_name(wnid: str) -> str:
    """Wnid and its first word, as the classes of ImageNet are called here: `n02123045_tabby`."""
    return f"{wnid}_{label(wnid).replace(' ', '_')}"


def wnid_of(name: str) -> str:
    """The wnid in a class's name."""
    return name.partition("_")[0]


@cache
def ancestors(wnid: str) -> Mapping[str, int]:
    """All nouns over a noun and itself, nearest first, with the least number of edges up to each."""
    edges: dict[str, int] = {}
    level, distance = [wnid], 0
    while level:
        edges |= dict.fromkeys(level, distance)
        above = dict.fromkeys(hypernym for here in level for hypernym in _noun(here).hypernyms)
        level, distance = [hypernym for hypernym in above if hypernym not in edges], distance + 1
    return MappingProxyType(edges)


@cache
def information_content(wnid: str) -> float:
    """From 0 for `entity` to 1 for a noun with nothing under it: 1 − log(hyponyms + 1) / log(nouns).

    Both are counted in the whole of WordNet, without any corpus: Seco, Veale and Hayes, "An Intrinsic Information
    Content Metric for Semantic Similarity in WordNet", ECAI 2004. Instances (`@i`) count as hyponyms.
    """
    return 1 - math.log(_noun(wnid).hyponyms + 1) / math.log(_table().nouns)


@lru_cache(maxsize=CACHED_PAIRS)
def path_similarity(a: str, b: str) -> float:
    """1 / (1 + edges of the shortest way from one noun up to a common one and down to the other), in (0, 1]."""
    up_a, up_b = ancestors(a), ancestors(b)
    return 1 / (1 + min(up_a[over] + up_b[over] for over in _common(a, b)))


@lru_cache(maxsize=CACHED_PAIRS)
def wu_palmer(a: str, b: str) -> float:
    """2 · depth(c) / (depth(a) + depth(b)) for the common noun c over both, in (0, 1].

    Depth is counted in nodes: `entity` has 1, c that of its shortest way up, a and b that of c plus their shortest way
    to c (Wu and Palmer, "Verb Semantics and Lexical Selection", ACL 1994). Nouns may have several over them; of all
    common ones that with the greatest value is taken, which makes the measure symmetric and 1 just for a = b.
    """
    up_a, up_b = ancestors(a), ancestors(b)

    def through(over: str) -> float:
        depth = 1 + ancestors(over)[ROOT]
        return 2 * depth / (2 * depth + up_a[over] + up_b[over])

    return max(through(over) for over in _common(a, b))


@lru_cache(maxsize=CACHED_PAIRS)
def lin(a: str, b: str) -> float:
    """2 · IC(c) / (IC(a) + IC(b)) for the common noun c of greatest information content, in [0, 1].

    Lin, "An Information-Theoretic Definition of Similarity", ICML 1998; IC is `information_content`.
    """
    common = _common(a, b)
    if a == b:  # `entity` with itself would be 0 / 0
        return 1.0
    shared = max(information_content(over) for over in common)
    return 2 * shared / (information_content(a) + information_content(b))


def nearness(candidates: Sequence[str], to: Sequence[str], measure: Measure) -> list[tuple[str, float]]:
    """Candidates from nearest to most distant, each with its greatest similarity to any of `to`; ties by wnid.

    candidates, to: wnids.   measure: `lin`, `wu_palmer` or `path_similarity`.
    Raises ValueError where `to` is empty.
    """
    if not to:
        raise ValueError("nearness: `to` is empty, so no candidate is near to anything; name one class or more")
    nearest = [(wnid, max(measure(wnid, other) for other in to)) for wnid in candidates]
    return sorted(nearest, key=lambda found: (-found[1], found[0]))


def _common(a: str, b: str) -> set[str]:
    return ancestors(a).keys() & ancestors(b).keys()
