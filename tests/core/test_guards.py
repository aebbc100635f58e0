"""What a component's method raises or gives back is one sentence; what it may raise on purpose is let through."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from ftdd.components import (
    KINDS,
    Analysis,
    Component,
    ComponentFailed,
    DataUnavailable,
    Finding,
    Owner,
    Policy,
    Scheme,
    Score,
    Unfit,
    guards,
)

OWNER = Owner("toys", "toy-package", "1.0")
LAYERS = ("first", "second", "head")


def guarded(kind: str, component: Component) -> Any:
    guards.guard(KINDS[kind], type(component), OWNER)
    return component


def policy(frozen: Any) -> Any:
    class Toy(Policy):
        """A toy."""

        policy: Literal["toy"] = "toy"

        def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
            return frozen() if callable(frozen) else frozen  # type: ignore[no-any-return]

    return guarded("policy", Toy())


def raises(error: BaseException) -> Any:
    def fail() -> None:
        raise error

    return fail


def test_a_right_answer_is_what_it_was() -> None:
    assert policy(frozenset({0})).frozen(LAYERS, 0) == frozenset({0})


@pytest.mark.parametrize(
    ("frozen", "sentence"),
    [
        (None, "frozen gave None; it must be a frozenset of indices of layers"),
        ({0}, "frozen gave {0}; it must be a frozenset"),
        (frozenset({"first"}), "frozen gave frozenset({'first'}); it must be"),
        (frozenset({True}), "frozen gave frozenset({True}); it must be"),
        (frozenset({-1}), "frozen gave layer -1, which is not there; the network has 0 to 2"),
        (frozenset({2}), "frozen gave the head 'head' among them"),
        (raises(ValueError("a\nb")), "failed in frozen: ValueError: a b"),
        (raises(SystemExit(2)), "failed in frozen: SystemExit: 2"),
        (raises(KeyError()), "failed in frozen: KeyError"),
    ],
)
def test_a_wrong_answer_is_a_sentence_with_component_plugin_and_package(frozen: Any, sentence: str) -> None:
    with pytest.raises(ComponentFailed) as caught:
        policy(frozen).frozen(LAYERS, 0)
    assert str(caught.value).startswith("policy 'toy' (plugin 'toys' of toy-package 1.0)")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("error", [Unfit("no", "count"), DataUnavailable("none"), KeyboardInterrupt()])
def test_what_may_be_raised_is_raised(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        policy(raises(error)).frozen(LAYERS, 0)
    assert caught.value is error


def test_a_method_that_calls_its_base_is_looked_at_as_a_whole() -> None:
    """What the base gives is only a part."""

    class Base(Policy):
        """A base that could not stand alone."""

        policy: Literal["base"] = "base"

        def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
            return frozenset({len(layers) - 1})

    class Whole(Base):
        """Takes the head out."""

        policy: Literal["whole"] = "whole"  # type: ignore[assignment]

        def frozen(self, layers: tuple[str, ...], epoch: int) -> frozenset[int]:
            return super().frozen(layers, epoch) - {len(layers) - 1}

    guards.guard(KINDS["policy"], Base, OWNER)
    assert guarded("policy", Whole()).frozen(LAYERS, 0) == frozenset()
    with pytest.raises(ComponentFailed, match="policy 'base'"):
        Base().frozen(LAYERS, 0)


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (0.5, "score gave 0.5; it must be an ftdd.components.Score"),
        (Score("a"), "score gave the score 'a'; it must be a number"),  # type: ignore[arg-type]
        (Score(1.0, None), "score gave details None"),  # type: ignore[arg-type]
        (Score(1.0, {"x": None}), "score gave x None; it must be a number"),  # type: ignore[dict-item]
    ],
)
def test_scores(score: Any, sentence: str) -> None:
    class Toy(Scheme):
        """A toy."""

        name: Literal["toy"] = "toy"

        def score(self, given: Any) -> Score:
            return score  # type: ignore[no-any-return]

    with pytest.raises(ComponentFailed) as caught:
        guarded("scheme", Toy()).score(None)
    assert sentence in str(caught.value)


NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"answer": "maybe"}, "the answer 'maybe'; it must be one of seen, not seen, cannot tell"),
        ({"effect": NAN}, "the effect nan"),
        ({"effect": float("inf")}, "the effect inf"),
        ({"interval": (1.0, 0.0)}, "the interval (1.0, 0.0)"),
        ({"interval": (0.0, NAN)}, "the interval (0.0, nan)"),
        ({"p": 2.0}, "p = 2.0"),
        ({"n": 2.5}, "n = 2.5"),
        ({"level": 95}, "the level 95"),
        ({"runs": "abc"}, "runs that are no tuple"),
        ({"numbers": {"a": [NAN]}}, "numbers that are no plain values"),
        ({"text": None}, "text, unit or key that is no printable text"),
        ({"text": "\ud800"}, "text, unit or key that is no printable text"),
        ({"statement": "\x1b[31m"}, "text, unit or key that is no printable text"),
        ({"text": "x" * 30_000}, "text, unit or key that is no printable text"),
        ({"numbers": {"\ud800": 1}}, "numbers that are no plain values"),
        ({"analysis": "another"}, "a finding of the analysis 'another'; it speaks for itself alone"),
        ({"key": "advise.best"}, "a finding with the key 'advise.best'; its keys are 'toy' and 'toy.…'"),
        ({"key": 5}, "text, unit or key that is no printable text"),
    ],
)
def test_findings(changes: dict[str, Any], part: str) -> None:
    plain = {"analysis": "toy", "statement": "It is so", "answer": "seen", "text": ""}

    class Toy(Analysis):
        """A toy."""

        name: Literal["toy"] = "toy"

        def findings(self, study: Any) -> Any:
            yield Finding(**{**plain, **changes})

    with pytest.raises(ComponentFailed) as caught:
        guarded("analysis", Toy()).findings(None)
    assert part in str(caught.value)
    changes.clear()
    assert len(guarded("analysis", Toy()).findings(None)) == 1


def test_a_call_that_hangs_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "SLOW_SECONDS", 0.1)
    over = threading.Event()
    hanging = threading.Thread(target=lambda: policy(lambda: over.wait(30)).frozen(LAYERS, 0), daemon=True)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    hanging.start()
    said, end = "", time.monotonic() + 20
    while "still waiting" not in said and time.monotonic() < end:
        time.sleep(0.1)
        said += capsys.readouterr().err
    over.set()
    hanging.join(10)
    assert "still waiting for policy 'toy' (plugin 'toys' of toy-package 1.0) in frozen" in said


class Panic(BaseException):
    """As a library of another language raises it."""


def test_what_is_no_exception_is_a_sentence_too_but_ctrl_c() -> None:
    with pytest.raises(ComponentFailed, match="failed in frozen: Panic: rust"):
        policy(raises(Panic("rust"))).frozen(LAYERS, 0)
    with pytest.raises(KeyboardInterrupt):
        policy(raises(KeyboardInterrupt())).frozen(LAYERS, 0)


def test_what_a_method_changes_of_the_process_is_put_back(tmp_path: Path) -> None:
    def wild() -> frozenset[int]:
        os.chdir(tmp_path)
        sys.setrecursionlimit(500)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        return frozenset({0})

    def state() -> tuple[object, ...]:
        ours = (Path.cwd(), sys.getrecursionlimit(), signal.getsignal(signal.SIGINT))
        return (*ours, torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads())

    before = state()
    assert policy(wild).frozen(LAYERS, 0) == frozenset({0})
    assert state() == before
