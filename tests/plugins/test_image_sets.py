"""Sets of images: CIFAR-100, Tiny ImageNet, ImageNet; which classes pairs choose, and what is wrong with files."""

import hashlib
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ftdd.components import DataUnavailable, Pair, Side, Unfit
from ftdd.components.comparison import Comparison
from ftdd.data.repeats import Repeats
from ftdd_plugins.pairs.cifar import Cifar10Halves, Cifar100Superclasses, Cifar100ToCifar10
from ftdd_plugins.pairs.cifar.image_sets import CIFAR_10, CIFAR_100, SUPERCLASSES
from ftdd_plugins.pairs.files import decoding
from ftdd_plugins.pairs.files.decoding import decoded
from ftdd_plugins.pairs.files.download import Remote
from ftdd_plugins.pairs.files.image_file import ImageFile
from ftdd_plugins.pairs.imagenet_subset import ImageNetSubset
from ftdd_plugins.pairs.tiny_imagenet import TinyImageNetSplit, TinyImageNetToCifar10
from ftdd_plugins.pairs.tiny_imagenet import image_set as tiny_zip
from ftdd_plugins.pairs.tiny_imagenet.image_set import TINY_IMAGENET
from ftdd_plugins.similarity import WordNet
from ftdd_plugins.wordnet.nouns import wnid_of
from tests.plugins.pictures import png_that_says
from tests.plugins.sentences import quiet, sentence

SIDES: tuple[Side, ...] = ("source", "target")
NOWHERE = Path("/nowhere")
"""For pairs whose classes are known without any file."""
ZIP = "tiny-imagenet-200.zip"
TOP = "tiny-imagenet-200"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# ---- which classes


@given(share=st.floats(0, 1), more=st.floats(0, 1), similarity=st.sampled_from(["related", "less_related"]))
@example(share=0.0, more=1.0, similarity="related")
def test_a_share_of_the_sources_classes_is_common_and_a_larger_share_keeps_them(
    share: float, more: float, similarity: str
) -> None:
    """Of five classes, as many as the share rounds to; the target is the same whatever the share."""
    small, large = sorted((share, more))
    pairs = [Cifar10Halves.model_validate({"similarity": similarity, "common": c}) for c in (0.0, small, large)]
    targets = [pair.classes("target", NOWHERE) for pair in pairs]
    assert targets[0] == targets[1] == targets[2]
    shared = [set(pair.classes("source", NOWHERE)) & set(targets[0]) for pair in pairs]
    assert shared[0] <= shared[1] <= shared[2]
    assert [len(common) for common in shared] == [0, int(5 * small + 0.5), int(5 * large + 0.5)]
    assert all(len(set(pair.classes("source", NOWHERE))) == 5 for pair in pairs)


@pytest.mark.parametrize("each", [1, 2])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_related_superclasses_are_the_targets_and_less_related_ones_are_others(each: int, count: int) -> None:
    """One target, and as many classes in every task; no class in two."""
    coarse_of = {fine: coarse for coarse, names in SUPERCLASSES.items() for fine in names}
    names = list(SUPERCLASSES)[::2][:count]
    near, far = (
        Cifar100Superclasses.model_validate({"similarity": s, "superclasses": names, "classes_each": each})
        for s in ("related", "less_related")
    )
    target = near.classes("target", NOWHERE)
    assert target == far.classes("target", NOWHERE)
    assert len(target) == each * count
    for pair, same in ((near, True), (far, False)):
        source = pair.classes("source", NOWHERE)
        assert len(set(source)) == len(source) == len(target)
        assert not set(source) & set(target)
        coarse = {coarse_of[name] for name in source}
        assert (coarse == set(names)) if same else not coarse & set(names)


@pytest.mark.parametrize(("common", "shared"), [(0.0, 0), (0.25, 5), (0.5, 10), (1.0, 20)])
def test_superclasses_can_have_classes_in_common(common: float, shared: int) -> None:
    pair = Cifar100Superclasses(similarity="less_related", common=common)
    source, target = pair.classes("source", NOWHERE), pair.classes("target", NOWHERE)
    assert len(set(source) & set(target)) == shared
    assert len(set(source)) == 20
    assert target == Cifar100Superclasses().classes("target", NOWHERE)


def test_a_superclass_that_is_none_is_named_with_the_nearest() -> None:
    pair = Cifar100Superclasses(superclasses=("fish", "insect"))
    with pytest.raises(Unfit, match="no superclass 'insect'; nearest: insects") as caught:
        pair.classes("target", NOWHERE)
    assert caught.value.field == "superclasses"


def test_a_superclass_named_twice_is_refused() -> None:
    with pytest.raises(Unfit, match="names one twice") as caught:
        Cifar100Superclasses(superclasses=("fish", "fish")).classes("source", NOWHERE)
    assert caught.value.field == "superclasses"


def test_twenty_classes_of_cifar_100_are_near_cifar_10_and_twenty_others_far_from_it() -> None:
    near, far = (Cifar100ToCifar10.model_validate({"similarity": s}) for s in ("related", "less_related"))
    sources = [pair.classes("source", NOWHERE) for pair in (near, far)]
    assert [len(source) for source in sources] == [20, 20]
    assert len({*sources[0], *sources[1]}) == 40
    assert {*sources[0], *sources[1]} <= set(CIFAR_100.classes)
    assert near.classes("target", NOWHERE) == far.classes("target", NOWHERE) == CIFAR_10.classes


@pytest.mark.parametrize("cls", [Cifar100Superclasses, Cifar100ToCifar10, TinyImageNetToCifar10, TinyImageNetSplit])
def test_wordnet_finds_the_related_source_nearer_than_the_less_related(cls: type[Pair]) -> None:
    def score(similarity: str) -> float:
        pair = cls.model_validate({"name": cls.model_fields["name"].default, "similarity": similarity})
        return WordNet().score(Comparison(lambda side: pair.classes(side, NOWHERE), _unasked, _unasked)).value

    assert score("related") > score("less_related") + 0.1


def test_wordnet_scores_tasks_of_which_two_classes_mean_one_noun() -> None:
    """As folders of one's own may: what is refused of a pair that chooses by nouns is no fault of a set of names."""
    names: dict[Side, tuple[str, ...]] = {"source": ("car", "auto", "dog"), "target": ("automobile", "dog")}
    assert WordNet().score(Comparison(names.__getitem__, _unasked, _unasked)).value == 1.0


def _unasked(side: Side) -> NoReturn:
    raise AssertionError("classes alone are compared")


# ---- CIFAR's files


@pytest.mark.parametrize("similarity", ["related", "less_related"])
def test_both_tasks_of_the_superclasses_have_as_many_real_images_of_every_class(similarity: str, data: Path) -> None:
    """The real files here have 100 training and 20 test images of each class."""
    pair = Cifar100Superclasses.model_validate({"similarity": similarity, "image_size": 8, "allow_modified": True})
    for side in SIDES:
        assert pair.class_counts(side, data) == (100,) * 20
        task = pair.load(side, data)
        assert torch.bincount(task.train.labels).tolist() == [100] * 20
        assert torch.bincount(task.test.labels).tolist() == [20] * 20
        assert task.train.classes == pair.classes(side, data)


def test_a_class_of_cifar_100_has_the_images_of_its_fine_label(data: Path) -> None:
    """Against the file as pickle itself reads it: names and labels are in one order."""
    batch = pickle.loads((data / "cifar-100-python" / "train").read_bytes(), encoding="bytes")
    meta = pickle.loads((data / "cifar-100-python" / "meta").read_bytes(), encoding="bytes")
    names = [name.decode() for name in meta[b"fine_label_names"]]
    pair = Cifar100ToCifar10(allow_modified=True)
    task = pair.load("source", data).train
    for name in ("bus", "lizard"):
        rows = np.asarray(batch[b"data"])[np.asarray(batch[b"fine_labels"]) == names.index(name)]
        ours = task.images[task.labels == task.classes.index(name)]
        assert np.array_equal(ours.numpy().reshape(-1, 3072), rows)


def test_the_superclasses_are_those_of_the_files(data: Path) -> None:
    batch = pickle.loads((data / "cifar-100-python" / "test").read_bytes(), encoding="bytes")
    meta = pickle.loads((data / "cifar-100-python" / "meta").read_bytes(), encoding="bytes")
    coarse_names = [name.decode() for name in meta[b"coarse_label_names"]]
    fine_names = [name.decode() for name in meta[b"fine_label_names"]]
    found: dict[str, set[str]] = {name: set() for name in coarse_names}
    for fine, coarse in zip(batch[b"fine_labels"], batch[b"coarse_labels"], strict=True):
        found[coarse_names[coarse]].add(fine_names[fine])
    assert {coarse: set(fine) for coarse, fine in SUPERCLASSES.items()} == found
    assert list(SUPERCLASSES) == coarse_names


def test_files_that_are_not_the_official_ones_are_refused_unless_allowed(data: Path) -> None:
    assert CIFAR_100.presence(data).state == "modified"
    with pytest.raises(DataUnavailable, match=r"not the official file by its md5: train; .*pair\.allow_modified: true"):
        Cifar100Superclasses().load("target", data)
    with pytest.raises(DataUnavailable, match=r"CIFAR-100 .*not the official file by its md5: train") as caught:
        Cifar100Superclasses().prepare(data, quiet)
    sentence(caught.value)
    Cifar100Superclasses(allow_modified=True).prepare(data, quiet)


def test_a_class_of_which_modified_files_have_nothing_is_named(tmp_path: Path) -> None:
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    batch = {b"data": np.zeros((3, 3072), np.uint8), b"labels": [3, 4, 5]}
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    pair = Cifar10Halves(similarity="less_related", allow_modified=True)
    assert pair.class_counts("source", tmp_path) == (1, 1, 1, 0, 0)
    with pytest.raises(DataUnavailable, match="has no training image of the classes frog, horse;") as caught:
        pair.load("source", tmp_path)
    sentence(caught.value)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", ["<i8", ">i4", "|u1", "<u2"])
def test_labels_may_be_an_array_as_who_pickles_a_part_of_the_files_has_them(
    kind: str, protocol: int, tmp_path: Path
) -> None:
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    pixels = np.arange(3 * 3072).reshape(3, 3072).astype(np.uint8)
    for name, order in (("data_batch_1", "C"), ("test_batch", "F")):
        batch = {b"data": np.array(pixels, order=order), b"labels": np.array([4, 9, 4], dtype=kind)}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    for half in ("train", "test"):
        images, labels = CIFAR_10.read(half, ("truck", "deer"), tmp_path, allow_modified=True)
        assert np.array_equal(images.reshape(3, -1), pixels)
        assert labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "batch",
    [
        {b"data": np.zeros((3, 3072), np.uint8), b"labels": np.array([1.0, 2.0, 3.0])},
        {b"data": np.zeros((3, 3072), np.uint8), b"labels": np.array([1, 2, 3], dtype=object)},
        {b"data": np.zeros((3, 3072), np.uint8), b"labels": np.array([[1], [2], [3]])},
        {b"data": np.zeros((3, 3072), np.int64), b"labels": [1, 2, 3]},
        {b"data": bytes(3 * 3072), b"labels": [1, 2, 3]},
    ],
    ids=["fractions", "objects", "a column", "wide pixels", "no array"],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_of_anything_else_are_refused(batch: object, protocol: int, tmp_path: Path) -> None:
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=protocol))
    with pytest.raises(DataUnavailable, match="is not a batch of CIFAR-10") as caught:
        CIFAR_10.read("train", ("truck",), tmp_path, allow_modified=True)
    sentence(caught.value)


@pytest.mark.parametrize("labels", [3, [1.5, 2.0, 3.0], [True, False, True], [[1], [2], [3]], "123", None])
def test_labels_that_are_no_list_of_whole_numbers_are_refused(labels: object, tmp_path: Path) -> None:
    """1.5 would be taken for 1."""
    folder = tmp_path / CIFAR_10.folder
    folder.mkdir()
    batch = {b"data": np.zeros((3, 3072), np.uint8), b"labels": labels}
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(DataUnavailable, match="labels are not a list of whole numbers") as caught:
        Cifar10Halves(allow_modified=True).class_counts("source", tmp_path)
    sentence(caught.value)


# ---- Tiny ImageNet's zip file


@pytest.fixture(scope="module")
def tiny(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A read-only folder that leads to the real zip file, whose images are decoded in a cache of their own."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / ZIP).symlink_to(data / ZIP)
    folder.chmod(0o555)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder.parent / "tiny cache"))
        TINY_IMAGENET.prepare(folder, True, quiet)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def tiny_cache(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache in which the images of `tiny` are, as the user's."""
    folder = tiny.parent / "tiny cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "ftdd" / "decoded"


def test_images_are_decoded_once_and_not_into_a_read_only_folder(
    tiny: Path, tiny_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second load finds manifest and array, leaves both as they are, and decodes nothing."""
    assert [path.name for path in tiny.iterdir()] == [ZIP]
    kept = {path: path.stat().st_mtime_ns for path in tiny_cache.glob("tiny-imagenet-*/*")}
    assert {path.name for path in kept} == {"manifest.json", "images.npy"}

    def decode_again(*_: object) -> None:
        raise AssertionError("an image is decoded twice")

    monkeypatch.setattr(decoding, "decode", decode_again)
    pair = TinyImageNetSplit(allow_modified=True, source_classes=2)
    pair.prepare(tiny, quiet)
    assert len(pair.load("target", tiny).train) == 20 * 15
    assert {path: path.stat().st_mtime_ns for path in tiny_cache.glob("tiny-imagenet-*/*")} == kept
    assert [path.name for path in tiny.iterdir()] == [ZIP]


def test_pixels_and_labels_are_those_of_the_zip_file_greys_in_three_equal_channels(
    tiny: Path, tiny_cache: Path
) -> None:
    """Against Pillow and a plain reading of the annotations, for the classes with grey images and some others."""
    with zipfile.ZipFile(tiny / ZIP) as archive:
        lines = archive.read(f"{TOP}/val/val_annotations.txt").decode().splitlines()
        wnid_of_image = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
        pictures = {
            name: Image.open(io.BytesIO(archive.read(name)))
            for name in sorted(archive.namelist())
            if name.endswith(".JPEG") and "/test/" not in name
        }
    wnid_of_picture = {
        name: name.split("/")[2] if "/train/" in name else wnid_of_image[name.split("/")[-1]] for name in pictures
    }
    grey = {name for name, picture in pictures.items() if picture.mode == "L"}
    chosen = sorted({wnid_of_picture[name] for name in grey})[:8] + list(TINY_IMAGENET.wnids[-2:])
    pair = TinyImageNetSplit(target=tuple(dict.fromkeys(chosen)), source_classes=2, image_size=64, allow_modified=True)
    task = pair.load("target", tiny)
    greys = 0
    for half, images in (("train", task.train), ("val", task.test)):
        names = [name for name in pictures if f"/{half}/" in name and wnid_of_picture[name] in chosen]
        assert [wnid_of(images.classes[i]) for i in images.labels] == [wnid_of_picture[name] for name in names]
        for name, ours in zip(names, images.images.numpy(), strict=True):
            plain = np.asarray(pictures[name].convert("RGB")).transpose(2, 0, 1)
            assert np.array_equal(ours, plain), name
            greys += name in grey and (ours[0] == ours[1]).all() and (ours[0] == ours[2]).all()
    assert greys >= 8


def test_counts_are_those_of_the_files_that_are_there(tiny: Path, tiny_cache: Path) -> None:
    pair = TinyImageNetToCifar10(allow_modified=True, source_classes=12, image_size=16)
    assert pair.class_counts("source", tiny) == (15,) * 12
    task = pair.load("source", tiny)
    assert torch.bincount(task.train.labels).tolist() == [15] * 12
    assert torch.bincount(task.test.labels).tolist() == [3] * 12


@pytest.mark.parametrize("size", [32, 16, 8])
def test_images_are_brought_down_by_the_means_of_squares(size: int, tiny: Path, tiny_cache: Path) -> None:
    whole, small = (
        TinyImageNetSplit.model_validate({"allow_modified": True, "source_classes": 2, "image_size": side})
        .load("source", tiny)
        .test.images
        for side in (64, size)
    )
    means = torch.nn.functional.avg_pool2d(whole.double(), 64 // size)
    assert torch.equal(small, (means + 0.5).floor().to(torch.uint8))


def test_the_zip_file_is_refused_by_its_md5_unless_it_is_allowed(tiny: Path) -> None:
    assert TINY_IMAGENET.presence(tiny).state == "modified"
    for attempt in (
        lambda: TinyImageNetSplit().prepare(tiny, quiet),
        lambda: TinyImageNetSplit().load("target", tiny),
        lambda: TINY_IMAGENET.get(tiny, quiet),
    ):
        with pytest.raises(DataUnavailable, match=f"not the official file by its md5: {ZIP}") as caught:
            attempt()
        assert "pair.allow_modified: true" in sentence(caught.value)


def test_the_official_file_needs_no_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    content = small_zip(tmp_path).read_bytes()
    monkeypatch.setattr(tiny_zip, "ARCHIVE", Remote(ZIP, (), hashlib.md5(content).hexdigest(), len(content)))
    assert TINY_IMAGENET.presence(tmp_path).state == "there"
    TINY_IMAGENET.get(tmp_path, quiet)
    assert TinyImageNetSplit(source_classes=2).class_counts("source", tmp_path) == (500, 500)


def jpeg(seed: int = 0, size: tuple[int, int] = (64, 64)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


WNIDS = TINY_IMAGENET.wnids[:3]
FIRST = f"{TOP}/train/{WNIDS[0]}/images/{WNIDS[0]}_0.JPEG"
ANNOTATIONS = f"{TOP}/val/val_annotations.txt"


def small_zip(
    folder: Path, changes: Mapping[str, bytes | None] = MappingProxyType({}), compression: int = zipfile.ZIP_STORED
) -> Path:
    """Two training images and one to validate of each of three classes; `changes`: other contents, None for none."""
    entries: dict[str, bytes | None] = {
        f"{TOP}/train/{wnid}/images/{wnid}_{i}.JPEG": jpeg(i) for wnid in WNIDS for i in range(2)
    }
    entries |= {f"{TOP}/val/images/val_{i}.JPEG": jpeg(i + 10) for i in range(3)}
    entries[ANNOTATIONS] = "".join(f"val_{i}.JPEG\t{wnid}\t0\t0\t62\t62\n" for i, wnid in enumerate(WNIDS)).encode()
    with zipfile.ZipFile(folder / ZIP, "w", compression) as archive:
        for name, content in (entries | dict(changes)).items():
            if content is not None:
                archive.writestr(name, content)
    return folder / ZIP


def refused(folder: Path) -> str:
    """What is said of a zip file when it is made ready; nothing is left behind but a lock."""
    with pytest.raises(DataUnavailable) as caught:
        TinyImageNetSplit(allow_modified=True).prepare(folder, quiet)
    left = [path.name for path in (folder / "ftdd-decoded").glob("*") if path.suffix != ".lock"]
    assert left == []
    return sentence(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("../evil", b"", "has an entry '../evil' that leads out of its folder"),
        ("/abs", b"", "has an entry '/abs' that leads out of its folder"),
        (f"{TOP}/../../evil", b"", "leads out of its folder"),
        (FIRST, b"no picture", f"{FIRST} is no image that Pillow knows; replace or remove it"),
        (FIRST, b"", f"{FIRST} is no image that Pillow knows; replace or remove it"),
        (FIRST, jpeg()[: len(jpeg()) // 2], f"{FIRST} is cut off"),
        (FIRST, png_that_says(20_000), f"{FIRST} has too many pixels"),
        (FIRST, png_that_says(10_000), f"{FIRST} has 10,000 × 10,000 pixels; at most 50,000,000 in all"),
        (ANNOTATIONS, None, f"has no {ANNOTATIONS}"),
        (ANNOTATIONS, b"val_0.JPEG\tn01443537\n", f"{ANNOTATIONS} has no line for val_1.JPEG"),
        (ANNOTATIONS, b"\xff\xfe\x00", f"{ANNOTATIONS} cannot be read"),
    ],
    ids=["..", "/", "inner ..", "text", "empty", "half", "bomb", "smaller bomb", "no annotations", "a line", "bytes"],
)
def test_an_entry_that_is_wrong_is_named(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    small_zip(tmp_path, {name: content})
    assert said in refused(tmp_path)


@pytest.mark.parametrize(
    "junk",
    [
        f"{TOP}/val/images/.DS_Store",
        f"{TOP}/val/images/._val_0.JPEG",
        f"{TOP}/val/images/desktop.ini",
        f"{TOP}/train/{WNIDS[0]}/images/Thumbs.db",
        f"{TOP}/train/{WNIDS[0]}/images/.picasa.ini",
        f"{TOP}/train/@eaDir/images/SYNOPHOTO_THUMB_M.jpg",
        f"__MACOSX/{TOP}/val/images/._val_0.JPEG",
    ],
)
def test_what_a_system_left_in_the_zip_file_is_passed_over(junk: str, tmp_path: Path) -> None:
    """Made anew on a Mac, on Windows, or on network storage."""
    small_zip(tmp_path, {junk: b"x"})
    pair = TinyImageNetSplit(allow_modified=True, target=WNIDS[:2], source_classes=2)
    listed = tiny_zip._listed(tmp_path / ZIP)
    assert [half for half, _, _ in listed] == ["train"] * 6 + ["test"] * 3
    pair.prepare(tmp_path, quiet)
    assert pair.class_counts("target", tmp_path) == (2, 2)


def test_an_evil_entry_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    small_zip(folder, {"../evil": b"written"})
    refused(folder)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", [FIRST, ANNOTATIONS])
def test_an_entry_that_claims_to_be_huge_is_not_read(name: str, tmp_path: Path) -> None:
    path = small_zip(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.getinfo(name).file_size = 3 << 30
        archive.writestr("more", b"")  # so that the directory is written again
    assert "3072 MB" in refused(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_zip_file_is_refused(share: float, tmp_path: Path) -> None:
    path = small_zip(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert f"{path} is no whole zip file" in refused(tmp_path)


def test_a_damaged_zip_file_is_refused_whatever_byte_is_wrong(tmp_path: Path) -> None:
    """Every byte of the directory, and of the first entry's head: read as it was, or refused in a sentence."""
    path = small_zip(tmp_path)
    whole = path.read_bytes()
    few = range(whole.index(b"PK\x01\x02"), len(whole), 3)
    refusals = 0
    for place in (*range(0, 40), *few):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 0b1000101, *whole[place + 1 :]]))
        tiny_zip._listing.cache_clear()
        try:
            TinyImageNetSplit(allow_modified=True).prepare(tmp_path, quiet)
        except DataUnavailable as error:
            sentence(error)
            refusals += 1
    assert refusals > 40


@pytest.mark.parametrize(
    ("compression", "said"),
    [(zipfile.ZIP_STORED, "Bad CRC-32"), (zipfile.ZIP_DEFLATED, "Error -3 while decompressing")],
)
def test_an_entry_whose_bytes_are_wrong_is_named(compression: int, said: str, tmp_path: Path) -> None:
    path = small_zip(tmp_path, compression=compression)
    content = bytearray(path.read_bytes())
    first = content.index(FIRST.encode()) + len(FIRST)
    content[first : first + 8] = b"\xff" * 8
    path.write_bytes(content)
    assert f"{FIRST} cannot be read (damaged in {ZIP}: {said}" in refused(tmp_path)


def test_many_wrong_entries_are_three_and_a_number(tmp_path: Path) -> None:
    small_zip(tmp_path, {f"{TOP}/train/{WNIDS[0]}/images/{i}.JPEG": b"no" for i in range(5)})
    said = refused(tmp_path)
    assert said.count("is no image that Pillow knows") == 3
    assert said.endswith("; and 2 more; replace or remove them")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("allow", [False, True])
def test_without_the_zip_file_and_without_a_network_there_is_one_sentence(allow: bool, tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(DataUnavailable, match=f"{ZIP} could not be fetched") as caught:
        TinyImageNetSplit(allow_modified=allow).prepare(tmp_path, lines.append)
    assert f"put the file at {tmp_path / ZIP}, from http://cs231n.stanford.edu" in sentence(caught.value)
    assert lines[0] == f"Tiny ImageNet is not in {tmp_path}: fetching it"
    with pytest.raises(DataUnavailable, match=f"missing: {ZIP}; .*ftdd data get tiny_imagenet") as caught:
        TinyImageNetSplit(allow_modified=allow).load("source", tmp_path)
    sentence(caught.value)
    assert TINY_IMAGENET.presence(tmp_path).state == "missing"


def test_two_processes_that_want_the_images_decode_them_once(tmp_path: Path) -> None:
    """Each would decode for a while; the one that comes second waits for the first and finds them."""
    small_zip(tmp_path)
    code = """
import sys, time
from pathlib import Path
from ftdd_plugins.pairs.files import decoding
from ftdd_plugins.pairs.tiny_imagenet.image_set import TINY_IMAGENET
into = decoding._decode_into
def slowly(*given):
    print("decodes"); time.sleep(1.5); into(*given)
decoding._decode_into = slowly
data = Path(sys.argv[1])
print("ready", flush=True); sys.stdin.readline()
images = TINY_IMAGENET._decoded(data, print)
print(images.shape, int(images.sum()))
"""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=180)[0].splitlines() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sorted(len(lines) for lines in said) == [1, 2]
    assert said[0][-1] == said[1][-1]
    assert said[0][-1].startswith("(9, 3, 64, 64) ")


# ---- which classes of Tiny ImageNet


def test_the_split_takes_words_and_wnids_and_leaves_the_target_out_of_the_source() -> None:
    by_word = TinyImageNetSplit(target=("goldfish", "n01629819"), source_classes=198)
    target, source = by_word.classes("target", NOWHERE), by_word.classes("source", NOWHERE)
    assert [wnid_of(name) for name in target] == ["n01443537", "n01629819"]
    assert sorted(map(wnid_of, (*source, *target))) == sorted(TINY_IMAGENET.wnids)


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"target": ["goldfish", "goldfsh"]}, "target", "goldfsh"),
        (
            {"target": ["goldfish", "n01443537"]},
            "target",
            "must name each class once; 'goldfish' and 'n01443537' both mean n01443537 (goldfish)",
        ),
        ({"target": ["goldfish", "tench"]}, "target", "'tench' is not among these 200 classes"),
        (
            {"target": ["goldfish", "tarantula"], "source_classes": 199},
            "source_classes",
            "must be at most 198, what the target leaves, got 199",
        ),
    ],
)
def test_classes_that_do_not_fit_are_refused_with_their_field(
    settings: dict[str, object], field: str, said: str
) -> None:
    pair = TinyImageNetSplit.model_validate_json(json.dumps({"name": "tiny_imagenet_split", **settings}))
    with pytest.raises(Unfit) as caught:
        pair.classes("source", NOWHERE)
    assert caught.value.field == field
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- a folder of ImageNet


def imagenet(folder: Path, pair: ImageNetSubset, data: Path) -> Path:
    """A small ImageNet with all classes of a pair: real images of Tiny ImageNet, two to train and one to validate."""
    with zipfile.ZipFile(data / ZIP) as archive:
        names = [name for name in archive.namelist() if name.endswith(".JPEG")]
        every = [wnid_of(name) for side in SIDES for name in pair.classes(side, folder)]
        for i, wnid in enumerate(every):
            for half, count in (("train", 2), ("val", 1)):
                place = folder / "imagenet" / half / wnid
                place.mkdir(parents=True)
                for k in range(count):
                    content = archive.read(names[3 * i + k + (half == "val")])
                    (place / f"{wnid}_{k}.JPEG").write_bytes(content)
    return folder


IMAGENET = ImageNetSubset(target=("tench", "n03445777", "French horn"), source_classes=2, image_size=8)


def test_classes_of_imagenet_are_read_by_word_and_wnid_and_no_others(data: Path, tmp_path: Path) -> None:
    """A class that nobody needs may be broken."""
    imagenet(tmp_path, IMAGENET, data)
    broken = tmp_path / "imagenet" / "train" / "n07697537"
    broken.mkdir()
    (broken / "hotdog.JPEG").write_bytes(b"no picture")
    (tmp_path / "imagenet" / "train" / "n01440764" / "._n01440764_0.JPEG").write_bytes(b"what a Mac leaves")
    IMAGENET.prepare(tmp_path, quiet)
    assert IMAGENET.classes("target", tmp_path) == ("n01440764_tench", "n03445777_golf_ball", "n03394916_French_horn")
    for side in SIDES:
        task = IMAGENET.load(side, tmp_path)
        count = len(IMAGENET.classes(side, tmp_path))
        assert IMAGENET.class_counts(side, tmp_path) == (2,) * count
        assert task.train.labels.tolist() == [label for label in range(count) for _ in range(2)]
        assert task.test.labels.tolist() == list(range(count))
        assert task.train.shape == IMAGENET.image_shape()
    assert not list((tmp_path / "ftdd-decoded").glob("*n07697537*"))


def test_of_imagenet_too_it_is_said_what_is_repeated_and_left_out(data: Path, tmp_path: Path) -> None:
    """The small ImageNet validates on an image of each class that it trains on."""
    place = imagenet(tmp_path, IMAGENET, data) / "imagenet"
    tench = place / "train" / "n01440764"
    for name in ("Thumbs.db", "desktop.ini", "boxes.xml", "one.webp", "two"):
        (tench / name).write_bytes(b"x")
    (place / "val" / "n03445777" / "copy.JPEG").write_bytes((tench / "n01440764_0.JPEG").read_bytes())
    assert IMAGENET.remarks("target", tmp_path) == (
        "2 of 12 files are no images by their names and are left out: 1 without an ending, 1 .webp",
    )
    assert IMAGENET.repeats("target", tmp_path) == Repeats(6, 4, shared=4, two_labels=2, within_train=0, within_test=0)


def test_validation_images_that_lie_loose_are_to_be_sorted(data: Path, tmp_path: Path) -> None:
    val = imagenet(tmp_path, IMAGENET, data) / "imagenet" / "val"
    for path in list(val.glob("*/*.JPEG")):
        path.rename(val / path.name)
        path.parent.rmdir()
    with pytest.raises(DataUnavailable, match="sort them into one for each class") as caught:
        IMAGENET.load("target", tmp_path)
    assert str(val) in sentence(caught.value)
    assert caught.value.field == "folder"


@pytest.mark.parametrize("half", ["train", "val"])
def test_a_class_that_has_no_folder_or_no_image_is_named(half: str, data: Path, tmp_path: Path) -> None:
    place = imagenet(tmp_path, IMAGENET, data) / "imagenet" / half / "n03445777"
    for path in place.iterdir():
        path.unlink()
    with pytest.raises(DataUnavailable, match=f"{place} has no images in it") as caught:
        IMAGENET.prepare(tmp_path, quiet)
    sentence(caught.value)
    place.rmdir()
    with pytest.raises(DataUnavailable, match=f"{place} cannot be read") as caught:
        IMAGENET.prepare(tmp_path, quiet)
    assert "get ILSVRC 2012 from https://image-net.org" in sentence(caught.value)
    assert caught.value.field == "folder"


def test_without_imagenet_the_sentence_names_the_folder(tmp_path: Path) -> None:
    for named, folder in (("imagenet", tmp_path / "imagenet"), ("/nowhere/ilsvrc", Path("/nowhere/ilsvrc"))):
        with pytest.raises(DataUnavailable, match=f"{folder}/train/n") as caught:
            ImageNetSubset(folder=named).class_counts("target", tmp_path)
        sentence(caught.value)
    with pytest.raises(DataUnavailable, match="there is no such user") as caught:
        ImageNetSubset(folder="~nobody_of_that_name/x").class_counts("target", tmp_path)
    assert caught.value.field == "folder"


@pytest.mark.parametrize(
    ("settings", "field", "said"),
    [
        ({"target": ["tench", "gold ball"]}, "target", "gold ball"),
        ({"target": ["tench", "n00000001"]}, "target", "n00000001"),
        ({"target": ["tench", "n01440764_tench"]}, "target", "must name each class once"),
        ({"target": ["tench", "golf ball"], "source_classes": 999}, "source_classes", "must be at most 998, got 999"),
    ],
)
def test_words_that_mean_no_class_are_refused_with_their_field(
    settings: dict[str, object], field: str, said: str, tmp_path: Path
) -> None:
    pair = ImageNetSubset.model_validate_json(json.dumps({"name": "imagenet_subset", **settings}))
    with pytest.raises(Unfit) as caught:
        pair.classes("source", tmp_path)
    assert caught.value.field == field
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- decoding


def pictures(colours: Sequence[tuple[int, int, int]], sizes: Sequence[tuple[int, int]]) -> list[ImageFile]:
    """One picture of each colour, of the size at its place."""

    def content(colour: tuple[int, int, int], size: tuple[int, int]) -> Callable[[], bytes]:
        def read() -> bytes:
            out = io.BytesIO()
            Image.new("RGB", size, colour).save(out, "PNG")
            return out.getvalue()

        return read

    return [
        ImageFile(f"{i}.png", "", content(colour, size))
        for i, (colour, size) in enumerate(zip(colours, sizes, strict=True))
    ]


colour = st.tuples(*[st.integers(0, 255)] * 3)
size = st.tuples(*[st.integers(1, 70)] * 2)


@settings(max_examples=20, deadline=None)
@given(files=st.lists(st.tuples(colour, size), min_size=1, max_size=30), side=st.integers(1, 24))
@example(files=[((i % 256, i // 256, 7), (1 + 37 * i % 64, 1 + 11 * i % 64)) for i in range(600)], side=4)
def test_images_come_in_the_order_of_their_files(
    files: list[tuple[tuple[int, int, int], tuple[int, int]]], side: int
) -> None:
    """Whichever thread decodes them, whatever their sizes; and read again, they are the same."""
    colours = [colour for colour, _ in files]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            images = decoded(pictures(colours, [size for _, size in files]), side, 3, "Test", Path(folder), quiet)
            expected: npt.NDArray[np.uint8] = np.array(colours, np.uint8)[:, :, None, None]
            assert images.shape == (len(files), 3, side, side)
            assert (images == expected).all()


def test_several_images_are_decoded_at_once(tmp_path: Path) -> None:
    """Each waits for another to be read: one after another, they would wait in vain."""
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")
    together = threading.Barrier(2, timeout=120)
    plain = pictures([(1, 2, 3)], [(4, 4)])[0].read()

    def read() -> bytes:
        together.wait()
        return plain

    images = decoded([ImageFile(f"{i}", "", read) for i in range(6)], 4, 3, "Test", tmp_path, quiet)
    assert images.shape[0] == 6


def test_a_file_that_changes_is_decoded_again(tmp_path: Path) -> None:
    red, blue = pictures([(255, 0, 0), (0, 0, 255)], [(4, 4), (4, 4)])
    first = decoded([ImageFile("one", "a", red.read)], 4, 3, "Test", tmp_path, quiet)
    second = decoded([ImageFile("one", "b", blue.read)], 4, 3, "Test", tmp_path, quiet)
    assert first[0, :, 0, 0].tolist() == [255, 0, 0]
    assert second[0, :, 0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", [0o555, 0o755])
def test_what_is_decoded_beside_the_data_is_used_and_new_images_go_to_the_cache(
    mode: int, tmp_path: Path, cache: Path
) -> None:
    """Somebody else decoded the first set, and then took leave to write away."""
    data = tmp_path / "data"
    data.mkdir()
    red, blue = pictures([(255, 0, 0), (0, 0, 255)], [(4, 4), (4, 4)])
    decoded([red], 4, 3, "Test", data, quiet)
    beside = data / "ftdd-decoded"
    before = sorted(beside.iterdir())
    beside.chmod(0o555)
    data.chmod(mode)
    assert decoded([red], 4, 3, "Test", data, quiet)[0, 0, 0, 0] == 255
    assert not cache.exists()
    assert decoded([blue], 4, 3, "Test", data, quiet)[0, 2, 0, 0] == 255
    assert sorted(beside.iterdir()) == before
    assert len(list(cache.glob("ftdd/decoded/*/images.npy"))) == 1


@pytest.mark.parametrize("left", [None, 0, 60, 200], ids=["none", "nothing", "half a header", "half"])
def test_a_decoded_copy_that_is_damaged_is_made_again(left: int | None, tmp_path: Path) -> None:
    """As after a power cut, or where somebody made room."""
    files = pictures([(1, 2, 3)] * 9, [(4, 4)] * 9)
    decoded(files, 4, 3, "Test", tmp_path, quiet)
    (copy,) = tmp_path.glob("ftdd-decoded/*/images.npy")
    if left is None:
        copy.unlink()
    else:
        copy.write_bytes(copy.read_bytes()[:left])
    assert decoded(files, 4, 3, "Test", tmp_path, quiet)[8, :, 0, 0].tolist() == [1, 2, 3]


def test_what_a_killed_process_had_decoded_is_cleared_away(tmp_path: Path) -> None:
    """Each attempt at ImageNet would leave gigabytes."""
    code = """
import os, sys
from pathlib import Path
from ftdd_plugins.pairs.files.decoding import decoded
from ftdd_plugins.pairs.files.image_file import ImageFile
decoded([ImageFile("0.png", "", lambda: os.kill(os.getpid(), 9))], 4, 3, "Test", Path(sys.argv[1]), print)
"""
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=180).returncode == -9
    beside = tmp_path / "ftdd-decoded"
    assert len(list(beside.glob(".making-*"))) == 1
    assert len(decoded(pictures([(1, 2, 3)], [(4, 4)]), 4, 3, "Test", tmp_path, quiet)) == 1
    assert not list(beside.glob(".making-*"))


def test_a_decoded_copy_that_a_colleague_keeps_closed_is_none(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """root may look into it: then the refusal is made up where it is looked for."""
    files = pictures([(1, 2, 3)], [(4, 4)])
    decoded(files, 4, 3, "Test", tmp_path, quiet)
    beside = tmp_path / "ftdd-decoded"
    plain = Path.exists

    def exists(path: Path) -> bool:
        if beside in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr(decoding, "_read_only", lambda folder: folder == beside)
    assert len(decoded(files, 4, 3, "Test", tmp_path, quiet)) == 1
    assert len(list(cache.glob("ftdd/decoded/*/images.npy"))) == 1


def test_images_that_find_no_room_are_said_to_and_leave_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk; written through a map of memory, it would be a crash."""
    resource = pytest.importorskip("resource")
    files = pictures([(1, 2, 3)] * 40, [(4, 4)] * 40)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(DataUnavailable, match=r"decoded images cannot be written into .*; make room") as caught:
            decoded(files, 32, 3, "Test", tmp_path, quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sentence(caught.value)
    assert [path.suffix for path in (tmp_path / "ftdd-decoded").iterdir()] == [".lock"]
    assert len(decoded(files, 32, 3, "Test", tmp_path, quiet)) == 40
