"""What `ftdd` and its workers import at some time: imported once, before what needs it is forked."""

from importlib import import_module
from importlib.metadata import entry_points

# ruff: noqa: F401
import matplotlib.pyplot
import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking
import scipy.stats
import sklearn.datasets

import ftdd.study.runs
from ftdd.cli.commands import COMMANDS
from ftdd_plugins.architectures.torchvision_operators import declare_operators

declare_operators()
for name in (
    *(point.value for point in entry_points(group="ftdd")),
    *(f"ftdd.cli.{command}_command" for command in COMMANDS),
    "timm",
):
    import_module(name)
