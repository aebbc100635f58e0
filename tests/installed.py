"""The plugins that are installed, loaded once for a process of tests."""

from collections.abc import Mapping
from copy import copy
from functools import lru_cache

from ftdd.components import Component, plugins

installed_plugins = lru_cache(maxsize=1)(plugins.installed_plugins)


def with_components(**brought: Mapping[str, type[Component]]) -> plugins.Plugins:
    """The installed plugins, with these components as all there are of their kinds."""
    changed = copy(installed_plugins())
    vars(changed)["components"] = {**changed.components, **brought}  # where a cached property keeps its value
    return changed
