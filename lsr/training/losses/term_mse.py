"""Does a text weight its terms as they matter? Squared errors against the recall of terms (DeepCT).

    loss = sum over sides of the mean over texts and terms they hold of (w[term] - recall[term])^2

A side is all queries of a batch, or all relevant documents; `lsr.training.term_recall` says what
recall is. Scores play no part in it. A weight below zero has been cut by the tower, so it is raised
only with those of other terms.

Papers: Z. Dai, J. Callan, "Context-Aware Sentence/Passage Term Importance Estimation For First
Stage Retrieval" (DeepCT), 2019, section 3.1; both sides at once as in T. Nguyen, S. MacAvaney, A.
Yates, "A Unified Framework for Learned Sparse Retrieval", 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class TermMse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="term_mse"):
    """Mean squared error of weights against the recall of terms.

    Attributes:
        weight: what the loss is multiplied with.
    """

    needs_teacher: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = False
    needs_recall: ClassVar[bool] = True

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        import torch

        sides = [(weights - recall).square().mean() for weights, recall in scores.recall]
        return torch.stack(sides).sum()
