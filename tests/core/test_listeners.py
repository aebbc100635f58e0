"""Listeners: told everything in order on a thread of their own, and a bad one costs the study nothing."""

import threading
import time
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace

import pytest

import ftdd
from ftdd.components.listeners import Listeners


def test_telling_does_not_wait_for_a_listener() -> None:
    """The listener is held until everything was told: if telling waited for it, this test would never end."""
    told, heard = threading.Event(), []

    @ftdd.hookimpl
    def ftdd_run_finished(state: str) -> None:
        assert told.wait(10)
        heard.append(state)

    with Listeners({"held": SimpleNamespace(ftdd_run_finished=ftdd_run_finished)}, print) as listeners:
        for number in range(200):
            listeners.tell("ftdd_run_finished", study=None, run=None, state=str(number))
        told.set()
    assert heard == [str(number) for number in range(200)]


def test_events_of_different_hooks_keep_their_order_and_bring_what_is_asked_for() -> None:
    heard: list[tuple[object, ...]] = []

    @ftdd.hookimpl
    def ftdd_study_started(study: str) -> None:
        heard.append(("study started", study))

    @ftdd.hookimpl
    def ftdd_run_started() -> None:
        heard.append(("run started",))

    @ftdd.hookimpl
    def ftdd_run_evaluated(records: list[int], run: str) -> None:
        extra = None  # a local variable is no argument
        heard.append(("evaluated", run, records, extra))

    hooks = {hook.__name__: hook for hook in (ftdd_study_started, ftdd_run_started, ftdd_run_evaluated)}
    with Listeners({"plugin": SimpleNamespace(**hooks)}, print) as listeners:
        listeners.tell("ftdd_study_started", study="S")
        for run in "ab":
            listeners.tell("ftdd_run_started", study="S", run=run)
            listeners.tell("ftdd_run_evaluated", study="S", run=run, records=[1])
            listeners.tell("ftdd_run_finished", study="S", run=run, state="done")
    assert heard == [
        ("study started", "S"),
        *[("run started",), ("evaluated", "a", [1], None)],
        *[("run started",), ("evaluated", "b", [1], None)],
    ]


def test_a_function_without_the_mark_is_not_called() -> None:
    heard: list[str] = []
    module = SimpleNamespace(ftdd_study_finished=lambda: heard.append("called"))
    with Listeners({"unmarked": module}, print) as listeners:
        listeners.tell("ftdd_study_finished", study=None)
    assert heard == []


@pytest.mark.parametrize("raised", [RuntimeError("broken"), SystemExit(3), GeneratorExit(4)], ids=str)
def test_what_a_listener_raises_reaches_neither_the_study_nor_the_others(raised: BaseException) -> None:
    heard: list[str] = []

    @ftdd.hookimpl
    def ftdd_run_finished(state: str) -> None:
        raise raised

    @ftdd.hookimpl
    def hears(state: str) -> None:
        heard.append(state)

    modules = {"bad": SimpleNamespace(ftdd_run_finished=ftdd_run_finished), "good": SimpleNamespace()}
    modules["good"].ftdd_run_finished = hears
    said: list[str] = []
    with Listeners(modules, said.append) as listeners:
        for state in ("done", "failed"):
            listeners.tell("ftdd_run_finished", study=None, run=None, state=state)
    assert heard == ["done", "failed"]
    assert [line for line in said if "plugin bad failed in ftdd_run_finished" in line] == [
        f"plugin bad failed in ftdd_run_finished: {type(raised).__name__}: {raised}; the study goes on without it"
    ]


def test_an_interrupted_study_does_not_wait_for_a_listener_that_hangs() -> None:
    """After Ctrl-C the listeners have two seconds, all told; a hanging one goes down with the process."""
    over = threading.Event()

    @ftdd.hookimpl
    def ftdd_run_finished() -> None:
        over.wait(60)

    began = time.monotonic()
    listeners = Listeners({"hanging": SimpleNamespace(ftdd_run_finished=ftdd_run_finished)}, print)
    listeners.__enter__()
    listeners.tell("ftdd_run_finished", study=None, run=None, state="done")
    listeners.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    took = time.monotonic() - began
    over.set()
    assert took < 50


def test_a_listener_that_is_behind_is_waited_for_and_one_says_so() -> None:
    said: list[str] = []
    heard: list[str] = []
    busy = threading.Event()

    @ftdd.hookimpl
    def ftdd_run_finished(state: str) -> None:
        busy.set()
        time.sleep(0.05)
        heard.append(state)

    with Listeners({"slow": SimpleNamespace(ftdd_run_finished=ftdd_run_finished)}, said.append) as listeners:
        for state in "abcd":
            listeners.tell("ftdd_run_finished", study=None, run=None, state=state)
        assert busy.wait(10)
    assert heard == list("abcd")
    assert len(said) == 1
    assert said[0].startswith("waiting for plugin slow: 3 events to go; Ctrl-C is safe")


def test_a_listener_that_hangs_at_the_end_is_named_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that still hears is waited for, however long it takes in all."""
    monkeypatch.setattr("ftdd.components.listeners.SAY_SECONDS", 0.1)
    monkeypatch.setattr("ftdd.components.listeners.SILENT_SECONDS", 1.0)
    over, heard, said = threading.Event(), [], []

    @ftdd.hookimpl
    def hangs() -> None:
        over.wait(60)

    @ftdd.hookimpl
    def slow(state: str) -> None:
        time.sleep(0.4)
        heard.append(state)

    modules = {
        "hangs": SimpleNamespace(ftdd_study_finished=hangs),
        "slow": SimpleNamespace(ftdd_run_finished=slow),
    }
    began = time.monotonic()
    with Listeners(modules, said.append) as listeners:
        for state in "abcdef":
            listeners.tell("ftdd_run_finished", study=None, run=None, state=state)
        listeners.tell("ftdd_study_finished", study=None)
    over.set()
    assert time.monotonic() - began < 50
    assert heard == list("abcdef")
    assert any("waiting for plugin hangs in ftdd_study_finished; Ctrl-C is safe" in line for line in said)
    assert any("plugin hangs has been busy with ftdd_study_finished" in line for line in said)
    assert not any("plugin slow has been busy" in line for line in said)


def decorated(function: Callable[..., None]) -> Callable[..., None]:
    @wraps(function)
    def call(*arguments: object, **named: object) -> None:
        function(*arguments, **named)

    return call


def test_a_hook_is_heard_with_its_own_signature_under_any_name() -> None:
    """Fewer arguments, in another order, some with a default, behind a decorator, a method."""
    heard: list[tuple[object, ...]] = []

    @ftdd.hookimpl(specname="ftdd_run_finished")
    def named(state: str, study: str) -> None:
        heard.append(("named", study, state))

    @ftdd.hookimpl
    def ftdd_run_finished(run: str, state: str = "unknown") -> None:
        heard.append(("default", run, state))

    class Plugin:
        @ftdd.hookimpl
        @decorated
        def ftdd_run_finished(self, run: str, study: str = "?") -> None:
            heard.append(("method", run, study))

    plugins = {
        "named": SimpleNamespace(named=named),
        "default": SimpleNamespace(ftdd_run_finished=ftdd_run_finished),
        "decorated": SimpleNamespace(ftdd_run_finished=ftdd.hookimpl(decorated(ftdd_run_finished))),
        "method": Plugin(),
    }
    for name, plugin in plugins.items():
        with Listeners({name: plugin}, print) as listeners:
            listeners.tell("ftdd_run_finished", study="S", run="R", state="done")
    default = ("default", "R", "done")
    assert heard == [("named", "S", "done"), default, default, ("method", "R", "S")]


def test_an_event_is_copied_where_somebody_listens_and_the_study_once() -> None:
    copied: list[str] = []

    class Counted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __deepcopy__(self, memo: object) -> "Counted":
            copied.append(self.name)
            return Counted(self.name)

    @ftdd.hookimpl
    def ftdd_run_finished(run: Counted) -> None:
        """Hears nothing else."""

    runs = [Counted(str(number)) for number in range(3)]
    study = SimpleNamespace(runs=runs)
    with Listeners({"plugin": SimpleNamespace(ftdd_run_finished=ftdd_run_finished)}, print) as listeners:
        for run in runs:
            listeners.tell("ftdd_run_evaluated", study=study, run=run, records=[Counted("record")])
            listeners.tell("ftdd_run_finished", study=study, run=run, state="done")
    assert copied == ["0", "1", "2"]


def test_what_a_listener_writes_into_what_it_is_told_no_other_hears() -> None:
    heard: list[object] = []

    @ftdd.hookimpl
    def clears(study: SimpleNamespace, run: SimpleNamespace) -> None:
        run.settings.clear()
        study.runs[0].settings.clear()

    @ftdd.hookimpl
    def hears(study: SimpleNamespace, run: SimpleNamespace) -> None:
        heard.append((run is study.runs[0], dict(run.settings)))

    run = SimpleNamespace(settings={"seed": 0})
    study = SimpleNamespace(runs=[run])
    modules = {"a": SimpleNamespace(ftdd_run_started=clears), "b": SimpleNamespace(ftdd_run_started=hears)}
    with Listeners(modules, print) as listeners:
        for _ in range(2):
            listeners.tell("ftdd_run_started", study=study, run=run)
    assert heard == [(True, {"seed": 0})] * 2
    assert run.settings == {"seed": 0}
