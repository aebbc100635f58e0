"""What a user should know of the images of a study, before and after they are trained on; none of it is a mistake."""

from collections.abc import Iterable
from math import prod
from pathlib import Path

from ftdd.components import ComponentFailed, DataUnavailable, Pair, Side, Unfit
from ftdd.data.repeats import Repeats
from ftdd.recipe.recipe import Recipe
from ftdd.records.status import Status

MOST_BYTES = 4 << 20
"""Of training images that are loaded for nothing but to be compared."""


def sides_of(study: Recipe) -> tuple[tuple[Pair, Side], ...]:
    """The pairs of a study with the sides that its runs train on, each once, sources first."""
    targets: list[tuple[Pair, Side]] = [(spec.pair, "target") for spec in study.targets.values()]
    sources: list[tuple[Pair, Side]] = [(spec.pair, spec.task) for spec in study.sources.values()]
    return tuple(dict.fromkeys((*sources, *targets)))


def remarks_on(sides: Iterable[tuple[Pair, Side]], data: Path) -> tuple[str, ...]:
    """What pairs say of these sides of theirs, each sentence once; nothing of images that are not there.

    A pair that fails to say it costs no more than its remarks: that it failed is then the remark.
    """
    found: list[str] = []
    for pair, side in sides:
        try:
            given = pair.remarks(side, data)
            found.extend(f"{side}: {_line(remark)}" for remark in ([given] if isinstance(given, str) else given))
        except (Unfit, DataUnavailable):  # whoever needs the images says why
            continue
        except Exception as error:
            found.append(_failed(pair, side, "remarks", error))
    return tuple(dict.fromkeys(found))


def repeats_on(sides: Iterable[tuple[Pair, Side]], data: Path) -> tuple[str, ...]:
    """How many images of these sides equal others, a sentence a side; nothing where it would take long to find out.

    A pair that does not know is loaded where its images are few and not those of a data set that `ftdd data` lists.
    """
    found = []
    for pair, side in sides:
        try:
            repeats = pair.repeats(side, data) or _of_loaded(pair, side, data)
            found.append(repeats.sentence(side) if repeats else "")
        except (Unfit, DataUnavailable):  # whoever needs the images says why
            continue
        except Exception as error:
            found.append(_failed(pair, side, "repeats", error))
    return tuple(dict.fromkeys(sentence for sentence in found if sentence))


def _line(remark: object) -> str:
    return " ".join(str(remark).split())


def _failed(pair: Pair, side: Side, method: str, error: Exception) -> str:
    known = f"{side}: what should be known of its images is not known"
    if isinstance(error, ComponentFailed):
        return f"{known}: {_line(error)}"
    return f"{known}: {type(pair).__name__}.{method} failed ({_line(error) or type(error).__name__})"


def remarks_of_runs(statuses: Iterable[Status]) -> tuple[str, ...]:
    """What pairs have said of the images when runs loaded them, each sentence once."""
    given = (status.facts.get("remarks") for status in statuses)
    return tuple(dict.fromkeys(str(remark) for one in given if isinstance(one, (list, tuple)) for remark in one))


def repeats_of_runs(statuses: Iterable[Status]) -> tuple[str, ...]:
    """How many of the images of runs equal others of the same run, a sentence a role: of the run with most of them."""
    worst: dict[str, Repeats] = {}
    for status in statuses:
        role, repeats = str(status.facts.get("role", "")), repeats_in(status)
        if repeats is not None and (role not in worst or repeats.share > worst[role].share):
            worst[role] = repeats
    sentences = (repeats.sentence(role) for role, repeats in worst.items())
    return tuple(sentence for sentence in sentences if sentence)


def repeats_in(status: Status) -> Repeats | None:
    """The repeated images of a run; None where it has not begun, has measurements, or is of an older ftdd."""
    try:
        return Repeats(**status.facts["repeats"])
    except (KeyError, TypeError):
        return None


def _of_loaded(pair: Pair, side: Side, data: Path) -> Repeats | None:
    if pair.task == "regression" or pair.data_sets:
        return None
    if sum(pair.class_counts(side, data)) * prod(pair.image_shape()) > MOST_BYTES:
        return None
    from ftdd.data.images import repeats

    return repeats(pair.load(side, data))
