"""The pair `gaussian_linear`: linear regression, where the answer is known in closed form."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

import ftdd
from ftdd.components import Pair, Side, SimilarityOrder, Unfit
from ftdd.data.image_shape import ImageShape, Normalization
from ftdd.data.seeds import uniform
from ftdd.values import Json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ftdd.data.images import LabelledImages, Task


MOST_NUMBERS = 20_000_000
"""In a pool, inputs and responses together: to draw the two of a side takes 1.2 GB and a quarter of a minute."""


@ftdd.hookimpl
def ftdd_pairs() -> Sequence[type[Pair]]:
    """The pair of this file."""
    return [GaussianLinear]


class GaussianLinear(Pair):
    """Gaussian inputs and a linear response: transfer with a known answer (Dar and Baraniuk, arXiv 2006.07002).

    Target: y = x·β + e, with x ~ N(0, I) of d coordinates, e ~ N(0, noise), and β of equal coordinates and length
    `signal`. Source: the same with β_s = a·β + b·ω, ω ~ N(0, I/d); of its inputs only the first `source_coordinates`
    are seen, so that the others stay zero in what is learned from it. With the architecture `linear` and the optimizer
    `least_squares`, the mean test error of every number of frozen coordinates has a closed form (docs/method.md),
    which figures show as a line. Errors are squared, on noisy test labels.
    """

    task: ClassVar[Literal["classification", "regression"]] = "regression"
    similarity_order: ClassVar[SimilarityOrder] = {"a": "larger", "b": "smaller"}
    examples: ClassVar[Sequence[Mapping[str, Json]]] = (
        {"d": 12, "pool": 200},
        {"d": 12, "pool": 200, "source_coordinates": 8, "b": 0.5},
    )

    name: Literal["gaussian_linear"] = "gaussian_linear"
    d: Annotated[int, Field(ge=2, le=2000)] = 40
    """Coordinates of an input."""
    source_coordinates: PositiveInt | None = None
    """How many the source sees, p̃ of the theory, counted from the first; all where it is left out."""
    a: float = 1.0
    """How much of the target's β is in the source's: 1 and `b` 0 are the same task."""
    b: NonNegativeFloat = 0.0
    """How much else is in it."""
    signal: NonNegativeFloat = 1.0
    """Length of β."""
    noise: NonNegativeFloat = 0.2
    """Variance of the target's noise, σ²."""
    source_noise: NonNegativeFloat = 0.1
    """Variance of the source's noise."""
    pool: PositiveInt = 5000
    """Samples to draw training images from, and to test on, of each side; with their coordinates and responses, pool ·
    (d + 1), at most 20 million numbers."""
    draw: NonNegativeInt = 0
    """Draws ω and the pool."""

    def image_shape(self) -> ImageShape:
        """One row of d numbers."""
        return ImageShape(1, 1, self.d)

    def classes(self, side: Side, data: Path) -> tuple[str, ...]:
        """The one name of what is to be given."""
        if (self.source_coordinates or 0) > self.d:
            message = f"must be at most d = {self.d}, got {self.source_coordinates}"
            raise Unfit(message, "source_coordinates")
        most = MOST_NUMBERS // (self.d + 1)
        if self.pool > most:
            raise Unfit(f"must be at most {most:,} where d is {self.d}, or memory runs out; got {self.pool:,}", "pool")
        return ("response",)

    def normalization(self) -> Normalization:
        """None: inputs are taken as they are."""
        return Normalization((0.0,), (1.0,))

    def class_counts(self, side: Side, data: Path) -> tuple[int, ...]:
        """The pool."""
        return (self.pool,)

    def test_count(self, side: Side, data: Path) -> int:
        """The pool."""
        return self.pool

    def load(self, side: Side, data: Path) -> "Task":
        """Drawn; `data` is not used."""
        from ftdd.data.images import Task

        self.classes(side, data)  # before a pool is drawn that is too large
        return Task(train=self._half(side, 0), test=self._half(side, 1))

    def coefficients(self, side: Side) -> "npt.NDArray[np.float64]":
        """β of the target, or β_s of the source; shape (d,)."""
        import numpy as np

        beta = np.full(self.d, self.signal / math.sqrt(self.d))
        if side == "target":
            return beta
        other = _normal(3 * self.draw, 1, self.d)[0] / math.sqrt(self.d)
        mixed: npt.NDArray[np.float64] = self.a * beta + self.b * other
        return mixed

    def expected_test_error(self, settings: Mapping[str, Json]) -> float | None:
        """The closed form of docs/method.md; infinite where the mean is."""
        if settings["architecture.name"] != "linear" or settings["architecture.start"]:
            return None
        side = "source" if settings["role"] == "source" else "target"
        if settings[f"{side}.training.optimizer.name"] != "least_squares":
            return None
        if side == "source":
            return self._source_error(settings)
        return self._target_error(settings)

    def _source_error(self, settings: Mapping[str, Json]) -> float | None:
        if settings["task"] != "source":
            return None
        variance = self.source_noise + self._length("source", self._seen, self.d)
        samples = self._samples_of(settings["source.images"])
        return fitted_error(variance, self._length("source", 0, self._seen), self._seen, samples)

    def _target_error(self, settings: Mapping[str, Json]) -> float | None:
        control, starts = settings["control"], settings["transfer.first_layers"]
        hard = settings.get("freezing.policy") == "first_layers" and not settings.get("soft_freezing.l2_sp")
        known = control in ("random", "scratch") or (control == "transfer" and starts in ("all", "frozen"))
        count, together = settings.get("freezing.count"), settings["architecture.together"]
        if not (hard and known and isinstance(count, int) and isinstance(together, int)):
            return None
        t = 0 if control == "scratch" else min(count * together, self.d)
        on_frozen, on_free = self._length("target", 0, t), self._length("target", t, self.d)
        if control == "transfer" and settings.get("source", "trained") is not None:
            if settings["source.training.optimizer.name"] != "least_squares":
                return None
            samples = self._samples_of(settings["source.images"])
            on_frozen = self._wrong(samples, 0, t)
            on_free = self._wrong(samples, t, self.d) if starts == "all" else on_free
        n = self._samples_of(settings["target.images"])
        return fitted_error(self.noise + on_frozen, on_free, self.d - t, n)

    def _wrong(self, samples: int, first: int, last: int) -> float:
        """Expected squared distance from the source's solution to β, on the coordinates from `first` up to `last`."""
        beta, source = self.coefficients("target"), self.coefficients("source")
        seen = self._seen
        inside = slice(min(first, seen), min(last, seen))
        variance = self.source_noise + self._length("source", seen, self.d)
        outside = self._length("target", max(first, seen), max(last, seen))
        return outside + source_distance(
            beta[inside], source[inside], float(source[:seen] @ source[:seen]), variance, seen, samples
        )

    def _samples_of(self, images: Json) -> int:
        return images if isinstance(images, int) else self.pool

    @property
    def _seen(self) -> int:
        return self.d if self.source_coordinates is None else self.source_coordinates

    def _length(self, side: Side, first: int, last: int) -> float:
        part = self.coefficients(side)[first:last]
        return float(part @ part)

    def _half(self, side: Side, half: int) -> "LabelledImages":
        import torch

        from ftdd.data.images import LabelledImages

        seed = 3 * self.draw + 1 + (side == "source")
        inputs, responses = _samples(seed, half, self.pool, self.d)
        beta = self.coefficients(side)
        variance = self.source_noise if side == "source" else self.noise
        numbers = inputs @ beta + math.sqrt(variance) * responses
        seen = inputs.copy()
        if side == "source":
            seen[:, self._seen :] = 0
        images = torch.from_numpy(seen).float()[:, None, None, :].contiguous()
        return LabelledImages(images, torch.from_numpy(numbers).float(), self.classes(side, Path()))


def fitted_error(variance: float, distance: float, trained: int, samples: int) -> float:
    """Expected squared error, on noisy test labels, of the least-squares fit nearest to where it started.

    variance: s, of the labels' noise and of what is frozen wrong, ≥ 0.   distance: |u_F|², squared, from the start to
    the truth on the trained coordinates, ≥ 0.   trained: f ≥ 0.   samples: n ≥ 1.

        s · (1 + f / (n − f − 1))                             for f ≤ n − 2
        s · (1 + n / (f − n − 1)) + |u_F|² · (1 − n / f)      for f ≥ n + 2
        infinite                                              between

    Dar and Baraniuk, arXiv 2006.07002, in the variant where trained coordinates start at the source; docs/method.md.
    """
    f, n = trained, samples
    if f == 0:
        return variance
    if f <= n - 2:
        return variance * (1 + f / (n - f - 1))
    if f >= n + 2:
        return variance * (1 + n / (f - n - 1)) + distance * (1 - n / f)
    return math.inf


def source_distance(
    beta: "npt.NDArray[np.float64]",
    source: "npt.NDArray[np.float64]",
    source_signal: float,
    variance: float,
    seen: int,
    samples: int,
) -> float:
    """Expected |β − θ|² on some of the coordinates that the source sees, θ its minimum-norm solution from zero.

    beta, source: β and β_s on these coordinates.   source_signal: |β_s|² on all that are seen.   variance: s_s, of the
    source's noise and of what it does not see.   seen: p̃.   samples: n_s.

    For p̃ ≤ n_s − 2 the fit is unbiased, with variance s_s / (n_s − p̃ − 1) on each coordinate. For p̃ ≥ n_s + 2 it is a
    projection P of β_s onto a random subspace of n_s dimensions, with E P = n_s/p̃ and
    E P_ii² = n_s(n_s + 2) / (p̃(p̃ + 2)), since P_ii is Beta(n_s/2, (p̃ − n_s)/2), and so, by Σ_j P_ij² = P_ii,
    E P_ij² = n_s(p̃ − n_s) / (p̃(p̃ + 2)(p̃ − 1)); and its variance is s_s n_s / (p̃(p̃ − n_s − 1)) on each coordinate.
    Summed over all coordinates that are seen, it is the formula of docs/method.md.
    Infinite between, unless there are no coordinates.
    """
    some, p, n = len(beta), seen, samples
    own = float(source @ source)
    if some == 0:
        return 0.0
    if p <= n - 2:
        return float((beta - source) @ (beta - source)) + variance * some / (n - p - 1)
    if p >= n + 2:
        kept = n * (n + 2) / (p * (p + 2)) * own
        spread = n * (p - n) / (p * (p + 2) * (p - 1)) * (some * source_signal - own)
        noise = variance * n / (p - n - 1) * some / p
        return float(beta @ beta) - 2 * n / p * float(beta @ source) + kept + spread + noise
    return math.inf


@lru_cache(maxsize=8)
def _samples(seed: int, half: int, count: int, d: int) -> "tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]":
    """Inputs, shape (count, d), and noise of variance 1, shape (count,)."""
    numbers = _normal(2 * seed + half, count, d + 1)
    return numbers[:, :d], numbers[:, d]


def _normal(seed: int, rows: int, columns: int) -> "npt.NDArray[np.float64]":
    """Normal numbers by Box and Muller from a stream that NumPy keeps stable; shape (rows, columns)."""
    import numpy as np

    count = rows * columns
    radius, angle = uniform(seed, 2 * count).reshape(2, count)
    drawn: npt.NDArray[np.float64] = np.sqrt(-2 * np.log1p(-radius)) * np.cos(2 * np.pi * angle)
    return drawn.reshape(rows, columns)
