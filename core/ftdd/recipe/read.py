"""From a recipe's file to a Study, or to all of its mistakes at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from ftdd.components import ComponentFailed, DataUnavailable, Every, Unfit
from ftdd.components.plugins import Plugins, nearest
from ftdd.recipe.check import layer_names
from ftdd.recipe.document import Document, NotYaml, Path, parse, parse_value
from ftdd.recipe.error import Mistake, RecipeError, place
from ftdd.recipe.fields import field_at
from ftdd.recipe.mistakes import dotted
from ftdd.recipe.points import SETTING as SETTING
from ftdd.recipe.points import TAGS, check_path, checked_spec, said_by
from ftdd.recipe.recipe import Header, Point, Recipe
from ftdd.recipe.specs import TargetSpec
from ftdd.recipe.sweep import (
    MOST_POINTS,
    Axis,
    SweepError,
    Tree,
    combinations,
    read_axis,
    with_values,
)
from ftdd.values import Json


def read_recipe(path: FilePath, plugins: Plugins, data: FilePath, overrides: Sequence[str] = ()) -> Recipe:
    """The study that a recipe asks for.

    data: the folder where data sets lie; set sizes are checked where they can be known.
    overrides: `path=value` as given to `--set`. Raises RecipeError with every mistake of every point of the
    sweep; OSError where the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError([Mistake(1, f"{path.name}:1", "", f"not UTF-8 text: {error.reason}")]) from error
    return read_text(text, path.name, path.stem, plugins, data, overrides)


def read_text(
    text: str, file: str, name: str, plugins: Plugins, data: FilePath, overrides: Sequence[str] = ()
) -> Recipe:
    """The study that a recipe's text asks for.

    file: the file's name, for the places of mistakes; "" for a recipe that is no file, whose mistakes have paths
    alone.   name: the study's, where the recipe does not say it. Raises RecipeError.
    """
    try:
        document = parse(text)
    except NotYaml as error:
        raise RecipeError([Mistake(error.line, place(file, error.line), "", str(error))]) from error
    return _Reader(file, document, plugins, data).study(name, text, overrides)


@dataclass(frozen=True)
class _Draft:
    """A point before it is validated."""

    tree: Tree
    values: Mapping[str, Json]
    places: Mapping[str, Path]
    """Where each swept value stands in the recipe."""


class _Reader:
    """One reading of one recipe: collects mistakes with their places."""

    def __init__(self, file: str, document: Document, plugins: Plugins, data: FilePath) -> None:
        self._file = file
        self._document = document
        self._plugins = plugins
        self._data = data
        self._mistakes: list[Mistake] = []
        self._set: dict[str, str] = {}

    def study(self, stem: str, text: str, overrides: Sequence[str]) -> Recipe:
        if not isinstance(self._document.tree, dict):
            self._say((), "a recipe is a mapping: pair, architecture, source, target, freezing, …")
            raise RecipeError(self._mistakes)
        tree = self._overridden(self._document.tree, overrides)
        self._check_keys(tree)
        header = self._header({key: tree[key] for key in Header.model_fields if key in tree})
        base = {key: value for key, value in tree.items() if key in SETTING}
        points = [
            point
            for axes in self._sweeps(tree.get("sweep"))
            for draft in self._drafts(base, axes)
            if (point := self._point(draft)) is not None
        ]
        if header is not None:
            self._check_schemes(header, points)
        if self._mistakes or header is None:
            raise RecipeError(self._mistakes)
        unique = {point.spec.id: point for point in reversed(points)}
        ordered = tuple(point for point in points if unique[point.spec.id] is point)
        note = "".join(f"# --set {override}\n" for override in overrides)
        written = f"{text.rstrip()}\n{note}" if note else text
        fixed = tuple(path for path in self._set if path not in _axes(tree))
        return Recipe(header.name or stem, written, header, ordered, base, fixed, tuple(overrides))

    # ---- the document

    def _overridden(self, tree: Tree, overrides: Sequence[str]) -> Tree:
        for override in overrides:
            path, equals, text = override.partition("=")
            path = path.strip()
            if not equals or not path or any(not part for part in path.split(".")):
                self._say_of_option(override, path, "must be path=value, such as target.images=500")
                continue
            try:
                value = parse_value(text)
                tree = self._set_value(tree, path, value)
            except (NotYaml, SweepError) as error:
                self._say_of_option(override, path, str(error))
                continue
            self._set[path.removeprefix("sweep.")] = f"--set {override}"
        return tree

    def _set_value(self, tree: Tree, path: str, value: Json) -> Tree:
        """A value given by `--set` takes the place of the base setting's, and of an axis of the sweep."""
        if path.startswith("sweep."):
            sweep = tree.get("sweep") or {}
            axis = path.removeprefix("sweep.")
            if isinstance(sweep, dict):
                return tree | {"sweep": sweep | {axis: value}}
            if isinstance(sweep, list):
                return tree | {"sweep": [part | {axis: value} if isinstance(part, dict) else part for part in sweep]}
            return tree  # what is wrong with the sweep is said later
        without = _without_axis(tree, path)
        whole = next((axis for axis in _axes(without) if _within(path, axis)), None)
        if whole is not None:
            raise SweepError(f"the sweep sets all of {whole}; say --set sweep.{whole}=[…], or --set {whole}=… first")
        return with_values(without, {path: value}, TAGS)

    def _check_keys(self, tree: Tree) -> None:
        known = (*SETTING, *Header.model_fields, "sweep")
        for key in tree:
            if key not in known:
                self._say((key,), f"no such field; {nearest(key, known)}")

    def _header(self, tree: Tree) -> Header | None:
        try:
            header = Header.model_validate_json(json.dumps(tree), strict=True, context=self._plugins)
        except ValidationError as error:
            for path, message in said_by(error, Header, tree, self._plugins):
                self._say(path, message)
            return None
        try:
            if header.executor is not None:
                self._plugins.named("executor", header.executor)
        except LookupError as error:
            self._say(("executor",), str(error.args[0]))
        return header

    def _check_schemes(self, header: Header, points: Sequence[Point]) -> None:
        """That each scheme can score pairs of these images: it is asked for when all runs have ended."""
        images = dict.fromkeys(point.spec.pair.image_shape() for point in points)
        for number, scheme in enumerate(header.similarity):
            try:
                _ = scheme.needs
            except ComponentFailed as failed:
                self._say(("similarity", number), str(failed))
                continue
            for image in images:
                try:
                    scheme.fits(image)
                except ComponentFailed as failed:
                    self._say(("similarity", number), str(failed))
                    break
                except Unfit as unfit:
                    field = unfit.field.split(".") if unfit.field else []
                    self._say(("similarity", number, *field), str(unfit))
                    break

    # ---- the sweep

    def _sweeps(self, given: Json) -> list[list[Axis]]:
        """Each mapping of the sweep as its axes; one without axes where nothing is swept."""
        if given in (None, {}, []):
            return [[]]
        parts = given if isinstance(given, list) else [given]
        sweeps: list[list[Axis]] = []
        for number, part in enumerate(parts):
            place: Path = ("sweep", number) if isinstance(given, list) else ("sweep",)
            if not isinstance(part, dict):
                self._say(place, "must be a mapping of dotted paths, or a list of such mappings")
                continue
            axes = []
            for path, values in part.items():
                try:
                    check_path(path)
                    axes.append(read_axis(path, values, (*place, path)))
                except SweepError as error:
                    self._say((*place, path), str(error))
            sweeps.append(axes)
        return sweeps

    def _drafts(self, base: Tree, axes: Sequence[Axis]) -> list[_Draft]:
        """The points of one sweep. Values of `all` are found after the others of the point are known."""
        fixed = [axis for axis in axes if axis.values is not None]
        open_axes = [axis for axis in axes if axis.values is None]
        size = 1
        for axis in fixed:
            size *= len(axis.values or ())
        if size > MOST_POINTS:
            self._say(axes[0].place[:1], f"the sweep has {size:,} points; at most {MOST_POINTS:,}")
            return []
        drafts: list[tuple[tuple[int, ...], _Draft]] = []
        for positions in combinations(fixed, {axis.path: len(axis.values or ()) for axis in fixed}):
            chosen = {axis.path: (axis.values or ())[i] for axis, i in zip(fixed, positions, strict=True)}
            places = {axis.path: axis.place_of(i) for axis, i in zip(fixed, positions, strict=True)}
            partial = self._placed(base, chosen, places)
            if partial is None:
                continue
            every = {axis.path: self._all(axis, partial) for axis in open_axes}
            if any(values is None for values in every.values()):
                self._point(partial, unsaid=tuple(every))
                continue
            lengths = {path: len(values or ()) for path, values in every.items()}
            for more in combinations(open_axes, lengths):
                added = {axis.path: (every[axis.path] or ())[i] for axis, i in zip(open_axes, more, strict=True)}
                where = dict(zip((axis.path for axis in fixed), positions, strict=True)) | dict(
                    zip((axis.path for axis in open_axes), more, strict=True)
                )
                values = {axis.path: (chosen | added)[axis.path] for axis in axes}
                draft = self._placed(base, values, places | {axis.path: axis.place for axis in open_axes})
                if draft is not None:
                    drafts.append((tuple(where[axis.path] for axis in axes), draft))
            if len(drafts) > MOST_POINTS:
                self._say(axes[0].place[:1], f"the sweep has more than {MOST_POINTS:,} points")
                return []
        return [draft for _, draft in sorted(drafts, key=lambda item: item[0])]

    def _placed(self, base: Tree, values: Mapping[str, Json], places: Mapping[str, Path]) -> _Draft | None:
        try:
            return _Draft(with_values(base, values, TAGS), values, places)
        except SweepError as error:
            place = places[error.path]
            self._say(place[:-1] if isinstance(place[-1], int) else place, str(error))
            return None

    def _all(self, axis: Axis, draft: _Draft) -> Sequence[Json] | None:
        """The values that `all` stands for at a point; None where a mistake keeps it from being known."""
        path: Path = tuple(axis.path.split("."))
        field = field_at(TargetSpec, draft.tree, path, self._plugins)
        if field is None:
            self._say(axis.place, "leads to no field, so there is nothing that all could stand for")
            return None
        if field.annotation is bool:
            return [False, True]
        if get_origin(field.annotation) is Literal:
            return list(get_args(field.annotation))
        every = next((mark for mark in field.metadata if isinstance(mark, Every)), None)
        if every is None:
            self._say(axis.place, "this field does not say what all of its values are: list them, or give a range")
            return None
        layers = self._layers(draft.tree)
        return None if layers is None else every.values(layers)

    def _layers(self, tree: Tree) -> tuple[str, ...] | None:
        """The layers of the network at a point; None where pair or architecture have mistakes of their own."""
        parts: dict[str, Any] = {}
        for kind in ("pair", "architecture"):
            given = tree.get(kind)
            mapping = {"name": given} if isinstance(given, str) else given
            if not isinstance(mapping, dict) or not isinstance(mapping.get("name"), str):
                return None
            try:
                cls = self._plugins.named(kind, str(mapping["name"]))
                parts[kind] = cls.model_validate_json(json.dumps(mapping), strict=True, context=self._plugins)
            except (LookupError, ValidationError):
                return None
        pair = parts["pair"]
        try:
            return layer_names(parts["architecture"], pair.image_shape(), len(pair.classes("target", self._data)))
        except (Unfit, DataUnavailable, ComponentFailed):
            return None

    # ---- one point

    def _point(self, draft: _Draft, unsaid: tuple[str, ...] = ()) -> Point | None:
        """The validated point. `unsaid`: paths whose value is not known yet; nothing is said of them."""
        spec, wrong = checked_spec(draft.tree, self._plugins, self._data)
        for path, message in wrong:
            if dotted(path) not in unsaid:
                self._say(path, message, places=draft.places)
        return None if spec is None else Point(draft.values, spec)

    # ---- mistakes

    def _say(self, path: Path, message: str, name: str = "", places: Mapping[str, Path] | None = None) -> None:
        """Note a mistake at a path, in the file or in the option that set it."""
        name = name or dotted(path)
        option = self._nearest_option(path, name)
        if option is not None:
            self._say_of_option(option.removeprefix("--set "), name, message)
            return
        swept = next((place for axis, place in (places or {}).items() if _within(name, axis)), None)
        if swept is None and path not in self._document.lines:
            swept = next((place for axis, place in (places or {}).items() if _within(axis, name)), None)
        line = self._document.line(swept or path)
        self._mistakes.append(Mistake(line, place(self._file, line), name, message))

    def _say_of_option(self, override: str, path: str, message: str) -> None:
        self._mistakes.append(Mistake(0, f"--set {override}", path, message))

    def _nearest_option(self, path: Path, name: str) -> str | None:
        """The option that set a path, or something below a path that the document itself does not have."""
        bare = name.removeprefix("sweep.")
        for given, option in self._set.items():
            if _within(bare, given) or (path not in self._document.lines and _within(given, bare)):
                return option
        return None


def _within(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith((f"{ancestor}.", f"{ancestor}["))


def _axes(tree: Tree) -> list[str]:
    sweep = tree.get("sweep")
    parts = sweep if isinstance(sweep, list) else [sweep]
    return [axis for part in parts if isinstance(part, dict) for axis in part]


def _without_axis(tree: Tree, path: str) -> Tree:
    sweep = tree.get("sweep")
    if isinstance(sweep, dict):
        return tree | {"sweep": {axis: values for axis, values in sweep.items() if axis != path}}
    if isinstance(sweep, list):
        parts: list[Json] = [
            {axis: values for axis, values in part.items() if axis != path} if isinstance(part, dict) else part
            for part in sweep
        ]
        return tree | {"sweep": parts}
    return tree
