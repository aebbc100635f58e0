"""What a recipe may say about training: optimizers, learning-rate schedules, augmentation, evaluation."""

import math
from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from ftdd.components.choice import among, or_else
from ftdd.values import Value


class Optimizer(Value):
    """Which rule moves the weights, and how far."""

    @property
    def rate(self) -> float:
        """What the schedule multiplies: the learning rate of the first step."""
        return 1.0


class GradientOptimizer(Optimizer):
    """Steps along the gradient."""

    lr: PositiveFloat
    """Learning rate of the first step; the schedule multiplies it."""
    weight_decay: NonNegativeFloat = 0.0
    """Of trainable parameters; 0 is none."""

    @property
    def rate(self) -> float:
        """The learning rate of the first step."""
        return self.lr


Fraction = Annotated[float, Field(ge=0, lt=1)]


class Adam(GradientOptimizer):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient."""

    name: Literal["adam"] = "adam"
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""


class AdamW(GradientOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"] = "adamw"
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""


class SGD(GradientOptimizer):
    """Stochastic gradient descent."""

    name: Literal["sgd"] = "sgd"
    momentum: Fraction = 0.0
    """Share of the last step that is added to the next; 0 is none."""
    nesterov: bool = False
    """Whether momentum is Nesterov's."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGD":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class LeastSquares(Optimizer):
    """The exact fit of a network that is linear in its trainable weights, to numbers: no step size, one step is all.

    Of all solutions with the least squared error it takes the one nearest to where the weights started, which is
    where gradient descent ends. With `soft_freezing.l2_sp` = a it makes mean squared error + a/2 · |w − source|² least.
    """

    name: Literal["least_squares"] = "least_squares"


class Schedule(Value):
    """How the learning rate changes over the steps."""

    @abstractmethod
    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """What the learning rate is multiplied by at a step (the first is 0) of `steps` in all; in [0, 1]."""


class Constant(Schedule):
    """The same learning rate all along."""

    name: Literal["constant"] = "constant"

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """Always 1."""
        return 1.0


class Cosine(Schedule):
    """Half a cosine from 1 to `final` at the last step (Loshchilov and Hutter 2017, without restarts)."""

    name: Literal["cosine"] = "cosine"
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Factor at the last step."""

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """The formula: final + (1 − final) · (1 + cos(π · step / (steps − 1))) / 2."""
        done = min(step / max(steps - 1, 1), 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


class InverseSquareRoot(Schedule):
    """1 / √(1 + ⌊step / every⌋), as for the convolutional networks of Nakkiran et al. 2019."""

    name: Literal["inverse_square_root"] = "inverse_square_root"
    every: PositiveInt = 512
    """Steps."""

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """The formula of the class's docstring."""
        return 1 / math.sqrt(1 + step // self.every)


class Step(Schedule):
    """Multiplied by `factor` after every so many epochs."""

    name: Literal["step"] = "step"
    every: PositiveInt
    """Epochs."""
    by: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Factor."""

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """The formula: by ** ⌊epoch / every⌋."""
        return float(self.by ** (step // steps_per_epoch // self.every))


class CropAndFlip(Value):
    """Random crops of the image padded with black, and a left-right flip of every second image.

    Whole batches at once, on tensors. Drawn anew each epoch for each image.
    """

    name: Literal["crop_and_flip"] = "crop_and_flip"
    padding: PositiveInt = 4
    """Pixels on each side."""
    flip: bool = True
    """Whether to flip."""


class NoAugmentation(Value):
    """Images as they are: a frozen prefix is then computed once."""

    name: Literal["none"] = "none"


Augmentation = CropAndFlip | NoAugmentation


class Training(Value):
    """How a network is trained, the same words for source and target."""

    epochs: PositiveInt
    """Passes over the training images."""
    batch_size: PositiveInt
    """Images a step; a rest of one image joins the batch before it."""
    optimizer: Annotated[Optimizer, among("optimizer", Adam, AdamW, SGD, LeastSquares)]
    """Which rule moves the weights."""
    schedule: Annotated[Schedule, among("schedule", Constant, Cosine, InverseSquareRoot, Step)] = Constant()
    """How the learning rate changes over the steps."""
    augmentation: Annotated[Augmentation, among("augmentation", NoAugmentation, CropAndFlip)] = NoAugmentation()
    """What is done to training images before each step."""


def _as_tuple(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


class SoftFreezing(Value):
    """What keeps layers that are not frozen near the source's weights."""

    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The learning rate of a layer over that of the layer above it; the head has the optimizer's own. 1 is none."""
    l2_sp: Annotated[
        Annotated[NonNegativeFloat | tuple[NonNegativeFloat, ...], BeforeValidator(_as_tuple)],
        or_else("must be a number, 0 or more, or a list of such numbers, one for each layer below the head"),
    ] = 0.0
    """Strength of the pull towards the source's weights (L2-SP), one for all transferred layers, or a list with one for
    each layer below the head. 0 is plain fine-tuning; the larger, the nearer to hard freezing."""


class EveryEpochs(Value):
    """Evaluate after every so many epochs, and after the last."""

    every: PositiveInt = 1


def _long_form(given: Any) -> Any:
    return {"every": 1} if given == "every" else given


def _with_the_word(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"const": "every"}, *schema["anyOf"]]


Evaluate = Annotated[
    EveryEpochs | Literal["log"],
    BeforeValidator(_long_form),
    Field(json_schema_extra=_with_the_word),
    or_else("must be every, log, or {every: n} with a whole number of epochs"),
]
"""When to evaluate: `every` epoch, `{every: n}`, or `log`: 20 epochs a decade, evenly on a log axis."""


def evaluation_epochs(evaluate: EveryEpochs | Literal["log"], epochs: int) -> tuple[int, ...]:
    """The epochs after which to evaluate, rising: 0 and the last are always among them."""
    if isinstance(evaluate, EveryEpochs):
        chosen = set(range(0, epochs, evaluate.every))
    else:
        decades = math.log10(max(epochs, 1))
        chosen = {round(10 ** (i / 20)) for i in range(math.ceil(decades * 20) + 1)}
    return tuple(sorted({epoch for epoch in chosen if epoch < epochs} | {0, epochs}))
