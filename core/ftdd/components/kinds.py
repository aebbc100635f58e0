"""The six kinds of component: the word for each, its base class and its hook."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ftdd.components.analysis import Analysis
from ftdd.components.architecture import Architecture
from ftdd.components.base import Component
from ftdd.components.executor import Executor
from ftdd.components.pair import Pair
from ftdd.components.policy import Policy
from ftdd.components.scheme import Scheme


@dataclass(frozen=True)
class Kind:
    """One of the six kinds: its word, its base, and the hook that brings components of it."""

    word: str
    plural: str
    base: type[Component]

    @property
    def hook(self) -> str:
        """The name of the hook that returns the classes."""
        return f"ftdd_{self.plural}"

    def name_of(self, component: type[Component] | Component) -> str:
        """The name by which recipes call a component."""
        cls = component if isinstance(component, type) else type(component)
        return str(cls.model_fields[self.base.tag].default)


KINDS: Mapping[str, Kind] = {
    word: Kind(word, plural, base)
    for word, plural, base in (
        ("architecture", "architectures", Architecture),
        ("pair", "pairs", Pair),
        ("scheme", "schemes", Scheme),
        ("policy", "policies", Policy),
        ("analysis", "analyses", Analysis),
        ("executor", "executors", Executor),
    )
}


def own_fields(component: type[Component]) -> Iterator[str]:
    """The fields a recipe may set: all but the one that says which component it is."""
    return (name for name in component.model_fields if name != component.tag)
