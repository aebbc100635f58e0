"""Find, check and look up plugins: what they bring, and what is wrong with them, as one value."""

import contextlib
import difflib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from ftdd.components import KINDS, Component, Kind, Owner, error_words, hookspecs
from ftdd.components.class_faults import component_fault as component_fault
from ftdd.components.class_faults import example_faults, schema_fault
from ftdd.components.guards import guard, said_if_slow
from ftdd.components.hookspecs import HEARD, HOOKS, hook_of, implementations, marks
from ftdd.components.side_effects import undone

if TYPE_CHECKING:
    import click

GROUP = "ftdd"
OWN_PACKAGE = "ftdd"
DISABLED = "FTDD_DISABLED_PLUGINS"
COMMAND_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")
NAME_WORDS = "a lower-case letter, then lower-case letters, digits and dashes, 30 at most"


@dataclass(frozen=True)
class PluginInfo:
    """One plugin as it was found."""

    name: str
    distribution: str
    """Name and version of the package it came with, for example `ftdd 0.1.0`."""
    state: str
    """`loaded`, `disabled`, or `broken`."""
    brings: tuple[str, ...] = ()
    """For example `architecture resnet`."""


@dataclass(frozen=True)
class _Imported:
    """One plugin before it is asked for components."""

    owner: Owner
    state: str
    plugin: object = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Brought:
    """What all plugins bring, and what is wrong with it."""

    components: Mapping[str, Mapping[str, type[Component]]]
    infos: tuple[PluginInfo, ...]
    problems: tuple[str, ...]
    clashes: Mapping[tuple[str, str], str]


class Plugins:
    """All that plugins bring. Components are asked for when they are first wanted: `ftdd --help` wants none."""

    def __init__(self, imported: Sequence[_Imported] = (), problems: Sequence[str] = ()) -> None:
        self._imported = imported
        self._problems = problems

    @staticmethod
    def of(owner: Owner, plugin: object) -> "Plugins":
        """One plugin alone, as it is."""
        return Plugins([_Imported(owner, "loaded", plugin)])

    @cached_property
    def _brought(self) -> _Brought:
        return _all_brought(self._imported, self._problems)

    @property
    def components(self) -> Mapping[str, Mapping[str, type[Component]]]:
        """By kind, then by name, both sorted."""
        return self._brought.components

    @property
    def infos(self) -> tuple[PluginInfo, ...]:
        """Every plugin, by its name."""
        return self._brought.infos

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each thing wrong with a plugin: which distribution, what, what to do."""
        return (*self._brought.problems, *_example_problems(self))

    @property
    def clashes(self) -> Mapping[tuple[str, str], str]:
        """(kind, name) → the sentence why nobody gets this name."""
        return self._brought.clashes

    @property
    def modules(self) -> tuple[tuple[Owner, object], ...]:
        """What the entry points of the plugins that could be imported name: modules, mostly."""
        return tuple((one.owner, one.plugin) for one in self._imported if one.state == "loaded")

    @property
    def listeners(self) -> Mapping[str, object]:
        """Those of the loaded plugins, by name and distribution, for whoever calls their other hooks."""
        loaded = {(info.name, info.distribution) for info in self.infos if info.state == "loaded"}
        named = {(owner.plugin, owner.distribution): plugin for owner, plugin in self.modules}
        return {f"{name} ({package})": named[name, package] for name, package in named if (name, package) in loaded}

    def named(self, kind: str, name: str) -> type[Component]:
        """The component of a kind by its name. Raises LookupError with a sentence that names the nearest."""
        if (kind, name) in self.clashes:
            raise LookupError(self.clashes[kind, name])
        known = self.components[kind]
        if name not in known:
            raise LookupError(f"no {kind} '{name}'; {nearest(name, known, f'ftdd list {KINDS[kind].plural}')}")
        return known[name]


def nearest(name: str, known: Iterable[str], listing: str = "") -> str:
    """The end of a sentence about a wrong name: the nearest right ones, or all where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if not names:
        words = "there is none"
    elif close:
        words = f"nearest: {', '.join(close)}"
    else:
        words = f"there are: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
    return f"{words} ({listing})" if listing else words


def installed_plugins() -> "Plugins":
    """The plugins of all installed packages, less those named in FTDD_DISABLED_PLUGINS (comma-separated)."""
    disabled = tuple(name.strip() for name in os.environ.get(DISABLED, "").split(",") if name.strip())
    return load_plugins(tuple(entry_points(group=GROUP)), disabled)


def load_plugins(points: Sequence[EntryPoint], disabled: Sequence[str] = ()) -> Plugins:
    """Load these entry points one by one; what is wrong with one is a sentence and does not touch the rest."""
    of_package = cache(_of_package)
    owners = [(point, Owner(point.name, *of_package(point.dist))) for point in points]
    found = sorted({(point.name, point.value, owner.distribution): (point, owner) for point, owner in owners}.items())
    known = {point.name for point in points}
    problems = [
        f"{DISABLED}: there is no plugin '{name}'; {nearest(name, known)}" for name in disabled if name not in known
    ]
    return Plugins([_imported(point, owner, point.name in disabled) for _, (point, owner) in found], problems)


def _imported(point: EntryPoint, owner: Owner, disabled: bool) -> _Imported:
    if disabled:
        return _Imported(owner, "disabled")
    try:
        plugin, remarks = _load(point, owner)
    except _Broken as broken:
        return _Imported(owner, "broken", None, (str(broken),))
    return _Imported(owner, "loaded", plugin, remarks)


def _all_brought(imported: Iterable[_Imported], problems: Iterable[str]) -> _Brought:
    """Ask each plugin for its components; a name that two bring is nobody's."""
    said, infos = list(problems), []
    claims: dict[tuple[str, str], list[tuple[Owner, type[Component]]]] = {}
    for one in imported:
        state, brings, found = one.state, [], one.problems
        if state == "loaded":
            try:
                for kind, cls in _components(one.plugin, one.owner):
                    brings.append(f"{kind.word} {kind.name_of(cls)}")
                    claims.setdefault((kind.word, kind.name_of(cls)), []).append((one.owner, cls))
            except _Broken as broken:
                state, found = "broken", (str(broken),)
        said += found
        infos.append(PluginInfo(one.owner.plugin, one.owner.distribution, state, tuple(brings)))
    clashes = {key: _clash(key, [owner for owner, _ in owned]) for key, owned in claims.items() if len(owned) > 1}
    components: dict[str, dict[str, type[Component]]] = {word: {} for word in KINDS}
    for word, name in sorted(claims.keys() - clashes.keys()):
        components[word][name] = claims[word, name][0][1]
    return _Brought(components, tuple(infos), (*said, *clashes.values()), clashes)


def _example_problems(plugins: Plugins) -> Iterator[str]:
    """A sentence for each example that its own class refuses. Those that ship with ftdd are held by its tests."""
    for kind, classes in plugins.components.items():
        for name, cls in classes.items():
            if cls.brought_by is not None and cls.brought_by.package != OWN_PACKAGE:
                yield from (f"{kind} '{name}' ({cls.brought_by}) {fault}" for fault in example_faults(cls, plugins))


class _Broken(Exception):
    """A plugin that cannot be used: the sentence that says why."""


def _of_package(found: Distribution | None) -> tuple[str, str]:
    """Name and version: asking a distribution parses all that it says of itself."""
    return ("an unknown distribution", "") if found is None else (found.name, found.version)


def _load(point: EntryPoint, owner: Owner) -> tuple[object, tuple[str, ...]]:
    """The plugin, and what is to be said of it although it can be used."""
    mend = f"mend or uninstall the package, or set {DISABLED}={point.name}"
    printed = io.StringIO()
    try:
        with _apart(f"{owner} to be imported", printed) as changed:
            plugin: object = point.load()
            marked = marks(plugin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # anything may go wrong in a stranger's module, and must not end the rest
        raise _Broken(f"{owner} could not be imported: {error_words(error)}; {mend}") from error
    if fault := plugin_fault(plugin):
        raise _Broken(f"{owner} {fault}; {mend}")
    remarks = [f"{owner} changes {what} when it is imported, which was undone; {mend}" for what in changed]
    if said := " ".join(printed.getvalue().split()):
        shown = said if len(said) <= 60 else f"{said[:59]}…"
        remarks.append(f"{owner} prints when it is imported ({shown!r}), which is kept off the screen; {mend}")
    for name in unmarked_hooks(plugin):
        remarks.append(f"{owner} has a function {name} without @ftdd.hookimpl, which is never called; mark it")
    if not marked and not remarks:
        remarks.append(f"{owner} implements no hook of ftdd, so it does nothing; {mend}")
    return plugin, tuple(remarks)


@contextlib.contextmanager
def _apart(what: str, printed: io.StringIO | None = None) -> Iterator[list[str]]:
    """Call a stranger's code: named where it is slow, nothing on the screen, the process left as it was.

    Gives what had to be put back.
    """
    with said_if_slow(lambda: what), undone() as changed, contextlib.redirect_stdout(printed or io.StringIO()):
        yield changed


def plugin_fault(plugin: object) -> str | None:
    """What keeps a plugin from being used; None where nothing does. No other plugin is looked at."""
    for name, options in marks(plugin).items():
        hook = hook_of(name, options)
        if hook not in HOOKS:
            if options.get("optionalhook"):
                continue  # of another version of ftdd, which knows it
            return (
                f"implements an unknown hook '{hook}'; {nearest(hook, HOOKS)}; a hook of a newer ftdd is marked "
                "@ftdd.hookimpl(optionalhook=True)"
            )
        if options.get("wrapper") or options.get("hookwrapper"):
            return f"marks {name} as a wrapper, which ftdd has no use for: plugins are called apart from each other"
        function = getattr(plugin, name)
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return f"has an async {name}, which would never run; define it with def"
        if inspect.isgeneratorfunction(function) and hook in HEARD:
            return f"yields in {name}, which would never run; return instead"
        if fault := _call_fault(function, hook):
            return f"cannot be called in {name}: {fault}"
    return None


def _call_fault(function: Callable[..., Any], hook: str) -> str | None:
    """Whether it can be called with the hook's arguments by name, or without some of them."""
    try:
        wanted = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "its signature cannot be read"
    given = inspect.signature(getattr(hookspecs, hook)).parameters
    for one in wanted:
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            if not given:
                continue
            return f"'{one}' says not which of the hook's arguments it takes; name those of {', '.join(given)}"
        if one.kind is one.KEYWORD_ONLY:
            return f"its argument '{one.name}' is one by keyword only, which pluggy does not give"
        if one.name == "self":
            return "it is a method of a class; let the entry point name an instance, such as module:PLUGIN"
        if one.name not in given and one.default is one.empty:
            hint = f"the hook has {', '.join(given)}" if given else "the hook has no arguments"
            return f"it asks for '{one.name}', which {hook} has not; {hint}"
    return None


def unmarked_hooks(plugin: object) -> Iterator[str]:
    """Names of functions that look like a hook and are not marked as one."""
    marked = marks(plugin)
    module = getattr(plugin, "__name__", None) if inspect.ismodule(plugin) else None
    for name in dir(plugin):
        if name in marked or not name.startswith("ftdd_"):
            continue
        function = getattr(plugin, name, None)
        if not inspect.isroutine(function):
            continue
        if hasattr(function, "ftdd_impl") or (module and getattr(function, "__module__", module) != module):
            continue
        if name in HOOKS or difflib.get_close_matches(name, HOOKS, n=1, cutoff=0.85):
            yield name


def brought_by(functions: Iterable[Callable[[], Any]]) -> list[Any]:
    """What a plugin's functions for a hook return, together. Raises ValueError where one returns no list."""
    brought: list[Any] = []
    for function in functions:
        returned = function()
        if returned is None or isinstance(returned, (str, bytes, type, Mapping)):
            raise ValueError(f"it returns {_shown(returned)}, and not a list")
        brought += list(returned)
    return brought


def _shown(value: object) -> str:
    try:
        words = " ".join(repr(value).split())
    except Exception:  # a stranger's repr
        words = ""
    return words if 0 < len(words) <= 60 else f"a {type(value).__name__}"


def _components(plugin: object, owner: Owner) -> list[tuple[Kind, type[Component]]]:
    """What the plugin's hooks return, each class checked and guarded."""
    brought: dict[tuple[str, type[Component]], Kind] = {}
    mend = f"mend or uninstall the package, or set {DISABLED}={owner.plugin}"
    functions = implementations(plugin)
    for kind in (kind for kind in KINDS.values() if kind.hook in functions):
        try:
            with _apart(f"{owner} in {kind.hook}"):
                classes = brought_by(functions[kind.hook])
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            words = str(error) if type(error) is ValueError else error_words(error)
            raise _Broken(f"{owner} failed in {kind.hook}: {words}; {mend}") from error
        for cls in classes:
            try:
                fault = None  # ftdd's own classes are looked at by its tests
                if owner.package != OWN_PACKAGE:
                    fault = component_fault(kind, cls) or schema_fault(cls)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a class such that it cannot even be looked at
                fault = f"cannot be looked at: {error_words(error)}"
            if fault:
                raise _Broken(f"{kind.hook} of {owner} returns {_shown(cls)}, which {fault}; {mend}")
            brought[kind.word, cls] = kind
    for (_, cls), kind in brought.items():
        guard(kind, cls, owner)
    return [(kind, cls) for (_, cls), kind in brought.items()]


def plugin_commands(plugins: "Plugins", own: Iterable[str]) -> tuple[dict[str, "BroughtCommand"], tuple[str, ...]]:
    """The commands that plugins bring, by name, and a sentence for each that cannot be had.

    own: names of ftdd's own commands, which no other may have.
    """
    import click

    problems: list[str] = []
    claims: dict[str, list[BroughtCommand]] = {}
    for owner, plugin in plugins.modules:
        mend = f"mend or uninstall the package, or set {DISABLED}={owner.plugin}"
        try:
            with _apart(f"{owner} in ftdd_commands"):
                brought = brought_by(implementations(plugin).get("ftdd_commands", ()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            words = str(error) if type(error) is ValueError else error_words(error)
            problems.append(f"{owner} failed in ftdd_commands: {words}; {mend}")
            continue
        for command in brought:
            if not isinstance(command, click.Command):
                problems.append(f"{owner} brings {_shown(command)} as a command, which is no click.Command; {mend}")
            elif not isinstance(command.name, str) or not COMMAND_NAME.fullmatch(command.name):
                problems.append(f"{owner} brings a command called {command.name!r}; a name is {NAME_WORDS}; {mend}")
            elif command.name in own:
                problems.append(f"{owner} brings a command '{command.name}', which is ftdd's own; {mend}")
            elif not any(one.command is command for one in claims.get(command.name, [])):
                try:
                    shown = command.get_short_help_str(90)
                except Exception as error:  # a stranger's class of commands
                    problems.append(f"command '{command.name}' of {owner} has no help: {error_words(error)}; {mend}")
                else:
                    claims.setdefault(command.name, []).append(BroughtCommand(owner, command, shown))
    for name, claimed in claims.items():
        if len(claimed) > 1:
            problems.append(_clash(("command", name), [one.owner for one in claimed]))
    found = {name: claimed[0] for name, claimed in sorted(claims.items()) if len(claimed) == 1}
    return found, tuple(problems)


@dataclass(frozen=True)
class BroughtCommand:
    """A command with the plugin that it came with."""

    owner: Owner
    command: "click.Command"
    help: str
    """A line."""


def _clash(key: tuple[str, str], owners: Sequence[Owner]) -> str:
    choices = " or ".join(f"{DISABLED}={owner.plugin}" for owner in owners)
    return f"{key[0]} '{key[1]}' is brought by {' and '.join(map(str, owners))}, so nobody gets the name; set {choices}"
