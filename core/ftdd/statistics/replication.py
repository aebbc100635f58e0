"""Replication: what sources and target seeds measured, as rows that are independent of each other."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ftdd.statistics.noise import Floats
from ftdd.statistics.scope import FEWEST_SOURCES

SWEEPS = 100


@dataclass(frozen=True)
class Cells:
    """Values at the places of a curve, a row for each pair of a source and a target seed."""

    values: Floats
    """Shape (cells, points); NaN where a run is missing."""
    source: tuple[Hashable, ...]
    """Of each row; rows with the same one share a source network."""
    target: tuple[Hashable, ...]
    """Of each row; rows with the same one share training images, their order, label noise and initialization."""

    @cached_property
    def sources(self) -> tuple[Hashable, ...]:
        """Each source once."""
        return tuple(dict.fromkeys(self.source))

    @cached_property
    def targets(self) -> tuple[Hashable, ...]:
        """Each target seed once."""
        return tuple(dict.fromkeys(self.target))

    @property
    def crossed(self) -> bool:
        """Whether some target seed has runs from several sources."""
        return len(set(zip(self.source, self.target, strict=True))) > len(self.targets)

    @property
    def by_source(self) -> bool:
        """Whether sources are what is drawn anew; with fewer of them the claim is about these very ones.

        With a single target seed they are all that differs.
        """
        return len(self.sources) >= FEWEST_SOURCES or len(self.sources) > len(self.targets) == 1

    @cached_property
    def labels(self) -> tuple[Hashable, ...]:
        """Of each row, which of the rows of `margin` it belongs to."""
        if self.by_source:
            return self.source
        return self.target if self.crossed else tuple(zip(self.source, self.target, strict=True))

    @cached_property
    def margin(self) -> Floats:
        """Independent rows: a source's mean over its targets, with fewer sources a target seed's mean over sources.

        Shape (replicates, points). Means are those of a two-way layout without interaction, fitted by least squares at
        each place, so that a missing run does not shift them.
        """
        if len(set(self.labels)) == len(self.labels):
            return self.values
        return _means(self.values, self.labels, self.target if self.by_source else self.source)

    @cached_property
    def second(self) -> Floats | None:
        """The other margin, where both are drawn anew: a row for each target seed, the mean over the sources.

        Its variance adds to that of `margin`. None with fewer than three sources, where every source has target seeds
        of its own, or where there is one target seed.
        """
        if not self.by_source or not self.crossed or len(self.targets) < 2:
            return None
        return _means(self.values, self.target, self.source)

    def at(self, places: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> "Cells":
        """Of some places alone."""
        return replace(self, values=self.values[:, places])


def paired(first: Cells, second: Cells) -> Cells | None:
    """Second minus first of equal source and target seeds, or of equal target seeds where one has no source at all.

    None where there are fewer than two such pairs. The sources of the differences are the first's, if it has some.
    """
    by_target = {None} in (set(first.source), set(second.source))
    keys = [one.target if by_target else tuple(zip(one.source, one.target, strict=True)) for one in (first, second)]
    if len(set(keys[0])) < len(keys[0]):  # the one without a source stands beside every source of the other
        rows = [(i, keys[1].index(key)) for i, key in enumerate(keys[0]) if key in keys[1]]
    else:
        rows = [(keys[0].index(key), i) for i, key in enumerate(keys[1]) if key in keys[0]]
    rows = [(i, j) for i, j in rows if not np.isnan(second.values[j] - first.values[i]).all()]
    if len(rows) < 2:
        return None
    ones, twos = (list(row) for row in zip(*rows, strict=True))
    source = second.source if set(first.source) == {None} else first.source
    at = twos if source is second.source else ones
    return Cells(
        second.values[twos] - first.values[ones],
        tuple(source[i] for i in at),
        tuple(first.target[i] for i in ones),
    )


def _means(values: Floats, rows: tuple[Hashable, ...], others: tuple[Hashable, ...]) -> Floats:
    """Of each of `rows` its mean at each place, without what `others` add to it."""
    own, other = _indices(rows), _indices(others)
    effect = np.zeros((other.max() + 1, values.shape[1]))
    complete = not np.isnan(values).any() and len(values) == (own.max() + 1) * (other.max() + 1)
    for _ in range(1 if complete else SWEEPS):
        means = _group_means(values - effect[other], own)
        effect = np.nan_to_num(_group_means(values - means[own], other))
        effect -= effect.mean(axis=0)
    return means


def _indices(labels: tuple[Hashable, ...]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    numbers = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([numbers[label] for label in labels], dtype=np.int64)


def _group_means(values: Floats, groups: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Floats:
    """Shape (groups, points); NaN where a group has no value."""
    there = ~np.isnan(values)
    size = groups.max() + 1
    sums, counts = np.zeros((size, values.shape[1])), np.zeros((size, values.shape[1]))
    np.add.at(sums, groups, np.where(there, values, 0.0))
    np.add.at(counts, groups, there)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.where(counts > 0, counts, np.nan), dtype=float)
