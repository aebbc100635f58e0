"""Measure a network on a set of images, in evaluation mode."""

from dataclasses import dataclass

import torch

from ftdd.data.images import LabelledImages
from ftdd.networks.chain import Chain
from ftdd.training.features import Inputs, slices
from ftdd.training.objective import answers, errors, total_loss


@dataclass(frozen=True)
class Measure:
    """Error and loss on a whole set."""

    error: float
    """Fraction of the images not given their label, in [0, 1]; of numbers, the mean squared error."""
    loss: float
    """Mean cross-entropy, in nats; of numbers, the mean squared error."""
    errors: torch.Tensor
    """Of each image; float64, shape (N,)."""
    answers: torch.Tensor
    """What each image is given: its class, int64, or the number; shape (N,)."""

    def error_where(self, chosen: torch.Tensor) -> float | None:
        """The error on the chosen images (bool, shape (N,)); None where none is chosen."""
        count = int(chosen.sum())
        return float(self.errors[chosen].sum()) / count if count else None


@torch.no_grad()
def measure(chain: Chain, inputs: Inputs, images: LabelledImages) -> Measure:
    """Error and loss on these images, which `inputs` turns into what the chain takes."""
    chain.eval()
    given, missed, lost = [], [], []
    for indices in slices(images.images):
        outputs = chain(inputs.batch(indices), start=inputs.start)
        labels = images.labels[indices]
        given.append(answers(outputs, labels))
        missed.append(errors(given[-1], labels))
        lost.append(total_loss(outputs, labels))
    each = torch.cat(missed)
    loss = float(torch.stack(lost).sum()) / len(images)
    return Measure(float(each.sum()) / len(images), loss, each, torch.cat(given))
