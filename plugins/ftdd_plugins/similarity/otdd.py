"""The scheme `otdd`: the optimal-transport distance of two labelled data sets."""

from typing import Annotated, Literal

from pydantic import Field

from ftdd_plugins.similarity.arrays import Doubles, Floats, Integers, as_classes, as_rows, same_width
from ftdd_plugins.similarity.feature_space import FeatureSpaceScheme, Points
from ftdd_plugins.similarity.frechet import fitted, squared_wasserstein


class Otdd(FeatureSpaceScheme):
    """Minus the optimal-transport distance of both sides' images with their classes; ≤ 0.

    Alvarez-Melis and Fusi 2020 (arXiv 2002.02923), exact, so on 2,000 images a side at most. Needs POT, an extra:
    pip install 'ftdd[transport]'. Finite samples of one distribution are apart.
    """

    name: Literal["otdd"] = "otdd"
    images: Annotated[int, Field(ge=2, le=2000)] = 500
    """Training images of each side, as many of each class as of any other, always the same; fewer where there are
    fewer."""

    def _distance(self, source: Points, target: Points) -> float:
        return dataset_distance(source.features, source.labels, target.features, target.labels)


MOST_POINTS = 2000
"""Of either set: the exact transport takes memory with the product, and time faster than that."""


def dataset_distance(x_a: Floats, labels_a: Integers, x_b: Floats, labels_b: Integers) -> float:
    """Optimal transport data-set distance of the points x_a, (n, D), and x_b, (m, D), with their labels; ≥ 0.

    labels_a, labels_b: (n,) and (m,); the two sets' labels need not be of the same classes, and names are not compared:
    a class is the Gaussian of its points (a single point has covariance 0).   n, m: from 1 to 2,000 points.
    The square root of the least cost of moving one set, uniformly weighted, into the other, where moving (x, y) to
    (x', y') costs |x − x'|² + W²(y, y'), with W² the squared 2-Wasserstein distance of the classes' Gaussians. In units
    of the points; of a set against itself 0, up to rounding. Two samples of one distribution are at a positive
    distance, which falls as they grow. Exact, without entropic regularization.
    Formula: Alvarez-Melis and Fusi 2020, arXiv 2002.02923, with p = 2 and Gaussian classes.

    Raises ValueError for more points, different numbers of features, labels that do not fit, or values that are not
    finite; ImportError without POT; RuntimeError where the solver stops before the optimum.
    """
    import numpy as np
    from scipy.spatial.distance import cdist

    rows_a, rows_b = as_rows(x_a, "x_a"), as_rows(x_b, "x_b")
    same_width(rows_a, rows_b, "x_a and x_b")
    for name, rows in (("x_a", rows_a), ("x_b", rows_b)):
        if len(rows) > MOST_POINTS:
            raise ValueError(f"{name}: must be {MOST_POINTS} points or fewer, got {len(rows)}; take a subset")
    classes_a = as_classes(labels_a, len(rows_a), "labels_a")
    classes_b = as_classes(labels_b, len(rows_b), "labels_b")
    ps, qs = (
        [fitted(rows[classes == c]) for c in range(int(classes.max()) + 1)]
        for rows, classes in ((rows_a, classes_a), (rows_b, classes_b))
    )
    of_classes = np.array([[squared_wasserstein(p, q) for q in qs] for p in ps])
    of_points: Doubles = cdist(rows_a, rows_b, "sqeuclidean")
    return float(np.sqrt(max(_least_cost(of_points + of_classes[np.ix_(classes_a, classes_b)]), 0.0)))


def _least_cost(cost: Doubles) -> float:
    """The cost of the best transport between uniform weights on the rows and on the columns of `cost`."""
    import numpy as np

    try:
        import ot
    except ImportError as missing:
        raise ImportError("needs POT, which is not installed; pip install 'ftdd[transport]'") from missing
    n, m = cost.shape
    # Far above POT's 100,000: past that it only warns, and returns the cost of a plan that is not the best.
    least, log = ot.emd2(np.full(n, 1 / n), np.full(m, 1 / m), cost, numItermax=100_000_000, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"dataset_distance: POT stopped before the best transport: {log['warning']}")
    return float(least)
