"""Which document of the batch is the relevant one, by dense halves? Cross-entropy (InfoNCE).

    loss = mean over b of -log( exp(d[b,+] / t) / sum over candidates c of exp(d[b,c] / t) )

d is the inner product of two dense rows, which have length 1, so that it wants a small t.
PromptReps adds this to the cross-entropy of sparse scores; see `lsr.training.losses.contrastive`.

Paper: S. Zhuang et al., "PromptReps: Prompting Large Language Models to Generate Dense and Sparse
Representations for Zero-Shot Document Retrieval", 2024, supervised fine-tuning.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from lsr.training.losses.contrastive import Candidates, Contrastive

if TYPE_CHECKING:
    import torch

    from lsr.training.scores import Scores


class DenseContrastive(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="dense_contrastive"
):
    """Cross-entropy of the positive's dense half among candidates'.

    Attributes:
        weight: what the loss is multiplied with.
        candidates: which documents stand beside the positive.
        temperature: what inner products are divided by.
    """

    needs_teacher: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = False
    needs_recall: ClassVar[bool] = False

    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    candidates: Candidates = Candidates.BATCH
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 0.01

    def value(self, scores: Scores) -> torch.Tensor:
        """Return the loss, before its weight."""
        assert scores.dense is not None
        loss = Contrastive(candidates=self.candidates, temperature=self.temperature)
        return loss.value(dataclasses.replace(scores, batch=scores.dense))
