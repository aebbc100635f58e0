"""`ftdd data` and the contact sheets of `ftdd show`, called as a user calls them, without any network."""

from pathlib import Path

import pytest
from PIL import Image

from ftdd.cli import main
from ftdd.components import Presence
from ftdd_plugins.pairs.cifar.image_sets import CifarFiles
from tests.cli.commands import Said, ftdd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a user stands; the data folder in it is empty."""
    (tmp_path / "data").mkdir()
    return tmp_path


def called(*arguments: str, folder: Path, **changes: str) -> Said:
    """With a cache of its own, and a proxy that nobody is behind: what would be fetched is refused at once."""
    surroundings = {
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
        "FTDD_DATA": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **changes,
    }
    return ftdd(*arguments, cwd=folder, **surroundings)


def one_sentence(said: Said) -> str:
    """The last line of what went wrong; no traceback before it."""
    assert said.code == 1, said
    assert "Traceback" not in said.err
    last = said.err.splitlines()[-1]
    assert last.startswith("ftdd: "), said.err
    assert sum(line.startswith("ftdd: ") for line in said.err.splitlines()) == 1
    return last


def test_data_lists_what_is_missing_and_how_to_get_it(folder: Path) -> None:
    said = called("data", folder=folder)
    assert said.code == 0, said.err
    assert f"data folder: {folder / 'data'}\n" in said.out
    rows = {line.split()[0]: line for line in said.out.splitlines() if line[:1].isalpha() and line.split()}
    for name in ("cifar10", "cifar100", "tiny_imagenet"):
        assert "missing" in rows[name]
        assert f"\n{name}: ftdd data get {name}  (from http" in said.out
    assert not list((folder / "data").iterdir())


def test_data_says_which_files_are_not_the_official_ones(folder: Path, data: Path) -> None:
    said = called("data", "--data", str(data), folder=folder)
    assert said.code == 0, said.err
    rows = {line.partition(":")[0]: line for line in said.out.splitlines() if ": " in line}
    assert "data_batch_2 is missing" in rows["cifar10"]
    assert "data_batch_1 is not the official file" in rows["cifar10"]
    assert rows["cifar100"] == "cifar100: train is not the official file, test is not the official file"
    assert rows["tiny_imagenet"] == "tiny_imagenet: tiny-imagenet-200.zip is not the official file"


def test_what_cannot_be_read_is_said_and_the_rest_is_listed(folder: Path, data: Path) -> None:
    """A file whose reading fails for root too, as on a damaged disk; permissions would not stop it."""
    place = folder / "data" / "cifar-10-batches-py"
    place.mkdir()
    (place / "data_batch_3").symlink_to("/proc/self/mem")
    said = called("data", folder=folder)
    assert said.code == 1
    rows = {line.split()[0]: line for line in said.out.splitlines() if line[:1].isalpha() and line.split()}
    assert "cannot be read" in rows["cifar10"]
    assert all("missing" in rows[name] for name in ("cifar100", "tiny_imagenet"))
    wrong = place / "data_batch_3"
    assert (
        said.err == f"ftdd: cifar10: {wrong} cannot be read (Input/output error); make it readable, or take it away\n"
    )


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/d/cifar-10-batches-py"), OSError("odd")])
def test_a_folder_that_is_closed_is_said_and_the_rest_is_listed(
    error: OSError, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made up: root may read everything."""

    def presence(data_set: CifarFiles, data: Path) -> Presence:
        raise error

    monkeypatch.setattr(CifarFiles, "presence", presence)
    with pytest.raises(SystemExit) as caught:
        main(["data", "--data", str(folder / "data")])
    assert caught.value.code == 1
    said = capsys.readouterr()
    assert "\ntiny_imagenet: ftdd data get tiny_imagenet" in said.out
    for name in ("cifar10", "cifar100"):
        where, why = (error.filename, error.strerror) if error.filename else (folder / "data", "odd")
        assert f"ftdd: {name}: {where} cannot be read ({why}); make it readable" in said.err


def test_a_data_set_that_is_none_is_named_with_the_nearest(folder: Path) -> None:
    said = called("data", "get", "cifar_10", folder=folder)
    assert said.code == 2
    assert "no data set 'cifar_10'; nearest: cifar10" in said.err


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
        ("tiny_imagenet", "tiny-imagenet-200.zip"),
    ],
)
def test_without_a_network_get_says_what_to_fetch_by_hand(name: str, file: str, folder: Path) -> None:
    said = called("data", "get", name, folder=folder)
    last = one_sentence(said)
    assert f"{file} could not be fetched (" in last
    assert f"put the file at {folder / 'data' / file}, from http" in last
    assert said.out == ""
    assert not (folder / "data" / file).exists()


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_folder_can_be_named_before_get_and_after_it(where: str, folder: Path) -> None:
    """The sentences say `--data`, and nobody knows where a group of commands has its options."""
    option = ("--data", str(folder / "made"))
    arguments = ("data", *option, "get", "cifar10") if where == "before" else ("data", "get", "cifar10", *option)
    assert f"put the file at {folder / 'made' / 'cifar-10-python.tar.gz'}" in one_sentence(
        called(*arguments, folder=folder)
    )


def test_files_that_are_not_the_official_ones_are_left_alone(folder: Path) -> None:
    """The folder of real data may not be written, so two files that are none stand for it."""
    place = folder / "data" / "cifar-100-python"
    place.mkdir()
    for name in ("train", "test"):
        (place / name).write_bytes(b"mine")
    last = one_sentence(called("data", "get", "cifar100", folder=folder))
    assert "not the official file by its md5: train, test; move them away and say `ftdd data get cifar100`" in last
    assert (place / "train").read_bytes() == b"mine"


# ---- contact sheets


@pytest.mark.parametrize(
    ("name", "settings", "least_height"),
    [
        ("digits", (), 300),
        ("cifar100_superclasses", ("allow_modified=true", "similarity=less_related"), 1200),
    ],
)
def test_a_contact_sheet_has_a_row_for_every_class(
    name: str, settings: tuple[str, ...], least_height: int, folder: Path, data: Path
) -> None:
    """Of a size that can be looked at, with colours on it, and the data folder untouched."""
    options = [part for setting in settings for part in ("--set", setting)]
    said = called("show", name, *options, "--images", "sheet.png", folder=folder, FTDD_DATA=str(data))
    assert said.code == 0, said.err
    assert said.out.endswith("contact sheet: sheet.png\n")
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        width, height = sheet.size
        assert 1000 < width < 4000
        assert least_height < height < 4000
        low, high = sheet.convert("L").getextrema()
        assert low < 50
        assert high == 255
        coloured = sheet.convert("HSV").getchannel("S").getextrema()[1] > 50
        assert coloured == (name != "digits")


def test_a_contact_sheet_of_ones_own_photos_has_the_target_alone_and_any_names(folder: Path) -> None:
    """Dollars are no formula; a class of two images has room beside them."""
    for name in ("$ and $_{", "日本", "a_very_long_name_that_has_no_room_beside_its_images"):
        for i in range(2):
            (folder / "data" / "photos" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 7), (200, 40 * i, 0)).save(folder / "data" / "photos" / name / f"{i}.png")
    said = called("show", "image_folder", "--set", "target=photos", "--images", "sheet.png", folder=folder)
    assert said.code == 0, said.err
    assert "3, 1 a class" in said.out
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.size[0] < 1000


@pytest.mark.parametrize("images", [(), ("--images", "sheet.png")], ids=["classes", "sheet"])
def test_settings_that_do_not_fit_each_other_are_a_wrong_request(images: tuple[str, ...], folder: Path) -> None:
    """Not one that failed, nor one that is answered with a row of the table."""
    said = called("show", "tiny_imagenet_split", "--set", "target=[goldfsh, tabby]", *images, folder=folder)
    assert said.code == 2, said
    assert "tiny_imagenet_split, target: WordNet: no class of" in said.err
    assert "nearest: goldfish" in said.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("of={name: digits, target_classes: [1, 99]}", "Error: of.target_classes[1]: must be from 0 to 9, got 99\n"),
        ("of={name: digits, targets: [1, 2]}", "Error: of.targets: no such field; nearest: target_classes\n"),
        ("of={name: digits, target_classes: [1]}", "Error: of.target_classes: must have 2 or more items, got [1]\n"),
        ("of=digit", "Error: of: no pair 'digit'; nearest: digits (ftdd list pairs)\n"),
    ],
)
def test_a_wrong_field_within_a_field_is_named_with_its_whole_path(setting: str, sentence: str, folder: Path) -> None:
    said = called("show", "transformed", "--set", setting, folder=folder)
    assert said.code == 2
    assert said.err.endswith(sentence)


def test_the_names_of_classes_are_shown_as_they_are(folder: Path) -> None:
    """`:b:` is no emoji, `[b]` no markup."""
    for name in (":b:", "[b]"):
        for i in range(2):
            (folder / "data" / "photos" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (9, 7), (200, 40 * i, 0)).save(folder / "data" / "photos" / name / f"{i}.png")
    said = called("show", "image_folder", "--set", "target=photos", folder=folder)
    assert said.code == 0, said.err
    assert ":b:, [b]" in said.out


def test_numbers_have_no_contact_sheet(folder: Path) -> None:
    said = called("show", "gaussian_linear", "--images", "sheet.png", folder=folder)
    assert said.code == 2
    assert "the inputs of gaussian_linear are measurements, which are not looked at" in said.err
    assert not (folder / "sheet.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tiny_imagenet_split",), "tiny-imagenet-200.zip could not be fetched"),
        (("image_folder", "--set", "target=photos"), "there is no folder {folder}/data/photos; "),
        (("imagenet_subset",), "get ILSVRC 2012 from https://image-net.org"),
    ],
    ids=["zip", "folder", "imagenet"],
)
def test_a_contact_sheet_of_images_that_are_not_there(arguments: tuple[str, ...], sentence: str, folder: Path) -> None:
    said = called("show", *arguments, "--images", "sheet.png", folder=folder)
    assert sentence.format(folder=folder) in one_sentence(said)
    assert not (folder / "sheet.png").exists()
