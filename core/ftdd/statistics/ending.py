"""Whether curves over epochs are still falling where they end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from ftdd.statistics.variances import Floats, moderated

LAST_PART = 0.5
"""Of the epochs of a curve, the part at whose evaluations it is looked at."""
FEWEST_EVALUATIONS = 3


@dataclass(frozen=True)
class Ending:
    """How far a mean curve falls while its epochs double, as it did over the last half of them."""

    fall: float
    """Mean over seeds; negative where it rises."""
    low: float
    """Lower end of the fall; the ends of all curves hold together with probability `level`. −∞ where it is unknown."""


def endings(curves: Sequence[tuple[Floats, Floats]], *, level: float = 0.95) -> tuple[Ending, ...]:
    """The ends of several curves, looked at together.

    curves: of each the epochs, shape (points,), rising, and the errors, shape (seeds, points), without gaps.

    The slope over log₂ of the epoch is fitted to each seed's last evaluations, so that the memory of the noise along a
    curve does not matter; Student's t, one-sided, with variances moderated over the curves (Smyth 2004) and a
    Bonferroni correction. Curves of fewer than three evaluations in their last half have no known end.
    """
    slopes = [_slopes(*curve) for curve in curves]
    falls = [0.0 if one is None else float(-one.mean()) for one in slopes]
    lows = [-np.inf] * len(falls)
    known = {i: one for i, one in enumerate(slopes) if one is not None and len(one) > 1}
    if known:
        squares = np.array([((one - one.mean()) ** 2).sum() for one in known.values()])
        variances, df = moderated(squares, np.array([len(one) - 1.0 for one in known.values()]))
        critical = float(t.isf((1 - level) / len(known), df))
        for i, variance in zip(known, variances, strict=True):
            # Seeds that do not differ say nothing
            lows[i] = falls[i] - critical * float(np.sqrt(variance / len(known[i]))) if variance > 0 else -np.inf
    return tuple(Ending(fall, low) for fall, low in zip(falls, lows, strict=True))


def _slopes(epochs: Floats, values: Floats) -> Floats | None:
    """Of each seed, over the doubling of epochs; None where too few evaluations are in the last half."""
    last = (epochs >= LAST_PART * epochs[-1]) & (epochs > 0)
    if last.sum() < FEWEST_EVALUATIONS:
        return None
    x = np.log2(epochs[last])
    x = x - x.mean()
    return np.asarray(values[:, last] @ x / (x @ x))
