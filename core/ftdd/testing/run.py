"""Find the checks of a component's kind, and the small examples that a class names."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ftdd.components import Analysis, Architecture, Component, Executor, Pair, Policy, Scheme
from ftdd.testing.analyses import ANALYSIS_CHECKS
from ftdd.testing.architectures import ARCHITECTURE_CHECKS
from ftdd.testing.executors import EXECUTOR_CHECKS
from ftdd.testing.pairs import PAIR_CHECKS
from ftdd.testing.policies import POLICY_CHECKS
from ftdd.testing.schemes import SCHEME_CHECKS

if TYPE_CHECKING:
    from ftdd.components.plugins import Plugins

CHECKS: dict[type[Component], Sequence[Callable[..., None]]] = {
    Architecture: ARCHITECTURE_CHECKS,
    Pair: PAIR_CHECKS,
    Policy: POLICY_CHECKS,
    Analysis: ANALYSIS_CHECKS,
    Scheme: SCHEME_CHECKS,
    Executor: EXECUTOR_CHECKS,
}


def checks_of(component: Component | type[Component]) -> Sequence[Callable[..., None]]:
    """The checks of its kind; each takes the component."""
    cls = component if isinstance(component, type) else type(component)
    return next((checks for base, checks in CHECKS.items() if issubclass(cls, base)), ())


def check(component: Component) -> None:
    """Raise AssertionError with a sentence where a component does not do what its kind must."""
    for one in checks_of(component):
        one(component)


def examples(cls: type[Component], plugins: "Plugins | None" = None) -> list[Component]:
    """Small components of a class, as its `examples` say.

    plugins: what they may name; by default the installed ones.
    """
    from ftdd.components.plugins import installed_plugins

    plugins = plugins or installed_plugins()
    return [cls.model_validate_json(json.dumps(dict(fields)), strict=True, context=plugins) for fields in cls.examples]
