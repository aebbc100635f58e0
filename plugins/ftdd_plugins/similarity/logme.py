"""The scheme `logme`: how well a Bayesian linear model on the source network's features explains the labels."""

from typing import Literal, NamedTuple

from ftdd.components import Score
from ftdd.components.comparison import Comparison
from ftdd_plugins.similarity.arrays import Doubles, Floats, Integers, as_classes, as_rows, one_hot
from ftdd_plugins.similarity.source_network import SourceNetworkScheme


class LogMe(SourceNetworkScheme):
    """Log of the maximum evidence of a linear model on the source's features, per image (You et al. 2021).

    arXiv 2102.11005; right also with fewer images than features. No bounds; compare networks on one target only.
    """

    name: Literal["logme"] = "logme"

    def score(self, given: Comparison) -> Score:
        """The evidence."""
        return Score(logme(*self._features(given)))


LEAST_NOISE = 1e-6
"""Least variance of the noise, β ≤ 10⁶, on targets of 0 and 1: where the features fit the labels exactly with weights
to spare, as constant features fit a single class, the evidence has no maximum without it."""

# Signal over noise of the features' main direction, α⁻¹ β s², as a power of ten. Below the first the evidence is that
# of noise alone to 1e-8; the last is past any maximum with the noise at its least and the smallest singular value kept.
SIGNAL_RANGE = (-8.0, 40.0)


def logme(features: Floats, labels: Integers) -> float:
    """Log maximum evidence of the labels, (N,), given features, (N, D): per sample, averaged over classes; in nats.

    Each class is a target y of 0 and 1, (N,), with y ~ N(0, β⁻¹ I + α⁻¹ F Fᵀ), maximized over α, β > 0 with β ≤ 10⁶.
    Higher is better; at most −½ log(2π·10⁻⁶) ≈ 5.99, and often negative. There is no intercept, as in the paper: a
    shift of the features moves it, and a constant feature acts as one. N below D is as good as above: the evidence is
    that of the targets, so directions of the weights that the data do not see take no part (the public code counts them
    wrongly: thuml/LogME, pull request 24).
    A single class, constant features and features of zeros have values too.
    Formula: You et al. 2021, arXiv 2102.11005, with the evidence written out in the singular vectors of F.

    Raises ValueError for no samples, labels that do not fit, or values that are not finite.
    """
    import numpy as np

    rows = as_rows(features, "features")
    targets = one_hot(as_classes(labels, len(rows), "labels"))
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    kept = s > s[0] * max(rows.shape) * np.finfo(np.float64).eps
    u, s = u[:, kept], s[kept]
    along = u.T @ targets
    # Summed over what is left, not |y|² − |Uᵀy|²: that cancels where the features fit the labels.
    beside = np.sum((targets - u @ along) ** 2, axis=0)
    squares = (s / s[0]) ** 2 if len(s) else s
    spectra = [_Spectrum(len(rows), squares, along[:, c] ** 2, float(beside[c])) for c in range(targets.shape[1])]
    return float(np.mean([_maximum(spectrum) for spectrum in spectra])) / len(rows)


class _Spectrum(NamedTuple):
    """What the evidence of a class needs of N samples, in the k singular directions of the features."""

    samples: int
    squares: Doubles
    """Squared singular values over the largest of them, (k,)."""
    along: Doubles
    """The target's squared coordinates in the left singular directions, (k,)."""
    beside: float
    """Its squared length outside them."""


def _evidence(spectrum: _Spectrum, signals: Doubles) -> Doubles:
    """Log evidence at each ratio of signal to noise, (g,), maximized over the noise's variance: (g,)."""
    import numpy as np

    # At a fixed ratio the best variance is known, so the two-dimensional problem is one-dimensional.
    growth = np.outer(signals, spectrum.squares)
    misfit = (1 / (1 + growth)) @ spectrum.along + spectrum.beside
    noise = np.maximum(misfit / spectrum.samples, LEAST_NOISE)
    determinant = spectrum.samples * np.log(2 * np.pi * noise) + np.log1p(growth).sum(axis=1)
    log_evidence: Doubles = -(determinant + misfit / noise) / 2
    return log_evidence


def _maximum(spectrum: _Spectrum) -> float:
    """The largest log evidence over all ratios of signal to noise, 0 among them."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    # A search, not the paper's fixed-point iteration: that takes thousands of steps where the best ratio is 0 or very
    # large, stops at whichever maximum is nearer, and has no place for the bound on the noise.
    powers = np.linspace(*SIGNAL_RANGE, 193)
    coarse = _evidence(spectrum, 10**powers)
    best = int(np.argmax(coarse))
    fine = -float(
        minimize_scalar(
            lambda power: -float(_evidence(spectrum, np.array([10**power]))[0]),
            bounds=(powers[max(best - 1, 0)], powers[min(best + 1, len(powers) - 1)]),
            method="bounded",
            options={"xatol": 1e-6},
        ).fun
    )
    return max(fine, float(coarse[best]), float(_evidence(spectrum, np.zeros(1))[0]))
