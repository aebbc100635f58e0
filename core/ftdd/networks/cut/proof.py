"""Prove that a chain and its network are equal, bit for bit."""

from typing import Any

import torch
from torch import nn

from ftdd.networks.chain import Chain
from ftdd.networks.cut.cannot import CannotCut, first_line
from ftdd.networks.cut.modes import buffers_put_back


def prove_equal(chain: Chain, network: nn.Module, images: torch.Tensor) -> None:
    """Raise CannotCut where chain and network differ in any bit of logits, gradients or buffers.

    The chain shares the network's tensors. Evaluation mode with batches of 2 and of 3, training mode with one of 2 and
    the same state of torch's generator for both.
    """
    for count, training in ((2, False), (3, False), (2, True)):
        expected = _outcome(network, network, images[:count], training)
        found = _outcome(chain, network, images[:count], training)
        for name, value in expected.items():
            if not _same(value, found[name]):
                mode = "training" if training else "evaluation"
                raise CannotCut(f"the pieces together do not give the whole: other {name} in {mode} mode")


def _outcome(module: nn.Module, network: nn.Module, images: torch.Tensor, training: bool) -> dict[str, Any]:
    """Logits of a module, and in training mode the network's gradients and buffers after it. Puts buffers back."""
    module.train(training)
    network.zero_grad(set_to_none=True)
    found: dict[str, Any] = {}
    with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(training), buffers_put_back(network):
        torch.manual_seed(0)
        try:
            logits = module(images.clone())
        except Exception as error:  # whatever a network's own code raises
            raise CannotCut(f"it does not run: {first_line(error)}") from error
        if not isinstance(logits, torch.Tensor):
            raise CannotCut(f"in {'training' if training else 'evaluation'} mode it gives more than logits")
        found["logits"] = logits.detach().clone()
        if training:
            weights = torch.linspace(-1, 1, logits.numel(), device=logits.device).view_as(logits)
            (logits * weights).sum().backward()  # type: ignore[no-untyped-call]
            for name, parameter in network.named_parameters():
                found[f"gradient of {name}"] = parameter.grad
            for name, buffer in network.named_buffers():
                found[f"buffer {name}"] = buffer.clone()
    network.zero_grad(set_to_none=True)
    return found


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all())
