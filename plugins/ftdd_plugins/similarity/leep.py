"""The scheme `leep`: how well the source network's own classes predict the target's labels."""

from typing import Literal

from ftdd.components import Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.similarity.arrays import Floats, Integers, as_classes, as_rows, one_hot
from ftdd_plugins.similarity.samples import even_part
from ftdd_plugins.similarity.source_network import SourceNetworkScheme


class Leep(SourceNetworkScheme):
    """Log of the expected empirical prediction: how well the source's classes tell the target's apart; ≤ 0.

    Nguyen et al. 2020 (arXiv 2002.12462).
    """

    name: Literal["leep"] = "leep"

    def score(self, given: Comparison) -> Score:
        """From the source network's probabilities."""
        part = even_part(given.task("target").train, self.images)
        return Score(leep(given.network("source").probabilities(part), part.labels.numpy()))


ROUNDING = 1e-3
"""How far a row's sum may be from 1: probabilities from half precision are."""


def leep(probabilities: Floats, labels: Integers) -> float:
    """Average log likelihood of target labels, (N,), by way of the source's classes; ≤ 0, in nats, higher is better.

    probabilities: (N, Z), what the source network gives each of its Z classes on the N target samples; each row ≥ 0
    and of sum 1 up to 0.001, and taken as divided by its sum. With the empirical P(y | z) of the same samples:
    1/N · Σᵢ log Σ_z P(yᵢ | z) θ(xᵢ)_z. It is 0 where each source class has a single label, also for a single label, and
    minus the labels' entropy where all rows are the same. A source class of no probability takes no part.
    Formula: Nguyen et al. 2020, arXiv 2002.12462.

    Raises ValueError for no samples, labels that do not fit, or rows that are no probabilities.
    """
    import numpy as np

    rows = as_rows(probabilities, "probabilities")
    classes = as_classes(labels, len(rows), "labels")
    sums = rows.sum(axis=1, keepdims=True)
    if rows.min() < 0 or np.abs(sums - 1).max() > ROUNDING:
        raise ValueError(
            f"probabilities: each row must be ≥ 0 and of sum 1, got a least value of {rows.min():.4g} "
            f"and sums from {sums.min():.4g} to {sums.max():.4g}; take the softmax of the logits"
        )
    theta = rows / sums
    theta = theta[:, theta.sum(axis=0) > 0]
    label_given_source = (one_hot(classes).T @ theta) / theta.sum(axis=0)
    expected = np.sum(label_given_source[classes] * theta, axis=1)
    return min(float(np.log(expected).mean()), 0.0)
