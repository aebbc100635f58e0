"""Ids: the hash of all that determines a run's numbers, and of nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from ftdd.components import KINDS, Component
from ftdd.recipe.fields import choice_of
from ftdd.recipe.specs import TargetSpec, read_spec
from ftdd.testing import examples
from ftdd.training.settings import Training
from ftdd.values import Value, canonical_json, identity
from tests.core.study.small_study import RECIPE, read
from tests.installed import installed_plugins

PLUGINS = installed_plugins()


def test_golden_ids(tmp_path: Path) -> None:
    """Ids are forever: whoever changes one gives every store's runs away. Change them knowingly, and say so."""
    study = read(tmp_path)
    assert list(study.targets) == GOLDEN_TARGETS
    assert list(study.sources) == [GOLDEN_SOURCE]


GOLDEN_TARGETS = ["72a88b8ef58e", "e695d7d8b0f9", "37b9ea1afe00"]
GOLDEN_SOURCE = "ca27ef0fa4ac"


def test_ids_do_not_hang_on_order_or_on_how_a_number_is_written(tmp_path: Path) -> None:
    ids = set(read(tmp_path).targets)
    lines = RECIPE.replace("lr: 0.01", "lr: 1.0e-2").replace("label_noise: 0.2", "label_noise: 2e-1").splitlines()
    moved = "\n".join([*lines[2:], *lines[:2]])
    assert set(read(tmp_path, recipe=moved).targets) == ids
    whole = RECIPE.replace("label_noise: 0.2", "label_noise: 0")
    assert set(read(tmp_path, recipe=whole).targets) == set(
        read(tmp_path, recipe=RECIPE.replace("  label_noise: 0.2\n", "")).targets
    )


@pytest.mark.parametrize(
    "line",
    ["notes: new", "device: cpu", "workers: 3", "store: elsewhere", "eps: 0.1", "name: other", "executor: local"],
)
def test_what_does_not_change_numbers_does_not_change_ids(line: str, tmp_path: Path) -> None:
    assert set(read(tmp_path, recipe=f"{line}\n{RECIPE}").targets) == set(read(tmp_path).targets)
    assert set(read(tmp_path, recipe=RECIPE.replace("A small study", "B")).targets) == set(read(tmp_path).targets)


def test_a_source_is_shared_by_targets_that_differ_in_what_the_source_does_not_see(tmp_path: Path) -> None:
    study = read(tmp_path, "sweep.freezing.count=[0, 4]", "sweep.seed=[0, 1]", "sweep.target.images=[30, 60]")
    assert len(study.targets) == 8
    assert len(study.sources) == 1
    assert len(read(tmp_path, "sweep.source.seed=[0, 1]").sources) == 2


def test_a_spec_reads_back_from_its_json(tmp_path: Path) -> None:
    study = read(tmp_path)
    for spec in (*study.targets.values(), *study.sources.values()):
        again = read_spec(json.dumps(spec.model_dump(mode="json"), indent=2), PLUGINS)
        assert again == spec
        assert again.id == spec.id


def _values(cls: type[Value]) -> Iterator[tuple[str, Value, Value]]:
    """For every field of a class but its name: a value, and one that differs in that field alone."""
    if issubclass(cls, Component):
        base: Value = examples(cls, PLUGINS)[0]
    else:
        needed = {name: _example(field.annotation) for name, field in cls.model_fields.items() if field.is_required()}
        if "momentum" in cls.model_fields:
            needed["momentum"] = 0.9  # nesterov is refused without it
        base = cls.model_validate(needed)
    for name, field in cls.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            continue
        if choice_of(field) is not None or (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            continue
        yield name, base, _changed(cls, base, name)


def _example(annotation: Any) -> Any:
    return {int: 3, float: 0.5, str: "x"}.get(annotation, 3)


def _changed(cls: type[Value], base: Value, name: str) -> Value:
    given = base.model_dump(exclude_unset=True)
    words = ("all", "none", "less_related", "mean", "modules", ("other",), ("one", "other"), "hue", "path", "pixels")
    for candidate in (1, 2, 5, 7, 0.25, 0.75, True, False, 16, 34, (2, 3), (0.5, 0.6), *words):
        try:
            other = cls.model_validate(given | {name: candidate}, context=PLUGINS)
        except ValueError:
            try:  # a field may take the place of another one
                other = cls.model_validate({name: candidate}, context=PLUGINS)
            except ValueError:
                continue
        if getattr(other, name) != getattr(base, name):
            return other
    raise AssertionError(f"no other value found for {cls.__name__}.{name}: add one to the candidates")


def _all_classes() -> list[type[Value]]:
    components = [
        cls for word in ("pair", "architecture", "policy", "scheme") for cls in PLUGINS.components[word].values()
    ]
    choices = [choice_of(field) for field in Training.model_fields.values()]
    return [*components, *(cls for choice in choices if choice and choice.options for cls in choice.options.values())]


@pytest.mark.parametrize("cls", _all_classes(), ids=lambda cls: cls.__name__)
def test_every_field_of_every_component_changes_the_id(cls: type[Value]) -> None:
    """A field that did not reach the canonical JSON would give two different runs one folder."""
    for name, base, other in _values(cls):
        assert identity(base) != identity(other), name
        assert f'"{name}"' in canonical_json(other)


@pytest.mark.parametrize(
    "override",
    [
        "pair.target_classes=[6, 7, 8]",
        "pair.source_classes=[6, 7, 8]",
        "architecture.width=2",
        "source.images=30",
        "source.test_images=all",
        "source.label_noise=0.1",
        "source.seed=1",
        "source.evaluate=every",
        "source.training.epochs=3",
        "source=none",
        "target.images=30",
        "target.test_images=all",
        "target.label_noise=0.1",
        "target.evaluate=log",
        "target.training.epochs=3",
        "target.training.batch_size=3",
        "target.training.optimizer={name: adamw, lr: 0.01}",
        "target.training.schedule=cosine",
        "target.training.augmentation=crop_and_flip",
        "freezing=none",
        "transfer=frozen",
        "transfer={first_layers: 2}",
        "batch_norm=live",
        "soft_freezing={l2_sp: 0.1}",
        "soft_freezing={layer_decay: 0.9}",
        "control=random",
        "control=scratch",
        "seed=1",
    ],
)
def test_every_setting_of_a_recipe_changes_the_id(override: str, tmp_path: Path) -> None:
    base = read(tmp_path, "freezing.count=1")
    other = read(tmp_path, "freezing.count=1", override)
    assert set(base.targets).isdisjoint(other.targets)
    of_target = override.startswith(("target", "freezing", "seed", "transfer", "batch_norm", "soft_freezing"))
    assert (set(base.sources) == set(other.sources)) == of_target


def test_components_of_one_kind_never_share_an_id() -> None:
    for word in KINDS:
        ids = [
            canonical_json(component)
            for cls in PLUGINS.components[word].values()
            for component in examples(cls, PLUGINS)
        ]
        assert len(set(ids)) == len(ids)


def test_specs_are_frozen_all_the_way_down(tmp_path: Path) -> None:
    spec: TargetSpec = next(iter(read(tmp_path).targets.values()))
    with pytest.raises(ValueError, match="frozen"):
        spec.target.training.epochs = 5  # type: ignore[misc]
    assert isinstance(hash(spec), int)
