"""Tell plugins what happens, each on a thread of its own: a slow or broken one costs the study nothing."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from types import TracebackType
from typing import Any

from ftdd.components.base import error_words
from ftdd.components.hookspecs import listening

SAY_SECONDS = 5.0
"""After which one says who is waited for."""
SILENT_SECONDS = 60.0
"""A listener that has not finished with an event for so long is not waited for any more."""
INTERRUPTED_SECONDS = 2.0
"""How long all of them together are waited for after Ctrl-C."""


class Listeners:
    """Plugins that listen. Leaving the context waits until each has heard everything, or hears nothing any more."""

    def __init__(self, modules: Mapping[str, object], say: Callable[[str], None]) -> None:
        """modules: plugin modules by name.   say: takes a line for the user, from any thread."""
        self._ears = [_Ear(name, module, say) for name, module in modules.items()]

    def tell(self, hook: str, **arguments: object) -> None:
        """Put an event into every listener's queue, and return at once."""
        for ear in self._ears:
            ear.put(hook, arguments)

    def __enter__(self) -> "Listeners":
        for ear in self._ears:
            ear.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            end = time.monotonic() + INTERRUPTED_SECONDS
            for ear in self._ears:
                ear.close()
            for ear in self._ears:
                ear.join(max(end - time.monotonic(), 0))
            return
        for ear in self._ears:
            ear.finish()


class _Ear(threading.Thread):
    """One listener: its queue and its thread."""

    def __init__(self, name: str, module: object, say: Callable[[str], None]) -> None:
        super().__init__(name=f"listener {name}", daemon=True)
        self._plugin = name
        self._hooks = listening(module)
        self._say = say
        self._events: queue.Queue[tuple[str, Mapping[str, object]] | None] = queue.Queue()
        self._failed: set[str] = set()
        self._study: object = None
        self._copies: dict[int, Any] = {}
        self._now = ""
        self._since = time.monotonic()

    def put(self, hook: str, arguments: Mapping[str, object]) -> None:
        """Queue copies of its own: what it writes into them, the others do not hear.

        A study and its runs are copied once and not for each event: there may be thousands of both.
        """
        if not getattr(self._hooks, hook).get_hookimpls():
            return
        if arguments["study"] is not self._study:
            self._study, self._copies = arguments["study"], {}
            deepcopy(self._study, self._copies)
        kept = self._copies
        copies = {name: kept[id(one)] if id(one) in kept else deepcopy(one) for name, one in arguments.items()}
        self._events.put((hook, copies))

    def run(self) -> None:
        while (event := self._events.get()) is not None:
            hook, arguments = event
            self._now, self._since = hook, time.monotonic()
            try:
                getattr(self._hooks, hook)(**arguments)
            except BaseException as error:  # a stranger's code: shown once for each hook, never fatal
                if hook not in self._failed:
                    self._failed.add(hook)
                    words = f"plugin {self._plugin} failed in {hook}: {error_words(error)}"
                    self._say(f"{words}; the study goes on without it")

    def close(self) -> None:
        self._events.put(None)

    def finish(self) -> None:
        """Let the listener hear the rest, as long as it goes on hearing; say who is waited for, and how long."""
        waiting = self._events.qsize()
        self.close()
        began, told = time.monotonic(), waiting > 1
        if told:
            self._say(f"waiting for plugin {self._plugin}: {waiting} events to go; {_SAFE}")
        while self.is_alive():
            self.join(0.1)
            now = time.monotonic()
            if self.is_alive() and now - max(self._since, began) > SILENT_SECONDS:
                self._say(
                    f"plugin {self._plugin} has been busy with {self._now} for {now - self._since:.0f} seconds and is "
                    "not waited for any more; the study itself is whole"
                )
                return
            if not told and now - began > SAY_SECONDS:
                told = True
                self._say(f"waiting for plugin {self._plugin} in {self._now}; {_SAFE}")


_SAFE = (
    f"Ctrl-C is safe: runs, figures and findings are written. It is given up after {SILENT_SECONDS:g} seconds "
    "without progress"
)
