"""Pairs: digits, and CIFAR-10 from its files, official or not."""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from ftdd.components import DataUnavailable, Pair
from ftdd_plugins.pairs.cifar import Cifar10Halves
from ftdd_plugins.pairs.cifar.image_sets import CIFAR_10
from ftdd_plugins.pairs.digits import Digits
from ftdd_plugins.pairs.files.image_set import average_down


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize(
    "pair", [Digits(), Digits(source_classes=(7, 2), target_classes=(2, 0, 9))], ids=["default", "chosen"]
)
def test_digits_are_what_the_pair_says_without_loading_them(pair: Pair, side: str, tmp_path: Path) -> None:
    task = pair.load(side, tmp_path)  # type: ignore[arg-type]
    assert task.train.classes == pair.classes(side, tmp_path)  # type: ignore[arg-type]
    assert task.train.shape == pair.image_shape()
    counts = torch.bincount(task.train.labels, minlength=len(task.train.classes)).tolist()
    assert tuple(counts) == pair.class_counts(side, tmp_path)  # type: ignore[arg-type]


def test_digits_are_scikit_learns_each_once_and_two_fifths_are_tested_on(tmp_path: Path) -> None:
    """All ten digits together are the whole set; no image is trained and tested on."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    task = Digits(source_classes=tuple(range(10))).load("source", tmp_path)
    ours = torch.cat([task.train.images, task.test.images]).reshape(-1, 64).numpy()
    theirs = np.round(pixels * 255 / 16).astype(np.uint8)
    own = torch.cat([task.train.labels, task.test.labels]).numpy()
    assert sorted(map(tuple, np.c_[ours, own].tolist())) == sorted(map(tuple, np.c_[theirs, labels].tolist()))
    assert len(task.test) / 1797 == pytest.approx(0.4, abs=0.01)


def test_pixels_average_down_like_a_plain_loop() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32)).astype(np.uint8)
    small = average_down(images, 16)
    for n, c, y, x in [(0, 0, 0, 0), (1, 2, 5, 9), (2, 1, 15, 15)]:
        square = images[n, c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(int)
        assert small[n, c, y, x] == int(square.sum() / 4 + 0.5)
    assert (average_down(images, 32) == images).all()
    assert average_down(np.full((1, 3, 32, 32), 255, np.uint8), 8).max() == 255


@pytest.mark.parametrize("similarity", ["related", "less_related"])
def test_the_halves_share_no_class_and_are_all_of_them(similarity: str, tmp_path: Path) -> None:
    pair = Cifar10Halves.model_validate({"similarity": similarity})
    source, target = pair.classes("source", tmp_path), pair.classes("target", tmp_path)
    assert len(source) == len(target) == 5
    assert set(source) | set(target) == set(CIFAR_10.classes)


def test_real_images_are_read_when_modified_files_are_allowed(data: Path) -> None:
    """9,990 training and 4,000 test images of the official order; the counts stand beside the files."""
    pair = Cifar10Halves(similarity="less_related", image_size=16, allow_modified=True)
    source, target = pair.load("source", data), pair.load("target", data)
    assert len(source.train) + len(target.train) == 9990
    assert len(source.test) + len(target.test) == 4000
    assert pair.class_counts("source", data) == (1016, 999, 937, 1030, 1001)
    assert tuple(torch.bincount(source.train.labels).tolist()) == (1016, 999, 937, 1030, 1001)
    assert source.train.shape == (3, 16, 16)
    mean = torch.cat([source.train.images, target.train.images]).float().mean((0, 2, 3)) / 255
    assert mean.tolist() == pytest.approx(pair.normalization().mean, abs=0.01)


def test_modified_and_missing_files_are_refused_with_their_list(data: Path) -> None:
    with pytest.raises(DataUnavailable) as caught:
        Cifar10Halves().prepare(data, lambda line: None)
    sentence = str(caught.value)
    assert "missing: data_batch_2, data_batch_3, data_batch_4, data_batch_5" in sentence
    assert "not the official file by its md5: data_batch_1" in sentence
    assert "pair.allow_modified: true" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("allow", [False, True])
def test_without_files_and_without_a_network_there_is_one_sentence(
    tmp_path: Path, allow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    said: list[str] = []
    with pytest.raises(DataUnavailable, match=r"cifar-10-python\.tar\.gz could not be fetched") as caught:
        Cifar10Halves(allow_modified=allow).prepare(tmp_path, said.append)
    assert f"put the file at {tmp_path / 'cifar-10-python.tar.gz'}, from https://www.cs.toronto.edu" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    assert said[0] == f"CIFAR-10 is not in {tmp_path / CIFAR_10.folder}: fetching it"


def test_a_network_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that takes the call and says nothing; patience is put back for the rest of the process."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setattr("ftdd_plugins.pairs.files.download.PATIENCE_SECONDS", 0.5)
        with pytest.raises(DataUnavailable, match="could not be fetched"):
            Cifar10Halves().prepare(tmp_path, lambda line: None)
    assert socket.getdefaulttimeout() is None


@pytest.mark.slow
def test_torchvision_can_be_imported_beside_whatever_torch_is_installed() -> None:
    """In a process of its own: a second declaration of an operator aborts it."""
    code = (
        "from ftdd_plugins.architectures.torchvision_operators import declare_operators\n"
        "declare_operators(); declare_operators()\n"
        "import torchvision.datasets"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.marker}'",)


def test_a_file_that_calls_a_function_is_refused_and_the_function_is_not_called(tmp_path: Path) -> None:
    """Unpickling calls what the file names; one that we read with pickle itself proves that this file would."""
    folder, marker = tmp_path / CIFAR_10.folder, tmp_path / "it has run"
    folder.mkdir()
    content = pickle.dumps({b"data": Evil(marker), b"labels": []}, protocol=2)
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(content)
    with pytest.raises(DataUnavailable, match=r"it names posix\.system, which a file of images has no use for"):
        Cifar10Halves(allow_modified=True).load("source", tmp_path)
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists()


def test_a_damaged_file_is_refused_whatever_byte_is_wrong(tmp_path: Path) -> None:
    """Every byte of the frame around the pixels, one after another: read, or refused, and nothing else."""
    whole = pickle.dumps({b"data": np.arange(6144, dtype=np.uint8).reshape(2, 3072), b"labels": [0, 1]}, protocol=2)
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    refused = 0
    frame = [i for i in range(len(whole)) if i < 200 or i > len(whole) - 60]
    for place in frame:
        damaged = bytes([*whole[:place], whole[place] ^ 0b101, *whole[place + 1 :]])
        (folder / "data_batch_1").write_bytes(damaged)
        try:
            Cifar10Halves(allow_modified=True).class_counts("source", tmp_path)
        except DataUnavailable:
            refused += 1
    assert len(frame) / 2 < refused < len(frame)


@pytest.mark.parametrize("order", ["C", "F"])
def test_pixels_are_read_in_the_order_in_which_they_lie(order: Literal["C", "F"], tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (6, 3072)).astype(np.uint8)
    batch = {b"data": np.asarray(rows, order=order), b"labels": [2, 4, 0, 9, 1, 8]}
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    task = Cifar10Halves(similarity="less_related", allow_modified=True).load("target", tmp_path)
    assert task.train.labels.tolist() == [2, 0, 4, 1, 3]
    assert np.array_equal(task.train.images.numpy().reshape(5, 3072), rows[[0, 2, 3, 4, 5]])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 77), np.uint8), b"labels": [0, 1]}, protocol=2),
    ],
    ids=["empty", "garbage", "no labels", "wrong label", "a label too few", "wrong shape"],
)
def test_a_file_that_is_no_batch_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(content)
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(DataUnavailable, match="data_batch_1"):
        Cifar10Halves(allow_modified=True).load("source", tmp_path)


def test_a_truncated_file_is_refused(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    whole = (data / CIFAR_10.folder / "test_batch").read_bytes()
    (folder / "data_batch_1").write_bytes(whole[: len(whole) // 2])
    (folder / "test_batch").write_bytes(whole)
    with pytest.raises(DataUnavailable, match=r"data_batch_1 is not a batch of CIFAR-10"):
        Cifar10Halves(allow_modified=True).load("source", tmp_path)
