"""How well-known data sets lie once they are unpacked: each is read right, or refused in one sentence."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ftdd.components import DataUnavailable
from ftdd.data.images import repeats
from ftdd.data.repeats import Repeats
from ftdd_plugins.pairs.files import folder_names
from ftdd_plugins.pairs.image_folder import ImageFolder
from tests.plugins.sentences import sentence

PAIR = ImageFolder(target="d", image_size=4)
COUNT = 6


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("one") / "image"
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(path, "PNG")
    return path


def lay(folder: Path, image: Path, layout: str) -> None:
    """Files by their paths, divided by blanks; with `*` in it, a path stands for as many files as COUNT."""
    for pattern in layout.split():
        for i in range(COUNT) if "*" in pattern else [0]:
            path = folder / "d" / pattern.replace("*", str(i)).replace("%20", " ")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, path)


@pytest.mark.parametrize(
    ("layout", "classes"),
    [
        ("2750/Forest/Forest_*.jpg 2750/River/River_*.jpg", "refused"),
        ("train/cats/*.jpg train/dogs/*.jpg test1/*.jpg", "cats dogs"),
        ("Training/glioma/*.jpg Training/notumor/*.jpg Testing/glioma/*.jpg Testing/notumor/*.jpg", "glioma notumor"),
        ("TRAIN/A/*.jpeg TRAIN/B/*.jpeg TEST/A/*.jpeg TEST/B/*.jpeg TEST_SIMPLE/A/*.jpeg", "A B"),
        ("bus/*.jpg plane/*.jpg train/*.jpg", "bus plane train"),
        ("bus/*.jpg train/*.jpg train/.thumbnails/*.jpg train/@eaDir/*.jpg", "bus train"),
        ("trainer/*.jpg contest/*.jpg latest/*.jpg validated/*.jpg", "contest latest trainer validated"),
        ("positive_test/*.jpg negative_test/*.jpg", "negative_test positive_test"),
        ("test%20tube/*.jpg train/*.jpg", "test tube|train"),
        ("tr/*.jpg te/*.jpg ts/*.jpg", "te tr ts"),
        ("extra/*.jpg regular/*.jpg", "extra regular"),
        ("positive_test/p*/a.jpg negative_test/p*/a.jpg", "negative_test positive_test"),
        ("bus/2019/*.jpg plane/2019/*.jpg train/*.jpg", "bus plane train"),
        ("photos/*.jpg drawings/*.jpg", "drawings photos"),
        ("mask/*.jpg no_mask/*.jpg", "mask no_mask"),
        ("a/*.png b/*.png c/*.png", "a b c"),
        ("part-1021/*.png part-1022/*.png", "part-1021 part-1022"),
        ("01/*.png 02/*.png", "01 02"),
        ("benign/p*/scan.png malign/p*/scan.png", "benign malign"),
        ("cat/train/*.jpg cat/test/*.jpg dog/train/*.jpg dog/test/*.jpg", "cat dog"),
        ("ash/*.png oak/*.png @eaDir/T.jpg __MACOSX/ash/._0.png lost+found/x.png #recycle/a.png", "ash oak"),
        ("ash/*.png oak/*.png $RECYCLE.BIN/$R1.png System%20Volume%20Information/x.png", "ash oak"),
        ("ash/*.png oak/*.png .Trashes/501/a.png .ipynb_checkpoints/0.png .thumbnails/0.png", "ash oak"),
        ("ash/*.png oak/*.png ash/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg ash/__MACOSX/._0.png ash/@Recycle/0.png", "ash oak"),
        ("train/ash/*.png train/oak/*.png train/@eaDir/x.jpg val/ash/*.png val/oak/*.png val/__MACOSX/x.png", "ash oak"),
        ("n02085620-Chihuahua/*.jpg n02085782-Japanese_spaniel/*.jpg", "n02085620-Chihuahua n02085782-Japanese_spaniel"),
    ],
)  # fmt: skip
def test_these_are_classes(layout: str, classes: str, tmp_path: Path, image: Path) -> None:
    lay(tmp_path, image, layout)
    if classes == "refused":
        with pytest.raises(DataUnavailable, match="if these are the classes, name"):
            PAIR.classes("target", tmp_path)
        return
    expected = tuple(classes.split("|") if "|" in classes else classes.split())
    assert PAIR.classes("target", tmp_path) == expected
    assert len(PAIR.load("target", tmp_path).train) >= len(expected)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("train/cat.*.jpg train/dog.*.jpg test1/*.jpg", "halves of a data set"),
        ("train/cat.*.jpg", "half of a data set"),
        ("train/*.jpg train/@eaDir/x.jpg test/*.jpg", "halves of a data set"),
        ("train/*.jpg labels/README", "half of a data set"),
        ("ISIC_2019_Training_Input/a*.jpg ISIC_2019_Test_Input/b*.jpg", "halves of a data set"),
        ("ISIC-2017_Training_Data/a*.jpg ISIC-2017_Validation_Data/b*.jpg", "halves of a data set"),
        ("train_images/*.png test_images/*.png", "halves of a data set"),
        ("train-images/*.png test-images/*.png sample/*.png", "halves of a data set"),
        ("train2017/*.jpg val2017/*.jpg test2017/*.jpg", "halves of a data set"),
        ("imagesTr/*.png imagesTs/*.png labelsTr/*.png", "halves of a data set"),
        ("images_tr/*.png images_ts/*.png", "halves of a data set"),
        ("Dataset-Train/*.png Dataset-Test/*.png", "halves of a data set"),
        ("trainA/*.jpg trainB/*.jpg testA/*.jpg testB/*.jpg", "halves of a data set"),
        ("DIV2K_train_HR/*.png DIV2K_valid_HR/*.png", "halves of a data set"),
        ("stage1_train/*.png stage1_test/*.png", "halves of a data set"),
        ("bounding_box_train/*.jpg bounding_box_test/*.jpg query/*.jpg", "halves of a data set"),
        ("XTrain/*.png XTest/*.png", "halves of a data set"),
        ("été_train/*.png été_test/*.png", "halves of a data set"),
        ("train/*.jpg extra/*.jpg", "halves of a data set"),
        ("validation/*.jpg test/*.jpg", "halves of a data set"),
        ("test/*.jpg", "half of a data set"),
        ("train/cats/*.jpg train/dogs/*.jpg test/*.jpg", "no class folders"),
        ("train/cats/*.jpg train/dogs/*.jpg testing_set/cats/*.jpg testing_set/dogs/*.jpg", "call the two train and test"),
        ("seg_train/sea/*.jpg seg_train/street/*.jpg seg_test/sea/*.jpg seg_pred/*.jpg", "call the two train and test"),
        ("asl_train/asl_train/A/*.jpg asl_train/asl_train/B/*.jpg asl_test/x/*.jpg", "call the two train and test"),
        ("images/*.jpg annotations/trimaps/*.png", "parts of a data set"),
        ("Images/n1-Chihuahua/*.jpg Images/n2-Pug/*.jpg Annotation/n1-Chihuahua/n1_*", "name {folder}/Images if its"),
        ("images/*.jpg masks/*.png", "parts of a data set"),
        ("images_001/*.png images_002/*.png images_003/*.png", "parts of a data set"),
        ("HAM10000_images_part_1/*.jpg HAM10000_images_part_2/*.jpg", "parts of a data set"),
        ("fold1/*.png fold2/*.png", "parts of a data set"),
        ("images/001.Albatross/*.jpg images/002.Auklet/*.jpg", "name {folder}/images if its folders are the classes"),
        ("training/image_2/*.png training/label_2/*.png testing/image_2/*.png", "no folder for the class 'label_2'"),
        ("flowers/daisy/*.jpg flowers/rose/*.jpg __MACOSX/flowers/._x.jpg", "name {folder}/flowers"),
        ("chest_xray/train/NORMAL/*.jpeg chest_xray/test/NORMAL/*.jpeg", "name {folder}/chest_xray"),
        ("*.jpg", "no folders in it"),
        ("ash/*.png oak/Thumbs.db oak/desktop.ini", "oak has no images in it"),
        ("ash/*.png oak/p* oak/q*.jpg_large", "6 without an ending, 6 .jpg_large"),
        ("ash/*.dcm oak/*.dcm", "(6 .dcm); give them the ending of their format, make them images that"),
        ("ash/*.png oak/*.CR2", "of a format that Pillow does not read"),
    ],
)  # fmt: skip
def test_these_are_refused_in_a_sentence_that_says_what_to_do(
    layout: str, said: str, tmp_path: Path, image: Path
) -> None:
    lay(tmp_path, image, layout)
    with pytest.raises(DataUnavailable) as caught:
        PAIR.classes("target", tmp_path)
    assert said.format(folder=tmp_path / "d") in sentence(caught.value)
    assert caught.value.field == "target"


@pytest.mark.parametrize(
    ("layout", "remarks"),
    [
        ("ash/*.png oak/*.png ash/notes.txt oak/*.xml ash/.hidden.svg oak/Thumbs.db", []),
        (
            "ash/a*.png oak/b*.png ash/p* oak/q*.jpg_large oak/v.mp4 oak/w.svg oak/x.mpg ash/y.bak",
            ["16 of 28 files are no images by their names and are left out: 6 without an ending, 6 .jpg_large, 1 .bak, "
             "1 .mp4, 2 with others"],
        ),
        ("ash/*.jpg oak/*.jpg ash/*.CR2", ["6 of 18 files are no images by their names and are left out: 6 .cr2"]),
        ("ash/*.png oak/*.png cover.jpg", ["1 image beside the class folders, of no class, is left out"]),
        ("train/a/*.png train/b/*.png test/a/*.png test/b/*.png val/a/*.png d/train/a/*.png",
         ["folders are neither trained nor tested on: d, val"]),
        ("train/a/*.png train/b/*.png test/a/*.png test/b/*.png test/c/*.png",
         ["a folder is neither trained nor tested on: test/c"]),
        ("train/a/*.png train/b/*.png test1/*.png", ["a folder is neither trained nor tested on: test1"]),
    ],
)  # fmt: skip
def test_what_is_left_out_is_counted_in_a_line(
    layout: str, remarks: Sequence[str], tmp_path: Path, image: Path
) -> None:
    lay(tmp_path, image, layout)
    assert list(PAIR.remarks("target", tmp_path)) == remarks


def test_halves_within_the_classes_are_spoken_of(tmp_path: Path, image: Path) -> None:
    lay(tmp_path, image, "cat/train/*.jpg cat/test/*.jpg dog/*.jpg")
    (halves, _) = PAIR.remarks("target", tmp_path)
    assert halves.startswith("the class 'cat' has folders 'test' and 'train' within it, and a share of the images of b")


def test_of_domains_it_is_said_that_classes_lie_within_them(tmp_path: Path, image: Path) -> None:
    """As of PlantVillage's color, grayscale and segmented, or of art and photographs; not of patients."""
    lay(tmp_path, image, "color/scab/a.jpg color/rust/*.jpg grey/scab/*.jpg grey/rust/b.jpg")
    said = PAIR.remarks("target", tmp_path)[0]
    assert said.startswith("all classes have folders of the same names within them, such as 'rust' and 'scab'; if")
    shutil.rmtree(tmp_path / "d")
    lay(tmp_path, image, "benign/patient*/scan.png malign/patient*/scan.png")
    assert PAIR.remarks("target", tmp_path) == ()
    shutil.rmtree(tmp_path / "d")
    lay(tmp_path, image, " ".join(f"{half}/{of}/*.jpg" for half in ("train", "test") for of in ("art/dog", "art/cat")))
    lay(tmp_path, image, "train/photo/dog/*.jpg train/photo/cat/*.jpg test/photo/dog/*.jpg")
    (said,) = PAIR.remarks("target", tmp_path)
    assert said.endswith(f"put them right into {tmp_path / 'd' / 'train'} and the folder to test on")


def test_a_class_called_like_an_image_is_no_image(tmp_path: Path, image: Path) -> None:
    lay(tmp_path, image, "a.png/*.jpg b.mpo/*.mpo")
    assert PAIR.classes("target", tmp_path) == ("a.png", "b.mpo")
    assert PAIR.remarks("target", tmp_path) == ()


def test_a_folder_of_masks_is_not_offered_for_the_classes(tmp_path: Path, image: Path) -> None:
    lay(tmp_path, image, "images/*.jpg annotations/trimaps/*.png")
    with pytest.raises(DataUnavailable, match="parts of a data set") as refused:
        PAIR.classes("target", tmp_path)
    assert "annotations if" not in sentence(refused.value)


def test_a_share_of_each_class_is_held_out_where_all_files_have_one_name(tmp_path: Path, image: Path) -> None:
    """A folder for each patient: by the bare name one image, or all but one, would be tested on."""
    for i in range(200):
        lay(tmp_path, image, f"benign/patient_{i}/scan.png malign/patient_{i}/img.png")
    task = PAIR.load("target", tmp_path)
    assert np.bincount(task.test.labels) == pytest.approx([40, 40], abs=16)


def test_folders_without_folders_in_them_keep_their_split(tmp_path: Path, image: Path) -> None:
    """As it was when only the file's name counted: results that are there stay comparable."""
    lay(tmp_path, image, " ".join(f"{name}/IMG_{i}.jpg" for name in ("ash", "oak") for i in range(30)))
    found = PAIR._found("target", tmp_path)
    for name in ("ash", "oak"):
        assert sorted(int(path.stem.removeprefix("IMG_")) for path in found.test[name]) == [1, 2, 5, 10, 13, 16, 22, 29]


def test_whole_folders_are_held_out_where_it_is_asked_for(tmp_path: Path, image: Path) -> None:
    """No patient is in both halves, by however many images; and that they are is said where it is not asked for."""
    for i in range(20):
        lay(tmp_path, image, f"benign/p{i}/a.png benign/p{i}/deep/b.png malign/p{i}/*.png malign/alone_{i}.png")
    (said,) = PAIR.remarks("target", tmp_path)
    assert said.endswith(
        "folders within classes have images in both halves; if the images of a folder belong together, such as those "
        "of a patient, set hold_out_folders: true"
    )
    pair = ImageFolder(target="d", image_size=4, hold_out_folders=True)
    found = pair._found("target", tmp_path)
    for name in ("benign", "malign"):
        patients = [
            {path.relative_to(tmp_path / "d" / name).parts[0] for path in half[name]}
            for half in (found.train, found.test)
        ]
        assert min(map(len, patients)) >= 1
        assert not patients[0] & patients[1]
    assert pair.remarks("target", tmp_path) == ()
    assert len(found.files) == 20 * (2 + COUNT + 1)


def test_a_class_of_one_folder_cannot_be_held_out_as_a_whole(tmp_path: Path, image: Path) -> None:
    lay(tmp_path, image, "benign/p1/*.png malign/p*/x.png")
    with pytest.raises(DataUnavailable, match="benign has all its images in one folder; a class needs two or more"):
        ImageFolder(target="d", image_size=4, hold_out_folders=True).classes("target", tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [("train", "test1"), ("Train", "TEST"), ("my_train_v2", "my_val_v2"), ("TrainingData", "ValidationData")],
)
def test_halves_are_told_by_their_names(one: str, other: str) -> None:
    assert folder_names.halves_among([one, other, "plane"]) == tuple(sorted((one, other)))


@pytest.mark.parametrize(
    "given", [("train", "plane"), ("train", "trains"), ("train_red", "train_blue"), ("cat test", "dog train"), ("tr", "ts")]
)  # fmt: skip
def test_words_alone_make_no_halves(given: Sequence[str]) -> None:
    assert folder_names.halves_among(given) is None


def test_once_decoded_images_are_compared_by_their_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG and a BMP of one picture are two files and one image."""
    random = np.random.default_rng(0)
    for half in ("train", "test"):
        for name in ("ash", "oak"):
            (tmp_path / "d" / half / name).mkdir(parents=True)
    for k, name in enumerate(("ash", "oak")):
        for i in range(4):
            picture = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            picture.save(tmp_path / "d" / "train" / name / f"{i}.png")
            picture.save(tmp_path / "d" / "test" / ("ash", "oak")[(k + (i == 0)) % 2] / f"{name}{i}.bmp")
    assert PAIR.repeats("target", tmp_path) == Repeats(8, 8, 0, 0, 0, 0)
    PAIR.prepare(tmp_path, lambda line: None)
    expected = Repeats(8, 8, shared=8, two_labels=4, within_train=0, within_test=0)
    assert PAIR.repeats("target", tmp_path) == expected == repeats(PAIR.load("target", tmp_path))
    monkeypatch.setattr("ftdd_plugins.pairs.image_folder.MOST_COMPARED", 100)
    assert PAIR.repeats("target", tmp_path) == Repeats(8, 8, 0, 0, 0, 0)
