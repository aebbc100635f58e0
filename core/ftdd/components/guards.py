"""Calls of components: what a plugin's method raises or gives back wrongly becomes one sentence that names it.

Each class is guarded once, when its plugin is loaded; whoever calls it meets `ComponentFailed` and nothing else.
"""

import inspect
import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, get_args

from ftdd.analysis.finding import Answer, Finding, Proposal
from ftdd.components import (
    KINDS,
    Architecture,
    Component,
    ComponentFailed,
    DataUnavailable,
    Kind,
    Owner,
    Score,
    Unfit,
    error_words,
)
from ftdd.components.base import brief
from ftdd.components.side_effects import undone
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.repeats import Repeats

SLOW_SECONDS = 10.0
"""After which a call is spoken of."""

MOST_FINDINGS = 1_000
"""Of one analysis: more would make the page useless to everybody."""
LONGEST_TEXT = 20_000
"""Characters."""
NEEDS = ("classes", "images", "source network", "both networks")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Check = Callable[[Any, Any, Sequence[Any]], str | None]
"""Of a component, of what its method gave, and of the method's arguments: what is wrong, after "gave …"."""


def guard(kind: Kind, cls: type[Component], owner: Owner) -> None:
    """Have every method of a class say in one sentence what goes wrong in it."""
    cls.brought_by = owner
    for name in CHECKS[kind.word]:
        member = inspect.getattr_static(cls, name)
        if isinstance(inspect.getattr_static(kind.base, name), property):
            if not hasattr(getattr(member, "fget", None), "guarded"):
                setattr(cls, name, property(_guarded(name, _value_of(member, name)), doc=member.__doc__))
        elif not hasattr(member, "guarded"):
            setattr(cls, name, _guarded(name, member if inspect.isfunction(member) else _bound(member, name)))


def _value_of(member: Any, name: str) -> Callable[[Any], Any]:
    """What gives a property's value: a plain attribute in its place is its own."""

    def value(self: Any) -> Any:
        return member.__get__(self, type(self)) if hasattr(member, "__get__") else member

    value.__name__ = name
    return value


def _bound(member: Any, name: str) -> Callable[..., Any]:
    """A method that is no plain function: static, remembered by a decorator, or not callable at all."""

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        bound = member.__get__(self, type(self)) if hasattr(member, "__get__") else member
        return bound(*arguments, **named)

    method.__name__ = name
    return method


def component_words(component: Component) -> str:
    """A component by its kind, its name and its plugin: `policy 'thaw' (plugin 'x' of dist 1.0)`."""
    cls = type(component)
    kind = next(kind for kind in KINDS.values() if isinstance(component, kind.base))
    owner = f" ({cls.brought_by})" if cls.brought_by else ""
    return f"{kind.word} '{kind.name_of(cls)}'{owner}"


@contextmanager
def said_if_slow(what: Callable[[], str]) -> Iterator[None]:
    """Say on stderr what is waited for, where it takes long: a call that hangs cannot be ended, but be named.

    what: gives the words, which are only asked for then.
    """
    call = (time.monotonic(), what)
    _CALLS.append(call)
    if len(_CALLS) == 1 and not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=_watch, name=WATCH, daemon=True).start()
    try:
        yield
    finally:
        _CALLS.remove(call)


WATCH = "ftdd watch"
_CALLS: list[tuple[float, Callable[[], str]]] = []
"""Calls under way, with the second of their beginning."""


def _watch() -> None:
    """One thread for all calls: one thread a call would cost more than the calls."""
    told = None
    while True:
        time.sleep(1)
        call = next(iter(_CALLS[-1:]), None)
        if call is not None and call is not told and time.monotonic() - call[0] > SLOW_SECONDS:
            told = call
            sys.stderr.write(f"ftdd: still waiting for {call[1]()} after {SLOW_SECONDS:g} seconds; Ctrl-C ends it\n")


def _guarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    declared = (Unfit, DataUnavailable, ComponentFailed, *((ImportError,) if name == "score" else ()))
    processes: Any = sys.modules.get("multiprocessing.process")
    seen = processes is None or processes.parent_process() is None  # a worker has no screen

    @wraps(method)
    def call(self: Component, *arguments: Any, **named: Any) -> Any:
        watched = said_if_slow(lambda: f"{component_words(self)} in {name}") if seen else nullcontext()
        try:
            with watched, undone():
                given = method(self, *arguments, **named)
                if inspect.isgenerator(given):  # what it raises, it raises when it is run through
                    given = tuple(given)
        except declared:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if name == "score" and type(error) is LookupError:  # no network is there, as `Comparison` says
                raise
            raise ComponentFailed(f"{component_words(self)} failed in {name}: {error_words(error)}") from error
        if _is_own(type(self), name, call):
            fault = answer_fault(self, name, given, (*arguments, *named.values()))
            if fault:
                raise ComponentFailed(f"{component_words(self)}: {name} gave {fault}")
        return given

    call.guarded = True  # type: ignore[attr-defined]
    return call


def _is_own(cls: type, name: str, call: Callable[..., Any]) -> bool:
    """Whether this is the class's own method, and not one that its own calls by `super()`."""
    member = inspect.getattr_static(cls, name)
    return (member.fget if isinstance(member, property) else member) is call


def answer_fault(component: Component, name: str, given: Any, arguments: Sequence[Any] = ()) -> str | None:
    """What is wrong with what a component's method gave, after the words "gave …"; None where it is right."""
    kind = next(kind for kind in KINDS.values() if isinstance(component, kind.base))
    try:
        return CHECKS[kind.word][name](component, given, arguments)
    except (Unfit, DataUnavailable, ComponentFailed):
        raise
    except Exception as error:  # what it gave is such that it cannot even be looked at
        return f"something that cannot be used: {error_words(error)}"


def _must_be(what: str, right: Callable[[Any], bool]) -> Check:
    def check(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
        return None if right(given) else f"{brief(given)}; it must be {what}"

    return check


def _one(base: type, or_none: bool = False) -> Callable[[Any], bool]:
    return lambda given: isinstance(given, base) or (or_none and given is None)


def _each(base: type, right: Callable[[Any], bool] = lambda one: True) -> Callable[[Any], bool]:
    """Whether it is a sequence of these, each of them right."""
    return lambda given: (
        isinstance(given, Sequence)
        and not isinstance(given, str)
        and all(isinstance(one, base) and right(one) for one in given)
    )


def _anything(component: Any, given: Any, arguments: Sequence[Any]) -> None:
    """What it gives is not looked at."""


def _text(given: Any) -> bool:
    """Whether it is a text that can be shown: half characters cannot be written, control characters steer screens."""
    if not isinstance(given, str) or len(given) > LONGEST_TEXT or CONTROL.search(given):
        return False
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(given: Any) -> bool:
    return isinstance(given, tuple) and all(_text(one) and one for one in given)


def _layers(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if not _texts(given) or len(given) < 2:
        return f"{brief(given)}; it must be a tuple of two names or more, input first"
    return "two layers of one name" if len(set(given)) < len(given) else None


def _is_chain(given: Any) -> bool:
    from ftdd.networks.chain import Chain

    return isinstance(given, Chain)


def _is_shape(given: Any) -> bool:
    return isinstance(given, ImageShape) and all(type(one) is int and one > 0 for one in given)


def _is_proposal(one: Proposal) -> bool:
    return isinstance(one.settings, Mapping) and _text(one.reason)


def _normalization(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if given is None and isinstance(component, Architecture):
        return None
    if not isinstance(given, Normalization) or not all(
        isinstance(one, tuple) and all(_finite(value) for value in one) for one in given
    ):
        return f"{brief(given)}; it must be a Normalization of finite numbers, mean and std as tuples"
    channels = (arguments[0] if isinstance(component, Architecture) else component.image_shape()).channels
    if not len(given.mean) == len(given.std) == channels:
        return f"{brief(given)}; images have {channels} channels"
    return None if all(std > 0 for std in given.std) else f"{brief(given)}; a standard deviation is above zero"


def _classes(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if not _texts(given) or not given:
        return f"{brief(given)}; it must be a tuple of names"
    return "two classes of one name" if len(set(given)) < len(given) else None


def _counted(given: Any) -> bool:
    return given is None or (type(given) is int and given > 0)


def _counts(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if not isinstance(given, tuple) or not all(type(one) is int and one >= 0 for one in given):
        return f"{brief(given)}; it must be a tuple of whole numbers, a count for each class"
    classes = len(component.classes(*arguments))
    return None if len(given) == classes else f"{len(given)} counts for {classes} classes"


def _task(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    from ftdd.data.images import Task

    if not isinstance(given, Task):
        return f"{brief(given)}; it must be an ftdd.data.images.Task"
    for half in (given.train, given.test):
        if half.shape != component.image_shape():
            return f"images of {half.shape}, but image_shape says {component.image_shape()}"
        if half.classes != component.classes(*arguments):
            return f"other classes than classes() says, or in another order: {brief(half.classes)}"
        if half.numbers != (component.task == "regression"):
            return f"labels of {half.labels.dtype}, but its task is {component.task}"
    if not len(given.train) or not len(given.test):
        return "a half without images"
    if component.task == "regression":
        return None
    there = tuple(given.train.clean_labels.bincount(minlength=len(given.train.classes)).tolist())
    said = component.class_counts(*arguments)
    return None if there == said else f"{brief(there)} training images of the classes, but class_counts says {said}"


def _frozen(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    layers: tuple[str, ...] = arguments[0]
    if not isinstance(given, frozenset) or not all(type(one) is int for one in given):
        return f"{brief(given)}; it must be a frozenset of indices of layers"
    outside = sorted(one for one in given if not 0 <= one < len(layers))
    if outside:
        return f"layer {outside[0]}, which is not there; the network has 0 to {len(layers) - 1}"
    if len(layers) - 1 in given:
        return f"the head '{layers[-1]}' among them, which is new for the target and must be trained"
    return None


def _score(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if not isinstance(given, Score):
        return f"{brief(given)}; it must be an ftdd.components.Score"
    if not isinstance(given.details, Mapping):
        return f"details {brief(given.details)}; they must be a mapping of names to numbers"
    for name, value in {"the score": given.value, **given.details}.items():
        if not _text(name):
            return f"a detail called {brief(name)}; a name is a text that can be written"
        if not _number(value):
            return f"{name} {brief(value)}; it must be a number"
    return None


def _findings(component: Any, given: Any, arguments: Sequence[Any]) -> str | None:
    if not isinstance(given, Sequence) or not all(isinstance(one, Finding) for one in given):
        return f"{brief(given)}; it must be a sequence of Finding"
    if len(given) > MOST_FINDINGS:
        return f"{len(given):,} findings; {MOST_FINDINGS:,} at most"
    if fault := next((fault for one in given if (fault := finding_fault(one))), None):
        return fault
    name = KINDS["analysis"].name_of(component)
    for one in given:
        if one.analysis != name:
            return f"a finding of the analysis {brief(one.analysis)}; it speaks for itself alone"
        if one.key != name and not one.key.startswith(f"{name}."):  # others select findings by their keys
            return f"a finding with the key {brief(one.key)}; its keys are '{name}' and '{name}.…'"
    return None


def finding_fault(finding: Finding) -> str | None:
    """What is wrong with a finding, after the words "gave …"; None where it is right."""
    where = f"a finding ({brief(finding.statement)}) with"
    texts = (finding.analysis, finding.statement, finding.text, finding.unit, finding.key)
    if not all(_text(one) for one in texts):
        longest = f"{LONGEST_TEXT:,} characters at most"
        return f"{where} analysis, statement, text, unit or key that is no printable text of {longest}"
    if finding.answer not in get_args(Answer):
        return f"{where} the answer {brief(finding.answer)}; it must be one of {', '.join(get_args(Answer))}"
    if finding.effect is not None and not _finite(finding.effect):
        return f"{where} the effect {brief(finding.effect)}; it must be a finite number or None"
    interval = finding.interval
    if interval is not None:
        pair = isinstance(interval, tuple) and len(interval) == 2 and all(_finite(end) for end in interval)
        if not pair or interval[0] > interval[1]:
            return f"{where} the interval {brief(interval)}; it must be two finite numbers, the lower first, or None"
    if not _finite(finding.level) or not 0 < finding.level < 1:
        return f"{where} the level {brief(finding.level)}; it must be between 0 and 1"
    if finding.p is not None and not (_finite(finding.p) and 0 <= finding.p <= 1):
        return f"{where} p = {brief(finding.p)}; it must be from 0 to 1, or None"
    for name in ("n", "sources", "targets"):
        if type(value := getattr(finding, name)) is not int or value < 0:
            return f"{where} {name} = {brief(value)}; it must be a whole number"
    if not isinstance(finding.runs, tuple) or not all(_text(one) for one in finding.runs):
        return f"{where} runs that are no tuple of ids"
    for name in ("settings", "numbers"):
        if not isinstance(getattr(finding, name), Mapping):
            return f"{where} {name} that are no mapping"
        if not _plain(getattr(finding, name)):
            return f"{where} {name} that are no plain values, or not finite"
    return None


def _number(value: Any) -> bool:
    """Also of NumPy, whose float64 is a float and whose float32 is none."""
    return not isinstance(value, (bool, str)) and hasattr(value, "__float__") and isinstance(float(value), float)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: Any) -> bool:
    """Whether it can be written as JSON: plain values, every number finite."""
    if isinstance(value, Mapping):
        return all(_text(key) and _plain(one) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return all(_plain(one) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (bool, int)) or _text(value)


CHECKS: Mapping[str, Mapping[str, Check]] = {
    "architecture": {
        "untrained": _must_be("an Architecture", _one(Architecture)),
        "normalization": _normalization,
        "prepare": _anything,
        "build": _must_be("an ftdd.networks.chain.Chain", _is_chain),
        "layers": _layers,
        "weight_files": _must_be("a sequence of Paths", _each(Path)),
    },
    "pair": {
        "image_shape": _must_be("an ImageShape of whole numbers above zero", _is_shape),
        "classes": _classes,
        "normalization": _normalization,
        "load": _task,
        "class_counts": _counts,
        "test_count": _must_be("a whole number above zero, or None", _counted),
        "prepare": _anything,
        "expected_test_error": _must_be("a number or None", lambda given: given in (None, math.inf) or _finite(given)),
        "remarks": _must_be("a sequence of sentences", _each(str, _text)),
        "repeats": _must_be("an ftdd.data.repeats.Repeats or None", _one(Repeats, or_none=True)),
    },
    "scheme": {
        "fits": _anything,
        "prepare": _anything,
        "needs": _must_be(f"one of {', '.join(NEEDS)}", lambda given: given in NEEDS),
        "score": _score,
    },
    "policy": {"frozen": _frozen},
    "analysis": {
        "findings": _findings,
        "proposals": _must_be("a sequence of Proposal", _each(Proposal, _is_proposal)),
    },
    "executor": {},
}
"""By kind, the methods that ftdd calls, and what each may give. An executor's are met where runs are executed."""
