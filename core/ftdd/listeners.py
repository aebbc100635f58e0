"""Tell plugins what happens, each on a thread of its own: a slow or broken one costs the study nothing."""

import queue
import threading
from collections.abc import Callable, Mapping
from types import TracebackType

HOOKS = (
    "ftdd_study_started",
    "ftdd_run_started",
    "ftdd_run_evaluated",
    "ftdd_run_finished",
    "ftdd_study_finished",
)


class Listeners:
    """Plugins that listen. Leaving the context waits until each has heard everything."""

    def __init__(self, modules: Mapping[str, object], say: Callable[[str], None]) -> None:
        """modules: plugin modules by name.   say: takes a line for the user, from any thread."""
        self._say = say
        self._ears = [
            _Ear(name, hooks, say)
            for name, module in modules.items()
            if (hooks := {hook: impl for hook in HOOKS if (impl := _implementation(module, hook))})
        ]

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
        for ear in self._ears:
            ear.finish(patience=2.0 if kind is not None else None)


def _implementation(module: object, hook: str) -> Callable[..., object] | None:
    function = getattr(module, hook, None)
    return function if function is not None and hasattr(function, "ftdd_impl") else None


class _Ear(threading.Thread):
    """One listener: its queue and its thread."""

    def __init__(self, name: str, hooks: Mapping[str, Callable[..., object]], say: Callable[[str], None]) -> None:
        super().__init__(name=f"listener {name}", daemon=True)
        self._plugin = name
        self._hooks = hooks
        self._say = say
        self._events: queue.Queue[tuple[str, Mapping[str, object]] | None] = queue.Queue()
        self._failed: set[str] = set()

    def put(self, hook: str, arguments: Mapping[str, object]) -> None:
        if hook in self._hooks:
            self._events.put((hook, arguments))

    def run(self) -> None:
        while (event := self._events.get()) is not None:
            hook, arguments = event
            function = self._hooks[hook]
            wanted = function.__code__.co_varnames[: function.__code__.co_argcount]
            try:
                function(**{name: arguments[name] for name in wanted})
            except (Exception, SystemExit) as error:  # a stranger's code: shown once for each hook, never fatal
                if hook not in self._failed:
                    self._failed.add(hook)
                    self._say(
                        f"plugin {self._plugin} failed in {hook}: {type(error).__name__}: {error}; "
                        "the study goes on without it"
                    )

    def finish(self, patience: float | None) -> None:
        """Let the listener hear the rest; `patience` seconds at most, None for as long as it takes."""
        waiting = self._events.qsize()
        self._events.put(None)
        if patience is None and waiting > 1:
            self._say(f"waiting for plugin {self._plugin}: {waiting} events to go")
        self.join(patience)
