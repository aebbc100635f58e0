"""Similarity schemes, a file each: the class with its settings, and the formula."""

from collections.abc import Sequence

import ftdd
from ftdd.components import Scheme
from ftdd_plugins.similarity.cka import Cka
from ftdd_plugins.similarity.class_overlap import ClassOverlap
from ftdd_plugins.similarity.frechet import Frechet
from ftdd_plugins.similarity.h_score import HScore
from ftdd_plugins.similarity.leep import Leep
from ftdd_plugins.similarity.linear_probe import LinearProbe
from ftdd_plugins.similarity.logme import LogMe
from ftdd_plugins.similarity.mmd import Mmd
from ftdd_plugins.similarity.otdd import Otdd
from ftdd_plugins.similarity.wordnet import WordNet


@ftdd.hookimpl
def ftdd_schemes() -> Sequence[type[Scheme]]:
    """The schemes that ship with ftdd."""
    return [ClassOverlap, WordNet, Frechet, Mmd, Otdd, LinearProbe, LogMe, Leep, HScore, Cka]
