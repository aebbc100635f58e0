"""The scheme `h_score`: how much of the features' variance the classes explain."""

from typing import ClassVar, Literal

from ftdd.components import Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.similarity.arrays import Doubles, Floats, Integers, as_classes, as_rows, centred, one_hot
from ftdd_plugins.similarity.source_network import SourceNetworkScheme


class HScore(SourceNetworkScheme):
    """How much of the features' variance lies between the target's classes; in [0, classes − 1].

    Bao et al. 2019, with shrunk covariances (Ibrahim et al. 2021, arXiv 2110.06893): the plain one is at its greatest
    for any labels where there are fewer images than features.
    """

    lowest: ClassVar[float | None] = 0.0

    name: Literal["h_score"] = "h_score"

    def score(self, given: Comparison) -> Score:
        """From the source network's features."""
        return Score(h_score(*self._features(given)))


def h_score(features: Floats, labels: Integers, *, shrunk: bool = True) -> float:
    """tr(cov(f)⁻¹ cov(E[f | y])) of features, (N, D), and labels, (N,): from 0 to classes − 1; higher is better.

    shrunk: with the covariance (1 − a) S + a tr(S)/D · I, a the optimal shrinkage of Ledoit and Wolf 2004, and the
    classes' covariance times 1 − a. The default because the plain score is degenerate for N ≤ D: there nearly any
    features have the full score, classes − 1, for any labels. Shrinking mends that in part: a is small where features
    vary along few directions, so tight clusters score high for permuted labels too unless N is well above D (3 of them
    in 100 dimensions, of at most 2: 1.7 at N = 30, 0.4 at N = 400). Compare scores only at equal N and D.
    Not shrunk: with the pseudo-inverse, of the singular values of the centred features above the largest times
    max(N, D) · 2.2e-16; it moves with no regular linear map of the features, the shrunk with no rotation, shift or
    isotropic scaling. Constant features and one class give 0.
    Formula: Bao et al. 2019 (ICIP, "An Information-Theoretic Approach to Transferability in Task Transfer Learning");
    shrunk, Ibrahim et al. 2021, arXiv 2110.06893.

    Raises ValueError for fewer than 2 samples, labels that do not fit, or values that are not finite.
    """
    import numpy as np

    rows = centred(as_rows(features, "features", least=2))
    members = one_hot(as_classes(labels, len(rows), "labels"))
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    kept = s > s[0] * max(rows.shape) * np.finfo(np.float64).eps
    if not kept.any():
        return 0.0
    # In the covariance's own directions it is diagonal, λ, and the classes' covariance has the diagonal λ · explained:
    # no D × D matrix is built, and each term is from 0 to its share of classes − 1.
    explained = np.sum((members.T @ u[:, kept]) ** 2 / members.sum(axis=0)[:, None], axis=0)
    variances = s[kept] ** 2 / len(rows)
    shrinkage = _shrinkage(rows, variances) if shrunk else 0.0
    signal = (1 - shrinkage) * variances
    score = float(np.sum(explained * signal / (signal + shrinkage * variances.sum() / rows.shape[1])))
    return min(score, float(members.shape[1] - 1))


def _shrinkage(rows: Doubles, variances: Doubles) -> float:
    """Ledoit and Wolf's weight of the identity, from 0 to 1, for centred rows (N, D) and the eigenvalues of S.

    Formula: Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
    """
    import numpy as np

    n, width = rows.shape
    squared = float(np.sum(variances**2))
    spread = squared - float(variances.sum()) ** 2 / width
    error = (float(np.mean(np.sum(rows**2, axis=1) ** 2)) - squared) / n
    if spread <= 0 or error <= 0:
        return 0.0
    return float(min(error / spread, 1.0))
