"""How do the numbers of many tokens become one weight? Computed on torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsr.encoders.method import Activation, Pooling

if TYPE_CHECKING:
    import torch


def activated(numbers: torch.Tensor, activation: Activation, saturation: int) -> torch.Tensor:
    """Return the activation of numbers, after some times log(1 + max(0, x)).

    Args:
        numbers: float32, of any shape.
        activation: the activation.
        saturation: how many times.
    """
    import torch

    if activation is Activation.RELU:
        numbers = torch.relu(numbers)
    elif activation is Activation.SOFTPLUS:
        numbers = torch.nn.functional.softplus(numbers)
    for _ in range(saturation):
        numbers = numbers.clamp(min=0).log1p()
    return numbers


def pooled(weights: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Return what stands for each term, of all tokens in the mask.

    Tokens outside the mask are left out after their activation, which may be above zero for a logit
    of zero.

    Args:
        weights: shape (batch, tokens, terms), float32.
        mask: shape (batch, tokens), true for one token at least of each text.
        pooling: the maximum, the sum, or the one of largest magnitude with its sign.

    Returns:
        shape (batch, terms), float32.
    """
    import torch

    inside = mask[..., None]
    if pooling is Pooling.SUM:
        return torch.where(inside, weights, 0.0).sum(1)
    if pooling is Pooling.MAX:
        return weights.masked_fill(~inside, -torch.inf).amax(1)
    places = weights.abs().masked_fill(~inside, -1.0).argmax(1, keepdim=True)
    return weights.gather(1, places)[:, 0]
