"""An executor's workers as a study meets them: what goes wrong with the executor is one sentence, and costs runs."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from types import TracebackType

from ftdd.components import Crew, Executor, Job, error_words
from ftdd.components.guards import component_words

SAY_SECONDS = 15.0
"""After which one says that workers are waited for."""
LEAVE_SECONDS = 60.0
"""How long an executor may take to end its workers."""


class SubmitFailed(RuntimeError):
    """An executor did not take a job: a sentence that names it."""


class Workplace:
    """Workers that are opened when they are first needed, and ended on the way out."""

    def __init__(self, executor: Executor, workers: int | None, device: str, say: Callable[[str], None]) -> None:
        """executor: anything with its `open`.   workers, device: as there.   say: takes a line for the user."""
        self._executor, self._workers, self._device, self._say = executor, workers, device, say
        self._context: AbstractContextManager[Crew] | None = None
        self._crew: Crew | None = None
        self.words = component_words(executor) if isinstance(executor, Executor) else type(executor).__name__
        """The executor, its plugin and its package."""
        self.patience = getattr(type(executor), "patience", Executor.patience)
        """Seconds that a job may lie without a worker; None for ever."""
        self.slots = 0
        """How many jobs run at once; 0 before workers are there."""
        self.broken = False
        """Whether it was tried in vain to get workers."""

    def ready(self) -> bool:
        """Whether workers are there; the first call opens them, and says what keeps them away."""
        if self._crew is None and not self.broken:
            fault = self._opened()
            if fault:
                self.broken = True
                self._say(f"{self.words} {fault}; no run can be executed")
        return self._crew is not None

    def submit(self, job: Job) -> "Future[None]":
        """Have a job executed. Raises SubmitFailed."""
        assert self._crew is not None, "workers are there"
        try:
            future = self._crew.submit(job)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise SubmitFailed(f"{self.words} failed in submit: {error_words(error)}") from error
        if not isinstance(future, Future):
            kind = type(future).__name__
            raise SubmitFailed(f"{self.words}: submit gave a {kind}; it must be a concurrent.futures.Future")
        try:
            future.done()
        except Exception as error:  # a stranger's class of futures
            raise SubmitFailed(f"{self.words}: submit gave a future that fails: {error_words(error)}") from error
        return future

    def __enter__(self) -> "Workplace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        context = self._context
        if context is None:
            return
        failed: list[BaseException] = []

        def leave() -> None:
            try:
                context.__exit__(kind, error, trace)
            except BaseException as raised:  # whatever it is, the study has been executed
                if raised is not error:
                    failed.append(raised)

        leaving = threading.Thread(target=leave, name="leaving the executor", daemon=True)
        leaving.start()
        leaving.join(SAY_SECONDS)
        if leaving.is_alive():
            self._say(f"waiting for {self.words} to end its workers, {LEAVE_SECONDS:g} seconds at most; Ctrl-C is safe")
            leaving.join(LEAVE_SECONDS - SAY_SECONDS)
        if leaving.is_alive():
            self._say(f"{self.words} has not ended its workers within {LEAVE_SECONDS:g} seconds; they are left alone")
        if failed:
            self._say(f"{self.words} failed when it was to end its workers: {error_words(failed[0])}")

    def _opened(self) -> str | None:
        """Open the workers; what went wrong where they are not there."""
        try:
            context = self._executor.open(self._workers, self._device)
            crew = context.__enter__()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return f"failed in open: {error_words(error)}"
        self._context = context
        try:
            slots = crew.slots
            submit = crew.submit
        except Exception as error:
            return f"gave workers that cannot be used: {error_words(error)}"
        if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
            return f"gave workers with slots = {slots!r}; it must be a whole number, 1 or more"
        if not callable(submit):
            return f"gave workers whose submit is a {type(submit).__name__}, which cannot be called"
        self._crew, self.slots = crew, slots
        return None


def last_words(future: "Future[None]", workplace: Workplace) -> str:
    """Why a future that is done has executed nothing."""
    try:
        error = future.exception(timeout=0)
    except CancelledError:
        return f"{workplace.words} cancelled it"
    if error is None:
        return f"its worker ended and gave no reason ({workplace.words})"
    return str(error) if type(error) is RuntimeError and str(error) else f"{workplace.words}: {error_words(error)}"
