"""The arrays that scores take: checked, as float64."""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.floating[Any]]"
Integers: TypeAlias = "NDArray[np.integer[Any]]"
Doubles: TypeAlias = "NDArray[np.float64]"


def as_rows(values: Floats, name: str, least: int = 1) -> Doubles:
    """The values as float64, one sample a row: (n, D), with n ≥ `least` and D ≥ 1.

    Raises ValueError, which begins with `name`, where the shape is another, there are fewer rows, or a value is not
    finite.
    """
    import numpy as np

    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"{name}: must be (samples, features), with one feature or more, got shape {rows.shape}")
    if len(rows) < least:
        raise ValueError(f"{name}: must have {least} samples or more, got {len(rows)}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: must be finite, got {np.count_nonzero(~np.isfinite(rows))} values that are not")
    return rows


def as_classes(labels: Integers, samples: int, name: str) -> "NDArray[np.intp]":
    """The labels, (samples,), numbered from 0 to classes − 1 in the order of their values: no class is empty.

    Raises ValueError, which begins with `name`, where they are not `samples` integers.
    """
    import numpy as np

    given = np.asarray(labels)
    if given.shape != (samples,):
        raise ValueError(f"{name}: must be one label a sample, shape ({samples},), got shape {given.shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name}: must be integers, got {given.dtype}")
    return np.unique(given, return_inverse=True)[1]


def same_width(a: Doubles, b: Doubles, names: str) -> None:
    """Raises ValueError, which begins with `names`, where two sets of rows have different numbers of features."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"{names}: must have as many features as each other, got {a.shape[1]} and {b.shape[1]}")


def centred(rows: Doubles) -> Doubles:
    """Rows (n, D) less their mean; a constant feature becomes exactly 0."""
    import numpy as np

    # The mean of n equal numbers can be off by a rounding error, which a score that divides by a scale would blow up.
    varying = rows.max(axis=0) > rows.min(axis=0)
    return np.where(varying, rows - rows.mean(axis=0), 0.0)


def one_hot(classes: "NDArray[np.intp]") -> Doubles:
    """A column a class, (n, classes): 1 where the sample is of the class, else 0."""
    import numpy as np

    return np.eye(int(classes.max()) + 1)[classes]
