"""Test images: how far errors would change with other images, from what the runs answered for each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ftdd.statistics.noise import Floats

ADDED = 1.0
"""Images that are added to those which only one of two places gets wrong, each way: a difference of few such images
would else look sure (Agresti and Min 2005, Statistics in Medicine 24)."""
UPPER = 1.645
"""Standard errors by which the covariance is taken larger than it was estimated: one-sided 95%."""
FEWEST = 10
"""Images from which a covariance is estimated."""
NOTHING = 1e-9
"""Share of the variance below which a difference has none but rounding."""
GROUPS = 10
"""Of images, for standard errors."""


@dataclass(frozen=True)
class ImageVariance:
    """What drawing other test images adds to the errors at the places of a curve."""

    covariance: Floats
    """Of the places' mean errors, shape (points, points): at the upper end of its interval."""
    shared: float
    """Share of the variance that two places have in common, in the mean over pairs; it cancels in their difference."""
    standard_error: float
    """Of `shared`."""
    images: int


def image_variance(wrong: "npt.NDArray[np.floating[Any]]") -> ImageVariance | None:
    """From errors of shape (cells, points, images), NaN where a run is missing; None where it cannot be estimated.

    A place's error is a mean over images and seeds. Of the variance over images of its mean over seeds, a part is due
    to the seeds being few, which the variance between seeds has already; products of different seeds are free of it
    (a U-statistic). With one seed nothing tells them apart, and all is taken.
    """
    there = np.asarray(~np.isnan(wrong).any(axis=2))
    if wrong.shape[2] < FEWEST or not there.any(axis=0).all():
        return None
    filled = np.where(there[:, :, None], wrong, 0.0)
    counts = there.sum(axis=0).astype(float)
    means = (filled.sum(axis=0) / counts[:, None]).mean(axis=1)
    centred = np.where(there[:, :, None], filled - means[None, :, None], 0.0)
    pairs = np.outer(counts, counts) - there.T.astype(float) @ there
    parts = [
        _products(centred[:, :, group], pairs, counts)
        for group in np.array_split(np.arange(wrong.shape[2]), min(GROUPS, wrong.shape[2]))
    ]
    images = wrong.shape[2]
    whole = sum(parts, np.zeros_like(parts[0]))
    covariance = _nonnegative(whole / (images - 1))
    # Delete-a-group jackknife: each of the groups left out once
    left = [_nonnegative((whole - part) / (images - 1) * len(parts) / (len(parts) - 1)) for part in parts]
    shares, spreads = (np.array([of(one) for one in left]) for of in (_shared, _spread))
    error = _jackknife(shares)
    spread = _spread(covariance)
    relative = _jackknife(spreads) / spread if spread > NOTHING * float(np.diag(covariance).sum()) else 0.0
    raised = covariance * (1 + UPPER * relative) / images + ADDED / images**2 * np.eye(len(covariance))
    return ImageVariance(raised, _shared(covariance), error, images)


def _products(centred: Floats, pairs: Floats, counts: Floats) -> Floats:
    """Sums over images of the products of two places' errors, by different seeds where there are any."""
    sums = centred.sum(axis=0)
    total, own = sums @ sums.T, sum((one @ one.T for one in centred), np.zeros((len(sums), len(sums))))
    return np.asarray(np.where(pairs > 0, (total - own) / np.maximum(pairs, 1.0), total / np.outer(counts, counts)))


def _jackknife(left: Floats) -> float:
    return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))


def _nonnegative(matrix: Floats) -> Floats:
    """The nearest covariance matrix: without eigenvalues below 0."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)


def _shared(covariance: Floats) -> float:
    """The share of the variance that two places have in common, in the mean over all pairs of places."""
    points, own = len(covariance), float(np.diag(covariance).sum())
    if points < 2 or own <= 0:
        return 0.0
    return float(np.clip((covariance.sum() - own) / (points - 1) / own, 0.0, 1.0))


def _spread(covariance: Floats) -> float:
    """The mean variance of a difference of two places; of one place, its own."""
    points, own = len(covariance), float(np.diag(covariance).sum())
    return own if points < 2 else 2 * (own - (covariance.sum() - own) / (points - 1)) / points
