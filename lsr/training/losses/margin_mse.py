"""Are documents as far apart as a teacher says? Squared differences of margins (MarginMSE).

    loss = mean over b and pairs (i, k) of ((s[b,i] - s[b,k]) - (t[b,i] - t[b,k]))^2

The pairs are the positive with each negative, as in the paper, or all two documents of a group.
Only differences count: a constant added to a teacher's scores of one query changes nothing.

Paper: S. Hofstaetter et al., "Improving Efficient Neural Ranking Models with Cross-Architecture
Knowledge Distillation", 2020, section 3.2.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class Pairs(StrEnum):
    """Which documents of a group are compared: the positive with the negatives, or all."""

    NEGATIVES = "negatives"
    ALL = "all"


class MarginMse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="margin_mse"):
    """Mean squared error of score margins against a teacher's.

    Attributes:
        weight: what the loss is multiplied with.
        pairs: which documents are compared.
    """

    needs_teacher: ClassVar[bool] = True
    needs_negatives: ClassVar[bool] = True
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    pairs: Pairs = Pairs.NEGATIVES

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        import torch

        # A margin's error is the difference of two documents' own errors.
        errors = scores.own - scores.own_teacher
        if self.pairs is Pairs.NEGATIVES:
            return (errors[:, :1] - errors[:, 1:]).square().mean()
        first, second = torch.triu_indices(*[scores.group_size] * 2, offset=1).to(errors.device)
        return (errors[:, first] - errors[:, second]).square().mean()
