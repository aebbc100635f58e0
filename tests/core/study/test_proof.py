"""What a whole run, from its spec to its folder, says of a frozen layer that is no fixed function of an image."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from ftdd.data.image_shape import ImageShape
from ftdd.networks.chain import Chain
from ftdd.records.curve import Curve
from ftdd.records.status import State
from ftdd.study import runs
from ftdd.study.runs import execute
from ftdd.study.store import Store
from ftdd.training.loop import Moment
from ftdd_plugins.architectures.resnet import ResNet
from tests.core.study.small_study import job, written
from tests.core.training import liars

BUILD = ResNet.build


def _with_stem(liar: Callable[[], nn.Module]) -> Callable[[ResNet, ImageShape, int], Chain]:
    """A ResNet whose stem ends in a liar."""

    def build(self: ResNet, image: ImageShape, classes: int) -> Chain:
        chain = BUILD(self, image, classes)
        (name, stem), *others = zip(chain.names, chain.layers, strict=True)
        return Chain([(name, nn.Sequential(stem, liar())), *others])

    return build


def _executed(tmp_path: Path, *overrides: str, **settings: object) -> tuple[Store, str]:
    """The store, and the one target run's id."""
    study, store = written(tmp_path, 'sweep={"freezing.count": [3]}', *overrides)
    for run_id in [*study.sources, *study.targets]:
        execute(job(store, run_id, **settings))
    return store, next(iter(study.targets))


WAYS = {
    "cached": ((), {}),
    "recomputed": ((), {"cache_memory": 0}),
    "in a file": ((), {"cache_memory": 0, "cache_disk": 1 << 28}),
    "augmented": (("target.training.augmentation.name=crop_and_flip",), {}),
    "without a source": (("source=none",), {}),
    "random": (("control=random",), {}),
    "selffer": (("control=selffer",), {}),
    "affine_only": (("batch_norm=affine_only",), {}),
    "live": (("batch_norm=live",), {}),
    "recalibrate": (("batch_norm=recalibrate",), {}),
    "gradual_unfreezing": (("freezing={policy: gradual_unfreezing, every: 1}", "sweep={seed: [0]}"), {}),
    "freeze_as_you_go": (("freezing={policy: freeze_as_you_go, every: 1}", "sweep={seed: [0]}"), {}),
    "all_but_norm": (("freezing=all_but_norm", "sweep={seed: [0]}"), {}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("liar", [liars.MovesABuffer, liars.MovesAPlainTensor], ids=lambda liar: liar.__name__)
def test_a_run_whose_frozen_stem_lies_fails_with_its_name(
    liar: Callable[[], nn.Module], way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ResNet, "build", _with_stem(liar))
    overrides, settings = WAYS[way]
    store, run_id = _executed(tmp_path, *overrides, **settings)
    status = store.run(run_id).status()
    assert status.state is State.FAILED
    source_id = re.fullmatch("its source (.*) is failed, so there is nothing to transfer", status.error)
    error = store.run(source_id[1]).status().error if source_id else status.error
    assert re.match(r"layer 'stem' (is frozen and no fixed function of an image|moves a|gives other)", error), error


@pytest.mark.parametrize("liar", [liars.MovesWhenResumed, liars.IsAnotherWhenResumed], ids=lambda liar: liar.__name__)
def test_a_stem_that_begins_to_lie_with_the_checkpoint_fails_the_run(
    liar: Callable[[], nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are loaded into the network at the transfer too, without any load of a state dict."""
    monkeypatch.setattr(ResNet, "build", _with_stem(liar))
    monkeypatch.setattr(runs, "CHECKPOINT_SECONDS", 0.0)
    study, store = written(tmp_path, 'sweep={"freezing.count": [3]}')
    (source_id,), (run_id,) = study.sources, study.targets
    execute(job(store, source_id))
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(runs._Journal, "show", _until_the_third)
        execute(job(store, run_id))
    assert store.run(run_id).checkpoint.exists()
    execute(job(store, run_id))
    status = store.run(run_id).status()
    assert status.state is State.FAILED
    assert "layer 'stem' is frozen" in status.error


def _until_the_third(self: runs._Journal, curve: Curve, moment: Moment | None) -> None:
    if moment is not None and moment.epoch >= 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize("keeper", liars.KEEPERS, ids=lambda keeper: keeper.__name__)
def test_a_source_that_keeps_what_cannot_be_transferred_fails(
    keeper: Callable[[], nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is honest in evaluation mode, but what it has learned is not all in its weights."""
    monkeypatch.setattr(ResNet, "build", _with_stem(keeper))
    study, store = written(tmp_path, 'sweep={"freezing.count": [3]}')
    (source_id,) = study.sources
    execute(job(store, source_id))
    status = store.run(source_id).status()
    assert status.state is State.FAILED
    assert liars.KEEPERS[keeper] in status.error
    assert not store.run(source_id).weights.exists()


def test_what_is_trained_may_move_and_begins_as_the_source_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first hash is the source's last one: no image has passed before it was taken."""
    monkeypatch.setattr(ResNet, "build", _with_stem(liars.MovesABuffer))
    store, run_id = _executed(tmp_path, 'sweep={"freezing.count": [0]}')
    status = store.run(run_id).status()
    assert status.state is State.DONE, status.error
    source = store.run(str(status.facts["source_id"])).read_ledger()["phases"][-1]["layers"]
    layers = store.run(run_id).read_ledger()["phases"][0]["layers"]
    assert [layer["hash_before"] for layer in layers[:-1]] == [layer["hash_after"] for layer in source[:-1]]
    assert layers[0]["hash_before"] != layers[0]["hash_after"]
