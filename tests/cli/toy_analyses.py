"""A plugin of analyses whose answers are known, for commands in a process of their own."""

from pathlib import Path

MODULE = '''
import os
from typing import Literal

import ftdd
from ftdd.components import Analysis
from ftdd.analysis.finding import Finding, Proposal


def _depths(study):
    return sorted({int(depth) for depth in study.done["frozen_layers"]})


class Enough(Analysis):
    """Is every depth measured with so many seeds?"""

    name: Literal["enough"] = "enough"
    seeds: int = 3
    """How many."""

    def findings(self, study):
        counts = study.done["frozen_layers"].value_counts()
        return [
            Finding(
                "enough",
                f"There are {self.seeds} seeds or more",
                "seen" if counts[depth] >= self.seeds else "cannot tell",
                f"There are {counts[depth]} with {depth} frozen layers [of them].",
                {"freezing.count": depth},
                effect=float(counts[depth]),
                interval=(0.5, 1234.5),
                unit="seeds",
                n=int(counts[depth]),
                p=0.0001,
            )
            for depth in _depths(study)
        ]

    def proposals(self, study):
        for depth in _depths(study):
            runs = study.done[study.done["frozen_layers"].eq(depth)]
            for _ in range(len(runs), self.seeds):
                settings = study.settings[runs["id"].iloc[0]]
                yield Proposal({**settings, "seed": int(runs["seed"].max()) + 1}, f"seeds with {depth} frozen layers")


class Longer(Analysis):
    """Asks for one longer training."""

    name: Literal["longer"] = "longer"
    epochs: int = 600
    """How long."""

    def findings(self, study):
        return []

    def proposals(self, study):
        if not study.done["epoch"].eq(self.epochs).any():
            settings = {"target.training.epochs": self.epochs, "target.evaluate": "log"}
            yield Proposal({**study.settings[study.done["id"].iloc[0]], **settings}, "what patience brings")


class Wild(Analysis):
    """Asks for what cannot be."""

    name: Literal["wild"] = "wild"

    def findings(self, study):
        return []

    def proposals(self, study):
        wishes = [{"freezing.count": 77}, {"target.imags": 3}, {"titel": 1}, {"seed": {1}}, {"freezing.count": 3}]
        return [Proposal(settings, "a wild idea") for settings in wishes]


class Broken(Analysis):
    """Raises."""

    name: Literal["broken"] = "broken"

    def findings(self, study):
        raise ZeroDivisionError("no reason [at all]")

    def proposals(self, study):
        raise ZeroDivisionError("no reason [at all]")


class Needy(Analysis):
    """Needs a setting."""

    name: Literal["needy"] = "needy"
    word: str
    """Any."""

    def findings(self, study):
        return [Finding("needy", f"The word is {self.word}", "not seen", "It never is.")]


@ftdd.hookimpl
def ftdd_analyses():
    return [Enough, Longer, Wild, Broken, Needy]
'''


def install(folder: Path) -> dict[str, str]:
    """Write the plugin into a folder; gives the environment in which only its analyses are found."""
    info = folder / "toy_analyses-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "toy_analyses.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-analyses\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ftdd]\ntoy_analyses = toy_analyses\n")
    return {"PYTHONPATH": str(folder), "FTDD_DISABLED_PLUGINS": "mlflow,analyses"}
