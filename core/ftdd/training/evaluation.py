"""Measure a network on a set of images, in evaluation mode."""

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from ftdd.chain import Chain
from ftdd.images import LabelledImages
from ftdd.training.features import Inputs, slices


@dataclass(frozen=True)
class Measure:
    """Error and loss on a whole set."""

    error: float
    """Fraction of the images not given their label, in [0, 1]."""
    loss: float
    """Mean cross-entropy, in nats."""
    wrong: torch.Tensor
    """Which images; bool, shape (N,)."""

    def error_where(self, chosen: torch.Tensor) -> float | None:
        """The error on the chosen images (bool, shape (N,)); None where none is chosen."""
        count = int(chosen.sum())
        return int((self.wrong & chosen).sum()) / count if count else None


@torch.no_grad()
def measure(chain: Chain, inputs: Inputs, images: LabelledImages) -> Measure:
    """Error and loss on these images, which `inputs` turns into what the chain takes."""
    chain.eval()
    wrong, losses = [], []
    for indices in slices(images.images):
        logits = chain(inputs.batch(indices), start=inputs.start)
        labels = images.labels[indices]
        wrong.append(logits.argmax(dim=1) != labels)
        losses.append(cross_entropy(logits, labels, reduction="sum").double())
    missed = torch.cat(wrong)
    loss = float(torch.stack(losses).sum()) / len(images)
    return Measure(int(missed.sum()) / len(images), loss, missed)
