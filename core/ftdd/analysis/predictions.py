"""What the predictions of several runs say together, image by image. No training and no images are needed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ftdd.records.predictions import Predictions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Two runs on the same test images, by which of them is wrong."""

    both: int
    """Images on which both are wrong."""
    first: int
    """Images on which only the first is wrong."""
    second: int
    """Images on which only the second is wrong."""
    images: int

    @property
    def difference(self) -> float:
        """Test error of the first minus that of the second, in [-1, 1]."""
        return (self.first - self.second) / self.images

    @property
    def p(self) -> float:
        """Of the null hypothesis that these two networks err equally often on images like these.

        The exact two-sided test of McNemar (1947): given how many images tell the two apart, each is the first's or the
        second's mistake with probability 1/2. It says nothing of other seeds.
        """
        from scipy.stats import binomtest

        apart = self.first + self.second
        return float(binomtest(self.first, apart).pvalue) if apart else 1.0


def agreement(one: Predictions, other: Predictions, epoch: int | None = None) -> float:
    """Share of the test images that two runs give the same class, right or wrong, in [0, 1].

    epoch: of the evaluation; the last of each without it. Raises ValueError where the runs were tested on different
    images or give numbers, LookupError where one has no evaluation at this epoch.
    """
    _check_classes(one, other)
    _check_images(one, other)
    return float((one.test[one.row(epoch)] == other.test[other.row(epoch)]).mean())


def error_correlation(one: Predictions, other: Predictions, epoch: int | None = None) -> float:
    """Pearson's correlation over the test images of two runs' errors, in [-1, 1]; of squared errors in regression.

    NaN where one of them errs equally on all images. Arguments and exceptions as for `agreement`, but numbers have one.
    """
    first, second = errors_at((one, other), epoch)
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def compare_by_image(one: Predictions, other: Predictions, epoch: int | None = None) -> Paired:
    """On which test images two runs err, apart and together. Arguments and exceptions as for `agreement`."""
    _check_classes(one, other)
    first, second = errors_at((one, other), epoch) > 0
    return Paired(int((first & second).sum()), int((first & ~second).sum()), int((second & ~first).sum()), len(first))


def errors_at(runs: Sequence[Predictions], epoch: int | None = None) -> Floats:
    """The error of each run on each test image, shape (runs, images): 0 or 1; the squared error in regression.

    Raises ValueError where the runs were tested on different images, LookupError where one has no evaluation at this
    epoch.
    """
    _check_images(*runs)
    return np.stack([run.test_errors[run.row(epoch)] for run in runs]).astype(np.float64)


def vote_errors(runs: Sequence[Predictions], epoch: int | None = None) -> Floats:
    """The error of the runs' ensemble on each test image, shape (images,), in [0, 1].

    The ensemble gives the class that most runs give. Of classes with equally many votes it draws one, so its error is
    the share of those that are wrong. In regression it gives the runs' mean, and this is the squared error.
    Raises ValueError where there is no run, or runs were tested on different images; LookupError as `errors_at`.
    """
    if not runs:
        raise ValueError("an ensemble needs one run or more")
    _check_images(*runs)
    given, labels = np.stack([run.test[run.row(epoch)] for run in runs]), runs[0].test_labels
    if runs[0].regression:
        return np.asarray((given.astype(np.float64).mean(axis=0) - labels) ** 2)
    votes = (given[:, :, None] == np.arange(len(runs[0].classes))).sum(axis=0)
    most = votes == votes.max(axis=1, keepdims=True)
    return np.asarray(1 - most[np.arange(len(labels)), labels] / most.sum(axis=1))


def _check_images(*runs: Predictions) -> None:
    if len({run.test_digest for run in runs}) > 1:
        raise ValueError("the runs were tested on different images, or gave their images different labels")


def _check_classes(*runs: Predictions) -> None:
    if any(run.regression for run in runs):
        raise ValueError("the runs give numbers, not classes")
