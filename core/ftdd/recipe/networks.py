"""What only a network that was built can tell: whether it is what its architecture says, and can be frozen so.

Networks that ship with ftdd are held by its own tests; those of other packages are built once for each setting of a
recipe, by `ftdd validate` and before `ftdd run` trains anything.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ftdd.components import Architecture, ComponentFailed, DataUnavailable, Unfit, error_words
from ftdd.components.guards import component_words, said_if_slow
from ftdd.components.plugins import OWN_PACKAGE
from ftdd.data.image_shape import ImageShape
from ftdd.recipe.check import phases
from ftdd.recipe.document import parse
from ftdd.recipe.error import Mistake, place
from ftdd.recipe.recipe import Recipe

if TYPE_CHECKING:
    from ftdd.networks.chain import Chain

SEED = 20221


def network_mistakes(study: Recipe, file: str, data: Path) -> tuple[Mistake, ...]:
    """What is wrong with the networks of other packages that a study trains, each once.

    file: the recipe's name, for the messages.   data: the folder where data sets lie.
    """
    found: dict[tuple[str, str], None] = {}
    for spec in study.targets.values():
        architecture = spec.starting_architecture
        if not _of_another_package(architecture):
            continue
        image, classes = spec.pair.image_shape(), len(spec.pair.classes("target", data))
        faults = network_faults(architecture, image, classes)
        found |= dict.fromkeys(("architecture", fault) for fault in faults)
        chain = None if faults else _built(architecture, image, classes)
        if chain is not None and spec.control != "scratch":
            for frozen in phases(spec.freezing, chain.names, spec.target.training.epochs):
                try:
                    chain.freeze(frozen, spec.spared)
                except ValueError as error:
                    found["freezing", f"{component_words(architecture)}: {error}"] = None
    lines = parse(study.text) if found else None
    return tuple(
        Mistake(line, place(file, line), part, message)
        for part, message in found
        if lines is not None
        for line in [lines.line((part,))]
    )


@lru_cache(maxsize=256)
def network_faults(architecture: Architecture, image: ImageShape, classes: int) -> tuple[str, ...]:
    """What is wrong with the network that an architecture builds for these images, a sentence each.

    Nothing is said where its weights are not on this machine yet.
    """
    words = component_words(architecture)
    try:
        chain = _built(architecture, image, classes)
        if chain is None:
            return ()
        return tuple(f"{words}: {fault}" for fault in _faults(architecture, chain, image, classes))
    except (Unfit, ComponentFailed) as error:
        return (str(error),)


def _of_another_package(architecture: Architecture) -> bool:
    owner = architecture.brought_by
    return owner is not None and owner.package != OWN_PACKAGE


@lru_cache(maxsize=1)
def _built(architecture: Architecture, image: ImageShape, classes: int) -> "Chain | None":
    """The network; None where its weights are missing."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        try:
            chain = architecture.build(image, classes)
        except DataUnavailable:
            return None
        if torch.initial_seed() != SEED:
            raise ComponentFailed(
                f"{component_words(architecture)}: build seeds torch's generator, so that every seed of a study has "
                "the same weights; leave the generator to ftdd, which has seeded it"
            )
        return chain


def _faults(architecture: Architecture, chain: "Chain", image: ImageShape, classes: int) -> Iterator[str]:
    import torch

    names = architecture.layers(image, classes)
    if chain.names != names:
        yield f"layers says {', '.join(names)}, but build gives {', '.join(chain.names)}"
        return
    mode = chain.training
    try:
        with torch.no_grad(), said_if_slow(lambda: f"{component_words(architecture)}, given two images"):
            logits = chain.eval()(torch.zeros((2, *image)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's layers may raise anything
        yield f"the network fails for two images of {image}: {error_words(error)}"
        return
    finally:
        chain.train(mode)
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (2, classes):
        yield f"the network gives {shape or type(logits).__name__} for two images; it must give (2, {classes})"
