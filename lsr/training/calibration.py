"""How many terms should a text have to begin with? As many as a shift of the head's bias gives it.

A head that was trained for something else may give every term a weight, or none, in which case no
gradient ever brings one back. Adding one number to the bias of all terms keeps their order and sets
how many logits are above zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lsr.encoders.method import VocabularyWeighting
from lsr.encoders.tokenization import TokenizedText
from lsr.encoders.torch_weighers import TextTensors
from lsr.training.tiled_head import largest_logits
from lsr.training.towers import NetworkTower, TableTower


def can_calibrate(tower: NetworkTower | TableTower) -> bool:
    """Say whether a tower has a bias that decides how many terms a text has."""
    if not isinstance(tower, NetworkTower):
        return False
    weighting = tower.side.weighting
    return (
        isinstance(weighting, VocabularyWeighting)
        and weighting.takes_largest_logit
        and tower.network.vocabulary.bias is not None
    )


def calibrate(tower: NetworkTower, texts: Sequence[TokenizedText], n_terms: float) -> float:
    """Shift a tower's bias so that texts have some number of terms each, and return the shift.

    Args:
        tower: one that `can_calibrate`.
        texts: a sample.
        n_terms: mean terms of a text that are wanted.
    """
    layer = tower.network.vocabulary
    with torch.no_grad():
        batch = TextTensors.of(texts, tower.network.pad_id, layer.weight.device)
        _, hidden = tower.network(batch)
        logits = largest_logits(hidden, layer.weight, layer.bias, batch.pooled)
        n_kept = min(max(1, round(n_terms * len(texts))), logits.numel() - 1)
        ordered = logits.flatten().float().sort(descending=True).values
        shift = -(ordered[n_kept - 1] + ordered[n_kept]) / 2
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.broadcast(shift, 0)  # every process has another sample
        layer.bias.add_(shift)
    return float(shift)
