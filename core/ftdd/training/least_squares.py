"""The exact fit: the least-squares solution nearest to where the weights started."""

import math

import torch
from torch.func import functional_call, jacrev

from ftdd.components import Unfit
from ftdd.networks.chain import Chain
from ftdd.training.features import Inputs
from ftdd.training.optimizers import Anchor

NOT_LINEAR = 1e-2
"""How far outputs may be from what a linear network would give, over the largest: weights are kept in float32."""


@torch.no_grad()
def fit(chain: Chain, inputs: Inputs, numbers: torch.Tensor, anchor: Anchor | None) -> None:
    """Move the trainable weights w by the shortest step that makes |numbers − outputs|² least.

    numbers: shape (n,).   anchor: adds n·a/2 · |w − start|² for each weight it pulls with strength a, as the loop's
    proximal steps do in the limit. The outputs must be linear in the trainable weights: one Gauss–Newton step is then
    exact. Raises Unfit where they are not. Computed in float64 through a singular value decomposition; directions that
    no image tells apart keep their weights.
    """
    weights = {name: p.detach().double() for name, p in chain.named_parameters() if p.requires_grad}
    if not weights:
        return
    batch = inputs.batch(torch.arange(len(numbers), device=numbers.device))
    features = tuple(x.double() for x in batch) if isinstance(batch, tuple) else batch.double()
    fixed = {name: p.detach().double() for name, p in chain.named_parameters() if name not in weights}
    fixed |= {name: b.double() if b.is_floating_point() else b for name, b in chain.named_buffers()}

    def outputs(values: dict[str, torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor = functional_call(chain, {**fixed, **values}, (features,), {"start": inputs.start})
        return found.squeeze(1)

    missing = numbers.double() - outputs(weights)
    jacobian = jacrev(outputs)(weights)
    rows = torch.cat([jacobian[name].reshape(len(numbers), -1) for name in weights], dim=1)
    pulled, back = _pulls(chain, weights, len(numbers), anchor)
    rows = torch.cat([rows, torch.diag(pulled)[pulled > 0]])
    step = torch.linalg.pinv(rows.cpu()) @ torch.cat([missing, (pulled * back)[pulled > 0]]).cpu()
    at = 0
    for name, parameter in chain.named_parameters():
        if name in weights:
            part = step[at : at + parameter.numel()].view_as(parameter)
            parameter.copy_(weights[name] + part.to(parameter.device))
            at += parameter.numel()
    moved = outputs({name: p.detach().double() for name, p in chain.named_parameters() if name in weights})
    promised = numbers.double() - missing + rows[: len(numbers)] @ step.to(rows.device)
    size = max(float(promised.abs().max()), float(numbers.abs().max()), 1.0)
    if not torch.allclose(moved, promised, rtol=0.0, atol=NOT_LINEAR * size):
        raise Unfit(
            "least_squares fits networks that are linear in their trained weights, and this one is not; take another "
            "optimizer, such as adam"
        )


def _pulls(
    chain: Chain, weights: dict[str, torch.Tensor], images: int, anchor: Anchor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """For every weight in one row: √(n·a/2), and how far it is from where it is pulled to."""
    known = anchor.pulls if anchor is not None else {}
    pulled, back = [], []
    for name, parameter in chain.named_parameters():
        if name in weights:
            start, strength = known.get(parameter, (parameter.detach(), 0.0))
            pulled.append(torch.full_like(weights[name], math.sqrt(images * strength / 2)).flatten())
            back.append((start.double() - weights[name]).flatten())
    return torch.cat(pulled), torch.cat(back)
