"""What a plugin may implement: every hook of ftdd, and when it is called.

A plugin is a module with functions of these names marked `@ftdd.hookimpl`, named by a line in the entry-point
group `ftdd`. A function may leave out arguments that it does not need. The module must load
without torch; import heavy libraries inside the methods that use them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from ftdd.components import Analysis, Architecture, Executor, Pair, Policy, Scheme
    from ftdd.records.curve import Record
    from ftdd.records.events import RunRef, StudyRef

hookspec = pluggy.HookspecMarker("ftdd")


def marks(plugin: object) -> dict[str, dict[str, Any]]:
    """The attributes of a plugin that are marked `@ftdd.hookimpl`, each with the options of its mark."""
    return {name: options for name in dir(plugin) if (options := _mark(plugin, name)) is not None}


def _mark(plugin: object, name: str) -> dict[str, Any] | None:
    try:
        attribute = getattr(plugin, name)
        options = getattr(attribute, "ftdd_impl", None) if callable(attribute) else None
    except Exception:  # a property that raises, or a lazy object that is not available now, is no hook
        return None
    return options if isinstance(options, dict) else None


def implementations(plugin: object) -> dict[str, list[Callable[..., Any]]]:
    """A plugin's functions, by the hook that they implement: of its name, or marked with `specname`."""
    found: dict[str, list[Callable[..., Any]]] = {}
    for name, options in marks(plugin).items():
        found.setdefault(hook_of(name, options), []).append(getattr(plugin, name))
    return found


def hook_of(name: str, options: Mapping[str, Any]) -> str:
    """The hook that a marked function implements."""
    return str(options.get("specname") or name)


def listening(plugin: object) -> pluggy.HookRelay:
    """The hooks of a study and its runs, as this plugin alone implements them."""
    manager = _Manager("ftdd")
    manager.add_hookspecs(sys.modules[__name__])
    implemented = {
        name: getattr(plugin, name) for name, options in marks(plugin).items() if hook_of(name, options) in HEARD
    }
    manager.register(SimpleNamespace(**implemented), "plugin")
    return manager.hook


class _Manager(pluggy.PluginManager):
    """Takes everything for a hook that `marks` does."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        return _mark(plugin, name)


@hookspec
def ftdd_architectures() -> "Sequence[type[Architecture]]":
    """Architectures that this plugin brings: networks as chains of named layers.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract: pluggy calls the plugins' functions, never this one


@hookspec
def ftdd_pairs() -> "Sequence[type[Pair]]":
    """Pairs that this plugin brings: a source task and a target task.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_schemes() -> "Sequence[type[Scheme]]":
    """Schemes that this plugin brings: scores of how similar source and target of a pair are.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_policies() -> "Sequence[type[Policy]]":
    """Freezing policies that this plugin brings: which layers are frozen at which epoch.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_analyses() -> "Sequence[type[Analysis]]":
    """Analyses that this plugin brings: findings computed from curves.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_executors() -> "Sequence[type[Executor]]":
    """Executors that this plugin brings: where and how runs are executed.

    Asked once per process, when components are first needed.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_commands() -> "Sequence[click.Command]":
    """Commands that this plugin adds to `ftdd`. A command of ftdd's own name is refused.

    Asked when the command line starts.
    """
    raise NotImplementedError  # abstract


@hookspec
def ftdd_study_started(study: "StudyRef") -> None:
    """A study is about to be executed.

    study: its name, folder and runs; some may have been executed before. Told again, with all runs, when runs are
    added to it where analyses cannot tell.

    Events arrive in the parent process, in order, on a thread of the plugin's own: training does not wait for
    a slow listener, and what a listener raises is shown and ends nothing.
    """


@hookspec
def ftdd_run_started(study: "StudyRef", run: "RunRef") -> None:
    """A run has been given to a worker, for the first time or to go on where it was interrupted."""


@hookspec
def ftdd_run_evaluated(study: "StudyRef", run: "RunRef", records: "Sequence[Record]") -> None:
    """A run has measured itself again.

    records: the evaluations that were not told yet, in order. After an interruption they begin with the
    first one again.
    """


@hookspec
def ftdd_run_finished(study: "StudyRef", run: "RunRef", state: str) -> None:
    """A run has ended, and all its files are written.

    state: `done`, `diverged` or `failed`.
    """


@hookspec
def ftdd_study_finished(study: "StudyRef") -> None:
    """All that could be executed has been, and the study's figures are drawn."""


HOOKS = tuple(name for name in globals() if name.startswith("ftdd_"))
"""In the order of a study."""
HEARD = tuple(hook for hook in HOOKS if hook.startswith(("ftdd_study_", "ftdd_run_")))
"""Those that listen."""
