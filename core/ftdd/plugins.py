"""Find, check and look up plugins: what they bring, and what is wrong with them, as one value."""

import difflib
import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

import pluggy

from ftdd import hookspecs
from ftdd.components import KINDS, Component, Kind

GROUP = "ftdd"
DISABLED = "FTDD_DISABLED_PLUGINS"


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
class Plugins:
    """All that plugins bring."""

    components: Mapping[str, Mapping[str, type[Component]]]
    """By kind, then by name, both sorted."""
    infos: tuple[PluginInfo, ...]
    problems: tuple[str, ...]
    """A sentence for each thing wrong with a plugin: which distribution, what, what to do."""
    clashes: Mapping[tuple[str, str], str]
    """(kind, name) → the sentence why nobody gets this name."""
    listeners: Mapping[str, object] = field(default_factory=dict)
    """Plugin modules by name."""

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
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    found = sorted({(point.name, point.value, _distribution(point)): point for point in points}.items())
    problems = [
        f"{DISABLED}: there is no plugin '{name}'; {nearest(name, {point.name for _, point in found})}"
        for name in disabled
        if name not in {point.name for _, point in found}
    ]
    infos: list[PluginInfo] = []
    modules: dict[str, object] = {}
    claims: dict[tuple[str, str], list[tuple[PluginInfo, type[Component]]]] = {}
    for (name, _, distribution), point in found:
        info = PluginInfo(name, distribution, "disabled" if name in disabled else "loaded")
        if info.state == "loaded":
            try:
                module = _load(manager, point, distribution)
                brought = _components(module, distribution)
            except _Broken as broken:
                problems.append(str(broken))
                info = PluginInfo(name, distribution, "broken")
            else:
                modules[f"{name} ({distribution})"] = module
                brings = tuple(f"{kind.word} {kind.name_of(cls)}" for kind, cls in brought)
                info = PluginInfo(name, distribution, "loaded", brings)
                for kind, cls in brought:
                    claims.setdefault((kind.word, kind.name_of(cls)), []).append((info, cls))
        infos.append(info)
    clashes = {key: _clash(key, owners) for key, owners in claims.items() if len(owners) > 1}
    components: dict[str, dict[str, type[Component]]] = {word: {} for word in KINDS}
    for (kind_word, component_name), owners in sorted(claims.items()):
        if len(owners) == 1:
            components[kind_word][component_name] = owners[0][1]
    return Plugins(components, tuple(infos), (*problems, *clashes.values()), clashes, modules)


class _Broken(Exception):
    """A plugin that cannot be used: the sentence that says why."""


def _distribution(point: EntryPoint) -> str:
    dist = point.dist
    return f"{dist.name} {dist.version}" if dist is not None else "an unknown distribution"


def _load(manager: pluggy.PluginManager, point: EntryPoint, distribution: str) -> object:
    where = f"plugin '{point.name}' of {distribution}"
    mend = f"mend or uninstall the package, or set {DISABLED}={point.name}"
    try:
        module: object = point.load()
    except (Exception, SystemExit) as error:  # anything may go wrong in a stranger's module, and must not end the rest
        raise _Broken(f"{where} could not be imported: {type(error).__name__}: {error}; {mend}") from error
    hooks = [name for name in dir(hookspecs) if name.startswith("ftdd_")]
    for name, function in vars(module).items():
        if hasattr(function, "ftdd_impl") and name not in hooks:
            raise _Broken(f"{where} implements an unknown hook '{name}'; {nearest(name, hooks)}; {mend}")
    try:
        manager.register(module, f"{point.name}={point.value}")
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise _Broken(f"{where} was refused: {reason}; {mend}") from error
    return module


def _components(module: object, distribution: str) -> list[tuple[Kind, type[Component]]]:
    """What the module's hooks return, each class checked."""
    brought = []
    for kind in KINDS.values():
        hook = getattr(module, kind.hook, None)
        if hook is None or not hasattr(hook, "ftdd_impl"):
            continue
        try:
            classes = tuple(hook())
        except Exception as error:
            raise _Broken(
                f"{kind.hook} of {distribution} failed: {type(error).__name__}: {error}; mend or uninstall the package"
            ) from error
        for cls in classes:
            fault = component_fault(kind, cls)
            if fault:
                raise _Broken(f"{kind.hook} of {distribution} returns {cls!r}, which {fault}")
            brought.append((kind, cls))
    return brought


def component_fault(kind: Kind, cls: object) -> str | None:
    """What is wrong with a class as a component of a kind, after the words "which …"; None where it is right."""
    if not (isinstance(cls, type) and issubclass(cls, kind.base)):
        return f"is not a subclass of ftdd.components.{kind.base.__name__}"
    if inspect.isabstract(cls) or _missing(cls, kind):
        return f"leaves out {', '.join(_missing(cls, kind))}"
    tag = cls.model_fields.get(kind.base.tag)
    if tag is None or not isinstance(tag.default, str):
        return f'needs a field {kind.base.tag}: Literal["…"] = "…" that holds its name'
    if not cls.__dict__.get("__doc__"):
        return "has no docstring; it is its page in `ftdd show`"
    return None


def _missing(cls: type, kind: Kind) -> list[str]:
    return [
        name
        for name, member in vars(kind.base).items()
        if getattr(member, "__isabstractmethod__", False) and getattr(cls, name, None) is member
    ]


def _clash(key: tuple[str, str], owners: Sequence[tuple[PluginInfo, type[Component]]]) -> str:
    kind, name = key
    brought = " and ".join(f"plugin '{info.name}' of {info.distribution}" for info, _ in owners)
    choices = " or ".join(f"{DISABLED}={info.name}" for info, _ in owners)
    return f"{kind} '{name}' is brought by {brought}, so nobody gets the name; set {choices}"
