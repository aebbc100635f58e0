"""Controls and partial transfer, executed: what a run starts from, and which runs are one and the same."""

import itertools
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from ftdd.recipe.recipe import Recipe
from ftdd.recipe.specs import TargetSpec, read_spec
from ftdd.records.status import State
from ftdd.study.runs import execute
from ftdd.study.start import starting_chain
from ftdd.study.store import Store
from tests.core.study.small_study import facts, job, read, written
from tests.installed import installed_plugins

LAYERS = 10


def executed(tmp_path: Path, *overrides: str) -> tuple[Recipe, Store]:
    study, store = written(tmp_path, "target.training.epochs=1", "source.training.epochs=1", *overrides)
    for run_id in [*study.sources, *study.targets]:
        execute(job(store, run_id))
        assert store.run(run_id).status().state is State.DONE, store.run(run_id).status().error
    return study, store


def _start(study: Recipe, store: Store, **settings: object) -> tuple[TargetSpec, dict[str, torch.Tensor]]:
    """The spec of the point with these settings, and the weights with which it begins."""
    (spec,) = (point.spec for point in study.points if settings.items() <= dict(point.settings).items())
    chain = starting_chain(spec, spec.pair.image_shape(), 3, store)
    return spec, dict(chain.state_dict())


def _alike(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> set[str]:
    """The layers all of whose tensors are equal."""
    layers = {name.partition(".")[0] for name in a}
    return {
        layer for layer in layers if all(torch.equal(a[name], b[name]) for name in a if name.partition(".")[0] == layer)
    }


def test_each_control_starts_from_what_it_says(tmp_path: Path) -> None:
    study, store = executed(tmp_path, "sweep.freezing.count=[3]", "sweep.control=[transfer, selffer, random, scratch]")
    specs, starts = {}, {}
    for control in ("transfer", "selffer", "random", "scratch"):
        specs[control], starts[control] = _start(study, store, control=control)
    assert len(study.sources) == 2
    below = {name for name in _alike(starts["random"], starts["random"]) if name != "head"}
    for control in ("transfer", "selffer"):
        source = specs[control].source_spec
        assert source is not None
        learned = load_file(store.run(source.id).weights)
        assert _alike(starts[control], {**starts[control], **learned}) >= below
    assert _alike(starts["transfer"], starts["selffer"]) == {"head"}
    assert _alike(starts["random"], starts["scratch"]) == {*below, "head"}
    frozen = {control: store.run(spec.id).read_ledger()["frozen_layers"] for control, spec in specs.items()}
    assert frozen == {"transfer": 3, "selffer": 3, "random": 3, "scratch": 0}


def test_selffer_has_learned_the_targets_own_images_and_wrong_labels(tmp_path: Path) -> None:
    study, store = executed(tmp_path, "sweep.freezing.count=[3]", "control=selffer", "seed=5")
    ((source_id, source),) = study.sources.items()
    ((target_id, _),) = study.targets.items()
    assert source.task == "target"
    one, other = (facts(store, run_id)["data"] for run_id in (source_id, target_id))
    for digest in ("train_digest", "mislabelled_digest", "mislabelled", "test_digest"):
        assert one[digest] == other[digest]  # type: ignore[index]
    images = [pd.read_csv(store.run(run_id).path / "train_images.csv") for run_id in (source_id, target_id)]
    assert images[0].equals(images[1])
    again = read_spec(store.run(source_id).spec.read_text(), installed_plugins())
    assert again.id == source_id


def test_scratch_is_one_run_whatever_would_be_frozen_and_random_whatever_the_source(tmp_path: Path) -> None:
    study = read(
        tmp_path, "sweep.freezing.count=[0, 3, 9]", "sweep.source.images=[30, 60]", "sweep.control=[random, scratch]"
    )
    controls = [point.settings["control"] for point in study.points]
    assert (controls.count("scratch"), controls.count("random")) == (1, 3)
    assert study.sources == {}


def test_random_with_a_source_and_without_one_are_the_same_run(tmp_path: Path) -> None:
    one = read(tmp_path, "control=random", "sweep.freezing.count=[3]")
    other = read(tmp_path, "source=none", "sweep.freezing.count=[3]")
    assert list(one.targets) == list(other.targets)


@pytest.mark.parametrize(("given", "count"), [("all", LAYERS - 1), ("frozen", 3), ("0", 0), ("{first_layers: 5}", 5)])
def test_only_the_layers_that_are_transferred_start_from_the_source(given: str, count: int, tmp_path: Path) -> None:
    study, store = executed(tmp_path, "sweep.freezing.count=[3]", f"transfer={given}")
    spec, start = _start(study, store)
    source = spec.source_spec
    assert source is not None
    learned = load_file(store.run(source.id).weights)
    chain = starting_chain(spec, spec.pair.image_shape(), 3, store)
    transferred = [name for name in chain.names if name in _alike(start, {**start, **learned})]
    fresh = _start(*executed(tmp_path / "fresh", "sweep.freezing.count=[3]", "control=random"))[1]
    assert transferred == list(chain.names[:count])
    assert [name for name in chain.names if name in _alike(start, fresh)] == list(chain.names[count:])


def test_a_sweep_can_transfer_every_depth_and_freeze_it_or_not(tmp_path: Path) -> None:
    """Yosinski's AnB and AnB+, as far as the plan goes."""
    frozen = read(tmp_path, "transfer=frozen", "sweep.freezing.count=all")
    assert [point.spec.transferred(("x",) * LAYERS) for point in frozen.points] == list(range(LAYERS))
    tuned = read(tmp_path, "sweep.freezing.count=[0]", "sweep.transfer.first_layers=all")
    assert [point.spec.transferred(("x",) * LAYERS) for point in tuned.points] == list(range(LAYERS))
    counts = [len(point.spec.frozen(("x",) * LAYERS, 0)) for point in tuned.points]
    assert counts == [0] * LAYERS


@pytest.mark.parametrize("mode", ["frozen", "affine_only", "live", "recalibrate"])
def test_every_batch_norm_mode_ends_with_a_ledger_that_holds(mode: str, tmp_path: Path) -> None:
    study, store = executed(tmp_path, "sweep.freezing.count=[9]", f"batch_norm={mode}")
    ((target_id, _),) = study.targets.items()
    ledger = store.run(target_id).read_ledger()
    assert ledger["unchanged"]
    source = store.run(next(iter(study.sources))).read_ledger()["phases"][-1]["layers"]
    layers = ledger["phases"][0]["layers"]
    same = [
        one["hash_before"] == other["hash_after"]
        for one, other in itertools.islice(zip(layers, source, strict=True), 9)
    ]
    if mode == "frozen":
        assert all(same)
    if mode == "recalibrate":
        # The stem is a convolution alone, and the head is new; each block has batch normalizations.
        assert same == [True, *[False] * 8]


def test_soft_freezing_changes_the_run_and_its_id(tmp_path: Path) -> None:
    settings = ("sweep.freezing.count=[0]", "soft_freezing={l2_sp: 5.0, layer_decay: 0.7}")
    study, store = executed(tmp_path, *settings)
    plain, plain_store = executed(tmp_path / "plain", "sweep.freezing.count=[0]")
    one, other = next(iter(study.targets)), next(iter(plain.targets))
    assert one != other
    assert store.run(one).curve().last.train_loss != plain_store.run(other).curve().last.train_loss


def test_a_strength_for_each_layer_pulls_each_by_its_own(tmp_path: Path) -> None:
    """The first layers are held, the others are free: as if the first were frozen with live statistics."""
    strengths = ", ".join(["1.0e9"] * 3 + ["0"] * 6)
    study, store = written(tmp_path, "sweep.freezing.count=[0]", f"soft_freezing.l2_sp=[{strengths}]")
    spec = study.points[0].spec
    assert spec.soft_freezing.l2_sp == (1e9,) * 3 + (0.0,) * 6
    assert read_spec(store.run(spec.id).spec.read_text(), installed_plugins()) == spec
