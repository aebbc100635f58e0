"""A random stream of its own for every purpose, so that changing one setting never reshuffles another."""

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

Purpose = Literal[
    "subset",
    "test subset",
    "validation subset",
    "label noise",
    "initialization",
    "batch order",
    "augmentation",
    "dropout",
    "frozen layers",
]


def stream_seed(seed: int, side: str, purpose: Purpose, epoch: int = 0) -> int:
    """A seed of 63 bits for one purpose on one side ("source" or "target") of a run, hashed from its name.

    What is drawn anew each epoch is a function of the epoch too: a training that was interrupted and
    one that was not draw the same numbers, without a generator's state being kept anywhere.
    """
    name = f"{seed}/{side}/{purpose}/{epoch}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


def uniform(seed: int, count: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Numbers uniform in [0, 1), shape (count,): raw doubles of PCG64, which NumPy keeps stable.

    The first numbers do not depend on how many are asked for.
    """
    import numpy as np

    return np.random.Generator(np.random.PCG64(seed)).random(count)


def permutation(seed: int, count: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """A random order of 0 … count − 1, shape (count,)."""
    import numpy as np

    return np.argsort(uniform(seed, count), kind="stable")
