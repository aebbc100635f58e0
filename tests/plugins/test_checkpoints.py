"""Checkpoints as the world writes them: what is taken, what is said, and that nothing in them runs."""

import argparse
import gzip
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ftdd.components import DataUnavailable
from ftdd.data.image_shape import ImageShape
from ftdd_plugins.architectures.timm_networks import Timm
from ftdd_plugins.architectures.torchvision_networks import TorchVision
from ftdd_plugins.architectures.torchvision_operators import declare_operators

SMALL = ImageShape(3, 32, 32)
MODEL = "test_resnet"
State = Mapping[str, torch.Tensor]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """Somebody's trained network of 7 classes."""
    return _network(1)


def _network(seed: int, model: str = MODEL) -> torch.nn.Module:
    declare_operators()
    import timm

    torch.manual_seed(seed)
    network: torch.nn.Module = timm.create_model(model, num_classes=7)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_()  # type: ignore[union-attr]
    return network


def _built(path: Path, said: list[str] | None = None, model: str = MODEL, image: ImageShape = SMALL) -> State:
    """The weights of the chain from a checkpoint, under the network's own names; no head."""
    architecture = Timm(model=model, checkpoint=str(path))
    architecture.prepare((said if said is not None else []).append)
    network, head = architecture._network(image, 5)
    return {key: value for key, value in network.state_dict().items() if not key.startswith(tuple(head))}


def _assert_taken(path: Path, state: State, **more: Any) -> None:
    taken = _built(path, **more)
    assert len(taken) > 10
    for key, value in taken.items():
        assert torch.equal(value, state[key]), key


def _refusal(path: Path) -> str:
    with pytest.raises(DataUnavailable) as caught:
        _built(path)
    message = str(caught.value)
    for part in ("\n", "\x1b", "\\x1b", "\\n", "weights_only"):
        assert part not in message, message
    assert str(path) in message
    return message


def _prefixed(prefix: str) -> Callable[[State], dict[str, torch.Tensor]]:
    return lambda state: {f"{prefix}{key}": value for key, value in state.items()}


class DictConfig(dict[str, Any]):
    """Like OmegaConf's: a mapping of a class that is not torch's."""


class Trainer:
    """Some object of the training script, with a list in it."""

    def __init__(self) -> None:
        self.history = [1, 2]


WRITTEN: dict[str, Callable[[State], Any]] = {
    "DataParallel": lambda s: {"epoch": 3, "arch": "x", "state_dict": _prefixed("module.")(s)},
    "the tutorial": lambda s: {"model_state_dict": s, "optimizer_state_dict": {"state": {}, "param_groups": []}},
    "net": lambda s: {"net": _prefixed("module.")(s), "acc": 93.1},
    "Lightning": lambda s: {
        "state_dict": _prefixed("model.")(s) | {"criterion.weight": torch.ones(3)},
        "hyper_parameters": {"lr": 0.1},
        "pytorch-lightning_version": "2.0",
    },
    "a Namespace": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1, path=Path("x"))},
    "NumPy scalars": lambda s: {"state_dict": s, "best": np.float64(0.5), "curve": np.arange(3)},
    "a defaultdict": lambda s: {"state_dict": s, "log": defaultdict(list, a=[1])},
    "OmegaConf": lambda s: {"cfg": DictConfig(a=1), "state_dict": s},
    "an object": lambda s: {"trainer": Trainer(), "state_dict": s},
    "torch.compile": _prefixed("_orig_mod."),
    "torch.compile of DataParallel": _prefixed("_orig_mod.module."),
    "FSDP": lambda s: {
        f"_fsdp_wrapped_module.{key.replace('layer1.', 'layer1._fsdp_wrapped_module.')}": value
        for key, value in s.items()
    },
    "a backbone": lambda s: _prefixed("backbone.")(s) | {"projector.0.weight": torch.ones(2, 2)},
    "nested prefixes": lambda s: {"state_dict": _prefixed("module.encoder.net.")(s)},
    "nested keys": lambda s: {"checkpoint": {"best": {"model": s}}},
    "a list": lambda s: {"models": [s, {"epoch": 3}]},
    "parameters": lambda s: OrderedDict((key, torch.nn.Parameter(v, False)) for key, v in s.items()),
    "no counters": lambda s: {key: value for key, value in s.items() if not key.endswith("num_batches_tracked")},
    "averaged by torch": lambda s: _prefixed("module.")(s) | {"n_averaged": torch.tensor(5)},
    "half precision": lambda s: {key: value.half().float() for key, value in s.items()},
    "no head": lambda s: {key: value for key, value in s.items() if not key.startswith("fc.")},
    "another head": lambda s: {
        **{key: value for key, value in s.items() if not key.startswith("fc.")},
        "fc.0.weight": torch.ones(2, 2),
    },
}


@pytest.mark.parametrize("how", WRITTEN)
def test_weights_are_found_however_they_are_written(how: str, network: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    written = WRITTEN[how](network.state_dict())
    torch.save(written, path)
    expected = dict(network.state_dict())
    if how == "half precision":
        expected = dict(written)
    _assert_taken(path, expected)


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        pytest.param(kind, ending, marks=() if ending == misleading else pytest.mark.slow)
        for kind, misleading in (("torch", "safetensors"), ("torch of old", ""), ("safetensors", "pth"))
        for ending in ("pth", "bin", "ckpt", "safetensors", "")
    ],
)
def test_the_content_says_what_kind_of_file_it_is(
    kind: str, ending: str, network: torch.nn.Module, tmp_path: Path
) -> None:
    path = tmp_path / f"weights.{ending}".removesuffix(".")
    state = dict(network.state_dict())
    if kind == "safetensors":
        save_file(state, path)
    else:
        content = {"state_dict": state, "args": argparse.Namespace(a=1), "log": defaultdict(list, a=[1])}
        torch.save(content, path, _use_new_zipfile_serialization=kind == "torch")
    _assert_taken(path, state)


PREFERRED = {
    "averaged before raw": ("state_dict_ema", "state_dict"),
    "a model's average": ("model_ema", "model"),
    "a teacher before its student": ("teacher", "student"),
    "averaged over steps": ("swa_state_dict", "model_state_dict"),
    "BYOL's network that is trained": ("online_network", "target_network"),
}


@pytest.mark.parametrize("which", PREFERRED)
def test_of_two_that_fit_the_preferred_is_taken_and_said(which: str, network: torch.nn.Module, tmp_path: Path) -> None:
    first, other = PREFERRED[which]
    torch.save({other: _prefixed("module.")(_network(2).state_dict()), first: network.state_dict()}, tmp_path / "m.pth")
    said: list[str] = []
    _assert_taken(tmp_path / "m.pth", network.state_dict(), said=said)
    (line,) = said
    assert f"`{first}` are taken" in line
    assert f"`{other}`" in line


def test_a_query_encoder_is_taken_and_not_the_keys(network: torch.nn.Module, tmp_path: Path) -> None:
    """MoCo: both in one mapping, with its queue beside them."""
    both = _prefixed("module.encoder_k.")(_network(2).state_dict())
    both |= _prefixed("module.encoder_q.")(network.state_dict()) | {"module.queue": torch.ones(4)}
    torch.save({"state_dict": both}, tmp_path / "m.pth")
    _assert_taken(tmp_path / "m.pth", network.state_dict())


def test_two_that_fit_alike_are_refused_by_their_names_unless_they_are_the_same(
    network: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save({"first": network.state_dict(), "last": _network(2).state_dict()}, tmp_path / "m.pth")
    message = _refusal(tmp_path / "m.pth")
    assert "more than once, and they differ: under `first` and under `last`" in message
    torch.save({"first": network.state_dict(), "last": network.state_dict()}, tmp_path / "same.pth")
    _assert_taken(tmp_path / "same.pth", network.state_dict())


def test_the_average_within_the_same_mapping_is_not_left_over(network: torch.nn.Module, tmp_path: Path) -> None:
    both = dict(_network(2).state_dict()) | _prefixed("ema.")(network.state_dict())
    torch.save(both, tmp_path / "m.pth")
    _assert_taken(tmp_path / "m.pth", network.state_dict())


def _without(name: str) -> Callable[[State], dict[str, torch.Tensor]]:
    return lambda state: {key: value for key, value in state.items() if key != name}


MISFITS: dict[str, tuple[Callable[[State], Any], str]] = {
    "a layer is missing": (_without("layer1.0.conv1.weight"), r"do not fit: layer1\.0\.conv1\.weight is missing"),
    "a statistic is missing": (_without("bn1.running_var"), r"bn1\.running_var is missing"),
    "a layer is left over": (
        lambda s: dict(s) | {"layer1.7.conv1.weight": torch.ones(2)},
        r"layer1\.7\.conv1\.weight is not in the network",
    ),
    "another shape": (
        lambda s: dict(s) | {"layer1.0.conv1.weight": torch.ones(1, 1, 3, 3)},
        r"layer1\.0\.conv1\.weight has shape \(1, 1, 3, 3\), the network needs",
    ),
    "another network": (
        lambda s: {"state_dict": {"stem.conv.weight": torch.ones(2, 2), "stem.norm.weight": torch.ones(2)}},
        r"do not fit: .* the file has 'stem.conv.weight', 'stem.norm.weight', of which '.*' is nearest to",
    ),
    "no tensors": (lambda s: {"epoch": 3, "history": [1]}, "has no tensors by name: its keys are epoch, history"),
    "numbers for names": (lambda s: dict(enumerate(s.values())) | {"conv1.weight": torch.ones(2)}, r"do not fit: "),
    "a network within": (
        lambda s: {"epoch": 3, "model": Trainer()},
        r"its keys are epoch, model; under `model` it is an object of .*Trainer, which only that code could read",
    ),
    "a sparse tensor": (
        lambda s: dict(s) | {"layer1.0.conv1.weight": s["layer1.0.conv1.weight"].to_sparse()},
        r"do not fit: Error\(s\) in loading state_dict for ResNet: .*layer1\.0\.conv1\.weight",
    ),
    "a list": (lambda s: list(s.values()), "has no tensors by name: it is of type list"),
    "nothing": (lambda s: {}, "has no tensors by name: it is empty"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_is_refused_in_one_sentence(what: str, network: torch.nn.Module, tmp_path: Path) -> None:
    import re

    made, message = MISFITS[what]
    torch.save(made(network.state_dict()), tmp_path / "m.pth")
    assert re.search(message, _refusal(tmp_path / "m.pth"))


def test_a_whole_network_is_refused_by_its_class(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "m.pth")
    message = _refusal(tmp_path / "m.pth")
    assert "timm.models.resnet.ResNet" in message
    assert "torch.save(network.state_dict(), 'weights.pth')" in message


def test_files_that_are_something_else_are_named(network: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "whole.pth")
    save_file(dict(network.state_dict()), tmp_path / "whole.safetensors")
    whole, tensors = (tmp_path / "whole.pth").read_bytes(), (tmp_path / "whole.safetensors").read_bytes()
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "script.pt")  # type: ignore[no-untyped-call]
    with (tmp_path / "protocol.pth").open("wb") as file:
        torch.save(dict(network.state_dict()), file, pickle_protocol=4)
    contents = {
        "zipped.pth.gz": (gzip.compress(whole), "compressed by gzip; unpack it"),
        "cut.pth": (whole[: len(whole) // 2], "is cut off or damaged; fetch or copy it again"),
        "cut.safetensors": (
            tensors[: len(tensors) // 2],
            r"is cut off or damaged; fetch or copy it again \(safetensors: ",
        ),
        "short.safetensors": (tensors[:100], "is cut off or damaged; fetch or copy it again"),
        "empty.pth": (b"", "it is empty"),
        "page.pth": (b"<!DOCTYPE html><html>Not found", "it is a web page"),
        "lfs.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "`git lfs pull` fetches"),
        "comment.pth": (b"\xef\xbb\xbf<!-- moved --><html>", "it is a web page"),
        "answer.pth": (b'{"error": "Not\n found"}', """it is a text that begins with '{"error": "Not found"}'"""),
        "bytes.pth": (bytes(range(1, 200)), "is no file of torch.save or safetensors"),
        "arrays.npz": (None, "zip archive of NumPy arrays"),
        "script.pt": (None, "TorchScript program"),
        "protocol.pth": (None, "pickle protocol"),
    }
    import re

    for name, (content, message) in contents.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert re.search(message, found := _refusal(tmp_path / name)), found
    assert "is a folder; name a file in it" in _refusal(tmp_path)


class _Runs:
    def __init__(self, function: Callable[[str], object], marker: Path) -> None:
        self.given = (function, (str(marker),))

    def __reduce__(self) -> Any:
        return self.given


def _touch(path: str) -> None:
    Path(path).touch()


@pytest.mark.parametrize("zipped", [True, False])
def test_no_code_of_a_file_runs_beside_weights_that_are_taken(
    zipped: bool, network: torch.nn.Module, tmp_path: Path
) -> None:
    """A function of Python's own, one of a module that can be imported, and one that torch blocks altogether."""
    import os

    marker = tmp_path / "it has run"
    for i, function in enumerate((_touch, eval, os.mkdir)):
        path = tmp_path / f"{i}.pth"
        content = {"state_dict": network.state_dict(), "extra": _Runs(function, marker)}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        if function is os.mkdir:
            assert "do not trust this file" in _refusal(path)
        else:
            _assert_taken(path, network.state_dict())
    assert not marker.exists()
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(_Runs(_touch, marker), protocol=2))
    _refusal(tmp_path / "plain.pkl")
    assert not marker.exists()


def test_a_size_that_was_not_the_weights_own_is_resized_as_timm_does(tmp_path: Path) -> None:
    """Positions of a vision transformer, and the colours of a stem."""
    import timm

    torch.manual_seed(0)
    trained = timm.create_model("test_vit", img_size=64, num_classes=7)
    torch.save({"state_dict": trained.state_dict()}, tmp_path / "vit.pth")
    taken = _built(tmp_path / "vit.pth", model="test_vit", image=ImageShape(1, 96, 96))
    assert taken["pos_embed"].shape != trained.state_dict()["pos_embed"].shape
    assert torch.equal(taken["patch_embed.proj.weight"], trained.patch_embed.proj.weight.sum(dim=1, keepdim=True))


@pytest.mark.slow
def test_torchvisions_positions_are_resized_as_torchvision_does(tmp_path: Path) -> None:
    declare_operators()
    from torchvision.models import vit_b_32
    from torchvision.models.vision_transformer import interpolate_embeddings

    trained = vit_b_32(image_size=128, num_classes=7).state_dict()
    torch.save(trained, tmp_path / "vit.pth")
    architecture = TorchVision(model="vit_b_32", checkpoint=str(tmp_path / "vit.pth"))
    network, _ = architecture._network(ImageShape(3, 64, 64), 5)
    expected = interpolate_embeddings(64, 32, dict(trained))
    for key, value in network.state_dict().items():
        assert key.startswith("heads.") or torch.equal(value, expected[key]), key


@pytest.mark.parametrize(
    "what",
    [
        "a layer is missing",
        *(pytest.param(what, marks=pytest.mark.slow) for what in ("another network", "numbers for names")),
    ],
)
def test_torchvision_refuses_in_one_sentence_too(what: str, tmp_path: Path) -> None:
    declare_operators()
    from torchvision.models import mnasnet0_5

    state = mnasnet0_5(num_classes=7).state_dict()
    made = _without("layers.0.weight") if what == "a layer is missing" else MISFITS[what][0]
    torch.save(made(state), tmp_path / "m.pth")
    with pytest.raises(DataUnavailable, match=r"do not fit: .*; the file has ") as caught:
        TorchVision(model="mnasnet0_5", checkpoint=str(tmp_path / "m.pth")).prepare(lambda line: None)
    assert "\n" not in str(caught.value)
