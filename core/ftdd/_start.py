"""`python -m ftdd` puts the folder one stands in ahead of everything; forget it before anything else is imported.

The first module that the package imports, so it imports nothing but `sys` itself.
"""

import sys

_asked = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv else []
if _asked[:1] == ["ftdd"] and not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]
