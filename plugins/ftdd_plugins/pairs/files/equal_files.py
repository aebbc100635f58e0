"""Files that are equal byte by byte, found in seconds."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ftdd.data.repeats import Repeats, count_repeats

HEAD_BYTES = 4096
MOST_FILES, MOST_BYTES = 20_000, 512 << 20
"""Files that are opened, and bytes of them that are read, at most: some seconds."""


def repeated_files(train: Mapping[str, Iterable[Path]], test: Mapping[str, Iterable[Path]]) -> Repeats | None:
    """How many files of two halves, for each class, are equal byte by byte; None where that would take long.

    Files of one size are compared by their first bytes, then as a whole. Raises OSError where one cannot be read.
    """
    classes = {name: label for label, name in enumerate(dict.fromkeys((*train, *test)))}
    trained = [(path, classes[name]) for name, files in train.items() for path in files]
    tested = [(path, classes[name]) for name, files in test.items() for path in files]
    keys = _keys([path for path, _ in (*trained, *tested)])
    if keys is None:
        return None
    labels = [label for _, label in (*trained, *tested)]
    count = len(trained)
    return count_repeats(keys[:count], labels[:count], keys[count:], labels[count:])


def _keys(paths: Sequence[Path]) -> list[tuple[int | bytes, ...]] | None:
    """For each file what is equal for equal ones; None where too much would have to be read."""
    sizes = [path.stat().st_size for path in paths]
    keys: list[tuple[int | bytes, ...]] = [(size,) for size in sizes]
    equal = _repeated(keys)
    if len(equal) > MOST_FILES:
        return None
    for i in equal:
        keys[i] += (_head(paths[i]),)
    equal = _repeated(keys)
    if sum(sizes[i] for i in equal) > MOST_BYTES:
        return None
    for i in equal:
        keys[i] += (_digest(paths[i]),)
    return keys


def _repeated(keys: Sequence[tuple[int | bytes, ...]]) -> list[int]:
    counts = Counter(keys)
    return [i for i, key in enumerate(keys) if counts[key] > 1]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes()).digest()
