"""ftdd: transfer-learning studies with frozen layers, and what they show.

A plugin's module needs `hookimpl` from here and the base of its component from `ftdd.components`.
"""

from importlib.metadata import PackageNotFoundError, version

import pluggy

hookimpl = pluggy.HookimplMarker("ftdd")

try:
    __version__ = version("ftdd")
except PackageNotFoundError:  # imported from a folder that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "hookimpl"]
