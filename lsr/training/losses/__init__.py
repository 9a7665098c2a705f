"""Losses, one idea a file; a recipe sums several, each with its weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsr.training.losses.contrastive import Candidates, Contrastive
from lsr.training.losses.dense_contrastive import DenseContrastive
from lsr.training.losses.kl_divergence import KlDivergence
from lsr.training.losses.likelihood import Likelihood
from lsr.training.losses.margin_mse import MarginMse, Pairs
from lsr.training.losses.pairwise import Pairwise
from lsr.training.losses.term_mse import TermMse

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores

Loss = Contrastive | DenseContrastive | Pairwise | Likelihood | MarginMse | KlDivergence | TermMse


def weighted_losses(losses: Sequence[Loss], scores: Scores) -> dict[str, torch.Tensor]:
    """Return each loss times its weight, by the name that a recipe gives it."""
    parts: dict[str, torch.Tensor] = {}
    for loss in losses:
        name = str(loss.__struct_config__.tag)
        part = loss.weight * loss.value(scores)
        parts[name] = parts[name] + part if name in parts else part
    return parts


__all__ = [
    "Candidates",
    "Contrastive",
    "DenseContrastive",
    "KlDivergence",
    "Likelihood",
    "Loss",
    "MarginMse",
    "Pairs",
    "Pairwise",
    "TermMse",
    "weighted_losses",
]
