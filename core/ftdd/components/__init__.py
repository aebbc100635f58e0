"""The bases of the six kinds of component that plugins bring: a file a kind.

A component is a frozen value: its fields are what a recipe may say, its docstring is its page in `ftdd show`,
its methods are its work. A component's module loads without torch; its methods import what they need.
"""

from ftdd.analysis.finding import Finding, Proposal
from ftdd.components.analysis import Analysis
from ftdd.components.architecture import Architecture
from ftdd.components.base import Component, ComponentFailed, DataUnavailable, Every, Owner, Unfit, error_words
from ftdd.components.comparison import Comparison, Side
from ftdd.components.executor import Crew, Executor, Job
from ftdd.components.kinds import KINDS, Kind, own_fields
from ftdd.components.pair import DataSet, Pair, Presence, SimilarityOrder
from ftdd.components.policy import Policy
from ftdd.components.scheme import Scheme, Score

__all__ = [
    "KINDS",
    "Analysis",
    "Architecture",
    "Comparison",
    "Component",
    "ComponentFailed",
    "Crew",
    "DataSet",
    "DataUnavailable",
    "Every",
    "Executor",
    "Finding",
    "Job",
    "Kind",
    "Owner",
    "Pair",
    "Policy",
    "Presence",
    "Proposal",
    "Scheme",
    "Score",
    "Side",
    "SimilarityOrder",
    "Unfit",
    "error_words",
    "own_fields",
]
