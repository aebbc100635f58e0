"""The scheme `linear_probe`: the accuracy of a linear classifier on the source network's features."""

from typing import ClassVar, Literal

from ftdd.components import Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.similarity.arrays import Floats, Integers, as_classes, as_rows, same_width
from ftdd_plugins.similarity.samples import even_part
from ftdd_plugins.similarity.source_network import SourceNetworkScheme


class LinearProbe(SourceNetworkScheme):
    """Test accuracy of a linear classifier on what the source network gives its head; in [0, 1].

    Logistic regression on standardized features of training images, tested on as many test images of the target.
    """

    lowest: ClassVar[float | None] = 0.0

    name: Literal["linear_probe"] = "linear_probe"

    def score(self, given: Comparison) -> Score:
        """The accuracy."""
        tested = even_part(given.task("target").test, self.images)
        found = given.network("source").features(tested)
        return Score(linear_probe_accuracy(*self._features(given), found, tested.labels.numpy()))


MOST_STEPS = 1000
"""Of L-BFGS; scikit-learn warns where it needs more."""


def linear_probe_accuracy(
    features: Floats, labels: Integers, test_features: Floats, test_labels: Integers, *, strength: float = 1.0
) -> float:
    """Accuracy on test features, (M, D), of a logistic regression fitted to features, (N, D); in [0, 1].

    labels, test_labels: (N,) and (M,), integers.
    Features are standardized by the mean and deviation of the training features, a constant one to 0. The fit
    minimizes the sum of log losses plus strength/2 times the weights' squared length, without the intercept:
    scikit-learn's C = 1 / strength, by L-BFGS in at most 1,000 steps, the same each time.
    With a single training class, the fraction of test labels that are of it; a test label that is not among the
    training labels is a mistake. Constant features predict the most frequent class.

    Raises ValueError for no samples, different numbers of features, labels that do not fit, a strength ≤ 0, or values
    that are not finite.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, test_rows = as_rows(features, "features"), as_rows(test_features, "test_features")
    same_width(rows, test_rows, "features and test_features")
    classes = as_classes(labels, len(rows), "labels")
    as_classes(test_labels, len(test_rows), "test_labels")
    if not 0 < strength < np.inf:
        raise ValueError(f"strength: must be positive and finite, got {strength}")
    if classes.max() == 0:
        return float(np.mean(np.asarray(test_labels) == np.asarray(labels)[0]))
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1 / strength, max_iter=MOST_STEPS))
    probe.fit(rows, np.asarray(labels))
    return float(np.mean(probe.predict(test_rows) == np.asarray(test_labels)))
