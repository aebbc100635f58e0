"""Find, check and look up plugins: what they bring, and what is wrong with them, as one value."""

import contextlib
import difflib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from ftdd.components import KINDS, Component, Kind, Owner, hookspecs
from ftdd.components.base import brief, tried
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

    owner: Owner
    state: str
    """`loaded`, `disabled`, or `broken`."""
    plugin: object = None
    """What its entry point names: a module, mostly."""
    problems: tuple[str, ...] = ()
    classes: tuple[tuple[Kind, type[Component]], ...] = ()

    @property
    def name(self) -> str:
        """Of its entry point."""
        return self.owner.plugin

    @property
    def distribution(self) -> str:
        """Name and version of the package it came with, for example `ftdd 0.1.0`."""
        return self.owner.distribution

    @property
    def brings(self) -> tuple[str, ...]:
        """For example `architecture resnet`."""
        return tuple(f"{kind.word} {kind.name_of(cls)}" for kind, cls in self.classes)


class Plugins:
    """All that plugins bring. Components are asked for when they are first wanted: `ftdd --help` wants none."""

    def __init__(self, imported: Sequence[PluginInfo] = (), problems: Sequence[str] = ()) -> None:
        self._imported = imported
        self._problems = problems

    @property
    def modules(self) -> tuple[tuple[Owner, object], ...]:
        """The plugins that could be imported."""
        return tuple((one.owner, one.plugin) for one in self._imported if one.state == "loaded")

    @cached_property
    def infos(self) -> tuple[PluginInfo, ...]:
        """Every plugin, by its name, with what it brings."""
        return tuple(_with_classes(one) if one.state == "loaded" else one for one in self._imported)

    @cached_property
    def _claims(self) -> Mapping[tuple[str, str], Sequence[tuple[Owner, type[Component]]]]:
        claims: dict[tuple[str, str], list[tuple[Owner, type[Component]]]] = {}
        for info in self.infos:
            for kind, cls in info.classes:
                claims.setdefault((kind.word, kind.name_of(cls)), []).append((info.owner, cls))
        return claims

    @cached_property
    def clashes(self) -> Mapping[tuple[str, str], str]:
        """(kind, name) → the sentence why nobody gets this name."""
        claims = self._claims.items()
        return {key: _clash(key, [owner for owner, _ in claimed]) for key, claimed in claims if len(claimed) > 1}

    @cached_property
    def components(self) -> Mapping[str, Mapping[str, type[Component]]]:
        """By kind, then by name, both sorted."""
        names = sorted(self._claims.keys() - self.clashes.keys())
        return {word: {name: self._claims[word, name][0][1] for kind, name in names if kind == word} for word in KINDS}

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each thing wrong with a plugin: which distribution, what, what to do."""
        of_plugins = (problem for info in self.infos for problem in info.problems)
        return (*self._problems, *of_plugins, *self.clashes.values(), *_example_problems(self))

    @property
    def listeners(self) -> Mapping[str, object]:
        """The loaded plugins by name and distribution, for whoever calls their other hooks."""
        return {f"{one.name} ({one.distribution})": one.plugin for one in self.infos if one.state == "loaded"}

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


def _imported(point: EntryPoint, owner: Owner, disabled: bool) -> PluginInfo:
    if disabled:
        return PluginInfo(owner, "disabled")
    try:
        plugin, remarks = _load(point, owner)
    except _Broken as broken:
        return PluginInfo(owner, "broken", problems=(str(broken),))
    return PluginInfo(owner, "loaded", plugin, remarks)


def _with_classes(info: PluginInfo) -> PluginInfo:
    try:
        return replace(info, classes=tuple(_components(info.plugin, info.owner)))
    except _Broken as broken:
        return PluginInfo(info.owner, "broken", problems=(str(broken),))


def _example_problems(plugins: Plugins) -> Iterator[str]:
    """A sentence for each example that its own class refuses. Those that ship with ftdd are held by its tests."""
    for kind, classes in plugins.components.items():
        for name, cls in classes.items():
            if cls.brought_by is not None and cls.brought_by.package != OWN_PACKAGE:
                yield from (f"{kind} '{name}' ({cls.brought_by}) {fault}" for fault in example_faults(cls, plugins))


class _Broken(Exception):
    """A plugin that cannot be used: the sentence that says why."""


def _mend(owner: Owner) -> str:
    return f"mend or uninstall the package, or set {DISABLED}={owner.plugin}"


def _of_package(found: Distribution | None) -> tuple[str, str]:
    """Name and version: asking a distribution parses all that it says of itself."""
    return ("an unknown distribution", "") if found is None else (found.name, found.version)


def _load(point: EntryPoint, owner: Owner) -> tuple[object, tuple[str, ...]]:
    """The plugin, and what is to be said of it although it can be used."""
    mend = _mend(owner)
    printed = io.StringIO()
    with _apart(f"{owner} to be imported", printed) as changed:
        plugin, failed = tried(point.load)
    if failed:
        raise _Broken(f"{owner} could not be imported: {failed}; {mend}")
    if fault := plugin_fault(plugin):
        raise _Broken(f"{owner} {fault}; {mend}")
    remarks = [f"{owner} changes {what} when it is imported, which was undone; {mend}" for what in changed]
    if said := " ".join(printed.getvalue().split()):
        shown = said if len(said) <= 60 else f"{said[:59]}…"
        remarks.append(f"{owner} prints when it is imported ({shown!r}), which is kept off the screen; {mend}")
    for name in unmarked_hooks(plugin):
        remarks.append(f"{owner} has a function {name} without @ftdd.hookimpl, which is never called; mark it")
    if not marks(plugin) and not remarks:
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
        if hook in HEARD and not inspect.isfunction(function) and not inspect.ismethod(function):
            return f"has a {type(function).__name__} as {name}; pluggy calls functions and methods: define it with def"
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


def brought_by(functions: Iterable[Callable[[], Any]]) -> tuple[list[Any], str]:
    """What a plugin's functions for a hook return, together; and what is wrong with that."""
    brought: list[Any] = []
    for function in functions:
        returned, failed = tried(function)
        if failed:
            return [], failed
        if returned is None or isinstance(returned, (str, bytes, type, Mapping)):
            return [], f"it returns {brief(returned)}, and not a list"
        more, failed = tried(list, returned)
        if failed:
            return [], failed
        brought += more
    return brought, ""


def _asked(owner: Owner, hook: str, functions: Iterable[Callable[[], Any]]) -> list[Any]:
    with _apart(f"{owner} in {hook}"):
        brought, fault = brought_by(functions)
    if fault:
        raise _Broken(
            f"{owner} failed in {hook}: {fault}; mend or uninstall the package, or set {DISABLED}={owner.plugin}"
        )
    return brought


def _class_fault(kind: Kind, cls: type[Component]) -> str | None:
    return component_fault(kind, cls) or schema_fault(cls)


def _components(plugin: object, owner: Owner) -> list[tuple[Kind, type[Component]]]:
    """What the plugin's hooks return, each class checked and guarded."""
    brought: dict[tuple[str, type[Component]], Kind] = {}
    mend = _mend(owner)
    functions = implementations(plugin)
    for kind in (kind for kind in KINDS.values() if kind.hook in functions):
        for cls in _asked(owner, kind.hook, functions[kind.hook]):
            if owner.package == OWN_PACKAGE:  # whose classes are looked at by its tests
                fault = None
            else:
                fault, failed = tried(_class_fault, kind, cls)
                fault = f"cannot be looked at: {failed}" if failed else fault
            if fault:
                raise _Broken(f"{kind.hook} of {owner} returns {brief(cls)}, which {fault}; {mend}")
            brought[kind.word, cls] = kind
    for (_, cls), kind in brought.items():
        guard(kind, cls, owner)
    return [(kind, cls) for (_, cls), kind in brought.items()]


def plugin_commands(plugins: "Plugins", own: Iterable[str]) -> tuple[dict[str, "BroughtCommand"], tuple[str, ...]]:
    """The commands that plugins bring, by name, and a sentence for each that is not available.

    own: names of ftdd's own commands, which no other may have.
    """
    import click

    problems: list[str] = []
    claims: dict[str, list[BroughtCommand]] = {}
    for owner, plugin in plugins.modules:
        mend = _mend(owner)
        try:
            brought = _asked(owner, "ftdd_commands", implementations(plugin).get("ftdd_commands", ()))
        except _Broken as broken:
            problems.append(str(broken))
            continue
        for command in brought:
            if not isinstance(command, click.Command):
                problems.append(f"{owner} brings {brief(command)} as a command, which is no click.Command; {mend}")
            elif not isinstance(command.name, str) or not COMMAND_NAME.fullmatch(command.name):
                problems.append(f"{owner} brings a command called {command.name!r}; a name is {NAME_WORDS}; {mend}")
            elif command.name in own:
                problems.append(f"{owner} brings a command '{command.name}', which is ftdd's own; {mend}")
            elif not any(one.command is command for one in claims.get(command.name, [])):
                shown, failed = tried(command.get_short_help_str, 90)
                if failed:
                    problems.append(f"command '{command.name}' of {owner} has no help: {failed}; {mend}")
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
