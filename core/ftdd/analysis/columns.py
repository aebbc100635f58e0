"""The columns of a study's two tables: name, type and meaning of each. docs/method.md defines the quantities."""

from dataclasses import dataclass
from typing import Literal

from ftdd.records.curve import COLUMNS as EVALUATED

Kind = Literal["text", "whole", "number"]


@dataclass(frozen=True)
class Column:
    """A column that every study has; swept settings and all other settings of the spec have columns beside these."""

    name: str
    kind: Kind
    """`whole` is pandas' `Int64`, which has empty cells; `number` is `float64`; `text` is as it comes."""
    meaning: str
    metric: bool = False
    """Whether MLflow has it as a metric of the run."""


IDENTITY = (
    Column("id", "text", "the run's id, and the name of its folder"),
    Column("role", "text", "`source` or `target`"),
    Column("source_id", "text", "the source run that a target starts from"),
    Column("state", "text", "how far it has come: `done`, `diverged`, `failed`, …"),
)

MEASURED = (
    Column("frozen_layers", "whole", "layers that are frozen", True),
    Column("layers", "whole", "layers of the network, its head included", True),
    Column("trainable_parameters", "whole", "parameters that are trained", True),
    Column("parameters", "whole", "parameters of the network", True),
    Column("trainable_share_of_parameters", "number", "trainable parameters / parameters", True),
    Column("trainable_share_of_forward_flops", "number", "forward FLOPs of the trained layers / of all layers", True),
    Column("interpolation_epoch", "whole", "first evaluated epoch with a train error ≤ eps; empty if none", True),
    Column("interpolation_step", "whole", "optimizer steps until then", True),
    Column("final_train_error", "number", "train error at the last evaluation", True),
    Column("final_train_error_mislabelled", "number", "the same on wrong labels", True),
    Column("final_test_error", "number", "test error at the last evaluation", True),
    Column("final_test_loss", "number", "test loss at the last evaluation", True),
    Column("final_test_error_noisy", "number", "test error on labels as noisy as the training labels", True),
    Column("best_test_error", "number", "test error at the best epoch", True),
    Column(
        "best_epoch",
        "whole",
        "epoch of the smallest validation error; without validation images of the smallest test error, which looks at "
        "the test set",
        True,
    ),
    Column("final_validation_error", "number", "validation error at the last evaluation; empty without", True),
    Column("best_validation_epoch", "whole", "epoch of the smallest validation error; empty without", True),
    Column("test_error_at_best_validation", "number", "test error at that epoch", True),
    Column("peak_test_error", "number", "test error at the end of its greatest rise over epochs; empty if none", True),
    Column("peak_epoch", "whole", "epoch of that", True),
)
"""Of runs that have ended, done or diverged; empty for all others."""

FURTHER = (
    Column("freezing_changes", "whole", "how often the set of frozen layers changes after the first epoch"),
    Column("regime", "text", "`underparameterized`, `at the threshold` or `overparameterized`"),
    Column("expected_test_error", "number", "what theory expects of the final test error", True),
    Column("source_test_error", "number", "final test error of the run's source on its own task"),
)

EXECUTION = (
    Column("epoch", "whole", "epochs trained so far"),
    Column("seconds", "number", "seconds of training and evaluation"),
    Column("test_digest", "text", "digest of the test images"),
    Column("test_images", "whole", "how many test images"),
    Column("validation_images", "whole", "how many validation images; empty if none"),
    Column("label_noise_realised", "number", "share of training labels that are wrong", True),
    Column("cache", "text", "where outputs of frozen layers were kept: `memory`, `file`, `recomputed`, `none`"),
    Column("device", "text", "the device it was trained on"),
    Column("error", "text", "why it failed, was left out, or cannot be read"),
)

RUN_COLUMNS = (*IDENTITY, *MEASURED, *FURTHER, *EXECUTION)
"""Of the table of runs, in its order: swept settings stand after the state, scores before the epoch."""

WHOLE_EVALUATED = ("epoch", "step")


def kind_of(name: str) -> Kind:
    """The type of a column of either table; `text` for settings, which are as the recipe has them."""
    if name in _KINDS:
        return _KINDS[name]
    return "number" if name.startswith("similarity.") else "text"


_KINDS: dict[str, Kind] = {
    **{name: "whole" if name in WHOLE_EVALUATED else "number" for name in EVALUATED},
    **{column.name: column.kind for column in RUN_COLUMNS},
}
