"""What training makes small, and what counts as an error: of classes, and of numbers."""

import torch
from torch.nn.functional import cross_entropy, mse_loss


def mean_loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy, in nats, of logits of shape (N, classes); mean squared error where labels are numbers."""
    if labels.is_floating_point():
        return mse_loss(outputs.squeeze(1), labels)
    return cross_entropy(outputs, labels)


def total_loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss summed over the images, float64, a number."""
    if labels.is_floating_point():
        return errors(answers(outputs, labels), labels).sum()
    return cross_entropy(outputs, labels, reduction="sum").double()


def answers(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """What every image is given, shape (N,): the class with the largest logit, int64; or the number, as it is."""
    return outputs.squeeze(1) if labels.is_floating_point() else outputs.argmax(dim=1)


def errors(given: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The error on every image, shape (N,), float64: 1 where it is not given its class, else 0; of numbers, squared.

    given: the answers.
    """
    if labels.is_floating_point():
        return (given.double() - labels.double()).square()
    return (given != labels).double()
