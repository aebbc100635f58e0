"""The plugins that are installed, loaded once for a process of tests."""

from functools import lru_cache

from ftdd.components import plugins

installed_plugins = lru_cache(maxsize=1)(plugins.installed_plugins)
