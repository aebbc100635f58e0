"""Choose a source's classes by how near their nouns are to the target's."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ftdd.components import Unfit
from ftdd_plugins.wordnet.nouns import label, lin, nearness, synset

Similarity = Literal["related", "less_related"]
SourceCount = Annotated[int, Field(ge=2)]


def by_nearness(
    candidates: Sequence[str], target: Sequence[str], similarity: Similarity, count: int
) -> tuple[str, ...]:
    """Wnids of the nearest candidates, or the most distant, in that order. Raises Unfit where `count` is too many."""
    if count > len(candidates):
        raise Unfit(f"must be at most {len(candidates)}, got {count}", "source_classes")
    ranked = [wnid for wnid, _ in nearness(candidates, target, lin)]
    return tuple(ranked[:count] if similarity == "related" else ranked[::-1][:count])


def wnids_of(names: Sequence[str], among: Sequence[str] = (), field: str = "", apart: bool = True) -> tuple[str, ...]:
    """The nouns of classes; names that are wnids with a word after them are taken by the wnid.

    among: where the classes must be, if anywhere.   apart: whether no two may mean the same.
    Raises Unfit, with the field, for names that mean none or several, and for two that mean one where they may not.
    """
    found: list[str] = []
    for name in names:
        try:
            wnid = synset(name[:9] if name[:1] == "n" and name[1:9].isdigit() else name)
        except LookupError as error:
            wnid = _only_one(name, among)
            if not wnid:
                raise Unfit(str(error.args[0]), field) from error
        if among and wnid not in among:
            wnid = _only_one(name, among)
            if not wnid:
                raise Unfit(f"'{name}' is not among these {len(among)} classes", field)
        if apart and wnid in found:
            other = names[found.index(wnid)]
            raise Unfit(f"must name each class once; '{other}' and '{name}' both mean {wnid} ({label(wnid)})", field)
        found.append(wnid)
    return tuple(found)


def _only_one(name: str, among: Sequence[str]) -> str:
    """The one class that has this word first, where several nouns have it; "" where none has, or several."""
    named = [wnid for wnid in among if label(wnid).lower() == name.replace("_", " ").lower()]
    return named[0] if len(named) == 1 else ""
