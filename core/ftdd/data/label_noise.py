"""Label noise: an exact fraction of the labels replaced by a uniformly random other class.

The noise model is that of Nakkiran et al. 2019 (arXiv 1912.02292): a wrong label is drawn once, uniformly
from the *incorrect* classes, so a fraction p of noise means that a fraction p of the labels is wrong.
"""

import numpy as np
import numpy.typing as npt

from ftdd.data.seeds import uniform


def mislabelled_count(images: int, fraction: float) -> int:
    """How many of so many labels are made wrong: the fraction, rounded half up to whole images."""
    return int(np.floor(fraction * images + 0.5))


def noisy_labels(
    labels: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64], classes: int, fraction: float, seed: int
) -> npt.NDArray[np.int64]:
    """The labels of the chosen images with noise, shape (len(chosen),).

    labels: right labels of the whole set.   chosen: indices of the images that are trained on.
    Every image of the whole set has its own rank and its own wrong label; the lowest-ranked of the chosen
    are mislabelled. So a larger fraction's noise contains a smaller one's, and an image that is mislabelled in
    two subsets has the same wrong label in both. Raises ValueError for noise where there is one class only.
    """
    if fraction > 0 and classes < 2:
        raise ValueError("label noise needs two classes or more")
    rank = uniform(seed, len(labels))[chosen]
    shift = 1 + np.floor(uniform(seed + 1, len(labels))[chosen] * max(classes - 1, 1)).astype(np.int64)
    wrong = np.argsort(rank, kind="stable")[: mislabelled_count(len(chosen), fraction)]
    noisy = labels[chosen].copy()
    noisy[wrong] = (noisy[wrong] + shift[wrong]) % classes
    return noisy


def error_on_noisy_labels(error: float, fraction: float, classes: int) -> float:
    """The expected error on noisy test labels, given the error on clean ones: e + p − e·p·C / (C − 1).

    A right answer is counted wrong with probability p; a wrong answer is counted right with probability
    p / (C − 1). (Nakkiran et al. 2019, section 5, state that the two are an affine map of each other.)
    """
    if classes < 2:
        return error
    return fraction + error * (1 - fraction * classes / (classes - 1))
